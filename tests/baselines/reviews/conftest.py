"""A shop whose photos decide what is written, with ratings, reviews and explanations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from baselines.reviews.mrg import MRG
from baselines.reviews.sancl import SANCL
from benchmark.data.catalogue import Catalogue
from benchmark.instances import ExplanationInstance, History, Item, PreferenceInstance

COLOURS = {"a": "red", "b": "red", "c": "blue", "d": "blue", "e": "red", "f": None}
#: ``s`` has one interaction; nobody took ``e`` and ``f``, and ``f`` has no photo.
TAKEN = {"u": "abc", "v": "bad", "w": "cda", "x": "dcb", "s": "a"}
#: Settings under which a fit takes no time.
SMALL: dict[type, dict[str, object]] = {
    MRG: {"factors": 4, "word_size": 4, "state_size": 4},
    SANCL: {"hidden_size": 8, "inner_size": 8, "word_size": 4, "common_size": 4, "n_layers": 1},
}


@dataclasses.dataclass
class ReviewShop:
    """Its training view, and instances for a model fitted on it."""

    view: Any
    catalogue: Catalogue

    def item(self, item_id: str, **shown: object) -> Item:
        """An item as the catalogue has it, but for what is ``shown`` otherwise."""
        return dataclasses.replace(self.catalogue.by_id(item_id), **shown)  # type: ignore[arg-type]

    def photo(self, item_id: str) -> str | None:
        return self.catalogue.by_id(item_id).image

    def rate(
        self, user: str, item: Item, *history: Item, scale: tuple[float, float] = (1.0, 5.0)
    ) -> PreferenceInstance:
        """How ``user`` will rate ``item`` after ``history``."""
        past = History(history, (None,) * len(history), (0,) * len(history))
        return PreferenceInstance(f"{user}-{item.item_id}", user, past, item, scale)

    def explain(self, user: str, item: Item, *history: Item) -> ExplanationInstance:
        """What ``user`` will write about ``item``."""
        past = History(history, (None,) * len(history), (0,) * len(history))
        return ExplanationInstance(f"{user}-{item.item_id}", user, past, item)


@pytest.fixture
def review_shop(make_view: Callable[..., Any], tmp_path: Path) -> Callable[..., ReviewShop]:
    """``review_shop(photos=True, without=())``: the shop; columns named ``without`` are empty."""

    def build(*, photos: bool = True, without: tuple[str, ...] = (), **changed: str) -> ReviewShop:
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        items = []
        for item_id, colour in COLOURS.items():
            shown = photos and colour is not None
            if shown:
                Image.new("RGB", (48, 48), str(colour)).save(folder / f"{item_id}.png")
            items.append(
                {
                    "item_id": item_id,
                    "title": f"{'Oak' if item_id in 'ac' else 'Tin'} mug",
                    "category": ["Home", "Mugs"],
                    "image": f"{item_id}.png" if shown else None,
                }
            )
        rows: list[dict[str, object]] = []
        for user, taken in TAKEN.items():
            for time, item in enumerate(taken):
                colour = COLOURS[item]
                told = {
                    "rating": 5.0 if colour == "red" else 2.0,
                    "review": f"A {colour} mug. I like it, says {user}. So do all.",
                    "explanation": f"It is {colour}, really.",
                }
                kept = {name: value for name, value in told.items() if name not in without}
                rows.append({"user_id": user, "item_id": item, "timestamp": time, **kept})
        for place, review in changed.items():  # such as u2: the third review of u
            row = next(
                r for r in rows if r["user_id"] == place[0] and r["timestamp"] == int(place[1:])
            )
            row["review"] = review
        view = make_view(items, train=rows)
        view.catalogue = Catalogue(view.catalogue.frame, images=folder)
        view.tasks = ()
        return ReviewShop(view, view.catalogue)

    return build


@pytest.fixture
def fit() -> Callable[..., Any]:
    """``fit(MRG, shop, **settings)``: a small fit."""

    def fit(model_class: type, shop: ReviewShop, **settings: object) -> Any:
        chosen = {"epochs": 2, "threads": 1, "encoder_steps": 0, **SMALL[model_class], **settings}
        model = model_class(model_class.Config(**chosen))
        model.fit(shop.view, seed=3)
        return model

    return fit
