"""Features of parts of photos: computed once, kept on disk, shared by the systems that look there.

By the encoders of :mod:`baselines.multimodal.features`, which has one vector a photo.
A region is a place of an encoder's last feature map that still tells places apart, pooled to a
grid; an item without a photo has regions of zeros.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.multimodal.encoders import encoding_code
from baselines.multimodal.features import photo_row
from benchmark.host.files import sha256_file
from benchmark.host.progress import bar
from benchmark.host.threads import processor_threads
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.models.code import digest
from benchmark.own_clip.of_dataset import own_clip
from benchmark.vision import patches
from benchmark.vision.clip_encoder import ClipEncoder, named_clip_encoder
from benchmark.vision.efficientnet import lite_encoder
from benchmark.vision.encoder_names import LITE0, OWN, chosen_encoder, parts_of
from benchmark.vision.patches import check_gives_patches, patch_tokens
from benchmark.vision.photo_table import pool_to_grid
from benchmark.vision.photos import load_photo, normalise, photo_files
from benchmark.vision.stored_arrays import stored_arrays

#: Photos encoded at once, always as many: then the bits do not depend on company.
_CHUNK = 64
#: Photos between two writes of what is kept, and photos averaged at once.
_BLOCK = 1024
#: Places that are kept a side, at most.
MOST_GRID = 4
_LEAST = 1e-6


@dataclass(frozen=True)
class Regions:
    """Holds the regions of distinct photos, by one encoder or several side by side.

    ``tables`` (photos, R_i, f_i) are of one encoder each, all cut to ``grid`` x ``grid`` regions
    when they are asked for, and divided by ``scales``; ``names`` are the photos'.
    """

    tables: tuple[NDArray[np.float16], ...]
    scales: tuple[float, ...]
    grid: int
    names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Return (R, f): regions of a photo, and features of each."""
        return self.grid**2, sum(table.shape[2] for table in self.tables)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Return the row of each photo by name, from 1; 0 is that of no photo."""
        return {name: row for row, name in enumerate(self.names, start=1)}

    def row(self, item: Item, system: str) -> int:
        """Return the row of the photo that an item shows, 0 for none."""
        return photo_row(item, self.rows, system)

    def of(self, rows: NDArray[np.int64]) -> Tensor:
        """Return float32 regions (n, R, f) of ``rows`` (n,); zeros of row 0.

        Those of each encoder have a mean square of about 1 over the catalogue.
        """
        out = torch.zeros(len(rows), *self.shape)
        shown = np.flatnonzero(rows)
        if len(shown):
            parts = [
                pool_to_grid(
                    torch.from_numpy(table[rows[shown] - 1].astype(np.float32) / np.float32(scale)),
                    self.grid,
                )
                for table, scale in zip(self.tables, self.scales, strict=True)
            ]
            # To the precision in which they are saved.
            out[torch.from_numpy(shown)] = torch.cat(parts, 2).half().float()
        return out

    def save(self, file: Path) -> None:
        """Write the regions as npy, a block at a time: they need not fit into memory."""
        photos = len(self.names)
        shape = (max(photos, 1), *self.shape)
        out = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
        for start in range(0, photos, _BLOCK):
            block = self.of(np.arange(start + 1, min(start + _BLOCK, photos) + 1))
            out[start : start + len(block)] = block.half().numpy()
        out.flush()

    @classmethod
    def load(cls, file: Path, names: Sequence[str]) -> Regions:
        """Map what :meth:`save` wrote; :class:`ValueError` where names and table do not fit."""
        table = np.load(file, mmap_mode="r", allow_pickle=False)
        if table.ndim != 3 or table.dtype != np.float16 or len(table) != max(len(names), 1):
            raise ValueError(f"a table of shape {table.shape} for {len(names)} photos")
        return cls((table,), (1.0,), math.isqrt(table.shape[1]), tuple(names))


def photo_regions(data: TrainingView, encoder: str, *, grid: int, steps: int) -> Regions:
    """Return the regions of the catalogue's photos by the encoder called ``encoder``.

    ``grid`` places a side, fewer where an encoder has fewer; ``steps`` are the training steps of
    the own encoder. An encoder that is joined of several (``own+efficientnet-lite0``) puts their
    features side by side. Without photos there is one region of width 1, and no encoder is loaded.
    """
    files = photo_files(data.catalogue)
    if not files:
        return Regions((np.zeros((1, 1, 1), np.float16),), (1.0,), 1, ())
    names = parts_of(chosen_encoder(encoder, data))
    tables = [_table(name, data, list(files.values()), steps=steps) for name in names]
    grid = min(grid, *(math.isqrt(table.shape[1]) for table in tables))
    scales = tuple(map(root_mean_square, tables))
    return Regions(tuple(tables), scales, grid, tuple(files))


def root_mean_square(table: NDArray[np.float16]) -> float:
    """Return the root mean square of a table (n, R, f), read in blocks."""
    total = 0.0
    for start in range(0, len(table), _BLOCK):
        block = table[start : start + _BLOCK].astype(np.float32)
        total += float(np.square(block).sum(dtype=np.float64))
    return max(math.sqrt(total / max(table.size, 1)), _LEAST)


def _table(
    name: str, data: TrainingView, paths: Sequence[Path], *, steps: int
) -> NDArray[np.float16]:
    """The regions (n, R, f) by one encoder, mapped from the features folder."""
    if name == LITE0:
        return lite_encoder().stored(paths, data.features_folder, grid=MOST_GRID).patches
    clip = own_clip(data, steps) if name == OWN else named_clip_encoder(name, "image_encoder")
    check_gives_patches(clip.model.visual, name)
    files = {__name__: Path(__file__), patches.__name__: Path(str(patches.__file__))}
    code = (encoding_code(), digest(files))
    told = hashlib.sha256(repr(code).encode())
    for path in paths:
        told.update(f"{path.name} {sha256_file(path)}\n".encode())
    stem = data.features_folder / "baseline-regions" / clip.sha256()[:16] / told.hexdigest()[:16]

    with bar("regions encoded", len(paths)) as progress:

        def compute(start: int, end: int) -> dict[str, NDArray[Any]]:
            progress.advance(start - progress.done)
            cuts = range(start, end, _CHUNK)
            parts = [_encoded(clip, paths[cut : min(cut + _CHUNK, end)]) for cut in cuts]
            progress.advance(end - start)
            return {"regions": np.concatenate(parts)}

        found = stored_arrays(
            stem, ("regions",), len(paths), compute, block=_BLOCK, doing="encoding regions"
        )
    return found["regions"]


def _encoded(clip: ClipEncoder, paths: Sequence[Path]) -> NDArray[np.float16]:
    """Regions (n, R, f) of at most a chunk of photos."""
    full = [*paths, *[paths[-1]] * (_CHUNK - len(paths))]
    pixels = np.stack([load_photo(path, clip.size) for path in full])
    with processor_threads(1), torch.inference_mode():
        places = patch_tokens(clip.model.visual, normalise(pixels, clip.mean, clip.std))
    pooled: NDArray[np.float16] = pool_to_grid(places, MOST_GRID)[: len(paths)].half().numpy()
    return pooled
