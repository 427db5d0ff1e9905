"""Selection candidates: who draws them, from what, and that they tell nothing without the user."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.instances.building import FILLED, InstanceBuilder
from benchmark.data.instances.candidates import Blocks, Owned, draw_candidates
from benchmark.data.instances.ragged import Ragged
from benchmark.data.instances.seeded import splitmix
from benchmark.data.instances.timeline import Timeline
from benchmark.data.preparing.prepare import prepare
from benchmark.host.home import Home
from benchmark.instances import Item

#: Candidates of an instance and whether each is right.
Shown = list[tuple[tuple[Item, ...], NDArray[np.bool_]]]
#: Scores of candidates by a rule that knows the training counts but no user.
Rule = Callable[[tuple[Item, ...], dict[str, int]], list[float]]

RULES: dict[str, Rule] = {
    "majority category": lambda items, counts: [
        sum(other.category == item.category for other in items) for item in items
    ],
    "most popular": lambda items, counts: [counts[item.item_id] for item in items],
    "rarest": lambda items, counts: [-counts[item.item_id] for item in items],
    "first": lambda items, counts: [-place for place in range(len(items))],
}


def shown(dataset: Dataset, cohort: str = "seen") -> Shown:
    instances = dataset.instances("selection", cohort=cohort)
    return [
        (instance.candidates, np.array([i.item_id in target for i in instance.candidates]))
        for instance, target in zip(instances, instances.targets, strict=True)
    ]


def training_counts(dataset: Dataset) -> dict[str, int]:
    rows = dataset.training_view().interactions()
    counts: dict[str, int] = defaultdict(int)
    counts.update(rows["item_id"].value_counts().iter_rows())
    return counts


def advantages(
    instances: Shown, counts: dict[str, int]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """F1 of the m best by each rule less its expectation for m at random, per instance.

    Candidates that tie are all as likely to be among the m: nothing is given to their order.
    """
    for name, rule in RULES.items():
        scores = [np.array(rule(items, counts), float) for items, _ in instances]
        for m in (1, 3, "half", "all"):
            yield (
                f"{name}, {m}",
                np.array(
                    [
                        _advantage(values, right, _number(m, len(values)))
                        for values, (_, right) in zip(scores, instances, strict=True)
                    ]
                ),
            )


def _number(m: int | str, candidates: int) -> int:
    if isinstance(m, int):
        return m
    return candidates if m == "all" else candidates // 2


def _advantage(scores: NDArray[np.float64], right: NDArray[np.bool_], m: int) -> float:
    last = np.sort(scores)[-m]
    above, tied = scores > last, scores == last
    chosen = above + tied * (m - above.sum()) / tied.sum()  # P(chosen)
    return float(2 * ((chosen - m / len(scores)) @ right) / (m + right.sum()))


def leaks(instances: Shown, counts: dict[str, int]) -> dict[str, float]:
    """Rules whose mean advantage has a bootstrap interval without 0, Holm's correction over all.

    Each user has one instance, so instances are resampled.
    """
    rng = np.random.default_rng(0)
    n = len(instances)
    names, columns = zip(*advantages(instances, counts), strict=True)
    values = np.stack(columns, axis=1)  # (instances, rules)
    draws = (rng.multinomial(n, np.full(n, 1 / n), size=100) / n for _ in range(25))
    resampled = np.concatenate([draw @ values for draw in draws])  # (draws, rules)
    found = {}
    for name, means, column in zip(names, resampled.T, columns, strict=True):
        below = min((means <= 1e-12).mean(), (means >= -1e-12).mean())
        found[name] = (min(1.0, 2 * below), float(column.mean()))
    leaking = {}
    ordered = sorted(found.items(), key=lambda entry: entry[1][0])
    for place, (name, (p, mean)) in enumerate(ordered):
        if p * (len(ordered) - place) >= 0.05:
            break
        leaking[name] = mean
    return leaking


def _by_category(dataset: Dataset) -> Shown:
    """Candidates as version 1 of the task drew them: half share the category of the positive."""
    rng = np.random.default_rng(0)
    catalogue = dataset.catalogue()
    items = [catalogue[i] for i in range(len(catalogue))]
    pools: dict[tuple[str, ...], list[Item]] = defaultdict(list)
    for item in items:
        pools[item.category].append(item)
    offered: Shown = []
    instances = dataset.instances("selection")
    for target in instances.targets:
        chosen = [catalogue.by_id(target[0])]
        for slot in range(6):
            pool = pools[chosen[0].category] if slot < 3 else items
            rest = [item for item in pool if item not in chosen] or items
            chosen.append(rest[rng.integers(len(rest))])
        order = rng.permutation(len(chosen))
        offered.append((tuple(chosen[i] for i in order), order == 0))
    return offered


def _raw(shared: Path, source: str) -> Path:
    folder = (
        shared
        / {
            "hm": "hm",
            "sequences": "amazon-beauty-ids/Beauty.txt",
            "amazon2023": "amazon-2023-sample",
        }[source]
    )
    if not folder.exists():
        pytest.skip(f"no {folder.name} in ../shared/data")
    return folder


DATA = [
    pytest.param("sim", {"size": "xs"}, id="sim-xs"),
    pytest.param("sim", {"size": "s"}, id="sim-s", marks=pytest.mark.slow),
    pytest.param("ml-100k", {}, id="ml-100k", marks=pytest.mark.slow),
    pytest.param("hm", {}, id="hm", marks=pytest.mark.slow),
    pytest.param("sequences", {}, id="beauty-ids", marks=pytest.mark.slow),
    pytest.param("amazon2023", {}, id="amazon2023", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("source", "settings"), DATA)
def test_no_rule_blind_to_the_user_beats_chance(source, settings, tmp_path, request) -> None:
    if source == "ml-100k":
        pytest.importorskip("recbole", reason="ml-100k comes with recbole")
    raw = None
    if source not in ("sim", "ml-100k"):
        raw = _raw(request.getfixturevalue("shared_data"), source)
    dataset = prepare(source, home=Home(tmp_path), name="data", raw=raw, settings=settings)
    counts = training_counts(dataset)
    for cohort in dataset.info["statistics"]["cohorts"]:
        assert leaks(shown(dataset, cohort), counts) == {}, cohort
    if dataset.catalogue().frame["category"].list.len().sum():
        assert any(name.startswith("majority") for name in leaks(_by_category(dataset), counts))


def world(users: int, items: int, rng: np.random.Generator) -> tuple[Blocks, Owned]:
    """Shoppers of one taste who buy what is popular first; the last thing each has is asked."""
    order = np.argsort(np.log(np.arange(1, items + 1)) - rng.gumbel(size=(users, items)), axis=1)
    length = rng.integers(2, items // 6, users)
    what = np.concatenate([row[:n] for row, n in zip(order, length, strict=True)])
    ends = np.arange(1, users + 1)
    keys = splitmix(np.arange(users, dtype=np.uint64), 0)
    blocks = Blocks(np.arange(users), Ragged(what[np.cumsum(length) - 1], ends - 1, ends), keys)
    return blocks, Owned(np.arange(users).repeat(length), what, catalogue=items)


def test_items_are_negatives_as_often_as_they_are_positives() -> None:
    """Though popular items are more often the user's own, and so may not be offered."""
    users, items = 8_000, 300
    blocks, owned = world(users, items, np.random.default_rng(0))
    drawn, filled = draw_candidates(blocks, owned, negatives=6)
    assert filled == 0
    positives = np.bincount(blocks.items.flat()[0], minlength=items) / users
    negatives = (np.bincount(drawn.flat()[0], minlength=items) / users - positives) / 6
    free = ~owned.has(np.arange(users)[:, None], np.arange(items))
    unweighted = ((free * positives) / (free @ positives)[:, None]).mean(axis=0)
    popular = np.argsort(-positives)[:20]
    distinct = 3 * positives.max()  # what the same item would have had twice in an instance
    assert abs(negatives[popular].sum() / positives[popular].sum() - 1) < distinct + 0.01
    assert unweighted[popular].sum() / positives[popular].sum() < 0.85


