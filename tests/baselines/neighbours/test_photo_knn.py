"""photo-knn: nearest photos to those of the history, by hand-made vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from baselines.multimodal.features import Features
from baselines.neighbours import photo_knn
from baselines.neighbours.photo_knn import PhotoKNN
from benchmark.data.catalogue import Catalogue
from benchmark.instances import History, RecommendationInstance

#: Directions of the photos, in degrees; ``e`` has none.
ANGLES = {"a": 0, "b": 10, "c": 90, "d": 200}


@pytest.fixture
def shop(make_view, tmp_path, monkeypatch):
    """Five items, of which ``e`` has no photo and was taken most."""
    items = [{"item_id": i, "image": f"{i}.png" if i in ANGLES else None} for i in "abcde"]
    for item_id in ANGLES:
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"{item_id}.png")
    rows = [{"user_id": f"u{n}", "item_id": i, "timestamp": n} for n, i in enumerate("eeab")]
    view = make_view(items, train=rows)
    view.catalogue = Catalogue(view.catalogue.frame, images=tmp_path)
    vectors = [(math.cos(math.radians(a)), math.sin(math.radians(a))) for a in ANGLES.values()]
    table = np.array([(0, 0), *vectors], np.float16)
    rows_of = {f"{item_id}.png": row for row, item_id in enumerate(ANGLES, start=1)}
    features = Features(table, rows_of, np.array([1, 2, 3, 4, 0]))
    monkeypatch.setattr(photo_knn, "image_features", lambda *_, **__: features)
    return view


def _ask(view, *history: str) -> RecommendationInstance:
    items = tuple(view.catalogue.by_id(item_id) for item_id in history)
    past = History(items, (None,) * len(items), (0,) * len(items))
    return RecommendationInstance("q", "u", past, k=5)


def _fitted(view, **settings) -> PhotoKNN:
    model = PhotoKNN(PhotoKNN.Config(scaling="unit", **settings))
    model.fit(view, seed=0)
    return model


def test_scores_are_cosines_with_the_history_and_later_photos_count_more(shop):
    model = _fitted(shop, recency=0.5)
    (row,) = model.scores([_ask(shop, "c", "a")])
    angle = math.atan2(0.5, 1.0)  # a at 0 degrees and half of c at 90
    expected = [math.cos(math.radians(a) - angle) for a in ANGLES.values()]
    assert row[:4] == pytest.approx(expected, abs=1e-3)
    (ranking,) = model.predict([_ask(shop, "c", "a")])
    assert ranking.items == ("b", "a", "c", "d", "e")  # e has no photo, d points away


def test_without_a_photo_in_the_history_training_counts_rank(shop):
    model = _fitted(shop)
    for history in ((), ("e",)):
        (ranking,) = model.predict([_ask(shop, *history)])
        assert ranking.items[:3] == ("e", "a", "b")


def test_the_photo_that_the_instance_shows_is_read(shop):
    import dataclasses

    model = _fitted(shop)
    asked = _ask(shop, "a")
    swapped = dataclasses.replace(asked.history.items[0], image=shop.catalogue.by_id("c").image)
    history = dataclasses.replace(asked.history, items=(swapped,))
    (ranking,) = model.predict([dataclasses.replace(asked, history=history)])
    assert ranking.items[0] == "c"


def test_a_saved_model_scores_the_same(shop, tmp_path):
    model = _fitted(shop)
    folder = tmp_path / "saved"
    folder.mkdir()
    model.save(folder)
    again = PhotoKNN(PhotoKNN.Config(scaling="unit"))
    again.load(folder)
    asked = [_ask(shop, "c", "a"), _ask(shop)]
    assert np.array_equal(model.scores(asked), again.scores(asked))
