"""From a dataset and settings to an untrained UniMP: tokenizer, photo features, network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from benchmark.instances import Item
from benchmark.model import TrainingView
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import ImageEncoder, PhotoFeatures
from unimp_model.images.of_catalogue import image_tokenizer, photo_vectors, photos_of, see
from unimp_model.images.tokenizer import ImageTokenizer
from unimp_model.images.tokenizer_process import trained_beside
from unimp_model.network.item_rows import ItemRows
from unimp_model.network.language import LanguageModel, new_llama
from unimp_model.network.model import UniMPNetwork
from unimp_model.network.pretrained import load_pretrained
from unimp_model.sequence.template import Template
from unimp_model.sequence.tokens import Vocabulary, rating_levels
from unimp_model.sequence.wording import own_tokenizer, words_of

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
