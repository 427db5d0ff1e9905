"""A shop whose photos decide who buys what, for systems that read photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmark.data.catalogue import Catalogue
from benchmark.instances import History, Item, RecommendationInstance

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


@pytest.fixture
def photo_shop(make_view: Callable[..., object], tmp_path: Path) -> Callable[..., PhotoShop]:
    """``photo_shop(photos=True)``: the shop, with photos or without any."""

    def build(*, photos: bool = True) -> PhotoShop:
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        items = []
        for item_id, colour in COLOURS.items():
            shown = photos and colour is not None
            if shown:
                Image.new("RGB", (48, 48), colour).save(folder / f"{item_id}.png")
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
        view = make_view(items, train=rows)
        view.catalogue = Catalogue(view.catalogue.frame, images=folder)
        view.tasks = ()
        return PhotoShop(view, view.catalogue)

    return build
