"""A handful of made-up items and networks of random weights over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from benchmark.instances import Item
from unimp_model.config import UniMPConfig
from unimp_model.item_rows import ItemRows
from unimp_model.language import new_llama
from unimp_model.model import UniMPNetwork
from unimp_model.sequence import Template
from unimp_model.tokens import Vocabulary, train_tokenizer
from unimp_model.vision import PhotoFeatures, PhotoTable

PATCHES, FEATURES = 4, 12


@dataclass
class World:
    """Everything between an item and its scores, random but fixed."""

    items: list[Item]
    vocabulary: Vocabulary
    template: Template
    network: UniMPNetwork
    photos: PhotoFeatures


@pytest.fixture(scope="session")
def items() -> list[Item]:
    return [
        Item("a1", title="Red Mug", category=("Kitchen", "Mugs"), brand="Orvik", price=9.5,
             image="/photos/a1.png"),
        Item("b2", title="Oak Chair", category=("Home", "Chairs"), price=120.0,
             image="/photos/b2.png"),
        Item("c3", title="Wool Scarf", category=("Clothing", "Scarves"), brand="Maddox",
             image="/photos/c3.png"),
        Item("d4", category=("Kitchen", "Mugs"), price=0.456),
        Item("e5", title="Plain Mug", category=("Kitchen", "Mugs"), image="/photos/e5.png"),
        Item("f6", title="Blue Mug", category=("Kitchen", "Mugs"), image="/photos/f6.png"),
    ]  # fmt: skip


@pytest.fixture(scope="session")
def vocabulary(items: list[Item]) -> Vocabulary:
    texts = ["category title price id brand"] * 4
    for item in items:
        texts += [item.title or "", *item.category, item.brand or ""] * 4
    phrase = "Can you recommend the next item to the user?"
    tokenizer = train_tokenizer(texts, phrases=[phrase], size=400)
    return Vocabulary(tokenizer, tokenizer.get_vocab_size(), [item.item_id for item in items])


@pytest.fixture(scope="session")
def world(items: list[Item], vocabulary: Vocabulary) -> Callable[..., World]:
    """``world(**settings)`` builds a :class:`World`; ``open_gates`` makes vision count."""

    def build(*, open_gates: bool = True, **settings: object) -> World:
        config = UniMPConfig(
            **{"width": 32, "depth": 4, "heads": 2, "dropout": 0.0, "visual_tokens": 3} | settings
        )
        torch.manual_seed(5)
        language = new_llama(
            vocabulary=vocabulary.text_size,
            width=config.width,
            depth=config.depth,
            heads=config.heads,
            feed_forward=2 * config.width,
            longest=512,
        )
        template = Template(
            vocabulary,
            words=config.words_per_attribute,
            vision=True,
            attend_last_image=config.attend_last_image,
            visual_positions=config.visual_tokens if config.fusion == "concatenation" else 0,
        )
        shown = [item for item in items if item.image is not None]
        generator = np.random.default_rng(0)
        table = generator.normal(size=(len(shown), PATCHES, FEATURES)).astype(np.float16)
        photos = PhotoFeatures(
            {item.item_id + ".png": i for i, item in enumerate(shown)},
            PhotoTable(table, table.mean(1)),
        )
        rows = ItemRows(
            [[1, 2, 3], [4], [5, 6], [7], [8, 9], [1]],
            torch.randn(len(items), FEATURES),
            width=config.width,
            content=config.item_rows == "content",
            row_std=0.3,
            photos_enter=config.fusion != "late",
        )
        network = UniMPNetwork(config, language, rows, (PATCHES, FEATURES)).eval()
        if open_gates:
            for name, parameter in network.named_parameters():
                if name.endswith(".gate"):
                    torch.nn.init.constant_(parameter, 0.7)
        return World(list(items), vocabulary, template, network, photos)

    return build
