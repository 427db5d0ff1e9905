"""``export``: what it says, what it refuses, and that nothing half-written is left."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.host.home import Home
from benchmark.runs.store import PREDICTIONS, StoredRun

Export = Callable[..., tuple[int, str, str]]


def test_a_run_is_exported_and_what_was_changed_is_said(
    export: Export, rank: Callable[..., Any], shelf: Home, sim_xs: Dataset, tmp_path: Path
) -> None:
    rank(shelf, sim_xs, name="with-failures", failed=3)
    status, out, err = export("with-failures", "--format", "trec", home=shelf)
    assert status == 0
    assert f"{tmp_path / 'out'}: 1 run of search on sim-xs, 108 instances" in out
    assert "3 failed predictions are written as %none" in err
    assert "are set apart" in err


def test_json_is_one_document(
    export: Export, rank: Callable[..., Any], shelf: Home, sim_xs: Dataset, tmp_path: Path
) -> None:
    rank(shelf, sim_xs, name="in-json")
    status, out, _ = export("in-js", "--format", "ranx", "--json", home=shelf)
    assert status == 0
    told = json.loads(out)
    assert told["out"] == str(tmp_path / "out")
    assert told["runs"][0] == {
        "run": "in-json", "model": "made-up", "failed": 0,
        "set_apart": told["runs"][0]["set_apart"],
    }  # fmt: skip
    assert told["dataset_sha256"] == sim_xs.sha256


def test_help_shows_examples(cli: Callable[..., Any]) -> None:
    status, out, _ = cli("export", "--help")
    assert status == 0
    words = " ".join(out.split())
    assert (
        "Examples: unimp-bench export bm25_search_sim-s unimp_search_sim-s --format trec" in words
    )
    assert "%none" in words


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["serach", "--format", "trec"], 2, r"Unknown run 'serach'.*'search-1'"),
        (["sim-xs", "--format", "trec"], 2, r"'sim-xs' is a dataset, and trec holds runs"),
        (["search-1", "--format", "recbole"], 2, r"'search-1' is a run.*'sim-xs'"),
        (["sim-xz", "--format", "huggingface"], 2, r"Unknown dataset 'sim-xz'.*'sim-xs'"),
        (["sim-xs", "sim-s", "--format", "recbole"], 2, r"one dataset, 2 names were given"),
        (["search-1", "--format", "trek"], 2, r"Unknown format 'trek'.*'trec'"),
        (["search-1", "--format", "trec", "--private"], 2, r"--private belongs to huggingface"),
        (["sim-xs", "--format", "huggingface", "--private", "--terms-allow"], 2, r"contradict"),
        (["search-1", "search-1", "--format", "trec"], 2, r"'search-1' was given twice"),
        (["search-1", "recommended", "--format", "ranx"], 2, r"different tasks: search and rec"),
        (["search-1", "limited", "--format", "ranx"], 2, r"different --limit values"),
        (["rated", "--format", "trec"], 2, r"preference, whose predictions are no rankings"),
        (["outdated", "--format", "trec"], 1, r"is not the one that run 'outdated' is over"),
        (["elsewhere", "--format", "trec"], 2, r"Unknown dataset 'gone'"),
        (["torn", "--format", "trec"], 1, r"The predictions of run 'torn' cannot be used"),
        (["empty", "--format", "trec"], 1, r"do not answer the 108 instances"),
        (["unscored", "--format", "ranx"], 1, r"an item has no score"),
        (["bare", "--format", "trec"], 1, r"The predictions of run 'bare' cannot be used"),
        (["search-1"], 2, r"Missing option '--format'"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_left(
    export: Export, bad: Home, tmp_path: Path, words: list[str], status: int, said: str
) -> None:
    got, out, err = export(*words, home=bad)
    assert got == status
    assert out == ""
    assert re.search(said, err, re.DOTALL), err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def bad(
    tmp_path_factory: pytest.TempPathFactory,
    home_with: Callable[..., Home],
    leave_run: Callable[..., StoredRun],
    rank: Callable[..., Any],
    sim_xs: Dataset,
) -> Home:
    """A home with runs that no format holds, beside two that are whole."""
    home = home_with(tmp_path_factory.mktemp("bad") / "home", sim_xs)
    whole = rank(home, sim_xs, name="search-1")
    rank(home, sim_xs, "recommendation", name="recommended")
    rank(home, sim_xs, name="limited", limit=5)
    told = {
        "data": "sim-xs",
        "dataset_sha256": sim_xs.sha256,
        "instances_sha256": whole.run.manifest["instances_sha256"],
    }
    leave_run(home.runs / "rated", {}, task="preference", **told)
    leave_run(home.runs / "outdated", {}, **{**told, "dataset_sha256": "another"})
    leave_run(home.runs / "elsewhere", {}, **{**told, "data": "gone"})
    for name in ("torn", "empty", "unscored", "bare"):
        leave_run(home.runs / name, {}, **told)
    (home.runs / "torn" / PREDICTIONS).write_bytes(b"PAR1 and no more")
    whole.predictions.clear().write_parquet(home.runs / "empty" / PREDICTIONS)
    unscored = whole.predictions.with_columns(scores=pl.col("scores").list.head(2))
    unscored.write_parquet(home.runs / "unscored" / PREDICTIONS)
    return home


def test_what_is_there_stays(
    export: Export, rank: Callable[..., Any], shelf: Home, sim_xs: Dataset, tmp_path: Path
) -> None:
    rank(shelf, sim_xs, name="twice")
    (tmp_path / "out").mkdir()
    status, _, err = export("twice", "--format", "trec", home=shelf)
    assert status == 2
    assert f"{str(tmp_path / 'out')!r} exists" in err
    (tmp_path / "out").rmdir()
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    assert export("twice", "--format", "trec", home=shelf)[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("form", ["trec", "ranx", "recbole", "huggingface"])
def test_a_full_disk_leaves_nothing(
    export: Export,
    rank: Callable[..., Any],
    shelf: Home,
    sim_xs: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    rank(shelf, sim_xs, name="too-large")

    def full(path: Path) -> Any:
        return open("/dev/full", "w", encoding="utf-8")

    for module in ("trec", "ranx", "recbole", "huggingface"):
        monkeypatch.setattr(f"benchmark.exports.{module}.new_text", full)
    name = "too-large" if form in ("trec", "ranx") else "sim-xs"
    status, _, err = export(name, "--format", form, home=shelf)
    assert status == 1
    assert "No space left" in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(
    cli: Callable[..., Any],
    rank: Callable[..., Any],
    shelf: Home,
    sim_xs: Dataset,
    tmp_path: Path,
) -> None:
    rank(shelf, sim_xs, name="nowhere-to-go")
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "out"
    words = ("nowhere-to-go", "--format", "trec", "--out", str(target))
    status, _, err = cli("export", *words, home=shelf)
    assert status == 1
    assert f"Cannot write {str(target)!r}" in err