def test_draws_depend_on_the_seed_and_not_on_the_order_of_building(build) -> None:
    dataset = build()
    catalogue = dataset.catalogue()
    seen = dataset.interactions().filter(pl.col("cohort") == "seen")
    timeline = Timeline.of_frame(seen, catalogue)
    users = np.arange(len(timeline.users))

    def drawn(seed: int) -> list[list[str]]:
        rules = replace(dataset.rules, seed=seed)
        builder = InstanceBuilder(timeline, catalogue, rules)
        rows, _ = builder.candidates(builder.last_of_users(users, "test", behind=0))
        return [[catalogue.ids[index] for index in row] for row in rows]

    frozen = [
        [i.item_id for i in instance.candidates] for instance in dataset.instances("selection")
    ]
    assert drawn(0) == frozen
    assert drawn(1) != frozen


def test_several_negatives_are_blocks_of_other_users() -> None:
    """Two consecutive items of somebody, where two are right."""
    items = np.arange(40).reshape(20, 2)  # user u's last two are 2u and 2u + 1
    ends = np.arange(2, 42, 2)
    blocks = Blocks(
        np.arange(20), Ragged(items.ravel(), ends - 2, ends), np.arange(20, dtype=np.uint64)
    )
    owned = Owned(np.arange(20).repeat(2), items.ravel(), catalogue=40)
    drawn, filled = draw_candidates(blocks, owned, negatives=6)
    assert filled == 0
    for user in range(20):
        assert {2 * user, 2 * user + 1} <= set(drawn[user])
        pairs, members = np.unique(np.array(drawn[user]) // 2, return_counts=True)
        assert len(pairs) == 4
        assert members.tolist() == [2, 2, 2, 2]


def test_a_last_block_that_does_not_fit_is_cut() -> None:
    ends = np.arange(2, 42, 2)
    blocks = Blocks(
        np.arange(20), Ragged(np.arange(40), ends - 2, ends), np.arange(20, dtype=np.uint64)
    )
    owned = Owned(np.arange(20).repeat(2), np.arange(40), catalogue=40)
    drawn, _ = draw_candidates(blocks, owned, negatives=5)
    assert {len(set(drawn[user])) for user in range(20)} == {7}


def test_too_few_other_users_leave_the_rest_to_the_catalogue_and_are_noted(shop, build) -> None:
    few = shop.interactions["user_id"].is_in(["u00", "u01", "u02"])
    assert "test-seen" not in build("whole").info["instances_noted"].get("selection", {})
    shop.interactions = shop.interactions.filter(few)
    dataset = build("few", settings={"new_users": "0"})
    for instance in dataset.instances("selection"):
        assert len({item.item_id for item in instance.candidates}) == 7
    assert dataset.info["instances_noted"]["selection"]["test-seen"] == {FILLED: 3}


def test_a_user_who_has_nearly_everything_gets_fewer_negatives() -> None:
    """Seven items, of which one user has five and the other all but one of those."""
    ends = np.arange(1, 3)
    blocks = Blocks(
        np.arange(2), Ragged(np.array([0, 1]), ends - 1, ends), np.arange(2, dtype=np.uint64)
    )
    user = np.array([0] * 5 + [1] * 6)
    item = np.array([0, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6])
    drawn, filled = draw_candidates(blocks, Owned(user, item, catalogue=7), negatives=6)
    assert filled == 2
    assert sorted(drawn[0]) == [0, 1, 6]
    assert sorted(drawn[1]) == [0, 1]
