from __future__ import annotations

from collections import Counter

import pytest

from baselines.trivial.popularity import Popularity
from baselines.trivial.random import Random
from baselines.trivial.repeat_last import RepeatLast
from benchmark.instances import (
    History,
    Item,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)

ITEMS = [{"item_id": name} for name in "abcde"]
#: c is taken three times, b and d twice, a and e never.
TAKEN = [{"user_id": f"u{i}", "item_id": name} for i, name in enumerate("cbdcbdc")]


@pytest.fixture
def view(make_view):
    return make_view(ITEMS, train=TAKEN, valid=[{"user_id": "u9", "item_id": "a"}] * 9)


def ask(*, exclude="", history="", k=3, name="q"):
    taken = History(tuple(Item(each) for each in history))
    return RecommendationInstance(name, "u", taken, exclude=frozenset(exclude), k=k)


def answer(model, instance):
    (prediction,) = model.predict([instance])
    return "".join(prediction.items)


def test_popularity_ranks_by_training_count_and_breaks_ties_by_item_index(view):
    model = Popularity()
    model.fit(view, seed=0)
    assert answer(model, ask(k=5)) == "cbdae"


def test_popularity_skips_excluded_items(view):
    model = Popularity()
    model.fit(view, seed=0)
    assert answer(model, ask(exclude="cb")) == "dae"


def test_popularity_scores_are_the_training_counts(view):
    model = Popularity()
    model.fit(view, seed=0)
    (prediction,) = model.predict([ask()])
    assert prediction.scores == (3.0, 2.0, 2.0)


def test_popularity_ignores_the_query(view):
    model = Popularity()
    model.fit(view, seed=0)
    search = SearchInstance("s", "u", History(), query="shoes", k=5)
    assert answer(model, search) == "cbdae"


def test_repeat_last_puts_the_latest_items_first_each_once(view):
    model = RepeatLast()
    model.fit(view, seed=0)
    assert answer(model, ask(history="eaeba", k=5)) == "abecd"


def test_repeat_last_is_popularity_where_the_past_is_excluded(view):
    repeat, popular = RepeatLast(), Popularity()
    repeat.fit(view, seed=0)
    popular.fit(view, seed=0)
    instance = ask(history="ea", exclude="ea")
    assert answer(repeat, instance) == answer(popular, instance) == "cbd"


def test_repeat_last_survives_save_and_load(view, tmp_path):
    fitted, loaded = RepeatLast(), RepeatLast()
    fitted.fit(view, seed=0)
    fitted.save(tmp_path)
    loaded.load(tmp_path)
    instance = ask(history="ea", k=5)
    assert list(loaded.predict([instance])) == list(fitted.predict([instance]))


def test_random_depends_on_seed_and_instance_id_only(view):
    one, same, other = Random(), Random(), Random()
    one.fit(view, seed=1)
    same.fit(view, seed=1)
    other.fit(view, seed=2)
    instances = [ask(name=f"q{i}", k=5) for i in range(20)]
    answers = [answer(one, question) for question in instances]
    assert answers == [answer(same, question) for question in reversed(instances)][::-1]
    assert answers != [answer(other, question) for question in instances]
    assert len(set(answers)) > 10


def test_random_puts_every_item_first_equally_often(view):
    model = Random()
    model.fit(view, seed=0)
    first = Counter(answer(model, ask(name=f"q{i}", k=1)) for i in range(2_000))
    assert sorted(first) == list("abcde")
    assert all(320 <= count <= 480 for count in first.values())  # 400 expected, 4.5 deviations


def test_random_selects_each_candidate_half_of_the_time(view):
    model = Random()
    model.fit(view, seed=0)
    candidates = tuple(Item(name) for name in "abcd")
    instances = [SelectionInstance(f"s{i}", "u", History(), candidates) for i in range(1_000)]
    chosen = sum(len(prediction.chosen) for prediction in model.predict(instances))
    assert 1_870 <= chosen <= 2_130  # 2,000 expected, 4 deviations
