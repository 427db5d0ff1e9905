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
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmark.host.files import atomic_path, sha256_json
from benchmark.host.progress import bar
from benchmark.model import TrainingView
from benchmark.training.schedules import one_cycle
from benchmark.vision.clip import (
    END,
    SMALL_MEAN,
    SMALL_STD,
    SmallClip,
    build_small,
    contrastive_loss,
)
from benchmark.vision.photos import load_photo, normalise
from unimp_model.images.encoder import ImageEncoder
from unimp_model.sequence.tokens import Vocabulary
from unimp_model.sequence.wording import item_texts

#: Part of the cache key: raise it when training changes.
RECIPE = 2
_RATE = 2e-3
#: Weight and scale (inverse temperature) of the contrast between two views of a photo.
_VIEWS_WEIGHT = 0.5
_VIEWS_SCALE = 10.0


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
        model.visual.load_state_dict(load_file(file))
    else:
        _train(model, data, vocabulary, shape, steps=steps, batch=batch, seed=seed)
        with atomic_path(file) as temporary:
            save_file(
                {name: t.contiguous() for name, t in model.visual.state_dict().items()}, temporary
            )
    return as_encoder(model.visual, shape.image)


def as_encoder(visual: nn.Module, size: int) -> ImageEncoder:
    """The frozen encoder around a vision tower trained here."""
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
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.05)
    schedule = one_cycle(optimiser, _RATE, steps)
    model.train()
    order: list[int] = []
    size = max(2, min(batch, len(shown)))  # batch normalisation needs two
    with bar("image encoder", steps) as progress:
        for _ in range(steps):
            while len(order) < size:
                order += generator.permutation(len(shown)).tolist()
            chosen, order = order[:size], order[size:]
            again = chosen[: max(2, size // 2)]  # seen twice: at half the cost as good
            one, other = (
                model.encode_image(_view(pixels[some], generator), normalize=True)
                for some in (chosen, again)
            )
            words = np.stack([_handful(texts[i], shape.text_length, generator) for i in chosen])
            text = model.encode_text(torch.from_numpy(words), normalize=True)
            loss = contrastive_loss(one, text, model.logit_scale.exp())
            views = contrastive_loss(one[: len(again)], other, torch.tensor(_VIEWS_SCALE))
            loss = loss + _VIEWS_WEIGHT * views
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0.0, 4.6)
            progress.note = f"contrastive loss {loss.item():.3f}"
            progress.advance()


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
    """Photos moved a little, as a network wants them: (n, 3, side, side)."""
    images = normalise(_shifted(pixels, generator), SMALL_MEAN, SMALL_STD)
    return images.contiguous(memory_format=torch.channels_last)


def _shifted(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each photo moved by up to a twelfth of its side, white flowing in."""
    side = pixels.shape[-1]
    most = side // 12
    padded = np.pad(pixels, ((0, 0), (0, 0), (most, most), (most, most)), constant_values=255)
    moves = generator.integers(0, 2 * most + 1, size=(len(pixels), 2))
    return np.stack(
        [p[:, y : y + side, x : x + side] for p, (y, x) in zip(padded, moves, strict=True)]
    )
