"""Describe the settings of a pydantic class: type, default, range and meaning of each.

What :mod:`pydantic` says of a class in JSON Schema is put into words that fit a line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, to_jsonable_python

_Schema = Mapping[str, Any]

#: A pattern that counts its words out.
_WORDS = re.compile(r"\^\(((?:[\w-]+\|)*[\w-]+)\)\$")
#: Words for the types of JSON Schema.
_TYPES = {
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "array": "list",
    "object": "mapping",
    "null": "none",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Describes one ``--set name=value``.

    ``default`` is a JSON value, of no meaning where the setting is ``required``; ``range`` is
    ``None`` where every value of the type is taken, and so is ``choices`` where they are not
    counted out.
    """

    name: str
    type: str
    default: Any
    required: bool
    range: str | None
    choices: tuple[Any, ...] | None
    meaning: str | None


def settings_of(config: type[BaseModel], given: Mapping[str, Any] | None = None) -> list[Setting]:
    """Describe every setting of ``config``, in order of declaration.

    ``given`` are settings that a variant or a source changes: defaults are those that hold under
    it, and include what one setting's value makes of the others.
    """
    schema = config.model_json_schema(by_alias=False, schema_generator=_Lenient)
    definitions = schema.get("$defs", {})
    defaults = _defaults(config, given or {})
    settings = []
    for name, field in config.model_fields.items():
        values = _followed(schema["properties"].get(name, {}), definitions)
        settings.append(
            Setting(
                name=name,
                type=_type(values, definitions),
                default=_finite(defaults.get(name)),
                required=field.is_required() and name not in defaults,
                range=_range(values, definitions),
                choices=_choices(values, definitions),
                meaning=field.description,
            )
        )
    return settings


class _Lenient(GenerateJsonSchema):
    """A type that JSON Schema cannot say leaves its setting without type and range."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Ignore default values that JSON lacks: they are no news here."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Describe such a type as any value."""
        return {}


def _defaults(config: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        read = config.model_validate(dict(given), by_name=True, by_alias=False)
        return read.model_dump(mode="json", by_alias=False)
    except (ValidationError, PydanticSerializationError):  # each field by itself
        fields = config.model_fields.items()
        plain = {n: f.get_default(call_default_factory=True) for n, f in fields if not _open(f)}
        return dict(to_jsonable_python({**plain, **given}, fallback=str))


def _finite(value: Any) -> Any:
    """``value`` with the names of numbers that JSON lacks (infinity) in their place."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _open(field: Any) -> bool:
    return bool(field.is_required() or getattr(field, "default_factory_takes_validated_data", 0))


def _followed(schema: _Schema, definitions: _Schema) -> _Schema:
    """``schema`` with a reference to a definition replaced by what it stands for."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**definitions[name], **schema} if name in definitions else schema


def _alternatives(schema: _Schema, definitions: _Schema) -> list[_Schema]:
    either = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [_followed(one, definitions) for one in either]


def _type(schema: _Schema, definitions: _Schema) -> str:
    words = [_one_type(one, definitions) for one in _alternatives(schema, definitions)]
    return " or ".join(dict.fromkeys(words))


def _one_type(schema: _Schema, definitions: _Schema) -> str:
    if "format" in schema and schema.get("type") == "string":
        return str(schema["format"])
    kind = schema.get("type")
    if kind is None:
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        named = {bool: "true or false", int: "integer", float: "number", str: "text"}
        return " or ".join(dict.fromkeys(named.get(type(v), "value") for v in values)) or "value"
    inner = schema.get("items") if kind == "array" else schema.get("additionalProperties")
    if isinstance(inner, dict):
        return f"{_TYPES[kind]} of {_type(_followed(inner, definitions), definitions)}"
    return _TYPES.get(str(kind), str(kind))


def _choices(schema: _Schema, definitions: _Schema) -> tuple[Any, ...] | None:
    """The values that can be given, where the class counts them out."""
    values: list[Any] = []
    for one in _alternatives(schema, definitions):
        if "const" in one:
            values.append(one["const"])
        elif "enum" in one:
            values += one["enum"]
        elif counted := _counted_out(one):
            values += counted
        elif one.get("type") == "null":
            values.append(None)
        else:
            return None
    return tuple(values)


def _counted_out(schema: _Schema) -> list[str]:
    """The words of a pattern such as ``^(gelu|relu)$``; none where it is of another kind."""
    match = _WORDS.fullmatch(str(schema.get("pattern", "")))
    return match[1].split("|") if match else []


def _range(schema: _Schema, definitions: _Schema) -> str | None:
    found = [_one_range(one, definitions) for one in _alternatives(schema, definitions)]
    words = [text for text in found if text]
    return "; or ".join(dict.fromkeys(words)) or None


def _one_range(schema: _Schema, definitions: _Schema) -> str | None:
    if "enum" in schema:
        return ", ".join(map(_word, schema["enum"]))
    if "const" in schema:
        return _word(schema["const"])
    if counted := _counted_out(schema):
        return ", ".join(counted)
    words = [
        _at(schema.get("exclusiveMinimum"), "above {}"),
        _between(schema.get("minimum"), schema.get("maximum")),
        _at(schema.get("exclusiveMaximum"), "below {}"),
        _at(schema.get("multipleOf"), "a multiple of {}"),
        _at(schema.get("pattern"), "matching {}"),
        _count(schema, "minLength", "maxLength", "character"),
        _count(schema, "minItems", "maxItems", "value"),
        _count(schema, "minProperties", "maxProperties", "entry"),
    ]
    names = schema.get("propertyNames", {}).get("enum")
    if names:
        words.append(f"of {', '.join(map(_word, names))}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            each = _range(_followed(inner, definitions), definitions)
            words.append(each and f"each {each}")
    return ", ".join(word for word in words if word) or None


def _between(low: Any, high: Any) -> str | None:
    if low is None or high is None:
        return _at(low, "at least {}") or _at(high, "at most {}")
    return f"{_word(low)} to {_word(high)}"


def _at(bound: Any, words: str) -> str | None:
    return None if bound is None else words.format(_word(bound))


def _count(schema: _Schema, least: str, most: str, what: str) -> str | None:
    low, high = schema.get(least), schema.get(most)
    if low == 1 and high is None:
        return "not empty"
    numbers = _between(low, high)
    many = {"entry": "entries"}.get(what, f"{what}s")
    return None if numbers is None else f"{numbers} {many}"


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)
