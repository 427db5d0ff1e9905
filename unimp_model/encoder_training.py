"""An image encoder of the dataset's own, for when no pretrained one is at hand.

A small CLIP (open_clip's class) learns to match the dataset's photos with its texts: the
item's own words, and what users wrote about it in the training part. Then it is frozen like
any other encoder. One review sentence names one or two features of a product, so a text is a
random handful of what is said about the item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from benchmark.files import atomic_path, sha256_json
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.progress import bar
from benchmark.torch_setup import prepare_torch
from unimp_model.tokens import Vocabulary
from unimp_model.vision import ImageEncoder, load_photo, normalise

#: Part of the cache key: raise it when training changes.
RECIPE = 1
_RATE = 2e-3
_MEAN = (0.5, 0.5, 0.5)
_STD = (0.25, 0.25, 0.25)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Sizes of the small CLIP.

    The image tower is CLIP's residual network: from a few hundred photos a convolution learns
    shapes and patterns that a vision transformer of the same cost does not.
    """

    image: int = 64
    width: int = 16
    text_width: int = 64
    text_length: int = 64
    embedding: int = 64


def build(shape: EncoderShape, vocabulary: int) -> Any:
    """An untrained ``open_clip.model.CLIP``; ids 0 and 1 of its text are padding and end."""
    prepare_torch()
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    model = CLIP(
        embed_dim=shape.embedding,
        vision_cfg=CLIPVisionCfg(
            layers=(1, 1, 1, 1), width=shape.width, head_width=64, image_size=shape.image
        ),
        text_cfg=CLIPTextCfg(
            context_length=shape.text_length,
            vocab_size=vocabulary + 2,
            width=shape.text_width,
            heads=2,
            layers=1,
            pool_type="eos",
            pad_id=0,
            eos_id=1,
        ),
    )
    return model.to(memory_format=torch.channels_last)  # faster on a CPU


def item_texts(data: TrainingView) -> list[list[str]]:
    """Per catalogue item: its own words, its description, sentences of training reviews."""
    texts = [[own_words(item)] for item in data.catalogue]
    for i, item in enumerate(data.catalogue):
        if item.description:
            texts[i].append(item.description)
    rows = data.interactions("train").select("item_id", "review").drop_nulls().rows()
    for item_id, review in rows:
        sentences = [s for s in _SENTENCE_END.split(review) if len(s.split()) >= 3]
        texts[data.catalogue.index[item_id]] += sentences
    return texts


def own_words(item: Item) -> str:
    """Title, category, brand and attribute values of an item in one line."""
    parts = [item.title or "", *item.category, item.brand or "", *item.attributes.values()]
    return " ".join(part for part in parts if part)


def own_encoder(
    data: TrainingView, vocabulary: Vocabulary, *, steps: int, batch: int, seed: int
) -> ImageEncoder:
    """Train the small CLIP on ``data``, or take it from the cache of the same recipe and seed."""
    shape = EncoderShape()
    key = sha256_json(
        [RECIPE, data.sha256, repr(shape), steps, batch, seed, vocabulary.tokenizer.to_str()]
    )
    file = data.features_folder / "own-encoders" / f"{key[:16]}.safetensors"
    torch.manual_seed(seed)
    model = build(shape, vocabulary.text_size)
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
    return ImageEncoder(visual=visual, size=size, mean=_MEAN, std=_STD)


def _train(
    model: Any,
    data: TrainingView,
    vocabulary: Vocabulary,
    shape: EncoderShape,
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
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=_RATE, total_steps=max(steps, 2), pct_start=0.1
    )
    model.train()
    order: list[int] = []
    with bar("image encoder", steps) as progress:
        for _ in range(steps):
            if len(order) < batch:
                order += generator.permutation(len(shown)).tolist()
            chosen, order = order[:batch], order[batch:]
            images = normalise(_shifted(pixels[chosen], generator), _MEAN, _STD)
            images = images.contiguous(memory_format=torch.channels_last)
            words = np.stack([_handful(texts[i], shape.text_length, generator) for i in chosen])
            loss = _contrastive(model, images, torch.from_numpy(words))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0.0, 4.6)
            progress.note = f"contrastive loss {loss.item():.3f}"
            progress.advance()


def _contrastive(model: Any, images: Tensor, words: Tensor) -> Tensor:
    """Symmetric InfoNCE over the pairs of a batch (Radford et al., 2021)."""
    image = model.encode_image(images, normalize=True)  # (b, e)
    text = model.encode_text(words, normalize=True)  # (b, e)
    logits = model.logit_scale.exp() * image @ text.T  # (b, b)
    target = torch.arange(len(logits))
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


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
    ids = [*ids[: length - 1], 1]
    out[: len(ids)] = ids
    return out


def _shifted(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each photo moved by up to a twelfth of its side, white flowing in."""
    side = pixels.shape[-1]
    most = side // 12
    padded = np.pad(pixels, ((0, 0), (0, 0), (most, most), (most, most)), constant_values=255)
    moves = generator.integers(0, 2 * most + 1, size=(len(pixels), 2))
    return np.stack(
        [p[:, y : y + side, x : x + side] for p, (y, x) in zip(padded, moves, strict=True)]
    )
