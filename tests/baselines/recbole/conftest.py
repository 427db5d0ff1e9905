"""Three users and six items, and RecBole's systems fitted on them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from baselines.learning.negatives import NegativeSampler
from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS

SMALL = {"epochs": 2, "threads": 1}

#: f occurs in no training row, z is unknown to the catalogue; w has one training item.
ITEMS = [{"item_id": name, "brand": "xy"[i % 2]} for i, name in enumerate("abcdef")]
TAKEN = {"u": "abcd", "v": "bcde", "w": "e"}
ROWS = [{"user_id": user, "item_id": item} for user, items in TAKEN.items() for item in items]


@pytest.fixture
def view(make_view):
    view = make_view(ITEMS, train=ROWS)
    view.tasks, view.history_window = (), 3
    return view


@pytest.fixture
def sampler():
    """Negatives of a timeline over these items."""

    def build(timeline):
        return NegativeSampler(timeline.user, timeline.item, items=len(ITEMS))

    return build


@pytest.fixture
def fit(view):
    """A model of this class fitted on the view."""

    def build(model_class, **settings):
        model = _small(model_class, **settings)
        model.fit(view, seed=1)
        return model

    return build


@pytest.fixture(scope="module")
def fitted_once():
    """The same, but each class once for a whole file."""

    class View:
        name, sha256, tasks, history_window = "by-hand", "by-hand", (), 3
        features_folder = Path("features")  # nothing here trains long enough to be written
        catalogue = Catalogue(
            pl.DataFrame(
                [{**dict.fromkeys(ITEM_COLUMNS), **item} for item in ITEMS], schema=ITEM_COLUMNS
            ),
            images=None,
        )

        def interactions(self, part):
            rows = [{**dict.fromkeys(INTERACTION_COLUMNS), **row} for row in ROWS]
            return pl.DataFrame(rows, schema=INTERACTION_COLUMNS)

    models = {}

    def build(model_class):
        if model_class not in models:
            models[model_class] = _small(model_class)
            models[model_class].fit(View(), seed=1)
        return models[model_class]

    return build


def _small(model_class, **settings):
    extra = {"pretrain_epochs": 1} if "pretrain_epochs" in model_class.Config.model_fields else {}
    return model_class(model_class.Config(**{**SMALL, **extra, **settings}))
