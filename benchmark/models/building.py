"""Build a model from ``--model``, its variant and ``--set key=value``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from benchmark.errors import BenchError, UsageError, in_one_line, shown, unknown_name
from benchmark.host.files import sha256_json
from benchmark.model import Model
from benchmark.models.calling import model_code
from benchmark.models.code import code_digest
from benchmark.models.from_file import state_of
from benchmark.models.own_state import OwnState
from benchmark.models.plain import in_order, plain_settings
from benchmark.models.registered import ModelEntry, find

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """Binds a model class to its full configuration; :meth:`build` makes fresh objects of it."""

    asked: str
    """What ``--model`` named: :func:`configure` finds the model again by it."""
    entry: ModelEntry
    variant: str | None
    model_class: type
    config: Mapping[str, Any]
    """Every setting with its value, defaults included: what a run's identity rests on."""
    code: str
    """SHA-256 over the source files the model's behaviour comes from."""

    @property
    def label(self) -> str:
        """Return ``name`` or ``name:variant``."""
        name = self.entry.name
        return name if self.variant is None else f"{name}:{self.variant}"

    def own_state(self) -> OwnState:
        """Return what surrounds the calls of this model's code, each time anew.

        A model that a package announces begins in the usual state, one from a file in the state
        that the file left; a class that is handed over finds what its program has set.
        """
        if self.entry.role == "outside":
            return OwnState(state_of(self.model_class.__module__))
        return OwnState({})

    def build(self) -> Model:
        """Return a new, unfitted model; :class:`BenchError` when its constructor fails."""
        config_class = getattr(self.model_class, "Config", None)
        with model_code(self.label, "being built"):
            if config_class is None:
                return cast(Model, self.model_class())
            return cast(Model, self.model_class(_read(config_class, self.config)))


def configure(name: str, settings: Mapping[str, Any]) -> BuiltModel:
    """Find ``name``, apply its variant and ``settings``, and check the result.

    Raises :class:`UsageError` for unknown models, variants and settings, and for values that
    the model's configuration refuses or that cannot be recorded; :class:`BenchError` for a class
    that is no model.
    """
    settings = plain_settings(settings)
    entry, variant = find(name)
    model_class = entry.load(variant)
    _check_methods(entry, model_class)
    config_class = entry.config_of(model_class)
    if config_class is None:
        if settings:
            raise UsageError(
                f"Model {entry.name!r} has no settings, but --set gives {', '.join(settings)}.",
                fix="Remove --set, or give the model class a pydantic Config.",
            )
        config: dict[str, Any] = {}
    else:
        with model_code(entry.name, "reading its settings"):  # its validators are its own code
            config = _validated(config_class, entry, {**entry.settings(variant), **settings})
    return BuiltModel(name, entry, variant, model_class, config, code_digest(model_class))


def setting_names(name: str) -> tuple[str, ...]:
    """Return the names of the settings of the model ``name``, in the order it declares them.

    Raises :class:`UsageError` for unknown models and variants.
    """
    entry, variant = find(name)
    config_class = entry.config_of(entry.load(variant))
    return () if config_class is None else tuple(config_class.model_fields)


