"""Image and text features of a catalogue: computed once, kept on disk, shared by all systems.

A table of unit vectors in float16, memory-mapped, so that a million items need no memory of their
own. It lies under the dataset's features folder by a name that decides its content: the encoder's
weights, the photos or texts, and the code that encodes. An item without a photo (or without a
word) has the zero vector, and :attr:`Features.present` says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.multimodal.encoders import (
    PhotoEncoder,
    TextEncoder,
    encoding_code,
    image_encoder,
    text_encoder,
)
from benchmark.data.catalogue import own_words
from benchmark.errors import BenchError
from benchmark.host.files import atomic_path, locked, sha256_file, sha256_json
from benchmark.host.mapped import mapped_array
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.vision.encoder_names import chosen_encoder, parts_of
from benchmark.vision.photo_table import join_vectors
from benchmark.vision.photos import photo_files

#: Photos or texts encoded, and rows averaged, at once.
_BLOCK = 4096

Scaling = Literal["centred", "unit"]
Encode = Callable[[Sequence[str]], NDArray[np.floating]]


@dataclass(frozen=True)
class Features:
    """Stores vectors of distinct photos (or texts), and which of them belongs to an item.

    ``table`` (n + 1, e) holds unit vectors in float16; its row 0 is the zero vector of an item
    that has none. ``rows`` maps a photo's file name (or a text) to its row, ``of_items`` (items,)
    the items of the catalogue to theirs.
    """

    table: NDArray[np.float16]
    rows: Mapping[str, int]
    of_items: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Return e, the length of a vector."""
        return int(self.table.shape[1])

    @property
    def present(self) -> NDArray[np.bool_]:
        """Return (items,): whether the item has a photo (or words) at all."""
        return np.asarray(self.of_items > 0)

    @cached_property
    def centre(self) -> tuple[NDArray[np.float32], float]:
        """Return the mean vector (e,) and the root mean square distance from it."""
        total, square, count = np.zeros(self.width), 0.0, max(len(self.table) - 1, 1)
        for start in range(1, len(self.table), _BLOCK):
            block = self.table[start : start + _BLOCK].astype(np.float64)
            total += block.sum(0)
            square += float(np.square(block).sum())
        mean = total / count
        spread = float(np.sqrt(max(square / count - float(mean @ mean), 0.0)))
        return mean.astype(np.float32), max(spread, 1e-6)

    def vectors(self, rows: NDArray[np.int64], scaling: Scaling) -> Tensor:
        """Return float32 vectors (n, e) of ``rows`` (n,); row 0 stays zero.

        ``unit``: of length 1, as encoded. ``centred``: relative to the mean vector, at a mean
        square length of 1 (what all photos share tells no item from another); the zero vector is
        then the mean photo.
        """
        found = self.table[rows].astype(np.float32)
        if scaling == "centred":
            mean, spread = self.centre
            found = (found - mean) / np.float32(spread)
            found[rows == 0] = 0.0
        return torch.from_numpy(found)


def image_features(data: TrainingView, encoder: str, *, steps: int) -> Features:
    """Return the features of the catalogue's photos by the encoder called ``encoder``.

    ``encoder`` may join several (``own+efficientnet-lite0``); ``steps`` are the training steps of
    the own one. On a dataset without photos every item has the zero vector, of width 1, and no
    encoder is loaded.
    """
    files = photo_files(data.catalogue)
    names = [item.photo_name for item in data.catalogue]
    if not files:
        return _features(np.zeros((1, 1), np.float16), [], names)
    contents = [f"{name} {sha256_file(path)}" for name, path in files.items()]
    parts, hashes = [], []
    for part in parts_of(chosen_encoder(encoder, data)):
        frozen = image_encoder(part, data, steps=steps)

        def encode(some: Sequence[str], frozen: PhotoEncoder = frozen) -> NDArray[np.floating]:
            return frozen.photos([files[name] for name in some])

        hashes.append(frozen.sha256())
        file = _file(data.features_folder, "photos", hashes[-1], contents)
        parts.append(_features(_table(file, list(files), encode), list(files), names))
    if not parts[1:]:
        return parts[0]
    file = _file(data.features_folder, "photos", sha256_json(hashes), contents)
    return _features(_table(file, list(files), _joined(parts)), list(files), names)


