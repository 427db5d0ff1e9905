"""The asked category, then the user's own items, then counts; and the majority of candidates."""

from __future__ import annotations

import random

import pytest

from baselines.trivial.history_within_query import HistoryWithinQuery, HistoryWithinQueryConfig
from baselines.trivial.majority_category import MajorityCategory
from baselines.trivial.popularity import Popularity, PopularityConfig
from benchmark.data.queries import category_query
from benchmark.instances import (
    History,
    Item,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)

PATHS = {
    "a": ["Women", "Shoes"],
    "b": ["Women", "Shoes"],
    "c": ["Women", "Shoes", "Boots"],
    "d": ["Women", "Hats"],
    "e": ["Women"],  # one level: no query
    "f": ["Women", "Shoes"],
}
ITEMS = [
    {"item_id": name, "category": path, "query": category_query(path)}
    for name, path in PATHS.items()
]
#: d is taken four times, c three times, b twice, a and e once, f never.
TRAIN = [
    *({"user_id": "u", "item_id": name} for name in "dcdbca"),
    *({"user_id": "v", "item_id": name} for name in "ddcbe"),
]


@pytest.fixture
def view(make_view):
    return make_view(ITEMS, train=TRAIN)


def fitted(model, view):
    model.fit(view, seed=0)
    return model


def ranked(model, query=None, *, user="new", history="", exclude="", k=6):
    past, barred = History(tuple(map(Item, history))), frozenset(exclude)
    instance = (
        RecommendationInstance("q", user, past, exclude=barred, k=k)
        if query is None
        else SearchInstance("q", user, past, query, exclude=barred, k=k)
    )
    (prediction,) = model.predict([instance])
    return "".join(prediction.items)


def popularity(view, **settings):
    return fitted(Popularity(PopularityConfig(**settings)), view)


def test_within_query_puts_the_asked_path_first_by_counts(view):
    model = popularity(view, within_query=True)
    assert ranked(model, "women shoes") == "bafdce"
    assert ranked(model, "women hats") == "dcbaef"


def test_a_query_that_no_item_has_asks_for_the_paths_that_hold_its_words(view):
    model = popularity(view, within_query=True)
    assert ranked(model, "the Boots") == "cdbaef"
    assert ranked(model, "shoes") == "cbafde"


def test_a_query_of_unknown_or_no_words_is_plain_popularity(view):
    model = popularity(view, within_query=True)
    assert ranked(model, "lamps") == ranked(model, "") == ranked(model) == "dcbaef"


def test_repeat_puts_the_whole_past_first_the_latest_highest(view):
    model = popularity(view, own="whole")
    assert ranked(model, user="u") == "acbdef"  # u took d c d b c a
    assert ranked(model, user="u", history="b") == "bacdef"
    assert ranked(model, user="u", history="b", exclude="abcd", k=2) == "ef"


def test_repeat_of_the_history_shown_knows_no_training_item(view):
    assert ranked(popularity(view, own="shown"), user="u", history="fe") == "efdcba"


def test_history_within_query_ranks_own_items_then_popular_ones_of_the_category(view):
    model = fitted(HistoryWithinQuery(), view)
    assert ranked(model, "women shoes", history="fd") == "fbadce"
    assert ranked(model, "women shoes", user="u") == "abfcde"
    shown = fitted(HistoryWithinQuery(HistoryWithinQueryConfig(past="shown")), view)
    assert ranked(shown, "women shoes", user="u") == "bafdce"


def test_history_within_query_is_popularity_there_when_the_past_is_excluded(view):
    own, popular = fitted(HistoryWithinQuery(), view), popularity(view, within_query=True)
    asked = {"query": "women shoes", "user": "u", "history": "d", "exclude": "abcd", "k": 2}
    assert ranked(own, **asked) == ranked(popular, **asked) == "fe"


@pytest.mark.parametrize("own", [None, "shown", "whole"])
def test_a_loaded_model_ranks_as_the_saved_one(view, tmp_path, own):
    settings = PopularityConfig(own=own, within_query=True)
    saved, loaded = fitted(Popularity(settings), view), Popularity(settings)
    saved.save(tmp_path)
    loaded.load(tmp_path)
    for query in (None, "women shoes", "boots"):
        assert ranked(loaded, query, user="u", history="e") == ranked(
            saved, query, user="u", history="e"
        )


def chosen(*paths):
    candidates = tuple(
        Item(name, category=path) for name, path in zip("abcdef", paths, strict=False)
    )
    (prediction,) = MajorityCategory().predict([SelectionInstance("s", "u", History(), candidates)])
    return "".join(prediction.chosen), prediction.scores


def test_the_candidates_of_the_most_frequent_path_are_chosen():
    assert chosen(("A", "x"), ("A", "y"), ("A", "x"), ()) == ("ac", (0.5, 0.25, 0.5, 0.0))


def test_categories_that_tie_are_all_chosen_in_any_order_of_candidates():
    paths = [("x",), ("y",), ("y",), ("x",), ("z",)]
    expected = {("x",): 2, ("y",): 2}
    for seed in range(5):
        random.Random(seed).shuffle(paths)
        names, _ = chosen(*paths)
        taken = [paths["abcdef".index(name)] for name in names]
        assert {path: taken.count(path) for path in taken} == expected


def test_candidates_without_categories_are_no_majority():
    assert chosen((), (), ("x",)) == ("c", (0.0, 0.0, 1 / 3))
    assert chosen((), ()) == ("ab", (0.0, 0.0))
