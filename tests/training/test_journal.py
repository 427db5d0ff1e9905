"""One record of a training, in one file, for every model that learns."""

from __future__ import annotations

import json

import pytest

from benchmark.errors import BenchError
from benchmark.training.journal import NAME, SPEED, Journal

JOURNAL = Journal(
    [
        {"stage": "joint", "loss": 2.0, "valid search NDCG@5": 0.1, SPEED: 900.0},
        {"stage": "joint", "loss": 1.0, "valid search NDCG@5": 0.3, SPEED: 901.0},
        {"stage": "own search", "loss": 0.5},
    ],
    {"joint": 1, "own search": -1},
)


def test_a_saved_journal_is_read_back_without_what_differs_from_fit_to_fit(tmp_path):
    JOURNAL.save(tmp_path)
    read = Journal.load(tmp_path)
    assert read.kept == JOURNAL.kept
    assert read.epochs[0] == {"stage": "joint", "loss": 2.0, "valid search NDCG@5": 0.1}


def test_epochs_are_found_by_stage_and_numbers_by_name():
    assert JOURNAL.values("loss") == [2.0, 1.0, 0.5]
    assert JOURNAL.values("loss", stage="joint") == [2.0, 1.0]
    assert JOURNAL.values("valid search NDCG@5", stage="own search") == []


def test_stages_of_a_later_training_follow():
    first = Journal([{"stage": "pre-training", "loss": 3.0}], {"pre-training": 0})
    first.extend(Journal([{"stage": "training", "loss": 1.0}], {"training": 0}))
    assert [epoch["stage"] for epoch in first.epochs] == ["pre-training", "training"]
    assert first.kept == {"pre-training": 0, "training": 0}


@pytest.mark.parametrize("content", ["[]", "{", json.dumps({"epochs": []}), None])
def test_a_file_that_is_no_journal_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / NAME).write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=NAME) as error:
        Journal.load(tmp_path)
    assert "fit the model again" in error.value.fix
