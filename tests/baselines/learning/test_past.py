"""What users took before: the order, each item once, and who is unknown."""

from __future__ import annotations

from baselines.learning.past import Pasts, training_counts
from benchmark.instances import History, Item, RecommendationInstance

ITEMS = [{"item_id": name} for name in "abcde"]
ROWS = [
    *({"user_id": "u", "item_id": name, "timestamp": t} for t, name in enumerate("abacb")),
    *({"user_id": "v", "item_id": name, "timestamp": t} for t, name in enumerate("ed")),
]


def before(pasts, view, user, history=""):
    instance = RecommendationInstance("q", user, History(tuple(map(Item, history))))
    return "".join("abcde"[item] for item in pasts.before(instance, view.catalogue.index))


def test_each_item_counts_once_at_its_latest_place(make_view):
    view = make_view(ITEMS, train=ROWS)
    pasts = Pasts.of(view.interactions("train"), view.catalogue)
    assert before(pasts, view, "u") == "bca"
    assert before(pasts, view, "v") == "de"


def test_the_history_shown_is_later_than_training(make_view):
    view = make_view(ITEMS, train=ROWS)
    pasts = Pasts.of(view.interactions("train"), view.catalogue)
    assert before(pasts, view, "u", "cad") == "dacb"


def test_a_user_unknown_to_training_has_the_known_items_of_the_history(make_view):
    view = make_view(ITEMS, train=ROWS)
    pasts = Pasts.of(view.interactions("train"), view.catalogue)
    assert before(pasts, view, "new", "axb") == "ba"
    assert before(pasts, view, "new") == ""


def test_a_saved_past_is_read_back(make_view, tmp_path):
    view = make_view(ITEMS, train=ROWS)
    Pasts.of(view.interactions("train"), view.catalogue).save(tmp_path)
    loaded = Pasts.load(tmp_path)
    assert [before(loaded, view, user, "e") for user in ("u", "v", "new")] == ["ebca", "ed", "e"]


def test_counts_are_of_training_alone_and_zero_for_what_nobody_took(make_view):
    view = make_view(ITEMS, train=ROWS[:5], valid=ROWS[5:])
    assert training_counts(view).tolist() == [2, 2, 1, 0, 0]
