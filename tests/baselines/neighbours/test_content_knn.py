"""TF-IDF and cosine worked out by hand, and items without words."""

from __future__ import annotations

from math import log, sqrt

import pytest

from baselines.neighbours.content_knn import ContentKNN, ContentKNNConfig
from benchmark.errors import BenchError
from benchmark.instances import History, Item, RecommendationInstance

ITEMS = [
    {"item_id": "a", "title": "red mug"},
    {"item_id": "b", "title": "Mug", "brand": "Tin"},
    {"item_id": "c", "title": "kite", "attributes": [{"key": "colour", "value": "red"}]},
    {"item_id": "d"},
    {"item_id": "e"},
]
TRAIN = [{"user_id": "u", "item_id": "e"}]


def fitted(view, **settings):
    model = ContentKNN(ContentKNNConfig(**settings))
    model.fit(view, seed=0)
    return model


def ask(model, *history, k=5):
    (prediction,) = model.predict([RecommendationInstance("q", "new", History(history), k=k)])
    return "".join(prediction.items), prediction.scores


A, B = Item("a", title="red mug"), Item("b", title="mug", brand="tin")
#: Of five items two have "red" and "mug", one has "tin" and "kite".
COMMON, RARE = log(6 / 3) + 1, log(6 / 2) + 1
NORM = sqrt(COMMON**2 + RARE**2)  # of b: mug, tin; and of c: red, kite


def test_scores_are_cosines_worked_out_by_hand(make_view):
    names, scores = ask(fitted(make_view(ITEMS, train=TRAIN)), A)
    assert names == "abced"  # b and c tie; what shares no word follows by training counts
    assert scores[:3] == pytest.approx((1, COMMON / NORM / sqrt(2), COMMON / NORM / sqrt(2)))


def test_the_profile_is_the_mean_weighted_by_recency(make_view):
    _, scores = ask(fitted(make_view(ITEMS, train=TRAIN), recency=0.5), A, B)
    red = 0.5 / sqrt(2)
    mug, tin = 0.5 / sqrt(2) + COMMON / NORM, RARE / NORM
    length = sqrt(red**2 + mug**2 + tin**2)
    assert scores[0] == pytest.approx((mug * COMMON + tin * RARE) / NORM / length)  # b
    assert scores[1] == pytest.approx((red + mug) / sqrt(2) / length)  # a


def test_the_history_is_read_as_it_is_shown(make_view):
    model = fitted(make_view(ITEMS, train=TRAIN))
    assert ask(model, Item("a", title="kite"))[0][0] == "c"
    assert ask(model, Item("a"))[0] == "eabcd"  # nothing to read: training counts


def test_an_instance_without_history_or_known_words_gets_training_counts(make_view):
    model = fitted(make_view(ITEMS, train=TRAIN))
    assert ask(model)[0] == ask(model, Item("new", title="lamp"))[0] == "eabcd"


def test_a_loaded_model_answers_as_the_saved_one(make_view, tmp_path):
    saved, loaded = fitted(make_view(ITEMS, train=TRAIN)), ContentKNN()
    saved.save(tmp_path)
    loaded.load(tmp_path)
    for history in [(), (A,), (A, B), (Item("z", title="red tin"),)]:
        assert ask(loaded, *history) == ask(saved, *history)


def test_a_catalogue_without_words_is_refused(make_view):
    with pytest.raises(BenchError, match="no words") as caught:
        fitted(make_view([{"item_id": "a", "title": "--"}], train=[]))
    assert "item-knn" in caught.value.fix
