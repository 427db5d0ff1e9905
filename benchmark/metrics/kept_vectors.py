"""Vectors of photos, encoded once each and kept by the hash of the photo's file.

What is kept lies in parts: a call that meets new photos writes one. Lists of other models, other
cohorts and the targets of a task have most of their photos in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.host.files import sha256_file
from benchmark.host.mapped import mapped_array
from benchmark.vision.stored_arrays import stored_arrays

Floats = NDArray[np.float64]

#: Photos encoded between two writes of what is kept.
_BLOCK = 256
_KEYS, _VECTORS = "keys", "vectors"


def kept_vectors(
    folder: Path, paths: Sequence[Path], encode: Callable[[Sequence[Path]], Floats]
) -> Floats:
    """Return the vectors (n, e) of the photos ``paths``, at least one; ``encode`` is asked for new.

    A photo's vector must not depend on those it is encoded with. Parts lie in ``folder``. Raises
    :class:`~benchmark.errors.BenchError` for a photo that cannot be read, a damaged part, and a
    folder that cannot be written.
    """
    keys = [sha256_file(path) for path in paths]
    known = _kept(folder)
    new = {key: path for key, path in zip(keys, paths, strict=True) if key not in known}
    if new:
        known |= _part(folder, new, encode)
    return np.array([known[key] for key in keys])


def _kept(folder: Path) -> dict[str, Floats]:
    """What lies in ``folder``: hash of a photo -> its vector, mapped."""
    known: dict[str, Floats] = {}
    for file in sorted(folder.glob(f"*.{_KEYS}.npy")):
        stem = file.name.removesuffix(f".{_KEYS}.npy")
        values = file.with_name(f"{stem}.{_VECTORS}.npy")
        if values.is_file():  # else its writer was stopped between the two
            rows = int(stem.partition("-")[0])
            known |= _by_key(mapped_array(file, rows=rows), mapped_array(values, rows=rows))
    return known


def _part(
    folder: Path, new: dict[str, Path], encode: Callable[[Sequence[Path]], Floats]
) -> dict[str, Floats]:
    paths = list(new.values())
    keys = np.array([list(bytes.fromhex(key)) for key in new], np.uint8)
    digest = hashlib.sha256(keys.tobytes()).hexdigest()[:16]
    found = stored_arrays(
        folder / f"{len(new)}-{digest}",
        (_KEYS, _VECTORS),
        len(new),
        lambda start, end: {_KEYS: keys[start:end], _VECTORS: encode(paths[start:end])},
        block=_BLOCK,
        doing="judging the photos of this dataset",
    )
    return _by_key(found[_KEYS], found[_VECTORS])


def _by_key(keys: NDArray[np.uint8], vectors: Floats) -> dict[str, Floats]:
    return {bytes(key).hex(): vector for key, vector in zip(keys, vectors, strict=True)}
