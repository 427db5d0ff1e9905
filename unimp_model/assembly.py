"""Build an untrained UniMP from a dataset and settings: tokenizer, photo features, network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch

from benchmark.data.item_values import Codebook
from benchmark.model import TrainingView
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.images.of_catalogue import (
    catalogue_photos,
    catalogue_tokenizer,
    encode_catalogue_photos,
    photo_vectors,
)
from unimp_model.images.photo_space import PhotoSpace
from unimp_model.images.tokenizer_process import trained_in_background
from unimp_model.network.item_rows import ItemRows
from unimp_model.network.language import LanguageModel, new_llama
from unimp_model.network.match_material import material
from unimp_model.network.matching import MatchHead
from unimp_model.network.model import UniMPNetwork
from unimp_model.network.pretrained import load_pretrained
from unimp_model.parts import Parts
from unimp_model.sequence.seen import Coder, book_of
from unimp_model.sequence.template import Template
from unimp_model.sequence.tokens import Vocabulary, rating_levels
from unimp_model.sequence.wording import attribute_tokens, own_tokenizer
from unimp_model.tasks import TASKS

#: Positions the tiny language model is declared for; its rotary embedding has no table to fill.
_LONGEST = 4096
#: Dimensions of the photos that the match head compares.
MATCHED_DIMS = 48


def assemble(data: TrainingView, tasks: Sequence[str], config: UniMPConfig, *, seed: int) -> Parts:
    """Build all parts, with the image encoder trained (where it is our own) and frozen."""
    language, language_sha256 = None, None
    if config.freezes_language_model:
        language, tokenizer, language_sha256 = load_pretrained(config, seed=seed)
        text_size = len(language.input_rows)
    else:
        queries = sorted({query for query in data.catalogue.queries if query is not None})
        prompts = [TASKS[task].prompts(queries) for task in tasks]
        sentences = [text for task in tasks for text in TASKS[task].texts(data)]
        tokenizer = own_tokenizer(data, prompts, sentences, config.text_tokens)
        text_size = tokenizer.get_vocab_size()
    draws = any(TASKS[task].draws_images for task in tasks)
    background = (
        trained_in_background(
            catalogue_photos(data),
            cache=data.features_folder,
            seed=seed,
            steps=config.image_token_steps,
            batch=config.image_token_batch,
        )
        if draws and config.image_tokens == "own"
        else nullcontext()
    )
    with background:
        encoder, photos = encode_catalogue_photos(data, config)
    image_tokenizer = catalogue_tokenizer(data, config, seed=seed) if draws else None
    vocabulary = Vocabulary(
        tokenizer,
        text_size,
        data.catalogue.ids,
        levels=rating_levels(data.rating_scale),
        codes=0 if image_tokenizer is None else image_tokenizer.codes,
    )
    template = new_template(vocabulary, config)
    torch.manual_seed(seed)  # whether the encoder was trained or cached must not matter
    if language is None:
        language = new_tiny(vocabulary, config)
    own_dims = config.photo_dims > 0 and not config.freezes_language_model
    dims = min(config.photo_dims or language.width, language.width // 2)
    placed = photo_vectors(list(data.catalogue), photos, dims)
    space, vectors = placed or (None, None)
    items = ItemRows(
        [attribute_tokens(template, item) for item in data.catalogue],
        vectors,
        width=language.width,
        content=config.item_rows == "content",
        photos_enter=config.fusion != "late",
        row_std=float(language.input_rows.detach().std()),
        own_dims=own_dims,
        space=space,
    )
    network = new_network(config, language, items, photos, vocabulary)
    if config.matching:
        _add_matching(network, data, template, config, photos)
    if own_dims and items.photos is not None:
        network.clear_words(items.photos.shape[1])
    template.remember(data.catalogue)
    shown = {item.item_id: item for item in data.catalogue}
    return Parts(
        vocabulary, template, network, photos, encoder, shown, image_tokenizer, language_sha256
    )


def _add_matching(
    network: UniMPNetwork,
    data: TrainingView,
    template: Template,
    config: UniMPConfig,
    photos: PhotoFeatures | None,
) -> None:
    """Give the network the match head, our extension, and the template the coder it reads by."""
    book = book_of(list(data.catalogue), config.matching)
    template.coder = new_coder(book, template.vocabulary, photos, config)
    space = None if photos is None else PhotoSpace.of(photos.table, MATCHED_DIMS)
    vectors = None if space is None or photos is None else space(photos.table)
    made_of = material(data, template.vocabulary, template.coder, vectors, config.matching)
    network.matching = MatchHead(made_of)


def new_coder(
    book: Codebook, vocabulary: Vocabulary, photos: PhotoFeatures | None, config: UniMPConfig
) -> Coder:
    """Build what codes the items that rows show, for the match head."""
    index = {item_id: i for i, item_id in enumerate(vocabulary.item_ids)}
    known = {} if photos is None else photos.index
    size = vocabulary.text_size
    return Coder(book, index, known, window=config.history_items, text_size=size)


def new_network(
    config: UniMPConfig,
    language: LanguageModel,
    items: ItemRows,
    photos: PhotoFeatures | None,
    vocabulary: Vocabulary,
) -> UniMPNetwork:
    """Build the network around these parts."""
    patches = None if photos is None else photos.shape
    specials = vocabulary.first_item - vocabulary.text_size
    return UniMPNetwork(config, language, items, patches, specials=specials)


def new_template(vocabulary: Vocabulary, config: UniMPConfig) -> Template:
    """Build the template under these settings."""
    return Template(
        vocabulary,
        words=config.words_per_attribute,
        vision=config.vision != "none",
        attend_last_image=config.attend_last_image,
        visual_positions=config.visual_tokens if config.fusion == "concatenation" else 0,
        others=config.other_attributes,
        asks_of_photo=config.fusion != "late",
        carries=config.carries_rows,
        points="words" in config.matching,
    )


def new_tiny(vocabulary: Vocabulary, config: UniMPConfig) -> LanguageModel:
    """Build a small language model of random weights."""
    return new_llama(
        vocabulary=vocabulary.text_size,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        feed_forward=config.width * 2,
        longest=_LONGEST,
        likeness=config.likeness,
        checkpointing=config.gradient_checkpointing,
    )
