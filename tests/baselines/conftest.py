"""A training view made by hand, numbers of the authors' code, and a way to kill a training."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS
from benchmark.instances import History, Item, SearchInstance
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


@dataclass
class HandMadeView:
    """The part of :class:`benchmark.model.TrainingView` that simple models read."""

    catalogue: Catalogue
    parts: dict[str, pl.DataFrame]
    features_folder: Path
    name: str = "by-hand"
    sha256: str = "by-hand"
    rating_scale: tuple[float, float] | None = (1.0, 5.0)
    allow_repeats: bool = False
    simulated: bool = True
    history_window: int = 20
    tasks: tuple[str, ...] = field(default=("recommendation", "search"))

    def interactions(
        self, part: str = "train", *, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        return self.parts[part].select(columns or pl.all())


def _interactions(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    columns = {k: v for k, v in INTERACTION_COLUMNS.items() if k not in ("part", "cohort")}
    complete = [{**dict.fromkeys(columns), **row} for row in rows]
    return pl.DataFrame(complete, schema=columns)


def view_in(
    folder: Path,
    items: Sequence[dict[str, object]],
    *,
    train: Sequence[dict[str, object]] = (),
    valid: Sequence[dict[str, object]] = (),
) -> HandMadeView:
    """A view from rows as dictionaries, whose features are kept in ``folder``."""
    complete = [{**dict.fromkeys(ITEM_COLUMNS), **item} for item in items]
    frame = pl.DataFrame(complete, schema=ITEM_COLUMNS)
    parts = {"train": _interactions(train), "valid": _interactions(valid)}
    return HandMadeView(Catalogue(frame, images=None), parts, folder / "features")


@pytest.fixture
def make_view(tmp_path: Path) -> Callable[..., HandMadeView]:
    """``make_view(items, train=[...], valid=[...])`` from rows as dictionaries."""
    return partial(view_in, tmp_path)


SHOP_ITEMS = [
    {"item_id": "a", "title": "Oak mug", "category": ["Home", "Mugs"], "query": "home mugs"},
    {"item_id": "b", "title": "Tin mug", "category": ["Home", "Mugs"], "query": "home mugs"},
    {"item_id": "c", "title": "Red kite", "category": ["Toys", "Kites"], "query": "toys kites"},
    {"item_id": "d", "title": "Lamp"},
]
SHOP_REVIEWS = [
    ("u", "a", 1, "lovely oak"),
    ("u", "c", 2, "red and fast"),
    ("u", "b", 3, "dull tin"),
    ("v", "c", 1, "flies well"),
    ("v", "a", 4, "fine oak grain"),
    ("w", "a", 2, None),
]


@dataclass
class Shop:
    """A shop of four items and three users, for search models whose answers are worked out."""

    make_view: Callable[..., HandMadeView]
    items = SHOP_ITEMS

    def view(
        self,
        *,
        reviews: bool = True,
        items: Sequence[dict[str, object]] = tuple(SHOP_ITEMS),
    ) -> HandMadeView:
        """Its training view, without validation questions."""
        rows = [
            {"user_id": u, "item_id": i, "timestamp": t, "review": text if reviews else None}
            for u, i, t, text in SHOP_REVIEWS
        ]
        view = self.make_view(items, train=rows)
        view.tasks = ("recommendation",)
        return view

    def question(
        self,
        query: str = "home mugs",
        user: str = "u",
        history: str = "",
        *,
        exclude: str = "",
        k: int = 4,
        name: str = "q",
    ) -> SearchInstance:
        """Items are single letters."""
        nothing = len(history)
        past = History(tuple(map(Item, history)), (None,) * nothing, (0,) * nothing)
        return SearchInstance(name, user, past, query, exclude=frozenset(exclude), k=k)

    @property
    def instances(self) -> list[SearchInstance]:
        """What could go wrong: new users, unknown words, no text, no history, unknown items."""
        return [
            self.question(query, user, history, exclude=exclude, k=3, name=f"{n}")
            for n, (query, user, history, exclude) in enumerate(
                [
                    ("home mugs", "u", "ac", ""),
                    ("toys kites", "v", "c", "c"),
                    ("toys kites home mugs red", "new", "abc", ""),
                    ("zebra", "u", "a", ""),
                    ("zebra", "new", "", ""),
                    ("", "new", "x", ""),
                    ("", "w", "", "a"),
                    ("mugs", "new", "x", "d"),
                ]
            )
        ]

    def answers_do_not_depend_on_company(self, model) -> bool:
        """Whether every answer is the same, to the bit, alone, together and in another order."""
        asked = self.instances
        together = list(model.predict(asked))
        alone = [answer for question in asked for answer in model.predict([question])]
        order = random.Random(3).sample(range(len(asked)), len(asked))
        shuffled = list(model.predict([asked[i] for i in order]))
        return together == alone and shuffled == [together[i] for i in order]


@pytest.fixture
def shop(make_view: Callable[..., HandMadeView]) -> Shop:
    return Shop(make_view)


@pytest.fixture
def golden() -> Callable[[str], dict[str, Any]]:
    """``golden(name)``: inputs and outputs of the authors' code on a small case."""
    return lambda name: json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture
def agrees() -> Callable[[torch.Tensor, Any], None]:
    """Compare with golden numbers, in the precision in which they were made."""
    return lambda got, want: np.testing.assert_allclose(
        got.detach().numpy(), np.array(want), rtol=1e-4, atol=1e-5
    )


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def killed_after(monkeypatch) -> Callable[[int, Callable[[], object]], None]:
    """``killed_after(n, fit)``: run ``fit`` and end it behind the n-th epoch, which is written."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)

    def run(writes: int, fit: Callable[[], object]) -> None:
        write, left = Checkpoint.write, [writes]

        def killing(self, *arguments):
            write(self, *arguments)
            left[0] -= 1
            if not left[0]:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "write", killing)
            with pytest.raises(Killed):
                fit()

    return run