def changed_settings(built: BuiltModel, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``settings`` that change what ``built`` is without them, by name."""
    given = {name: built.config[name] for name in sorted(settings)}
    config_class = built.entry.config_of(built.model_class)
    if not given or config_class is None:
        return {}
    try:
        own = _validated(config_class, built.entry, built.entry.settings(built.variant))
    except UsageError:  # a setting without a default: there is no model without them
        return given
    return {name: value for name, value in given.items() if own[name] != value}


def _check_methods(entry: ModelEntry, model_class: type) -> None:
    methods = ("fit", "predict", "save", "load")
    missing = [name for name in methods if not callable(getattr(model_class, name, None))]
    if missing:
        raise BenchError(
            f"Model {entry.name!r} has no method {missing[0]!r}.",
            fix=f"A model class has the methods {', '.join(methods)}.",
        )


def _validated(
    config_class: type[BaseModel], entry: ModelEntry, settings: dict[str, Any]
) -> dict[str, Any]:
    from pydantic import ValidationError

    fields = config_class.model_fields
    for key in settings:
        if key not in fields:
            raise unknown_name(f"setting of {entry.name}", key, fields)
    try:
        config = _written(_read(config_class, settings), entry)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # settings that do not go together
            reason = first["msg"].removeprefix("Value error, ")
            raise UsageError(
                f"Model {entry.name!r} refuses its settings: {reason}.",
                fix="Change one of them with --set.",
            ) from error
        where = str(first["loc"][0])
        raise UsageError(
            f"Model {entry.name!r} refuses {where} = {first['input']!r}: {first['msg']}.",
            fix=f"Give --set {where}=VALUE another value.",
        ) from error
    try:
        sha256_json(config)
    except ValueError as error:  # an integer longer than Python writes
        raise UsageError(
            f"Model {entry.name!r} has a setting that cannot be recorded: {in_one_line(error)}.",
            fix="Use smaller numbers in its Config and --set.",
        ) from error
    _require_same(config_class, entry, config)
    return config


def _read(config_class: type[BaseModel], settings: Mapping[str, Any]) -> BaseModel:
    """The object of ``settings``, which go by the names of the fields whatever their aliases."""
    return config_class.model_validate(dict(settings), by_name=True, by_alias=False)


def _written(config: BaseModel, entry: ModelEntry) -> dict[str, Any]:
    """Every field of ``config`` as JSON has it; what is computed from them is left out."""
    as_json = config.model_dump(mode="json", by_alias=False, round_trip=True)
    held = config.model_dump(by_alias=False, round_trip=True)
    fields = type(config).model_fields
    for name in fields:
        if name not in as_json:
            raise UsageError(
                f"The Config of model {entry.name!r} leaves its setting {name!r} out of what it "
                "writes, so that no run could record it.",
                fix="Remove exclude=True, or the serializer that leaves it out.",
            )
    return {name: _settled(as_json[name], held.get(name), name, entry) for name in fields}


def _settled(as_json: Any, held: Any, name: str, entry: ModelEntry) -> Any:
    """``as_json``, which pydantic made of ``held``, with sets in an order of their own."""
    # Inside a value of any type NaN becomes null: another value, and nobody says so.
    if any(isinstance(each, float) and not math.isfinite(each) for each in (as_json, held)):
        raise UsageError(
            f"Model {entry.name!r} has a setting that cannot be recorded: {name} holds {held}.",
            fix="Use finite numbers in its Config and --set.",
        )
    if isinstance(as_json, dict):
        values = held.values() if isinstance(held, Mapping) and len(held) == len(as_json) else ()
        of = dict(zip(as_json, values, strict=False))
        return {key: _settled(part, of.get(key), name, entry) for key, part in as_json.items()}
    if isinstance(as_json, list):
        is_whole = isinstance(held, list | tuple | set | frozenset) and len(held) == len(as_json)
        pairs = zip(as_json, held if is_whole else [None] * len(as_json), strict=True)
        settled = [_settled(part, one, name, entry) for part, one in pairs]
        return in_order(settled) if isinstance(held, set | frozenset) else settled
    return as_json


def _require_same(
    config_class: type[BaseModel], entry: ModelEntry, config: Mapping[str, Any]
) -> None:
    """Raise :class:`UsageError` where ``config`` is read as something else: what would be built."""
    from pydantic import ValidationError

    try:
        again = _written(_read(config_class, config), entry)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc'])) or 'its settings'}: {first['msg']}"
    else:
        changed = [name for name in config if again[name] != config[name]]
        if not changed:
            return
        name = changed[0]
        what = f"{name} = {shown(config[name])} becomes {shown(again[name])}"
    raise UsageError(
        f"The Config of model {entry.name!r} does not take back what it writes ({what}).",
        fix="Let its validators leave a valid value as it is, and take what its serializers write.",
    )
