"""From a dataset and settings to an untrained UniMP: tokenizer, photo features, network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.tasks import TASKS
from unimp_model.config import UniMPConfig
from unimp_model.encoder_training import item_texts, own_encoder
from unimp_model.examples import blank_instance
from unimp_model.image_token_process import trained_beside
from unimp_model.image_token_training import own_image_tokenizer
from unimp_model.image_tokens import ImageTokenizer, named_tokenizer, photo_codes
from unimp_model.item_rows import ItemRows
from unimp_model.language import LanguageModel, new_llama
from unimp_model.model import UniMPNetwork
from unimp_model.pretrained import load_pretrained
from unimp_model.sequence import Template, price_words
from unimp_model.tokens import Vocabulary, common_ending, rating_levels, train_tokenizer
from unimp_model.vision import ImageEncoder, PhotoFeatures, cached_features, named_encoder

#: Positions the tiny language model is declared for; its rotary embedding has no table to fill.
_LONGEST = 4096


@dataclass
class Parts:
    """What UniMP consists of."""

    vocabulary: Vocabulary
    template: Template
    network: UniMPNetwork
    photos: PhotoFeatures | None
    encoder: ImageEncoder | None
    items: Mapping[str, Item]
    """The catalogue by item id: retrieved items are shown when an image is drawn."""
    drawer: ImageTokenizer | None
    """Turns photos into image codes and back; ``None`` where no images are drawn."""
    language_sha256: str | None
    """Of the pretrained language model; ``None`` where it was made from scratch."""


def assemble(data: TrainingView, tasks: Sequence[str], config: UniMPConfig, *, seed: int) -> Parts:
    """All parts, with the image encoder trained (where it is our own) and frozen."""
    language, language_sha256 = None, None
    if config.freezes_language_model:
        language, tokenizer, language_sha256 = load_pretrained(config, seed=seed)
        text_size = len(language.input_rows)
    else:
        tokenizer = own_tokenizer(data, tasks, config.text_tokens)
        text_size = tokenizer.get_vocab_size()
    draws = "image-generation" in tasks
    beside = (
        trained_beside(
            photos_of(data),
            cache=data.features_folder,
            seed=seed,
            steps=config.image_token_steps,
            batch=config.image_token_batch,
        )
        if draws and config.image_tokens == "own"
        else nullcontext()
    )
    with beside:
        words = Vocabulary(tokenizer, text_size, ())  # texts are all the encoder learns from
        encoder, photos = see(data, words, config, seed=seed)
    drawer = image_tokenizer(data, config, seed=seed) if draws else None
    vocabulary = Vocabulary(
        tokenizer,
        text_size,
        data.catalogue.ids,
        levels=rating_levels(data.rating_scale),
        codes=0 if drawer is None else drawer.codes,
    )
    template = new_template(vocabulary, config)
    torch.manual_seed(seed)  # whether the encoder was trained or cached must not matter
    if language is None:
        language = new_tiny(vocabulary, config)
    items = ItemRows(
        [words_of(template, item) for item in data.catalogue],
        photo_vectors(list(data.catalogue), photos),
        width=language.width,
        content=config.item_rows == "content",
        photos_enter=config.fusion != "late",
        row_std=float(language.input_rows.detach().std()),
    )
    network = new_network(config, language, items, photos, vocabulary)
    shown = {item.item_id: item for item in data.catalogue}
    return Parts(vocabulary, template, network, photos, encoder, shown, drawer, language_sha256)


def new_network(
    config: UniMPConfig,
    language: LanguageModel,
    items: ItemRows,
    photos: PhotoFeatures | None,
    vocabulary: Vocabulary,
) -> UniMPNetwork:
    """The network around these parts."""
    patches = None if photos is None else photos.shape
    specials = vocabulary.first_item - vocabulary.text_size
    return UniMPNetwork(config, language, items, patches, specials=specials)


def own_tokenizer(data: TrainingView, tasks: Sequence[str], size: int) -> Tokenizer:
    """A tokenizer of the catalogue's and the training reviews' words; see train_tokenizer."""
    queries = sorted({query for query in data.catalogue.queries if query is not None})
    texts = [text for texts_of_item in item_texts(data) for text in texts_of_item] + queries
    for item in data.catalogue:
        texts.append("category title price id brand")
        texts += [] if item.price is None else [price_words(item.price)]
    if "explanation" in tasks:
        texts += data.interactions("train")["explanation"].drop_nulls().to_list()
    return train_tokenizer(texts, phrases=fixed_wording(tasks, queries), size=size)


def fixed_wording(tasks: Sequence[str], queries: Sequence[str]) -> list[str]:
    """What the prompts of ``tasks`` always say, around items and queries."""
    phrases: dict[str, None] = {}
    for task in tasks:
        blanks = [blank_instance(task, q) for q in ([*queries, "?"] if queries else [None])]
        prompts = [TASKS.get(task).prompt(blank) for blank in blanks]
        for parts in zip(*prompts, strict=True):
            words = [part for part in parts if isinstance(part, str)]
            if words:
                phrases[common_ending(words)] = None
    return [phrase for phrase in phrases if phrase]


def new_template(vocabulary: Vocabulary, config: UniMPConfig) -> Template:
    """The template under these settings."""
    return Template(
        vocabulary,
        words=config.words_per_attribute,
        vision=config.vision != "none",
        attend_last_image=config.attend_last_image,
        visual_positions=config.visual_tokens if config.fusion == "concatenation" else 0,
    )


def new_tiny(vocabulary: Vocabulary, config: UniMPConfig) -> LanguageModel:
    """A small language model of random weights."""
    return new_llama(
        vocabulary=vocabulary.text_size,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        feed_forward=config.width * 2,
        longest=_LONGEST,
        checkpointing=config.gradient_checkpointing,
    )


def see(
    data: TrainingView, vocabulary: Vocabulary, config: UniMPConfig, *, seed: int
) -> tuple[ImageEncoder | None, PhotoFeatures | None]:
    """The frozen encoder and features of all catalogue photos; nothing without vision."""
    photos = photos_of(data)
    if config.vision == "none" or not photos:
        return None, None
    if config.image_encoder == "own":
        encoder = own_encoder(
            data,
            vocabulary,
            steps=config.encoder_steps,
            batch=config.encoder_batch,
            seed=seed,
        )
    else:
        encoder = named_encoder(config.image_encoder)
    folder = data.features_folder
    return encoder, cached_features(encoder, photos, grid=config.image_grid, folder=folder)


def image_tokenizer(data: TrainingView, config: UniMPConfig, *, seed: int) -> ImageTokenizer:
    """The frozen VQGAN: trained on the catalogue's photos, or loaded by name."""
    if config.image_tokens != "own":
        return named_tokenizer(config.image_tokens)
    return own_image_tokenizer(
        photos_of(data),
        cache=data.features_folder,
        seed=seed,
        steps=config.image_token_steps,
        batch=config.image_token_batch,
    )


