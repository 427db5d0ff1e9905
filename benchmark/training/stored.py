"""Tensors by name as one safetensors file, with a record in JSON inside where one is given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import atomic_path
from benchmark.host.finite import check_finite

#: What a user can do about a damaged file of a fitted model.
REFIT = "Restore the file from where it was saved, or fit the model again."

_RECORD = "record"


def save_tensors(
    tensors: Mapping[str, Tensor], path: Path, *, record: Mapping[str, Any] | None = None
) -> None:
    """Write tensors by name, atomically, each with storage of its own.

    ``record`` goes into the file's metadata as JSON. Raises :class:`BenchError` where the file
    cannot be written.
    """
    plain = {n: t.detach().cpu().contiguous().clone() for n, t in sorted(tensors.items())}
    metadata = None if record is None else {_RECORD: json.dumps(dict(record))}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata=metadata)


def load_tensors(path: Path, *, fix: str = REFIT) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file onto the processor.

    Raises :class:`BenchError` with ``fix`` where the file is missing or broken, or holds a value
    that is not finite.
    """
    tensors, _ = _load(path, fix)
    check_finite(repr(str(path)), tensors, fix=fix)
    return tensors


def load_with_record(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the record that :func:`save_tensors` wrote, finite or not.

    Raises :class:`BenchError` where the file is missing or broken, or has no record.
    """
    tensors, metadata = _load(path, REFIT)
    with reading(path):
        return tensors, dict(json.loads(metadata[_RECORD]))


def _load(path: Path, fix: str) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    with reading(path, fix=fix), safe_open(path, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        return tensors, stored.metadata() or {}


@contextmanager
def reading(path: Path, kind: str | None = None, *, fix: str = REFIT) -> Iterator[None]:
    """Turn whatever goes wrong inside into a :class:`BenchError` that names ``path`` and ``fix``.

    With ``kind`` it says that ``path`` holds none of that kind.
    """
    try:
        yield
    except BenchError:
        raise
    except FileNotFoundError as error:
        raise BenchError(f"{str(path)!r} is missing.", fix=fix) from error
    except Exception as error:  # a broken file fails in as many ways as there are formats
        what = "cannot be read" if kind is None else f"holds no {kind}"
        raise BenchError(f"{str(path)!r} {what}: {in_one_line(error)}.", fix=fix) from error
