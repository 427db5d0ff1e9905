"""Instances that are read some at a time are those that are read at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.data.dataset import Dataset
from benchmark.errors import BenchError
from benchmark.runs import asking
from benchmark.runs.asking import StreamedInstances, asked_instances
from benchmark.runs.scoring import have_several

BLOCK = 32
TASKS = ("recommendation", "preference", "explanation", "selection", "search", "image-generation")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BLOCK", BLOCK)


@pytest.mark.parametrize("perturb", [None, "nt"])
@pytest.mark.parametrize("task", TASKS)
def test_slices_hold_the_same_instances_and_targets(sim_xs, task, perturb) -> None:
    whole = sim_xs.instances(task, perturb=perturb)
    streamed = asked_instances(sim_xs, task, cohort="seen", perturb=perturb)
    assert isinstance(streamed, StreamedInstances)
    assert (len(streamed), streamed.sha256) == (len(whole), whole.sha256)
    assert (streamed.k, streamed.rating_scale) == (whole.k, whole.rating_scale)
    assert repr(streamed) == repr(whole)
    end = len(whole)
    for rows in [
        slice(0, 8),
        slice(BLOCK - 8, BLOCK),
        slice(BLOCK - 3, BLOCK + 3),  # over a border
        slice(2 * BLOCK, 5 * BLOCK),
        slice(end - 5, end + 5),
        slice(3, 3),
        slice(20, 2, -3),
    ]:
        assert list(streamed[rows]) == list(whole[rows])
        assert streamed[rows].targets == whole[rows].targets
        assert streamed[rows].ids == whole[rows].ids
    assert streamed[-1] == whole[-1]
    assert streamed[BLOCK] == whole[BLOCK]
    assert list(streamed) == list(whole)
    assert (streamed.ids, streamed.targets) == (whole.ids, whole.targets)


@pytest.mark.parametrize("task", ["recommendation", "preference", "selection"])
@pytest.mark.parametrize("cohort", ["seen", "new-user"])
def test_several_positives_are_told_without_reading_the_rest(
    sim_xs, monkeypatch, task, cohort
) -> None:
    monkeypatch.setattr(asking, "BLOCK", 4)
    whole = sim_xs.instances(task, cohort=cohort)
    streamed = asked_instances(sim_xs, task, cohort=cohort, perturb=None)
    monkeypatch.delattr(StreamedInstances, "_read")
    assert isinstance(streamed, StreamedInstances)
    expected = (task, cohort) == ("selection", "new-user")
    assert have_several(streamed) == have_several(whole) == expected


def test_one_block_is_held_however_many_were_read(sim_xs, monkeypatch) -> None:
    streamed = asked_instances(sim_xs, "search", cohort="seen", perturb=None)
    read: list[tuple[int, int]] = []
    own = StreamedInstances._read
    monkeypatch.setattr(
        StreamedInstances, "_read", lambda self, *rows: read.append(rows) or own(self, *rows)
    )
    for start in range(0, len(streamed), 8):
        assert len(streamed[start : start + 8])
    assert read == [(at, min(at + BLOCK, len(streamed))) for at in range(0, len(streamed), BLOCK)]


def test_few_instances_are_read_at_once(sim_xs, monkeypatch) -> None:
    monkeypatch.setattr(asking, "BLOCK", 1 << 16)
    found = asked_instances(sim_xs, "search", cohort="seen", perturb=None)
    assert not isinstance(found, StreamedInstances)


@pytest.fixture
def a_copy(sim_xs: Dataset, tmp_path: Path) -> Dataset:
    shutil.copytree(sim_xs.folder, tmp_path / "sim-xs")
    return Dataset(tmp_path / "sim-xs")


def test_a_changed_file_of_instances_is_refused(a_copy: Dataset) -> None:
    path = a_copy.folder / "tasks/search/test-seen.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BenchError, match=r"test-seen.parquet of .* is not as it was prepared"):
        asked_instances(a_copy, "search", cohort="seen", perturb=None)


def test_a_changed_description_is_refused(a_copy: Dataset) -> None:
    a_copy.info["notes"] = "changed"
    with pytest.raises(BenchError, match=r"dataset.json of .* is not as it was prepared"):
        asked_instances(a_copy, "search", cohort="seen", perturb=None)


def test_a_file_that_is_gone_is_named(a_copy: Dataset) -> None:
    (a_copy.folder / "tasks/search/test-seen.parquet").unlink()
    found = asked_instances(a_copy, "search", cohort="seen", perturb=None)
    with pytest.raises(BenchError, match=r"Cannot read .*test-seen.parquet"):
        found[:1]