def codes_of(data: TrainingView, drawer: ImageTokenizer) -> dict[str, NDArray[np.int32]]:
    """Image codes (L,) of every catalogue photo, by file name."""
    rows, codes = photo_codes(drawer, photos_of(data), data.features_folder)
    return {name: codes[row] for name, row in rows.items()}


def photos_of(data: TrainingView) -> list[Path]:
    """Files of the catalogue's photos, in index order."""
    return [Path(item.image) for item in data.catalogue if item.image is not None]


def words_of(template: Template, item: Item) -> list[int]:
    """Text tokens of an item's attributes: all but its own token."""
    return [t for key, value in template.attributes(item) if key != "id" for t in value]


def photo_vectors(items: Sequence[Item], photos: PhotoFeatures | None) -> Tensor | None:
    """One vector per item (n, e): the direction of what the encoder makes of its whole photo,
    relative to the mean photo, scaled to a mean square length of one; zero without a photo.

    The spread of each dimension is kept: a contrastive encoder puts what it has learned to
    tell apart into few dimensions, and evening them out would blow up the rest.
    """
    if photos is None:
        return None
    wholes = torch.from_numpy(photos.table.wholes.astype(np.float32))  # (photos, e)
    wholes = functional.normalize(wholes, dim=1)
    wholes = wholes - wholes.mean(0)
    wholes = wholes / wholes.square().sum(1).mean().sqrt().clamp_min(1e-6)
    vectors = torch.zeros(len(items), wholes.shape[1])
    for i, item in enumerate(items):
        if item.image is not None:
            vectors[i] = wholes[photos.index[Path(item.image).name]]
    return vectors
