"""Turns what verification found into bytes and back: dataclasses, arrays, texts; nothing runs.

A zip archive of NumPy arrays whose first is a JSON document. The document names dataclasses and
models of this project only; anything else is refused when it is read.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric

_DOCUMENT = "document"
_PACKAGES = ("benchmark.", "leaderboards.")


def pack(value: Any) -> bytes:
    """Return ``value`` as bytes: scalars, texts, bytes, lists, tuples, mappings, arrays, metrics,
    and dataclasses and pydantic models of this project made of them.

    Raises :class:`TypeError` for anything else.
    """
    arrays: dict[str, NDArray[Any]] = {}
    document = json.dumps(_encoded(value, arrays)).encode()
    buffer = io.BytesIO()
    named: dict[str, Any] = {_DOCUMENT: _as_array(document), **arrays}
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def unpack(content: bytes) -> Any:
    """Return what :func:`pack` was given, mappings as dictionaries.

    Raises :class:`ValueError` for bytes that it did not write.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            document = json.loads(arrays[_DOCUMENT].tobytes())
            return _decoded(document, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, ImportError, OSError, EOFError) as e:
        raise ValueError(f"not a packed value ({type(e).__name__})") from e
    except zipfile.BadZipFile as error:
        raise ValueError("not a packed value") from error


def _as_array(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, dtype=np.uint8)


def _encoded(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (bytes, np.ndarray)):
        name = f"array{len(arrays)}"
        arrays[name] = _as_array(value) if isinstance(value, bytes) else value
        return {"bytes" if isinstance(value, bytes) else "array": name}
    if isinstance(value, tuple) and value and all(type(entry) is str for entry in value):
        return {"texts": value}  # users, items: as JSON has them
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_encoded(entry, arrays) for entry in value]}
    if isinstance(value, Mapping):
        pairs = [[_encoded(k, arrays), _encoded(v, arrays)] for k, v in value.items()]
        return {"mapping": pairs}
    if isinstance(value, Metric):
        return {"metric": value.name, "widest": value.widest}
    of = f"{type(value).__module__}:{type(value).__qualname__}"
    if isinstance(value, BaseModel):
        return {"model": of, "value": value.model_dump(mode="json")}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encoded(getattr(value, f.name), arrays) for f in _fields(value)}
        return {"dataclass": of, "fields": fields}
    raise TypeError(f"{of} has no packed form")


def _fields(value: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(value) if field.init]


def _decoded(document: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(document, dict):
        return document
    match document:
        case {"bytes": name}:
            return arrays[name].tobytes()
        case {"array": name}:
            return arrays[name]
        case {"texts": entries}:
            return tuple(entries)
        case {"list": entries}:
            return [_decoded(entry, arrays) for entry in entries]
        case {"tuple": entries}:
            return tuple(_decoded(entry, arrays) for entry in entries)
        case {"mapping": pairs}:
            return {_decoded(k, arrays): _decoded(v, arrays) for k, v in pairs}
        case {"metric": name, "widest": widest}:
            return metric_named(name, scale=None if widest is None else (0.0, widest))
        case {"model": of, "value": value}:
            return _class(of, BaseModel).model_validate(value)
        case {"dataclass": of, "fields": fields}:
            values = {name: _decoded(value, arrays) for name, value in fields.items()}
            return _class(of)(**values)
    raise ValueError("unknown form")


@cache
def _class(of: str, base: type = object) -> Any:
    module, _, name = of.partition(":")
    if not module.startswith(_PACKAGES):
        raise ValueError(f"{of} is not of this project")
    found = getattr(importlib.import_module(module), name)
    is_ours = isinstance(found, type) and found.__module__ == module
    if not is_ours or not (dataclasses.is_dataclass(found) or issubclass(found, BaseModel)):
        raise ValueError(f"{of} is no dataclass")
    if not issubclass(found, base):
        raise ValueError(f"{of} is no {base.__name__}")
    return found
