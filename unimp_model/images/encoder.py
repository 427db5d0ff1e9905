"""The frozen image encoder f_v and the photo features it leaves behind.

Features are computed once per photo, pooled to a small grid and kept as float16 on disk,
memory-mapped: training and evaluation never run the encoder again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.host.files import atomic_path, sha256_file
from benchmark.host.mapped import mapped_array
from benchmark.host.progress import bar
from benchmark.model import TrainingView
from benchmark.own_clip.of_dataset import own_clip
from benchmark.vision.clip import SMALL_MEAN, SMALL_STD, named_clip
from benchmark.vision.encoder_names import OWN
from benchmark.vision.patches import check_gives_patches, patch_tokens
from benchmark.vision.photo_table import PhotoTable, pool_to_grid
from benchmark.vision.photos import load_photo, normalise

_BATCH = 64


class PhotoEncoder(Protocol):
    """Describes what encodes photos, frozen, whatever its network."""

    @property
    def name(self) -> str:
        """Return the encoder's name as the setting ``image_encoder`` has it."""

    def sha256(self) -> str:
        """Return the hash over weights and preprocessing."""

    def features(self, photos: Sequence[Path], grid: int) -> PhotoTable:
        """Encode photos: patch features pooled to ``grid`` x ``grid``, one vector a whole photo."""


@dataclass(frozen=True, slots=True)
class ImageEncoder:
    """Wraps an open_clip image tower with the size and normalisation of its input."""

    name: str
    visual: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def sha256(self) -> str:
        """Return the hash over weights and preprocessing."""
        digest = hashlib.sha256(repr((self.size, self.mean, self.std)).encode())
        for name, tensor in sorted(self.visual.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def features(self, photos: Sequence[Path], grid: int) -> PhotoTable:
        """Encode photos: patch features pooled to ``grid`` x ``grid``, one vector a whole photo."""
        self.visual.eval()
        patches, vectors = [], []
        with bar("image features", len(photos)) as progress:
            for start in range(0, len(photos), _BATCH):
                some = photos[start : start + _BATCH]
                some = [*some, *[some[-1]] * (_BATCH - len(some))]  # one shape, the same bits
                pixels = np.stack([load_photo(path, self.size) for path in some])
                x = normalise(pixels, self.mean, self.std)
                patches.append(pool_to_grid(patch_tokens(self.visual, x), grid).half().numpy())
                vectors.append(self.visual(x).half().numpy())
                progress.advance(_BATCH)
        n = len(photos)
        return PhotoTable(np.concatenate(patches)[:n], np.concatenate(vectors)[:n])


def own_encoder(data: TrainingView, *, steps: int) -> ImageEncoder:
    """Return the image tower of the dataset's own small CLIP, which other models read too."""
    clip = own_clip(data, steps)
    return as_encoder(clip.model.visual, clip.size)


def as_encoder(visual: nn.Module, size: int) -> ImageEncoder:
    """Freeze the image tower of a small CLIP and return the encoder around it."""
    visual.requires_grad_(False)
    visual.eval()
    return ImageEncoder(name=OWN, visual=visual, size=size, mean=SMALL_MEAN, std=SMALL_STD)


def named_encoder(name: str) -> ImageEncoder:
    """Load the image tower of a pretrained model (:func:`benchmark.vision.clip.named_clip`).

    :class:`BenchError` for one that gives no patch features.
    """
    model = named_clip(name, "image_encoder")
    visual = model.visual
    check_gives_patches(visual, name)
    size = visual.image_size
    visual.requires_grad_(False)
    return ImageEncoder(
        name=name,
        visual=visual,
        size=size[0] if isinstance(size, tuple) else int(size),
        mean=tuple(visual.image_mean),
        std=tuple(visual.image_std),
    )


@dataclass(frozen=True, slots=True)
class PhotoFeatures:
    """Stores the features of many photos.

    ``index`` gives a photo's row in ``table``, from 0, by file name.
    """

    index: Mapping[str, int]
    table: PhotoTable

    @property
    def shape(self) -> tuple[int, int]:
        """Return (P, f): patches of one photo, and features of each."""
        return self.table.patches.shape[1], self.table.patches.shape[2]

    def rows(self, numbers: Tensor) -> Tensor:
        """Return float32 patch features (U, P, f) of photo numbers (U,)."""
        return torch.from_numpy(self.table.patches[numbers.numpy()].astype(np.float32))

    def extended(self, names: Sequence[str], more: PhotoTable) -> PhotoFeatures:
        """Return these photos with further ones, called ``names``, behind them."""
        table = PhotoTable(*(np.concatenate(pair) for pair in zip(self.table, more, strict=True)))
        return PhotoFeatures({n: i for i, n in enumerate([*self.index, *names])}, table)


def cached_features(
    encoder: ImageEncoder, photos: Sequence[Path], *, grid: int, folder: Path
) -> PhotoFeatures:
    """Return features of ``photos`` (file names distinct), computed now or found in ``folder``.

    The cache is keyed by the encoder's hash, the grid and the photos' names and contents.
    """
    names = [path.name for path in photos]
    contents = hashlib.sha256(f"{grid}".encode())
    for path in photos:
        contents.update(f"{path.name} {sha256_file(path)}\n".encode())
    stem = folder / encoder.sha256()[:16] / contents.hexdigest()[:16]
    files = [stem.with_suffix(f".{field}.npy") for field in PhotoTable._fields]
    if not all(file.is_file() for file in files):
        for file, array in zip(files, encoder.features(photos, grid), strict=True):
            with atomic_path(file) as temporary, open(temporary, "wb") as stream:
                np.save(stream, array, allow_pickle=False)
    mapped = PhotoTable(*(mapped_array(file, rows=len(photos)) for file in files))
    return PhotoFeatures({name: i for i, name in enumerate(names)}, mapped)
