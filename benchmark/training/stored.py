"""Fitted state as files: weights as safetensors, everything else as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import read_json, write_json

_WEIGHTS = "model.safetensors"
_REFIT = "Restore the file from where it was saved, or fit the model again."


def store(
    folder: Path, record: Mapping[str, Any], tensors: Mapping[str, Tensor], *, name: str
) -> None:
    """Write ``record`` into the file ``name`` of ``folder`` and ``tensors`` beside it."""
    plain = {n: t.detach().cpu().contiguous().clone() for n, t in sorted(tensors.items())}
    save_file(plain, folder / _WEIGHTS)
    write_json(folder / name, record)


@contextmanager
def restoring(folder: Path, kind: str) -> Iterator[None]:
    """Whatever fails inside is a :class:`BenchError` that ``folder`` holds no ``kind``."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:  # a broken file fails in as many ways as there are formats
        raise BenchError(
            f"{str(folder)!r} holds no {kind}: {in_one_line(error)}.", fix=_REFIT
        ) from error


def stored_record(folder: Path, *, name: str) -> Any:
    """The record that :func:`store` wrote; :class:`BenchError` where it is missing or no JSON."""
    return read_json(folder / name, fix=_REFIT)


def stored_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors that :func:`store` wrote, on the processor."""
    return load_file(folder / _WEIGHTS)


_REFIT = "Restore the file from where it was saved, or fit the model again."


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name, sorted, each with storage of its own."""
    plain = {n: t.detach().cpu().contiguous().clone() for n, t in sorted(tensors.items())}
    save_file(plain, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; :class:`BenchError` where it is missing or broken."""
    with reading(path):
        return load_file(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside becomes a message that names ``path``."""
    try:
        yield
    except BenchError:
        raise
    except FileNotFoundError as error:
        raise BenchError(f"{str(path)!r} is missing.", fix=_REFIT) from error
    except Exception as error:  # a broken file fails in as many ways as there are formats
        raise BenchError(
            f"{str(path)!r} cannot be read: {in_one_line(error)}.", fix=_REFIT
        ) from error
