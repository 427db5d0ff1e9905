"""Rankings in columns are those of objects: shared scores, frozen instances, stored rows."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmark.data.instances.lazily import FrozenInstances
from benchmark.errors import BenchError
from benchmark.instances import History, RecommendationInstance, SearchInstance
from benchmark.predictions import Rating, Selection, Text
from benchmark.ranking import KeyedRanker, Rankings, queries, rank_in_blocks
from benchmark.runs.predictions import predict_shard
from benchmark.tasks import TASKS


@pytest.fixture(scope="module")
def asked(sim_xs) -> FrozenInstances:
    return sim_xs.instances("search")


def test_instances_built_together_are_those_built_one_by_one(sim_xs) -> None:
    for task in sim_xs.tasks:
        instances = sim_xs.instances(task)
        table = sim_xs.training_view().examples(task)
        one_by_one = [instances[i : i + 1][0] for i in range(len(instances))]
        assert list(instances) == one_by_one
        assert list(instances[::-1]) == one_by_one[::-1]
        assert table[3:40:5] == [table[i] for i in range(3, 40, 5)]


def test_the_columns_of_instances_say_what_the_objects_say(asked, sim_xs) -> None:
    for instances in (asked, asked[::-2], sim_xs.instances("recommendation")[5:9]):
        excluded, starts = instances.excluded
        ids = sim_xs.catalogue().ids
        for row, instance in enumerate(instances):
            columns = excluded[starts[row] : starts[row + 1]]
            assert {ids[i] for i in columns} == instance.exclude
            assert len(columns) == len(instance.exclude)
        assert queries(instances) == queries(list(instances))
        assert {each.k for each in instances} == {instances.k}


def drawn(key: int | None, items: int) -> np.ndarray:
    return np.random.default_rng(0 if key is None else key).integers(0, 9, items).astype(float)


@pytest.mark.parametrize("as_objects", [True, False])
def test_a_key_scored_once_ranks_as_if_each_instance_were_scored(asked, sim_xs, as_objects) -> None:
    ids = sim_xs.catalogue().ids
    keys = [len(query or "") for query in queries(asked)]
    scored: list[tuple[int, int]] = []

    def score(key: int, most: int) -> np.ndarray:
        scored.append((key, most))
        return drawn(key, len(ids))

    ranker = KeyedRanker(ids, score)
    instances = list(asked) if as_objects else asked
    found = [*ranker.rank(instances[:50], keys[:50]), *ranker.rank(instances[50:], keys[50:])]
    rows = np.stack([drawn(key, len(ids)) for key in keys])
    assert found == list(rank_in_blocks(list(asked), lambda block: rows, ids, rows=len(asked)))
    assert len(scored) == len(set(scored)) < len(asked) / 3


def test_instances_that_ask_for_different_things_are_ranked_each_by_its_own() -> None:
    ids = tuple(f"i{n:03}" for n in range(200))
    instances = [
        RecommendationInstance("a", "u", History(), frozenset(ids[:150:2]), k=7),
        SearchInstance("b", "u", History(), "q", frozenset({"unknown", ids[3]}), k=20),
        RecommendationInstance("c", "u", History(), frozenset(), k=200),
    ]
    ranker = KeyedRanker(ids, lambda key, most: drawn(key, 200))
    rows = np.stack([drawn(key, 200) for key in (1, 2, 1)])
    expected = list(rank_in_blocks(instances[:2], lambda block: rows[:2], ids, rows=2))
    expected += rank_in_blocks(instances[2:], lambda block: rows[2:], ids)
    assert list(ranker.rank(instances, [1, 2, 1])) == expected
    short = replace(instances[0], k=126)
    with pytest.raises(BenchError, match=r"126 items was asked where only 125 items"):
        ranker.rank([short], [1])


class Answering:
    """Gives what it was built with."""

    def __init__(self, answers) -> None:
        self.answers = answers

    def predict(self, instances):
        return self.answers


@pytest.mark.parametrize(
    "fault",
    ["none", "order", "repeated", "excluded", "increasing", "infinite", "id", "short", "other ids"],
)
def test_columns_are_stored_and_refused_as_objects_are(asked, sim_xs, tmp_path, fault) -> None:
    instances = asked[:20]
    ids = sim_xs.catalogue().ids
    good = rank_in_blocks(instances, lambda block: np.tile(drawn(1, len(ids)), (20, 1)), ids)
    items, scores, given = good.items.copy(), good.scores.copy(), list(good.ids)
    lengths, names = good.lengths.copy(), ids
    if fault == "order":
        given[3], given[4] = given[4], given[3]
    elif fault == "repeated":
        items[3, 1] = items[3, 0]
    elif fault == "excluded":
        items[3, 9] = sim_xs.catalogue().index[min(instances[3].exclude)]
    elif fault == "increasing":
        scores[3, 0] = -1
    elif fault == "infinite":
        scores[3, 9] = -np.inf
    elif fault == "id":
        given[3] = "nobody"
    elif fault == "short":
        lengths[3] = 9
    elif fault == "other ids":
        names = ("unknown", *ids[1:])
        items[3, 0] = 0
    answers = Rankings(given, lengths, items, scores, names)
    tables = []
    for form, answer in (("columns", answers), ("objects", list(answers))):
        path = tmp_path / f"{form}.parquet"
        known = sim_xs.catalogue().index.__contains__
        predict_shard(Answering(answer), TASKS.get("search"), instances, known, path, "x")
        tables.append(pq.read_table(path).replace_schema_metadata())
    assert tables[0].equals(tables[1])
    failed = [i for i, status in enumerate(tables[0]["status"].to_pylist()) if status != "ok"]
    assert failed == {"none": [], "order": [3, 4]}.get(fault, [3])


@pytest.mark.parametrize(
    ("task", "sound", "odd"),
    [
        ("preference", lambda i: Rating(i, 3.0), lambda i: Rating(i, Fraction(7, 2))),
        ("explanation", lambda i: Text(i, "Fine."), lambda i: Text(i, "Half a letter: \ud800")),
        (
            "selection",
            lambda i: Selection(i, (), (0,) * 7),
            lambda i: Selection(i, (), (10**400,) * 7),
        ),
    ],
)
def test_an_answer_that_no_table_holds_has_failed_and_others_stand(
    sim_xs, tmp_path, task, sound, odd
) -> None:
    instances = sim_xs.instances(task)[:3]
    first, second, third = instances.ids
    answers, path = [sound(first), odd(second), sound(third)], tmp_path / "shard.parquet"
    predict_shard(Answering(answers), TASKS.get(task), instances, lambda item: True, path, "x")
    assert pq.read_table(path)["status"].to_pylist() == ["ok", "failed", "ok"]
