"""A handful of made-up items with networks of random weights over them, and one tiny fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from benchmark.instances import Item
from benchmark.vision.photo_table import PhotoTable
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.network.item_rows import ItemRows
from unimp_model.network.language import new_llama
from unimp_model.network.model import UniMPNetwork
from unimp_model.sequence.template import Template
from unimp_model.sequence.tokens import Vocabulary, train_tokenizer

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset
    from benchmark.instances import Instance
    from benchmark.model import TrainingView

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
    """``world(**settings)`` builds a :class:`World`.

    ``open_gates`` makes vision count; ``levels`` and ``codes`` add rating and image tokens.
    """

    def build(
        *,
        open_gates: bool = True,
        levels: tuple[float, ...] = (),
        codes: int = 0,
        **settings: object,
    ) -> World:
        config = UniMPConfig(
            **{"width": 32, "depth": 4, "heads": 2, "dropout": 0.0, "visual_tokens": 3} | settings
        )
        known = Vocabulary(
            vocabulary.tokenizer,
            vocabulary.text_size,
            vocabulary.item_ids,
            levels=levels,
            codes=codes,
        )
        torch.manual_seed(5)
        language = new_llama(
            vocabulary=known.text_size,
            width=config.width,
            depth=config.depth,
            heads=config.heads,
            feed_forward=2 * config.width,
            longest=512,
        )
        template = Template(
            known,
            words=config.words_per_attribute,
            vision=True,
            attend_last_image=config.attend_last_image,
            visual_positions=config.visual_tokens if config.fusion == "concatenation" else 0,
            asks_of_photo=config.fusion != "late",
            carries=config.carries_rows,
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
        specials = known.first_item - known.text_size
        network = UniMPNetwork(
            config, language, rows, (PATCHES, FEATURES), specials=specials
        ).eval()
        if open_gates:
            for name, parameter in network.named_parameters():
                if name.endswith(".gate"):
                    torch.nn.init.constant_(parameter, 0.7)
        return World(list(items), known, template, network, photos)

    return build


@pytest.fixture(scope="session")
def micro() -> dict[str, Any]:
    """Settings under which all six tasks are fitted in seconds."""
    return {
        "width": 32,
        "depth": 2,
        "heads": 2,
        "text_tokens": 600,
        "epochs": 1,
        "encoder_steps": 2,
        "image_token_steps": 2,
        "image_token_batch": 4,
        "batch_rows": 8,
        "most_rows": 16,
        "own_rows": 8,
        "history_items": 3,
        "targets_per_row": 2,
        "words_per_attribute": 4,
        "other_attributes": 1,
        "validation_users": 8,
        "validation_others": 8,
        "choosing_users": 10,
        "answer_tokens": 12,
    }


@pytest.fixture(scope="session")
def fit(micro: dict[str, Any]) -> Callable[..., UniMP]:
    """``fit(view, **settings)``: a small UniMP, fitted with seed 1."""

    def build(view: TrainingView, **settings: object) -> UniMP:
        model = UniMP(UniMPConfig(**{**micro, **settings}))
        model.fit(view, seed=1)
        return model

    return build


@pytest.fixture(scope="session")
def fitted(fit: Callable[..., UniMP], sim_xs: Dataset) -> UniMP:
    """All six tasks on the smallest simulated shop; not to be changed."""
    return fit(sim_xs.training_view())


@pytest.fixture(scope="session")
def saved(fitted: UniMP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``fitted`` saves."""
    folder = tmp_path_factory.mktemp("saved")
    fitted.save(folder)
    return folder


@pytest.fixture(scope="session")
def instances(sim_xs: Dataset) -> dict[str, list[Instance]]:
    """Six test questions of each task."""
    return {task: list(sim_xs.instances(task, limit=6)) for task in sorted(UniMP.tasks)}
