"""``unimp-bench compare``: from names of runs to one document, or one clear error."""

from __future__ import annotations

import json
from typing import Any

import pytest

USERS = [f"u{i:02d}" for i in range(30)]


@pytest.fixture
def command(cli: Any, place: Any) -> Any:
    def call(*arguments: str) -> tuple[int, str, str]:
        return cli("compare", *arguments, home=place)

    return call


@pytest.fixture
def runs(write_run: Any) -> list[Any]:
    hits = [float(i % 2) for i in range(30)]
    return [
        write_run("bm25_search_x-11", {"HR@5": [1.0] * 30}, USERS),
        write_run("bm25_search_x-12", {"HR@5": hits}, USERS),
        write_run("random_search_x-13", {"HR@5": [0.0] * 30}, USERS),
    ]


def test_a_run_is_named_by_id_beginning_or_folder(command: Any, runs: list[Any]) -> None:
    for first, second in [
        ("bm25_search_x-11", "random_search_x-13"),
        ("bm25_search_x-11", "rand"),
        (str(runs[0].folder), f"{runs[2].folder}/"),
    ]:
        status, out, err = command(first, second, "--json")
        assert (status, err) == (0, "")
        document = json.loads(out)
        assert (document["a"]["model"], document["b"]["model"]) == ("bm25", "random")
        (row,) = document["metrics"]
        assert (row["difference"], row["wins"], row["better"]) == (1.0, 30, "a")
        assert row["effect_size"] is None  # all users differ alike
        assert document["slices"] == []


def test_text_is_for_people(command: Any, runs: list[Any]) -> None:
    status, out, err = command("bm25_search_x-12", "random")
    assert (status, err) == (0, "")
    assert "HR@5" in out
    assert "15/15/0" in out


@pytest.mark.parametrize(
    ("first", "second", "status", "words"),
    [
        ("bm25", "random", 2, ["2 runs begin with 'bm25'", "x-11, bm25_search_x-12", "more"]),
        ("bm26_search_x-11", "random", 2, ["'bm26_search_x-11'", "Did you mean 'bm25_search_x-1"]),
        ("", "random", 2, ["Unknown run ''"]),
        ("x" * 5000, "random", 2, ["Unknown run"]),
        ("random", "random_search_x-13", 2, ["given twice"]),
        ("random", "/", 1, ["'/' is not a finished run"]),
    ],
)
def test_a_wrong_name_gets_one_clear_error(
    command: Any, runs: list[Any], first: str, second: str, status: int, words: list[str]
) -> None:
    actual, out, err = command(first, second)
    assert (actual, out) == (status, "")
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    assert all(word in err for word in words), err


def test_without_any_run_there_is_nothing_to_compare(command: Any) -> None:
    status, _, err = command("a", "b")
    assert status == 2
    assert "There is none to choose from" in err


def test_unfinished_runs_are_not_offered(command: Any, runs: list[Any], place: Any) -> None:
    (place.runs / "random_search_x-14.partial").mkdir()
    assert command("random", "bm25_search_x-11")[0] == 0


def test_runs_over_a_prepared_dataset_are_compared_slice_by_slice(
    command: Any, place: Any, home_with: Any, sim_xs: Any, write_run: Any
) -> None:
    home_with(place.root, sim_xs)
    instances = sim_xs.instances("search")
    shared = {"data": "sim-xs", "dataset_sha256": sim_xs.sha256, "ids": instances.ids}
    n = len(instances)
    write_run("a", {"NDCG@5": [1.0] * n, "HR@5": [1.0] * n}, instances.users, **shared)
    write_run("b", {"NDCG@5": [0.0] * n, "HR@5": [0.0] * n}, instances.users, **shared)
    slices = json.loads(command("a", "b", "--json")[1])["slices"]
    assert {row["by"] for row in slices} == {"history length", "target's popularity"}
    assert {row["metric"] for row in slices} == {"NDCG@5"}  # the primary one
    assert sum(row["instances"] for row in slices) == 2 * n
    chosen = json.loads(command("a", "b", "--json", "--metric", "HR@5")[1])["slices"]
    assert {row["metric"] for row in chosen} == {"HR@5"}
    status, out, _ = command("a", "b")
    assert status == 0
    assert "NDCG@5 by slice" in out


def test_a_format_is_asked_for_or_follows_from_the_files_name(
    command: Any, runs: list[Any], tmp_path: Any
) -> None:
    names = ("bm25_search_x-12", "random")
    for form, start in (
        ("md", "### "), ("tex", "% "), ("html", "<!DOCTYPE html>"), ("csv", "run_a,run_b,"),
        ("json", "{"),
    ):  # fmt: skip
        status, out, err = command(*names, "--format", form)
        assert (status, err) == (0, "")
        assert out.startswith(start)
        path = tmp_path / f"comparison.{form}"
        assert command(*names, "--out", str(path)) == (0, "", "")
        assert path.read_text() == out
    assert command(*names, "--json")[1] == command(*names, "--format", "json")[1]
    path = tmp_path / "comparison"  # an ending that says nothing
    assert command(*names, "--format", "md", "--out", str(path))[0] == 0
    assert path.read_text().startswith("### ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "md", "--out", "x.html"], ["'x.html'", "--format md"]),
        (["--json", "--out", "x.csv"], ["'x.csv'", "--json"]),
        (["--json", "--format", "md"], ["--json", "--format md"]),
        (["--format", "docx"], ["'docx'", "html"]),
        (["--out", "."], ["'.'", "folder"]),
        (["--out", "x.pdf"], ["'x.pdf'", ".pdf, which is no format", ".tex"]),
    ],
)
def test_formats_that_contradict_each_other_or_are_unknown_are_refused(
    command: Any, runs: list[Any], words: list[str], said: list[str], tmp_path: Any,
    monkeypatch: Any,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, out, err = command("bm25_search_x-12", "random", *words)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 2
    assert all(word in err for word in said), err
    assert not list(tmp_path.glob("x.*"))
