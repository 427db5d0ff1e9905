"""The encoder that judges generated images: its space is where similarity is measured.

``own``, the default, is a small CLIP trained here on the dataset's catalogue and on nothing
else: no review, no interaction, no answer of any system. Its seed is fixed, and it shares no
weights with an encoder that a system trains for itself. Two things must
come out alike: a photo and what the catalogue says about the item (Radford et al., "CLIP",
ICML 2021), and two random views of one photo (Chen et al., "SimCLR", ICML 2020; both together:
Mu et al., "SLIP", ECCV 2022). Without the second, photos that look the same would be far apart
whenever their texts differ. ``$UNIMP_BENCH_IMAGE_ENCODER`` names a pretrained judge instead.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmark.data.catalogue import Catalogue, own_words
from benchmark.data.queries import category_query, words
from benchmark.host.files import sha256_json
from benchmark.host.threads import processor_threads
from benchmark.training.schedules import one_cycle
from benchmark.training.stored import REMAKE, load_tensors, save_tensors
from benchmark.vision.clip import END, PADDING, SMALL_MEAN, SMALL_STD, SmallClip, build_small
from benchmark.vision.clip_encoder import ClipEncoder, named_clip_encoder
from benchmark.vision.photos import load_photo, normalise
from benchmark.vision.small_clip import Pairs, Recipe, rounds, train_small_clip

VARIABLE = "UNIMP_BENCH_IMAGE_ENCODER"
OWN = "own"
#: Part of the cache key: raise it when training changes.
_RECIPE = 1
#: Fixed, so that no choice of ours or of a user can favour a system.
_SEED = 20_240_511
#: Training steps of the own judge, and photos in one.
STEPS, _BATCH = 300, 48
_SHAPE = SmallClip(image=48, width=12, text_width=64, text_length=24, embedding=64)
#: Weight of the loss between photo and text; that between two views has weight 1.
_TEXT_WEIGHT = 0.5
#: Photos learned from at most, evenly spaced over the catalogue: 140 MB of pixels.
_MOST_PHOTOS = 20_000


def find_judge(catalogue: Catalogue, features: Path) -> ClipEncoder:
    """Return the judge the environment variable names, else the dataset's own.

    The own one is trained when ``features`` does not hold it yet. Raises :class:`BenchError`
    for a name that cannot be loaded, and for a photo that cannot be read.
    """
    name = os.environ.get(VARIABLE) or OWN
    return (
        own_judge(catalogue, features) if name == OWN else named_clip_encoder(name, f"${VARIABLE}")
    )


def own_judge(catalogue: Catalogue, features: Path) -> ClipEncoder:
    """Return the small CLIP of this catalogue: trained once, then read from ``features``."""
    items = [item for item in catalogue if item.image is not None]
    items = items[:: math.ceil(len(items) / _MOST_PHOTOS)]
    texts = [(category_query(item.category) or "", own_words(item)) for item in items]
    pixels = np.stack([load_photo(Path(str(item.image)), _SHAPE.image) for item in items])
    numbers = {word: i for i, word in enumerate(_distinct_words(texts))}

    def tokenize(some: list[str]) -> Tensor:
        return torch.tensor([_word_ids(text, numbers) for text in some])

    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    key = sha256_json([_RECIPE, _SEED, repr(_SHAPE), STEPS, _BATCH, texts, digest])
    file = features / "image-judges" / f"{key[:16]}.safetensors"
    with torch.random.fork_rng(devices=[]), processor_threads(1):
        torch.manual_seed(_SEED)
        model = build_small(_SHAPE, len(numbers) + 1)
        if file.is_file():
            model.load_state_dict(load_tensors(file, fix=REMAKE))
        else:
            _train(model, pixels, texts, tokenize)
            save_tensors(model.state_dict(), file)
    return ClipEncoder(OWN, model.eval(), _SHAPE.image, SMALL_MEAN, SMALL_STD, tokenize)


def _distinct_words(texts: Sequence[tuple[str, str]]) -> list[str]:
    return sorted({word for pair in texts for text in pair for word in words(text)})


def _word_ids(text: str, numbers: Mapping[str, int]) -> list[int]:
    """Ids of the text's first words, an end and padding; words nobody knows share one id."""
    known = [END + 1 + numbers.get(word, len(numbers)) for word in words(text)]
    ids = [*known[: _SHAPE.text_length - 1], END]
    return ids + [PADDING] * (_SHAPE.text_length - len(ids))


def _train(
    model: Any,
    pixels: NDArray[np.uint8],
    texts: Sequence[tuple[str, str]],
    tokenize: Callable[[list[str]], Tensor],
) -> None:
    """Half of the steps match photos with their category's query, half with all their words."""
    generator = torch.Generator().manual_seed(_SEED)
    captions = [tokenize(list(column)) for column in zip(*texts, strict=True)]  # (n, T) each
    batches = rounds(
        len(pixels),
        min(_BATCH, len(pixels)),
        lambda count: torch.randperm(count, generator=generator).tolist(),
    )

    def draw(step: int) -> Pairs:
        chosen = next(batches)
        photos = normalise(pixels[chosen], SMALL_MEAN, SMALL_STD)
        first, second = _view(photos, generator), _view(photos, generator)
        said = captions[step % 2][chosen]  # (b, T)
        same = (said[:, None] == said[None]).all(dim=-1).float()  # (b, b)
        return Pairs(first, second, said, same)

    recipe = Recipe(STEPS, text_weight=_TEXT_WEIGHT, view_weight=1.0, together=True)
    train_small_clip(model, draw, recipe, schedule=one_cycle, label="encoder that judges images")


def _view(photos: Tensor, generator: torch.Generator) -> Tensor:
    """Standardised photos (n, 3, s, s), each turned, scaled, moved, mirrored and lit anew.

    By up to 20 degrees, a quarter, a thirteenth of the side, and a tenth; colours keep their
    hue, because customers tell products apart by it. White flows in.
    """
    n = len(photos)

    def draw(*shape: int) -> Tensor:
        return 2 * torch.rand(n, *shape, generator=generator) - 1  # in [-1, 1]

    angle, size, mirror = draw() * math.pi / 9, torch.exp(draw() / 4), torch.sign(draw())
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    rows = [torch.stack([cosine * mirror, -sine], 1), torch.stack([sine * mirror, cosine], 1)]
    moved = torch.cat([torch.stack(rows, 1), 0.15 * draw(2, 1)], dim=2)  # (n, 2, 3)
    grid = functional.affine_grid(moved, list(photos.shape), align_corners=False)
    white = normalise(np.full((1, 3, 1, 1), 255, np.uint8), SMALL_MEAN, SMALL_STD)
    black = normalise(np.zeros((1, 3, 1, 1), np.uint8), SMALL_MEAN, SMALL_STD)
    turned = functional.grid_sample(photos - white, grid, align_corners=False) + white
    return (turned - black) * (1 + draw(1, 1, 1) / 10) + black
