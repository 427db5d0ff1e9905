"""``runs list``, ``show`` and ``rm``: what is stored, and what may go."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.host.files import locked
from benchmark.runs.store import MANIFEST, SCORES

DECLARED = ("--training-data", "a", "--code", "https://example.org/c", "--contamination", "none")


def ids(out: str) -> list[str]:
    return [row["id"] for row in json.loads(out)]


@pytest.fixture
def five(store):
    """Five runs that differ in everything that can be filtered."""
    store("a", model="bm25", created="2020-01-01T00:00:00+00:00")
    store("b", model="bm25", variant="lucene", data="sim-s")
    store("c", model="random", task="selection", seed=3)
    store("d", model="random", cohort="new-user")
    store("e", model="random", limit=10)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abcde"),
        (["--model", "bm25"], "ab"),
        (["--model", "bm25:lucene"], "b"),
        (["--task", "selection"], "c"),
        (["--data", "sim-s"], "b"),
        (["--cohort", "new-user"], "d"),
        (["--seed", "3"], "c"),
        (["--limited"], "e"),
        (["--whole"], "abcd"),
        (["--model", "random", "--whole", "--task", "search"], "d"),
        (["--model", "popularity"], ""),
    ],
)
def test_filters_let_through_what_they_name(command, five, filters, expected) -> None:
    status, out, err = command("runs", "list", "--json", *filters)
    assert (status, err) == (0, "")
    assert ids(out) == list(expected)


def test_a_listing_has_score_age_and_size(command, store, place) -> None:
    run = store("one", model="bm25", created="2020-01-01T00:00:00+00:00")
    (row,) = json.loads(command("runs", "list", "--json")[1])
    assert row["run"] == str(run.folder)
    assert (row["metric"], row["value"], row["low"], row["high"]) == ("NDCG@5", 0.25, 0.2, 0.3)
    assert row["bytes"] == sum(path.stat().st_size for path in run.folder.iterdir())
    status, out, _ = command("runs", "list")
    assert status == 0
    assert "NDCG@5 0.2500" in out
    days = int(out.split(" d ")[0].split()[-1])
    assert days > 2000


@pytest.mark.parametrize(
    ("option", "value", "near"),
    [
        ("--task", "serch", "'search'"),
        ("--model", "bm26", "'bm25'"),
        ("--data", "sim-sx", "'sim-xs'"),
        ("--cohort", "sen", "'seen'"),
    ],
)
@pytest.mark.parametrize("what", ["list", "rm"])
def test_a_misspelt_filter_is_no_empty_answer(command, five, what, option, value, near) -> None:
    status, out, err = command("runs", what, option, value)
    assert (status, out) == (2, "")
    assert f"{value!r}" in err
    assert near in err


def test_the_primary_score_is_listed_under_the_name_it_was_measured_by(
    command, place, leave_run
) -> None:
    name = "target similarity-judge"
    score = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 40, "users": 40}
    leave_run(place.runs / "drawn", {"KMMD-judge": score, name: score}, task="image-generation")
    (row,) = json.loads(command("runs", "list", "--json")[1])
    assert (row["metric"], row["value"]) == (name, 0.25)
    assert f"{name} 0.2500" in " ".join(command("runs", "list")[1].split())


def test_an_empty_home_has_no_runs(command) -> None:
    assert command("runs", "list", "--json") == (0, "[]\n", "")
    status, out, err = command("runs", "list")
    assert (status, out) == (0, "")
    assert "No such run is stored" in err


@pytest.mark.parametrize("words", [["runs", "list"], ["cache"], ["cache", "clear", "--fits"]])
def test_a_file_is_no_home(cli, tmp_path, words) -> None:
    (tmp_path / "file").write_text("kept")
    status, out, err = cli(*words, "--home", str(tmp_path / "file"))
    assert (status, out) == (2, "")
    assert "is a file, not a home folder" in err


def test_one_damaged_run_does_not_hide_the_others_and_can_be_removed(command, store) -> None:
    store("whole")
    broken, half = store("broken"), store("half")
    (broken.folder / SCORES).write_text("{")
    (half.folder / MANIFEST).unlink()
    status, out, err = command("runs", "list")
    assert status == 0
    assert out.count("damaged") == 2
    assert "broken: " in err
    assert "half: " in err
    status, out, _ = command("runs", "list", "--json")
    assert [row["id"] for row in json.loads(out) if "problem" in row] == ["broken", "half"]
    assert command("runs", "show", "broken")[0] == 1
    status, out, _ = command("runs", "rm", "broken", "half", "--yes", "--json")
    assert status == 0
    assert ids(command("runs", "list", "--json")[1]) == ["whole"]


def test_show_has_scores_manifest_and_command(command, store) -> None:
    run = store("bm25_search-1", settings={"k1": 2.0})
    for name in ("bm25_search-1", "bm25", str(run.folder)):
        status, out, _ = command("runs", "show", name)
        assert status == 0
        assert "0.2500  0.2000 to 0.3000  40  40" in " ".join(out.split("\n")).replace("   ", "  ")
        assert "Made by: unimp-bench run --model bm25_search-1" in out
    shown = json.loads(command("runs", "show", "bm25", "--json")[1])
    assert shown["id"] == "bm25_search-1"
    assert shown["manifest"]["settings"] == {"k1": 2.0}
    assert shown["scores"]["NDCG@5"]["users"] == 40


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "show", "model_serch"],
        ["runs", "rm", "model_serch", "--yes"],
        ["compare", "model_serch", "model_search_0"],
        ["submit", "model_serch", "--out", "x.zip", *DECLARED],
    ],
)
def test_an_unknown_run_is_answered_with_the_nearest_five(
    command, store, words, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(9):
        store(f"model_search_{number}")
        store(f"another_{number}")
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert "Unknown run 'model_serch'" in err
    assert err.count("model_search_") == 5
    assert "another_" not in err


def test_a_run_unlike_any_other_is_answered_with_five_as_well(command, store) -> None:
    for number in range(9):
        store(f"model_search_{number}")
    status, _, err = command("runs", "rm", "zzz", "--yes")
    assert status == 2
    assert "The nearest of 9" in err
    assert err.count("model_search_") == 5


def test_rm_takes_several_names_and_beginnings(command, store, place) -> None:
    for name in ("first-1", "second-2", "third-3"):
        store(name)
    status, out, err = command("runs", "rm", "first-1", "sec", "--yes", "--json")
    assert (status, err) == (0, "")
    gone = json.loads(out)
    assert [each["id"] for each in gone["removed"]] == ["first-1", "second-2"]
    assert gone["bytes"] == sum(each["bytes"] for each in gone["removed"]) > 0
    assert [p.name for p in place.runs.iterdir() if not p.name.startswith(".")] == ["third-3"]


def test_rm_with_filters_takes_what_list_shows(command, five) -> None:
    command("runs", "rm", "--model", "random", "--whole", "--yes")
    assert ids(command("runs", "list", "--json")[1]) == ["a", "b", "e"]
    command("runs", "rm", "a", "b", "--model", "bm25:lucene", "--yes")
    assert ids(command("runs", "list", "--json")[1]) == ["a", "e"]


def test_one_unknown_name_and_nothing_is_removed(command, five) -> None:
    status, _, err = command("runs", "rm", "a", "nosuchrun", "--yes")
    assert status == 2
    assert "'nosuchrun'" in err
    assert ids(command("runs", "list", "--json")[1]) == list("abcde")


def test_rm_without_names_or_filters_removes_nothing(command, five) -> None:
    status, _, err = command("runs", "rm", "--yes")
    assert status == 2
    assert "Nothing says which" in err
    assert ids(command("runs", "list", "--json")[1]) == list("abcde")


def test_an_ambiguous_beginning_removes_nothing(command, store) -> None:
    store("run-1")
    store("run-2")
    status, _, err = command("runs", "rm", "run", "--yes")
    assert status == 2
    assert "2 runs begin with 'run'" in err
    assert ids(command("runs", "list", "--json")[1]) == ["run-1", "run-2"]


@pytest.mark.parametrize(
    ("answer", "left"), [("y\n", ""), ("yes\n", ""), ("n\n", "a"), ("\n", "a"), ("", "a")]
)
def test_rm_asks_and_only_yes_is_a_yes(command, store, monkeypatch, answer, left) -> None:
    store("a")
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    status, _, err = command("runs", "rm", "a", "--json")
    assert "Remove this run for good?" in err
    assert status == (2 if answer == "" else 0)
    assert ids(command("runs", "list", "--json")[1]) == list(left)


def test_a_dry_run_says_all_and_removes_nothing(command, five) -> None:
    status, out, _ = command("runs", "rm", "--model", "random", "--dry-run", "--json")
    said = json.loads(out)
    assert status == 0
    assert said["dry_run"] is True
    assert [each["id"] for each in said["removed"]] == ["c", "d", "e"]
    assert ids(command("runs", "list", "--json")[1]) == list("abcde")


def test_a_run_that_is_being_executed_stays(command, store, place) -> None:
    store("busy")
    store("idle")
    with locked(place.runs / ".busy.lock", "executing run busy"):
        status, out, err = command("runs", "rm", "busy", "idle", "--yes", "--json")
        assert status == 1
        assert "busy is kept: a process is executing it" in err
    assert [each["id"] for each in json.loads(out)["removed"]] == ["idle"]
    assert ids(command("runs", "list", "--json")[1]) == ["busy"]
    assert command("runs", "rm", "busy", "--yes")[0] == 0


@pytest.mark.parametrize(
    "name",
    ["../datasets/sim", "..", ".", "/", "", "runs", "../runs", "a/..", "../home/runs/../runs"],
)
def test_a_path_that_is_no_run_of_the_home_removes_nothing(
    command, store, place, monkeypatch, name
) -> None:
    store("a")
    (place.datasets / "sim").mkdir(parents=True)
    (place.datasets / "sim" / MANIFEST).write_text("{}")  # looks like a run, and is not in runs
    monkeypatch.chdir(place.runs)
    status, out, _ = command("runs", "rm", name, "--yes")
    assert (status, out) == (2, "")
    assert (place.datasets / "sim" / MANIFEST).is_file()
    assert (place.runs / "a" / MANIFEST).is_file()


def test_a_run_folder_elsewhere_is_shown_but_not_removed(
    command, place, leave_run, tmp_path
) -> None:
    run = leave_run(
        tmp_path / "copied" / "r", {"NDCG@5": {"value": 1, "low": None, "high": None, "n": 1}}
    )
    assert command("runs", "show", str(run.folder))[0] == 0
    status, _, err = command("runs", "rm", str(run.folder), "--yes")
    assert status == 2
    assert "only those are removed" in err
    assert (run.folder / MANIFEST).is_file()


def test_links_are_removed_and_not_followed(command, store, place, tmp_path) -> None:
    run = store("a")
    outside = tmp_path / "outside"
    shutil.copytree(run.folder, outside)
    (place.runs / "link").symlink_to(outside)
    (run.folder / "inner").symlink_to(outside)
    (place.runs / ".removed").symlink_to(outside)
    assert command("runs", "rm", "a", "link", "--yes")[0] == 0
    assert json.loads(command("runs", "list", "--json")[1]) == []
    assert sorted(p.name for p in outside.iterdir()) == [MANIFEST, SCORES]


def test_a_home_that_cannot_be_written_is_listed_and_keeps_its_runs(
    command, store, monkeypatch
) -> None:
    store("a")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        status, _, err = command("runs", "rm", "a", "--yes")
    assert status == 1
    assert err.startswith("a is kept: Cannot remove ")
    assert "Permission denied. Make its folder writable, or" in err
    assert len(err.splitlines()) == 1
    assert ids(command("runs", "list", "--json")[1]) == ["a"]


def test_ctrl_c_at_the_question_removes_nothing(command, store, monkeypatch) -> None:
    store("a")

    class Interrupted(io.StringIO):
        def readline(self, *_: object) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    status, out, err = command("runs", "rm", "a")
    assert (status, out) == (130, "")
    assert "Interrupted" in err
    assert ids(command("runs", "list", "--json")[1]) == ["a"]


def test_a_removal_cut_short_leaves_no_half_run_and_is_finished_later(
    command, store, place, monkeypatch
) -> None:
    store("a")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupt)
        assert command("runs", "rm", "a", "--yes")[0] == 130
    assert json.loads(command("runs", "list", "--json")[1]) == []
    kinds = {k["kind"]: k for k in json.loads(command("cache", "--json")[1])["kinds"]}
    assert kinds["unfinished"]["count"] == 1
    assert command("cache", "clear", "--partial")[0] == 0
    assert list(place.runs.glob("**/" + MANIFEST)) == []


def test_removing_while_another_process_holds_the_lock_of_a_dead_run_waits_for_nobody(
    command, store, place
) -> None:
    """A lock file that a killed process left behind holds nothing."""
    store("a")
    script = f"import fcntl, os; s = open({str(place.runs / '.a.lock')!r}, 'w'); "
    script += "fcntl.flock(s, fcntl.LOCK_EX); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], check=False)
    assert (place.runs / ".a.lock").exists()
    assert command("runs", "rm", "a", "--yes")[0] == 0


def test_names_of_runs_may_hold_what_a_shell_or_a_pattern_would_read(command, store) -> None:
    for name in ("a[b]*", "-x", "ünï", "with space"):
        store(name)
    assert command("runs", "rm", "a[b]*", "ünï", "with space", "--yes", "--", "-x")[0] == 0
    assert json.loads(command("runs", "list", "--json")[1]) == []


def test_the_listing_fits_the_terminal(command, store, monkeypatch) -> None:
    store("a-model-with-a-name_recommendation_some-data_new-user_seed0-12345678")
    monkeypatch.setenv("COLUMNS", "100")
    assert max(map(len, command("runs", "list")[1].splitlines())) <= 100


@pytest.fixture
def closed(monkeypatch):
    """``closed(folder)``: its files are somebody else's, also where root runs the tests."""

    def close(folder: Path) -> None:
        def refusing(method):
            def tried(path: Path, *arguments, **options):
                if folder in path.parents:
                    raise PermissionError(errno.EACCES, "Permission denied", str(path))
                return method(path, *arguments, **options)

            return tried

        for name in ("is_file", "read_text"):
            monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))

    return close


def test_a_run_that_this_user_may_not_read_hides_no_other(command, store, place, closed) -> None:
    store("mine")
    closed(store("theirs").folder)
    status, out, err = command("runs", "list", "--json")
    assert (status, ids(out)) == (0, ["mine", "theirs"])
    assert err == ""
    assert "Permission denied" in json.loads(out)[1]["problem"]
    assert command("runs", "show", "mine")[0] == 0
    for words in (["runs", "show", "theirs"], ["report", "--table", "search"]):
        status, _, err = command(*words)
        assert status == 1
        assert err.startswith("unimp-bench: Cannot read")
        assert "Let this user read it" in err
    (place.fitted / "theirs-0").mkdir(parents=True)
    closed(place.fitted)
    assert command("cache")[0] == 0


def test_a_run_of_a_hidden_name_is_listed_and_removed(command, store) -> None:
    store(".-mine.py-Mine_search_sim-xs_seen_seed0-01234567")
    store(".r.m01234567.1.partial")  # what is being copied
    (name,) = ids(command("runs", "list", "--json")[1])
    assert name.startswith(".-mine.py")
    assert command("runs", "rm", "--yes", name)[0] == 0
    assert ids(command("runs", "list", "--json")[1]) == []
