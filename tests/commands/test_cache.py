"""``cache`` and ``cache clear``: sizes by kind, and what can be made again."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from benchmark.data.listing import INFO
from benchmark.host import owners
from benchmark.host.files import locked, write_json
from benchmark.host.home import Home
from benchmark.runs.store import FIT_RECORD, MANIFEST
from benchmark.runs.tuned import SEARCH

NOBODY = 2**22 + 1  # above the largest process id of Linux


def fill(home: Home, store) -> dict[str, list[Path]]:
    """One or two of everything; paths by the option that clears them, ``""`` for none."""
    files = {
        "": [
            home.datasets / "d" / "items.parquet",
            home.tuning / "s" / SEARCH,
            home.stamps / "d.json",
            home.raw / "reviews-0a1b" / "files" / "x.json",
            home.fitted / "not-ours" / "notes.txt",
            home.root / "features" / "mine.txt",
        ],
        "--features": [home.datasets / "d" / "features" / n / "v.npy" for n in ("clip", "own")],
        "--fits": [home.fitted / "bm25-0" / "state" / "x", home.fitted / "unimp-1" / "state" / "x"],
        "--partial": [
            home.runs / "r.partial" / "shard-000000.parquet",
            home.fitted / ".unimp-2.partial" / "state" / "x",
            home.datasets / f".d.{NOBODY}.partial" / "items.parquet",
            home.tuning / "s" / ".trial" / "x",
        ],
        "--verified": [home.verified / "0a1b.kept"],
        "--comparisons": [home.comparisons / "0a1b.json"],
    }
    for paths in files.values():
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 10)
    write_json(home.datasets / "d" / INFO, {})
    write_json(home.fitted / "bm25-0" / FIT_RECORD, {"data": "d"})
    write_json(home.fitted / "unimp-1" / FIT_RECORD, {"data": "other"})
    files[""] += [store("whole").folder / MANIFEST, home.datasets / "d" / INFO]
    return files


def test_sizes_by_kind_add_up(command, place, store) -> None:
    fill(place, store)
    status, out, err = command("cache", "--json")
    assert (status, err) == (0, "")
    measured = json.loads(out)
    kinds = {row["kind"]: row for row in measured["kinds"]}
    assert {name: row["count"] for name, row in kinds.items()} == {
        "datasets": 1,
        "features": 2,
        "fitted models": 2,
        "runs": 1,
        "unfinished": 4,
        "searches": 1,
        "raw files": 1,
        "stamps": 1,
        "verified": 1,
        "comparisons": 1,
    }
    assert kinds["features"]["bytes"] == 20
    assert kinds["unfinished"]["bytes"] == 40
    assert kinds["datasets"]["bytes"] == 10 + (place.datasets / "d" / INFO).stat().st_size
    assert measured["bytes"] == sum(row["bytes"] for row in measured["kinds"])
    status, out, _ = command("cache")
    assert status == 0
    assert "fitted models  2" in out
    assert "total" in out


@pytest.mark.parametrize(
    ("options", "cleared"),
    [
        (["--fits"], {"--fits"}),
        (["--features"], {"--features"}),
        (["--partial"], {"--partial"}),
        (["--fits", "--partial"], {"--fits", "--partial"}),
        (["--verified"], {"--verified"}),
        (["--comparisons"], {"--comparisons"}),
        (
            ["--all-caches"],
            {"--fits", "--features", "--partial", "--verified", "--comparisons"},
        ),
    ],
)
def test_clear_removes_what_was_asked_and_nothing_else(
    command, place, store, options, cleared
) -> None:
    files = fill(place, store)
    before = json.loads(command("cache", "--json")[1])["bytes"]
    status, out, _ = command("cache", "clear", *options, "--json")
    assert status == 0
    for option, paths in files.items():
        assert {path.is_file() for path in paths} == {option not in cleared}, option
    after = json.loads(command("cache", "--json")[1])["bytes"]
    assert json.loads(out)["bytes"] == before - after > 0


def test_a_dry_run_names_the_same_and_removes_nothing(command, place, store) -> None:
    files = fill(place, store)
    said = json.loads(command("cache", "clear", "--all-caches", "--dry-run", "--json")[1])
    assert all(path.is_file() for paths in files.values() for path in paths)
    done = json.loads(command("cache", "clear", "--all-caches", "--json")[1])
    assert said["removed"] == done["removed"]
    assert len(done["removed"]) == 10
    assert (said["dry_run"], done["dry_run"]) == (True, False)


def test_clear_without_a_kind_removes_nothing(command, place, store) -> None:
    files = fill(place, store)
    status, out, err = command("cache", "clear")
    assert (status, out) == (2, "")
    assert "--all-caches" in err
    assert all(path.is_file() for paths in files.values() for path in paths)


@pytest.mark.parametrize(
    ("lock", "stays"),
    [
        ("fitted/.bm25-0.lock", ["--features", "fitted/bm25-0/state/x"]),
        ("fitted/.unimp-2.lock", ["--features", "fitted/.unimp-2.partial/state/x"]),
        ("runs/.r.lock", ["runs/r.partial/shard-000000.parquet"]),
        ("runs/.bm25_search_d_seen_seed0-1.lock", ["--features"]),
        ("runs/.bm25_search_other_seen_seed0-1.lock", []),
        ("tuning/.bm25_search_d-1.lock", ["--features"]),
        ("datasets/d/features/clip/photos.lock", ["--features"]),  # as while verifying
        ("tuning/.s.lock", ["tuning/s/.trial/x"]),
    ],
)
def test_what_a_live_process_holds_stays(command, place, store, lock, stays) -> None:
    files = fill(place, store)
    expected = [place.root / path for path in stays if not path.startswith("--")]
    expected += [path for option in stays for path in files.get(option, [])]
    clearable = [path for option, paths in files.items() if option for path in paths]
    with locked(place.root / lock, "working"):
        dry = json.loads(command("cache", "clear", "--all-caches", "--dry-run", "--json")[1])
        status, out, err = command("cache", "clear", "--all-caches", "--json")
    assert status == (1 if stays else 0)
    assert sorted(path for path in clearable if path.is_file()) == sorted(expected)
    assert len(json.loads(out)["kept"]) == len(expected)
    assert dry["kept"] == json.loads(out)["kept"]
    assert err.count("is kept: a process is using it") == len(expected)


def test_what_cannot_be_removed_is_kept_and_the_others_go(
    command, place, store, monkeypatch
) -> None:
    files = fill(place, store)
    rename = os.rename

    def refused(path: Path, to: Path) -> None:
        if Path(path).name == "bm25-0":  # another user's
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        rename(path, to)

    monkeypatch.setattr("benchmark.host.removing.os.rename", refused)
    status, out, err = command("cache", "clear", "--fits", "--features", "--json")
    assert status == 1
    assert len(json.loads(out)["removed"]) == 3
    (kept,) = json.loads(out)["kept"]
    assert (kept["kind"], kept["path"]) == ("fits", "fitted/bm25-0")
    assert err.startswith(f"fitted/bm25-0 is kept: Cannot remove {str(place.fitted / 'bm25-0')!r}")
    left = [path.is_file() for path in [*files["--fits"], *files["--features"]]]
    assert left == [True, False, False, False]


def test_what_killed_removals_left_anywhere_is_unfinished(command, place) -> None:
    for folder in (place.runs, place.stamps, place.verified, place.comparisons):
        (folder / ".removed" / "0a1b").mkdir(parents=True)
        (folder / ".removed" / "0a1b" / "content").write_text("x")
    kinds = {row["kind"]: row for row in json.loads(command("cache", "--json")[1])["kinds"]}
    assert (kinds["unfinished"]["count"], kinds["unfinished"]["bytes"]) == (4, 4)
    assert command("cache", "clear", "--partial")[0] == 0
    assert list(place.root.rglob("content")) == []


def test_a_dataset_that_is_being_prepared_stays(command, place) -> None:
    mine = place.datasets / owners.owned_name("d", "partial")
    mine.mkdir(parents=True)
    os.utime(mine, (0, 0))  # at work on one long file
    assert command("cache", "clear", "--partial")[0] == 1
    assert mine.is_dir()


def test_copies_and_estimates_that_were_begun_stay_while_their_process_lives(
    command, place
) -> None:
    ours, theirs = os.getpid(), NOBODY
    names = ("fitted/.bm25-0.{}.partial", "runs/.r-1.{}.partial", ".estimate.{}.partial")
    for name in names:
        for process in (ours, theirs):
            (place.root / name.format(process)).mkdir(parents=True)
    kinds = {row["kind"]: row for row in json.loads(command("cache", "--json")[1])["kinds"]}
    assert kinds["unfinished"]["count"] == 6
    assert command("cache", "clear", "--partial")[0] == 1
    assert all((place.root / name.format(ours)).is_dir() for name in names)
    assert not any((place.root / name.format(theirs)).exists() for name in names)


def test_a_dataset_that_another_machine_is_preparing_stays_until_it_is_idle(
    command, place, monkeypatch
) -> None:
    place.datasets.mkdir()
    with monkeypatch.context() as there:
        there.setattr(owners, "_machine", lambda: "m0123abcd")
        there.setattr(os, "getpid", lambda: NOBODY)
        theirs = place.datasets / owners.owned_name("d", "partial")
    theirs.mkdir()
    assert command("cache", "clear", "--partial")[0] == 1
    assert theirs.is_dir()
    os.utime(theirs, (0, 0))
    assert command("cache", "clear", "--partial")[0] == 0
    assert not theirs.exists()


def test_processes_of_one_number_on_two_machines_prepare_in_two_folders(monkeypatch) -> None:
    ours = owners.owned_name("d", "partial")
    monkeypatch.setattr(owners, "_machine", lambda: "m0123abcd")
    assert owners.owned_name("d", "partial") != ours


def test_shared_and_linked_folders_are_not_followed(command, place, tmp_path) -> None:
    shared = tmp_path / "shared"
    for path in (shared / "features" / "clip", shared / "state"):
        path.mkdir(parents=True)
        (path / "v").write_text("kept")
    write_json(shared / INFO, {})
    write_json(shared / FIT_RECORD, {})
    for folder, name in ((place.datasets, "d"), (place.fitted, "f"), (place.runs, "r.partial")):
        folder.mkdir()
        (folder / name).symlink_to(shared)
    own = place.datasets / "own"
    own.mkdir()
    write_json(own / INFO, {})
    (own / "features").symlink_to(shared / "features")
    assert command("cache", "clear", "--all-caches")[0] == 0
    assert (shared / "features" / "clip" / "v").is_file()
    assert (shared / "state" / "v").is_file()


def test_a_folder_that_is_no_home_loses_nothing(cli, tmp_path) -> None:
    kept = [tmp_path / "project" / name for name in ("fitted/a/b", "runs/c/d", "datasets/e/f")]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.write_text("mine")
    home = ["--home", str(tmp_path / "project")]
    status, out, _ = cli("cache", "clear", "--all-caches", "--json", *home)
    assert status == 0
    assert json.loads(out)["removed"] == []
    assert all(path.is_file() for path in kept)
    assert json.loads(cli("cache", "--json", *home)[1])["bytes"] == 0


def test_a_cleared_fit_is_made_again_and_gives_the_same(command, run_home, cli) -> None:
    words = ["run", "--model", "popularity", "--task", "search", "--data", "sim-xs", "--json"]
    before = json.loads(cli(*words, home=run_home)[1])
    assert cli("cache", "clear", "--fits", home=run_home)[0] == 0
    assert cli("runs", "rm", "popularity", "--yes", home=run_home)[0] == 0
    after = json.loads(cli(*words, home=run_home)[1])
    assert after["scores"] == before["scores"]
    assert after["run"] == before["run"]


def test_options_before_clear_count_as_well(cli, place, store) -> None:
    files = fill(place, store)
    status, out, _ = cli("cache", "--home", str(place.root), "--json", "clear", "--fits")
    assert status == 0
    assert len(json.loads(out)["removed"]) == 2
    assert not any(path.exists() for path in files["--fits"])
