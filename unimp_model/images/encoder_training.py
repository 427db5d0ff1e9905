"""An image encoder of the dataset's own, for when no pretrained one is at hand.

A small CLIP (open_clip's class) learns to match the dataset's photos with its texts: the
item's own words, and what users wrote about it in the training part; and, since nobody writes
down all that can be seen, to match two views of the same photo (SimCLR). Then it is frozen like
any other encoder. One review sentence names one or two features of a product, so a text is a
random handful of what is said about the item.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmark.data.item_texts import item_texts
from benchmark.host.files import REMAKE, sha256_json
from benchmark.model import TrainingView
from benchmark.training.schedules import one_cycle
from benchmark.training.stored import load_tensors, save_tensors
from benchmark.vision.clip import SMALL_MEAN, SMALL_STD, SmallClip, build_small
from benchmark.vision.encoder_names import OWN
from benchmark.vision.photo_texts import train_on_texts
from benchmark.vision.photos import load_photo
from unimp_model.images.encoder import ImageEncoder
from unimp_model.sequence.tokens import Vocabulary

#: Part of the cache key: raise it when training changes.
RECIPE = 2


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
    return ImageEncoder(name=OWN, visual=visual, size=size, mean=SMALL_MEAN, std=SMALL_STD)


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
    train_on_texts(
        model,
        pixels,
        texts,
        length=shape.text_length,
        steps=steps,
        batch=batch,
        seed=seed,
        schedule=one_cycle,
    )
