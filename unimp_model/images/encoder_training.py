"""An image encoder of the dataset's own, for when no pretrained one is at hand.

A small CLIP (open_clip's class) learns to match the dataset's photos with its texts: the
item's own words, and what users wrote about it in the training part; and, since nobody writes
down all that can be seen, to match two views of the same photo (SimCLR). Then it is frozen like
any other encoder. One review sentence names one or two features of a product, so a text is a
random handful of what is said about the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.host.files import sha256_json
from benchmark.model import TrainingView
from benchmark.training.schedules import one_cycle
from benchmark.training.stored import REMAKE, load_tensors, save_tensors
from benchmark.vision.clip import (
    END,
    SMALL_MEAN,
    SMALL_STD,
    SmallClip,
    build_small,
)
from benchmark.vision.photos import load_photo, normalise
from benchmark.vision.small_clip import Pairs, Recipe, rounds, train_small_clip
from unimp_model.images.encoder import ImageEncoder
from unimp_model.sequence.tokens import Vocabulary
from unimp_model.sequence.wording import item_texts

#: Part of the cache key: raise it when training changes.
RECIPE = 2
#: Weight of the contrast between two views of a photo; that between photo and text has weight 1.
_VIEWS_WEIGHT = 0.5


def own_encoder(
    data: TrainingView, vocabulary: Vocabulary, *, steps: int, batch: int, seed: int
) -> ImageEncoder:
    """Train the small CLIP on ``data``, or take it from the cache of the same recipe and seed."""
    shape = SmallClip()
    key = sha256_json(
        [RECIPE, data.sha256, repr(shape), steps, batch, seed, vocabulary.tokenizer.to_str()]
    )
    file = data.features_folder / "own-encoders" / f"{key[:16]}.safetensors"
    torch.manual_seed(seed)
    model = build_small(shape, vocabulary.text_size)
    if file.is_file():
        model.visual.load_state_dict(load_tensors(file, fix=REMAKE))
    else:
        _train(model, data, vocabulary, shape, steps=steps, batch=batch, seed=seed)
        save_tensors(model.visual.state_dict(), file)
    return as_encoder(model.visual, shape.image)


def as_encoder(visual: nn.Module, size: int) -> ImageEncoder:
    """Freeze a vision tower trained here and return the encoder around it."""
    visual.requires_grad_(False)
    visual.eval()
    return ImageEncoder(visual=visual, size=size, mean=SMALL_MEAN, std=SMALL_STD)


def _train(
    model: Any,
    data: TrainingView,
    vocabulary: Vocabulary,
    shape: SmallClip,
    *,
    steps: int,
    batch: int,
    seed: int,
) -> None:
    shown = [i for i, item in enumerate(data.catalogue) if item.image is not None]
    pixels = np.stack([load_photo(Path(str(data.catalogue[i].image)), shape.image) for i in shown])
    all_texts = item_texts(data)
    texts = [[vocabulary.encode(text) for text in all_texts[i]] for i in shown]
    generator = np.random.default_rng([seed, 1])
    size = max(2, min(batch, len(shown)))  # batch normalisation needs two
    batches = rounds(len(shown), size, lambda count: generator.permutation(count).tolist())

    def draw(_: int) -> Pairs:
        chosen = next(batches)
        again = chosen[: max(2, size // 2)]  # seen twice: at half the cost as good
        first, second = (_view(pixels[some], generator) for some in (chosen, again))
        words = np.stack([_handful(texts[i], shape.text_length, generator) for i in chosen])
        return Pairs(first, second, torch.from_numpy(words))

    recipe = Recipe(steps, text_weight=1.0, view_weight=_VIEWS_WEIGHT, together=False)
    train_small_clip(model, draw, recipe, schedule=one_cycle, label="image encoder")


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
