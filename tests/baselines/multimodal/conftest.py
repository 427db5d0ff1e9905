"""A shop whose photos decide who buys what, for systems that read photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmark.data.catalogue import Catalogue
from benchmark.instances import History, Item, RecommendationInstance
from tests.baselines.conftest import view_in

COLOURS = {"a": "red", "b": "red", "c": "blue", "d": "blue", "e": "red", "f": None}
#: ``s`` has one interaction; nobody took ``e`` and ``f``, and ``f`` has no photo.
TAKEN = {"u": "ab", "v": "ba", "w": "cd", "x": "dc", "s": "a"}


@dataclasses.dataclass
class PhotoShop:
    """The shop's training view, and questions to a model fitted on it."""

    view: object
    catalogue: Catalogue

    def item(self, item_id: str, photo_of: str | None = None) -> Item:
        """An item of the catalogue, with the photo of another one where named."""
        item = self.catalogue.by_id(item_id)
        if photo_of is None:
            return item
        return dataclasses.replace(item, image=self.catalogue.by_id(photo_of).image)

    def ask(self, user: str, *items: Item, name: str = "q") -> RecommendationInstance:
        """``user`` after ``items``."""
        past = History(items, (None,) * len(items), (0,) * len(items))
        return RecommendationInstance(name, user, past, k=3)


def _shop_in(folder: Path, *, photos: bool = True) -> PhotoShop:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    items = []
    for item_id, colour in COLOURS.items():
        shown = photos and colour is not None
        if shown:
            Image.new("RGB", (48, 48), colour).save(images / f"{item_id}.png")
        items.append(
            {
                "item_id": item_id,
                "title": f"{colour or 'plain'} mug {item_id}",
                "image": f"{item_id}.png" if shown else None,
            }
        )
    rows = [
        {"user_id": user, "item_id": item, "timestamp": time}
        for user, taken in TAKEN.items()
        for time, item in enumerate(taken)
    ]
    view = view_in(folder, items, train=rows)
    view.catalogue = Catalogue(view.catalogue.frame, images=images)
    view.tasks = ()
    return PhotoShop(view, view.catalogue)


@pytest.fixture
def photo_shop(tmp_path: Path) -> Callable[..., PhotoShop]:
    """``photo_shop(photos=True)``: the shop, with photos or without any."""
    return partial(_shop_in, tmp_path)


@pytest.fixture(scope="session")
def fitted_shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Any, PhotoShop]]:
    """``fitted_shop(system, photos=True, ...)``: a system of these settings, fitted with seed 3 on
    a shop. Both are fitted once and shared by all tests that ask for them: not to be changed."""
    shops: dict[bool, PhotoShop] = {}
    known: dict[tuple[type, str, bool], Any] = {}

    def fit(system: Any, *, photos: bool = True, **settings: object) -> tuple[Any, PhotoShop]:
        if photos not in shops:
            shops[photos] = _shop_in(tmp_path_factory.mktemp("shop"), photos=photos)
        config = system.Config(**settings)
        key = (system, config.model_dump_json(), photos)
        if key not in known:
            known[key] = system(config)
            known[key].fit(shops[photos].view, seed=3)
        return known[key], shops[photos]

    return fit
