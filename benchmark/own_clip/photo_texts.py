"""What a dataset's own image encoder learns from: its photos, and handfuls of texts about each.

One sentence names one or two features of a product, so the text of a step is a random handful of
what is said about the item; and since nobody writes down all that can be seen, two views of a
photo must come out alike too (:mod:`benchmark.own_clip.small_clip`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.own_clip.small_clip import Pairs, Recipe, rounds, train_small_clip
from benchmark.vision.clip import END, SMALL_MEAN, SMALL_STD
from benchmark.vision.photos import normalise

#: Weight of the contrast between two views of a photo; that between photo and text has weight 1.
_VIEWS_WEIGHT = 0.5


def train_on_texts(
    model: Any,
    pixels: NDArray[np.uint8],
    texts: Sequence[Sequence[Sequence[int]]],
    *,
    length: int,
    steps: int,
    batch: int,
    seed: int,
    file: Path | None = None,
) -> None:
    """Train a small CLIP in place on photos ``pixels`` (n, 3, s, s) and the texts of each.

    ``texts[i]`` are token ids, from 0, of what is said about photo i; the model is fed handfuls
    of at most ``length`` ids, each raised by two (:data:`benchmark.vision.clip.END`). ``file`` is
    as for :func:`~benchmark.own_clip.small_clip.train_small_clip`.
    """
    generator = np.random.default_rng([seed, 1])
    size = max(2, min(batch, len(pixels)))  # batch normalisation needs two
    batches = rounds(len(pixels), size, lambda count: generator.permutation(count).tolist())

    def draw(_: int) -> Pairs:
        chosen = next(batches)
        again = chosen[: max(2, size // 2)]  # seen twice: at half the cost as good
        first, second = (_view(pixels[some], generator) for some in (chosen, again))
        words = np.stack([_handful(texts[i], length, generator) for i in chosen])
        return Pairs(first, second, torch.from_numpy(words))

    recipe = Recipe(steps, view_weight=_VIEWS_WEIGHT)
    train_small_clip(model, draw, recipe, label="image encoder", file=file)


def _handful(
    texts: Sequence[Sequence[int]], length: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Random texts of an item in random order, as many as fit in (length,) with an end token."""
    ids: list[int] = []
    for i in generator.permutation(len(texts)):
        ids += [token + 2 for token in texts[i]]
        if len(ids) >= length - 1:
            break
    out = np.zeros(length, np.int64)
    ids = [*ids[: length - 1], END]
    out[: len(ids)] = ids
    return out


def _view(pixels: NDArray[np.uint8], generator: np.random.Generator) -> Tensor:
    """Photos moved a little, standardised: (n, 3, side, side)."""
    return normalise(_shifted(pixels, generator), SMALL_MEAN, SMALL_STD)


def _shifted(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each photo moved by up to a twelfth of its side, white flowing in."""
    side = pixels.shape[-1]
    most = side // 12
    padded = np.pad(pixels, ((0, 0), (0, 0), (most, most), (most, most)), constant_values=255)
    moves = generator.integers(0, 2 * most + 1, size=(len(pixels), 2))
    return np.stack(
        [p[:, y : y + side, x : x + side] for p, (y, x) in zip(padded, moves, strict=True)]
    )
