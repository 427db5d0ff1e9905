"""Freezing holds the memory of some users at a time."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from benchmark.data.instances.table import InstanceTable
from benchmark.data.instances.timeline import Timeline, copied_texts
from benchmark.data.preparing import freezing
from benchmark.data.preparing.finishing import Finished, whole_users


@pytest.mark.parametrize("rows", [1, 7, 100, 10_000])
def test_a_timeline_made_some_users_at_a_time_is_that_of_all_rows(sim_xs, monkeypatch, rows):
    monkeypatch.setattr(freezing, "_ROWS", rows)
    interactions = sim_xs.interactions()
    finished = Finished(interactions, copied_texts(interactions))
    got = freezing.timeline_of(finished, sim_xs.catalogue())
    whole = Timeline.of_frame(interactions, sim_xs.catalogue(), copied=finished.copied)
    assert whole.rating.dtype == got.rating.dtype
    for field in fields(Timeline):
        one, other = getattr(got, field.name), getattr(whole, field.name)
        if isinstance(other, pl.Series):
            assert one.equals(other, null_equal=True), field.name
        elif isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=field.name)
            assert one.dtype == other.dtype, field.name
        else:
            assert one == other, field.name


def test_slices_hold_whole_users_and_all_rows():
    users = pl.Series(["b"] * 3 + ["a"] + ["d"] * 9 + ["c"] * 2)
    assert whole_users(users, 1) == [(0, 3), (3, 4), (4, 13), (13, 15)]
    assert whole_users(users, 4) == [(0, 3), (3, 4), (4, 15)]
    assert whole_users(users, 100) == [(0, 15)]


@pytest.mark.parametrize("instances", [1, 100])
def test_instances_written_some_at_a_time_are_the_same_file(
    sim_xs, tmp_path, monkeypatch, instances
) -> None:
    monkeypatch.setattr(freezing, "_INSTANCES", instances)
    catalogue = sim_xs.catalogue()
    for task in ("recommendation", "preference", "explanation", "selection", "search"):
        frozen = sim_xs.folder / "tasks" / task / "test-new-user.parquet"
        table = InstanceTable.of_frame(
            task, pl.read_parquet(frozen), catalogue, sim_xs.rules.rating_scale, sim_xs.rules.k
        )
        freezing._write(table, catalogue, tmp_path / f"{task}.parquet")
        assert (tmp_path / f"{task}.parquet").read_bytes() == frozen.read_bytes(), task
