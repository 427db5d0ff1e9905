"""Slices against counts made from the dataset's own files, one instance at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmark.compare.slices import HISTORY, PHOTO, POPULARITY, slices_of


def _by(slices: list[Any], by: str) -> dict[str, set[int]]:
    return {s.value: set(np.flatnonzero(s.rows).tolist()) for s in slices if s.by == by}


def _bounds(label: str) -> tuple[float, float]:
    low, _, high = label.partition(" to ")
    return float(low), float(high or low)


@pytest.mark.parametrize(
    ("task", "cohort"),
    [("search", "seen"), ("preference", "seen"), ("selection", "seen"), ("selection", "new-user")],
)
def test_every_instance_is_in_the_slice_its_own_numbers_say(
    sim_xs: Any, task: str, cohort: str
) -> None:
    instances = sim_xs.instances(task, cohort=cohort)
    rows = sim_xs.interactions().to_dicts()
    of_user = Counter(row["user_id"] for row in rows)
    trained = Counter(
        row["item_id"] for row in rows if row["part"] == "train" and row["cohort"] == "seen"
    )
    slices = slices_of(sim_xs, task, cohort, instances.ids)
    expected: dict[str, list[float]] = {HISTORY: [], POPULARITY: []}
    for instance, target in zip(instances, instances.targets, strict=True):
        items = target if isinstance(target, tuple) else (instance.item.item_id,)
        expected[HISTORY].append(of_user[instance.user_id] - len(items))
        expected[POPULARITY].append(sum(trained[item] for item in items) / len(items))
        assert len(instance.history) <= expected[HISTORY][-1]
    for by, values in expected.items():
        found = _by(slices, by)
        assert sorted(i for part in found.values() for i in part) == list(range(len(instances)))
        assert 2 <= len(found) <= 3
        for label, part in found.items():
            low, high = _bounds(label)
            assert {values[i] for i in part} <= {v for v in values if low <= v <= high + 0.01}
    assert _by(slices, PHOTO) == {}  # every simulated item has one: no slice


def test_missing_photos_make_two_slices(sim_xs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = sim_xs.catalogue()
    blind = set(catalogue.ids[::2])
    frame = catalogue.frame.with_columns(
        pl.when(pl.col("item_id").is_in(list(blind))).then(None).otherwise("image").alias("image")
    )
    monkeypatch.setattr(catalogue, "frame", frame)
    instances = sim_xs.instances("search")
    found = _by(slices_of(sim_xs, "search", "seen", instances.ids), PHOTO)
    without = {i for i, (item,) in enumerate(instances.targets) if item in blind}
    assert found == {"no": without, "yes": set(range(len(instances))) - without}


def test_a_part_of_the_instances_has_terciles_of_its_own(sim_xs: Any) -> None:
    ids = sim_xs.instances("search").ids[30:60][::-1]
    slices = slices_of(sim_xs, "search", "seen", ids)
    assert all(len(part.rows) == 30 for part in slices)
    whole = slices_of(sim_xs, "search", "seen", sim_xs.instances("search").ids)
    assert _by(whole, POPULARITY) != _by(slices, POPULARITY)


def test_instances_the_dataset_does_not_have_make_no_slices(sim_xs: Any) -> None:
    assert slices_of(sim_xs, "search", "seen", ["no-such-instance"]) == []