def _joined(parts: Sequence[Features]) -> Encode:
    """How the vectors of several encoders of the same photos are put side by side."""
    spreads = [part.centre[1] for part in parts]

    def encode(some: Sequence[str]) -> NDArray[np.floating]:
        return join_vectors([part.table[[part.rows[n] for n in some]] for part in parts], spreads)

    return encode


def text_features(data: TrainingView, encoder: str, *, steps: int) -> tuple[Features, TextEncoder]:
    """Return the features of the items' words, and the encoder that reads further texts alike.

    The words of an item are :func:`item_text`. What an instance shows can lack some of them
    (perturbation ``nt``): then its text is encoded when it is asked.
    """
    texts = [item_text(item) for item in data.catalogue]
    distinct = sorted({text for text in texts if text is not None})
    frozen = text_encoder(encoder, data, distinct, steps=steps)
    file = _file(data.features_folder, "texts", frozen.sha256(), distinct)
    return _features(_table(file, distinct, frozen.texts), distinct, texts), frozen


def word_dropped_features(data: TrainingView, encoder: TextEncoder, *, share: float) -> Features:
    """Return the features of the items' words with a share of them left out, drawn once.

    The draws depend on the words alone; a text keeps one word at least.
    """
    texts = [item_text(item) for item in data.catalogue]
    fewer = {text: _without_words(text, share) for text in texts if text is not None}
    distinct = sorted(set(fewer.values()))
    file = _file(data.features_folder, "texts", encoder.sha256(), distinct)
    of_items = [None if text is None else fewer[text] for text in texts]
    return _features(_table(file, distinct, encoder.texts), distinct, of_items)


def _without_words(text: str, share: float) -> str:
    parts = text.split()
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    drawn = np.random.default_rng(seed).random(len(parts))
    kept = [part for part, value in zip(parts, drawn, strict=True) if value >= share]
    return " ".join(kept or parts[:1]) or text


def photo_row(item: Item, rows: Mapping[str, int], system: str) -> int:
    """Return the row of the photo that an item shows, 0 for none.

    Raises :class:`BenchError` for a photo that ``rows`` of the fitted ``system`` do not know.
    """
    name = item.photo_name
    if name is None:
        return 0
    if name not in rows:
        raise BenchError(
            f"Photo {name!r} of item {item.item_id!r} was not in the catalogue that "
            f"{system} was fitted on.",
            fix="Fit the model on this dataset.",
        )
    return rows[name]


def item_text(item: Item) -> str | None:
    """Return title, category, brand, attributes and description of an item; ``None`` if empty."""
    return " ".join(part for part in (own_words(item), item.description) if part) or None


def _features(
    table: NDArray[np.float16], keys: Sequence[str], of_items: Sequence[str | None]
) -> Features:
    rows = {key: row for row, key in enumerate(keys, start=1)}
    numbers = [0 if key is None else rows[key] for key in of_items]
    return Features(table, rows, np.array(numbers, np.int64))


def _file(folder: Path, kind: str, encoder: str, contents: Sequence[str]) -> Path:
    told = hashlib.sha256()
    for part in (encoding_code(), *contents):
        told.update(f"{len(part)} {part}\n".encode())
    return folder / f"baseline-{kind}" / encoder[:16] / f"{told.hexdigest()[:16]}.npy"


def _table(file: Path, keys: list[str], encode: Encode) -> NDArray[np.float16]:
    """The table of ``keys`` (row 0 is zero): mapped from ``file``, which is written if need be."""
    with locked(file.with_suffix(".lock"), "encoding a catalogue"):
        if not file.is_file():
            with atomic_path(file) as temporary:
                write_table(temporary, keys, encode)
    return mapped_array(file, rows=len(keys) + 1)


def write_table(file: Path, keys: list[str], encode: Encode) -> None:
    """Write a zero vector and the (keys, e) vectors of ``encode`` as a float16 array."""
    out: np.memmap[Any, np.dtype[np.float16]] | None = None
    for start in range(0, max(len(keys), 1), _BLOCK):
        block = encode(keys[start : start + _BLOCK])
        if out is None:
            shape = (len(keys) + 1, max(block.shape[1], 1))
            out = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
        out[start + 1 : start + 1 + len(block)] = block
    assert out is not None
    out.flush()
