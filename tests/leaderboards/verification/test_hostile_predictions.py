"""How findings of rows are told, and what is checked where the dataset is absent."""

from __future__ import annotations

import pyarrow as pa
import pytest

from benchmark.tasks import TASKS
from leaderboards.submission import limits, tables
from leaderboards.submission.limits import Budget
from leaderboards.verification import answers
from tests.leaderboards.hostile.predictions import Rows


def test_findings_of_one_kind_are_counted_not_listed(forge) -> None:
    def change(rows: Rows) -> None:
        for row in rows:
            row["scores"] = [float("nan")] * 10

    result = forge.verify(forge.rows(change))
    assert [p.code for p in result.problems] == ["score-not-finite"] * (limits.SAME_CODE + 1)
    assert "103 more" in result.problems[-1].message


@pytest.mark.parametrize("task", list(TASKS))
def test_form_is_checked_without_the_dataset(content_of, task) -> None:
    table = tables.decode(content_of(task), task, "good", Budget())
    found = answers.answer_problems(table, TASKS.get(task), "x", asked=None, known=None)
    assert list(found) == []
    rows = table.to_pylist()
    spoiled = {
        "preference": {"value": float("nan")},
        "explanation": {"text": ""},
        "image-generation": {"png": b"GIF89a"},
    }.get(task, {"scores": [float("nan")]})
    rows[0].update(spoiled)
    table = pa.Table.from_pylist(rows, schema=table.schema)
    assert (
        len(list(answers.answer_problems(table, TASKS.get(task), "x", asked=None, known=None))) == 1
    )
