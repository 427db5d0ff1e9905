"""Item-to-item neighbours against a loop over all pairs, and what a ranking makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from baselines.neighbours import item_knn
from baselines.neighbours.item_knn import ItemKNN, ItemKNNConfig, similarities
from benchmark.errors import BenchError
from benchmark.instances import History, Item, RecommendationInstance

LOGS = st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=1, max_size=8)


def by_hand(taken, *, neighbours, shrinkage, itself):
    """Every pair, one after the other."""
    size = taken.shape[1]
    expected = np.zeros((size, size))
    for i in range(size):
        found = []
        for j in range(size):
            shared = sum(row[i] and row[j] for row in taken)
            if shared and (itself or i != j):
                norm = (taken[:, i].sum() * taken[:, j].sum()) ** 0.5
                found.append((-round(shared / (norm + shrinkage), 12), j))
        for value, j in sorted(found)[:neighbours]:
            expected[i, j] = -value
    return expected


@settings(max_examples=60, deadline=None)
@given(LOGS, st.integers(1, 8), st.sampled_from([0.0, 0.5, 10.0]), st.booleans(), st.booleans())
def test_similarities_are_those_of_a_loop_over_all_pairs(log, neighbours, shrinkage, itself, small):
    taken = np.zeros((len(log), 7))
    for user, items in enumerate(log):
        taken[user, sorted(items)] = 1
    asked = {"neighbours": neighbours, "shrinkage": shrinkage, "itself": itself}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_knn, "BLOCK", 5 if small else 1_000)  # one item a block, or all in one
        found = similarities(sparse.csr_array(taken), **asked).toarray()
    np.testing.assert_allclose(found, by_hand(taken, **asked), rtol=1e-9)


ITEMS = [{"item_id": name} for name in "abcde"]
#: a and b are taken together twice, a and c once; d alone; nobody takes e.
TRAIN = [
    {"user_id": str(user), "item_id": name}
    for user, names in enumerate(["ab", "ab", "ac", "d", "d", "d"])
    for name in names
]


def fitted(view, **set_to):
    model = ItemKNN(ItemKNNConfig(**set_to))
    model.fit(view, seed=0)
    return model


def ask(model, history="", user="new", k=5):
    past = History(tuple(map(Item, history)))
    (prediction,) = model.predict([RecommendationInstance("q", user, past, k=k)])
    return "".join(prediction.items), prediction.scores


def test_neighbours_come_by_similarity_and_everything_else_by_training_counts(make_view):
    names, scores = ask(fitted(make_view(ITEMS, train=TRAIN), shrinkage=0), "a")
    assert names == "bcade"  # a is no neighbour of itself; a and d tie with three, e has none
    assert scores[:2] == pytest.approx((2 / 6**0.5, 1 / 3**0.5))


def test_an_item_is_its_own_neighbour_where_the_data_allows_repeats(make_view):
    view = make_view(ITEMS, train=TRAIN)
    view.allow_repeats = True
    assert ask(fitted(view, shrinkage=0), "a")[0] == "abcde"
    assert ask(fitted(view, shrinkage=0, itself=False), "a")[0] == "bcade"


def test_earlier_items_weigh_less_by_recency(make_view):
    view = make_view(ITEMS, train=TRAIN)
    (profile,) = (
        fitted(view, recency=0.5)
        .profiles([RecommendationInstance("q", "0", History((Item("c"), Item("d"))))])
        .toarray()
    )
    assert profile.tolist() == [0.125, 0.25, 0.5, 1, 0]  # shown: c, d; in training: a, b


def test_a_user_without_a_known_item_gets_training_counts(make_view):
    model = fitted(make_view(ITEMS, train=TRAIN))
    assert ask(model)[0] == ask(model, "x")[0] == "adbce"


def test_a_known_user_is_answered_from_training_only_if_the_whole_past_counts(make_view):
    view = make_view(ITEMS, train=TRAIN)
    assert ask(fitted(view), user="2")[0][:2] == "ba"  # of a and c: b through a, a through c
    assert ask(fitted(view, past="shown"), user="2")[0] == "adbce"


def test_data_without_training_interactions_is_refused(make_view):
    with pytest.raises(BenchError, match="no training interactions"):
        fitted(make_view(ITEMS))
