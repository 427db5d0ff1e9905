"""Arrays by name as one safetensors file: what systems without a network learn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import atomic_path


def save_arrays(arrays: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    """Write arrays by name, atomically."""
    plain = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    with atomic_path(path) as temporary:
        save_file(plain, temporary)


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read what :func:`save_arrays` wrote; :class:`BenchError` where it is missing or broken."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BenchError(
            f"{str(path)!r} cannot be read: {in_one_line(error)}.", fix="Fit the model again."
        ) from error
