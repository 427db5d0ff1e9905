"""Answering with photos there are: which one, at what size, and the same after a reload."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from baselines.trivial import random_photo
from baselines.trivial.random_photo import RandomPhoto
from baselines.trivial.retrieved_photo import RetrievedPhoto
from benchmark.data.catalogue import Catalogue
from benchmark.errors import BenchError
from benchmark.instances import History, ImageGenerationInstance
from benchmark.vision.photos import load_photo
from benchmark.vision.png import decode

#: Item -> query; "d" has no photo, "e" no query.
QUERIES = {"a": "mugs", "b": "mugs", "c": "lamps", "d": "lamps", "e": None}
BOUGHT = {"a": 1, "b": 2, "c": 1, "d": 5, "e": 3}


@pytest.fixture
def view(make_view, tmp_path: Path):
    items = []
    for shade, (item_id, query) in enumerate(QUERIES.items()):
        photo = None if item_id == "d" else f"{item_id}.png"
        if photo is not None:
            Pillow.new("RGB", (64, 64), (50 * shade, 10, 90)).save(tmp_path / photo)
        items.append({"item_id": item_id, "query": query, "image": photo})
    train = [{"user_id": "u", "item_id": i} for i, count in BOUGHT.items() for _ in range(count)]
    made = make_view(items, train=train)
    made.catalogue = Catalogue(made.catalogue.frame, images=tmp_path)
    return made


def _ask(model, query: str = "mugs", *, name: str = "i", size: int = 64):
    (answer,) = model.predict([ImageGenerationInstance(name, "u", History(), query, size)])
    return answer


def _fitted(model, view, seed: int = 0):
    model.fit(view, seed=seed)
    return model


def _photo(view, item_id: str) -> np.ndarray:
    return load_photo(Path(view.catalogue.by_id(item_id).image), 64)


@pytest.mark.parametrize(
    ("query", "item_id"),
    [
        ("mugs", "b"),  # bought twice
        ("lamps", "c"),  # "d" is bought more, but has no photo
        ("something else", "e"),  # the most popular one with a photo
    ],
)
def test_the_most_popular_photographed_item_of_the_query_is_shown(view, query, item_id):
    answer = _ask(_fitted(RetrievedPhoto(), view), query)
    assert answer.retrieved == (item_id,)
    assert np.array_equal(decode(answer.png, 64), _photo(view, item_id))


def test_a_random_photo_is_any_photo_equally_often(view):
    model = _fitted(RandomPhoto(), view)
    shown = Counter(_ask(model, name=f"i{number}").retrieved[0] for number in range(800))
    assert set(shown) == {"a", "b", "c", "e"}
    assert min(shown.values()) > 150  # 200 expected, standard deviation 12


def test_another_seed_draws_another_photo(view):
    one, other = _fitted(RandomPhoto(), view), _fitted(RandomPhoto(), view, seed=1)
    names = [f"i{number}" for number in range(20)]
    assert [_ask(one, name=n) for n in names] != [_ask(other, name=n) for n in names]


def test_a_large_catalogue_is_sampled(view, monkeypatch):
    monkeypatch.setattr(random_photo, "MOST_PHOTOS", 2)
    kept = {_fitted(RandomPhoto(), view, seed=seed).item_ids for seed in range(20)}
    assert len(kept) > 1
    assert all(len(ids) == 2 and list(ids) == sorted(ids) for ids in kept)


@pytest.mark.parametrize("kind", [RetrievedPhoto, RandomPhoto])
def test_the_photo_has_the_size_asked_for(view, kind):
    model = _fitted(kind(), view)
    assert decode(_ask(model, size=24).png, 24).shape == (3, 24, 24)


@pytest.mark.parametrize("kind", [RetrievedPhoto, RandomPhoto])
def test_photo_models_survive_save_and_load(view, kind, tmp_path):
    fitted, loaded = _fitted(kind(), view), kind()
    folder = tmp_path / "state"
    folder.mkdir()
    fitted.save(folder)
    loaded.load(folder)
    for query in ("mugs", "lamps", "unheard of"):
        assert _ask(loaded, query) == _ask(fitted, query)


@pytest.mark.parametrize("kind", [RetrievedPhoto, RandomPhoto])
def test_a_catalogue_without_photos_is_refused(make_view, kind):
    with pytest.raises(BenchError, match="has no photos"):
        kind().fit(make_view([{"item_id": "a", "query": "mugs"}]), seed=0)
