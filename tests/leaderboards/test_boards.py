"""Boards are over instances that exist, each kind once."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchError
from benchmark.tasks import TASKS
from leaderboards.boards import FOLDER, boards_of, load_board, load_boards
from leaderboards.submission.schema import MANIFEST, validate
from leaderboards.submission.strict_json import parse


def test_the_boards_are_those_anyone_can_rebuild() -> None:
    asked = [(board.data, board.task) for board in load_boards()]
    expected = [("sim-s", task) for task in TASKS]
    expected += [("ml-100k", "preference"), ("ml-100k", "recommendation")]
    assert sorted(asked) == sorted(expected)


def test_a_board_leads_by_its_tasks_primary_metric() -> None:
    for board in load_boards():
        assert board.primary == TASKS.get(board.task).primary
        assert board.task_version == TASKS.get(board.task).version
        assert board.cohort == "seen"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('task = "search"', 'task = "serch"', "'serch' does not exist"),
        ('primary = "NDCG@5"', 'primary = "NDCG@7"', "no metric 'NDCG@7'"),
        ('cohort = "seen"', 'cohort = "all"', "'all' does not exist"),
        ('cohort = "seen"', 'perturb = "nx"', "'nx' does not exist"),
        ("task_version = 1", "task_version = 2", "version 1, not 2"),
        ("\nversion = 1", '\nversion = "1"', "version: "),
        ('data = "sim-s"', "", "data: Field required"),
        ('data = "sim-s"', 'data = "../x"', "data: "),
        ('title = "Search', 'title = "<b>Search', "title: "),
        ('name = "sim-s-search"', 'name = "other"', "'other' is not the file's"),
        ('task = "search"', "task = ", "Cannot read"),
        pytest.param("version = 1", f"version = {'9' * 9_999}", "Cannot read", id="without end"),
        ('task = "search"', 'task = "search"\ncolour = "red"', "colour: "),
    ],
)
def test_a_board_that_asks_nothing_is_refused(tmp_path, old, new, message) -> None:
    text = (FOLDER / "sim-s-search.toml").read_text()
    assert old in text
    path = tmp_path / "sim-s-search.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BenchError, match=r"'sim-s-search\.toml'") as raised:
        load_board(path)
    assert message in raised.value.message


def test_two_boards_over_the_same_instances_are_refused(tmp_path) -> None:
    text = (FOLDER / "sim-s-search.toml").read_text()
    (tmp_path / "a.toml").write_text(text.replace("sim-s-search", "a"))
    (tmp_path / "b.toml").write_text(text.replace("sim-s-search", "b"))
    with pytest.raises(BenchError, match="'a' and 'b' are over the same instances"):
        load_boards(tmp_path)


def test_a_run_belongs_to_the_board_of_its_instances(packed) -> None:
    raw = packed("search")[MANIFEST]
    submission, found = validate(parse(raw, MANIFEST, most_bytes=10**6, most_depth=9))
    assert not found
    run = submission.runs[0]
    on_board = run.model_copy(update={"data": "sim-s"})
    assert boards_of(on_board, load_boards()) == ["sim-s-search"]
    for change in ({"data": "sim-xs"}, {"perturb": "nt"}, {"cohort": "new-user"}):
        assert boards_of(on_board.model_copy(update=change), load_boards()) == []
