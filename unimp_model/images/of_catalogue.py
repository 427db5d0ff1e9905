"""Encode the catalogue's photos: encoder features and image tokens of every item."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.vision.efficientnet import lite_encoder
from benchmark.vision.encoder_names import LITE0, OWN, chosen_encoder, parts_of
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import (
    PhotoEncoder,
    PhotoFeatures,
    cached_features,
    named_encoder,
    own_encoder,
)
from unimp_model.images.joined import joined_features
from unimp_model.images.photo_space import PhotoSpace
from unimp_model.images.tokenizer import ImageTokenizer, named_tokenizer, photo_codes
from unimp_model.images.tokenizer_training import own_image_tokenizer


def encode_catalogue_photos(
    data: TrainingView, config: UniMPConfig
) -> tuple[PhotoEncoder | None, PhotoFeatures | None]:
    """Return the frozen encoder and all catalogue photos' features; nothing without vision."""
    photos = catalogue_photos(data)
    if config.vision == "none" or not photos:
        return None, None
    folder, grid = data.features_folder, config.image_grid
    found: list[tuple[PhotoEncoder, PhotoFeatures]] = []
    for name in parts_of(chosen_encoder(config.image_encoder, data)):
        if name == LITE0:
            lite = lite_encoder()
            table = lite.stored(photos, folder, grid=grid)
            found.append((lite, PhotoFeatures({p.name: i for i, p in enumerate(photos)}, table)))
            continue
        own = name == OWN
        encoder = own_encoder(data, steps=config.encoder_steps) if own else named_encoder(name)
        found.append((encoder, cached_features(encoder, photos, grid=grid, folder=folder)))
    return joined_features(found) if found[1:] else found[0]


def catalogue_tokenizer(data: TrainingView, config: UniMPConfig, *, seed: int) -> ImageTokenizer:
    """Return the frozen VQGAN: trained on the catalogue's photos, or loaded by name."""
    if config.image_tokens != "own":
        return named_tokenizer(config.image_tokens)
    return own_image_tokenizer(
        catalogue_photos(data),
        cache=data.features_folder,
        seed=seed,
        steps=config.image_token_steps,
        batch=config.image_token_batch,
    )


def catalogue_codes(data: TrainingView, tokenizer: ImageTokenizer) -> dict[str, NDArray[np.int32]]:
    """Return the image codes (L,) of every catalogue photo, by file name."""
    rows, codes = photo_codes(tokenizer, catalogue_photos(data), data.features_folder)
    return {name: codes[row] for name, row in rows.items()}


def catalogue_photos(data: TrainingView) -> list[Path]:
    """Return the files of the catalogue's photos, in index order."""
    return [Path(item.image) for item in data.catalogue if item.image is not None]


def photo_vectors(
    items: Sequence[Item], photos: PhotoFeatures | None, dims: int
) -> tuple[PhotoSpace, Tensor] | None:
    """Return the space of the catalogue's photos and the vector of each item's, (n, dims); zero
    for an item without one. ``None`` without photos."""
    if photos is None:
        return None
    space = PhotoSpace.of(photos.table, dims)
    return space, vectors_of_items(items, photos, space(photos.table))


def vectors_of_items(items: Sequence[Item], photos: PhotoFeatures, vectors: Tensor) -> Tensor:
    """Return vectors (n, e) of the items' photos, out of ``vectors`` (P, e); zero without one."""
    of_items = torch.zeros(len(items), vectors.shape[1])
    for i, item in enumerate(items):
        if item.photo_name is not None:
            of_items[i] = vectors[photos.index[item.photo_name]]
    return of_items
