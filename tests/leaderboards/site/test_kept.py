"""What was verified before is not verified again; many are verified by several processes."""

from __future__ import annotations

import io
import json
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmark.host.home import Home
from benchmark.metrics import metric_named
from leaderboards.boards import Board
from leaderboards.site import entries, spreading
from leaderboards.site.entries import collect
from leaderboards.site.kept import Kept
from leaderboards.site.packed import pack, unpack
from leaderboards.site.spreading import spread
from leaderboards.submission.findings import Finding
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification import surroundings
from leaderboards.verification.verify import Verification, verify
from tests.leaderboards.site import dying


@pytest.fixture
def boards() -> list[Board]:
    words = {"title": "Search", "description": "Simulated.", "primary": "NDCG@5"}
    board = Board(name="b", version=1, task="search", task_version=1, data="sim-xs", **words)
    return [board]


@pytest.fixture
def submissions(forge, tmp_path) -> Path:
    """A good one, as a folder, and one whose manifest is none."""
    folder = tmp_path / "submissions"
    shutil.copytree(forge.unpacked(forge.packed("search")), folder / "good")
    (folder / "bad").mkdir()
    (folder / "bad" / MANIFEST).write_bytes(b"{}")
    return folder


@pytest.fixture
def verified(monkeypatch) -> list[str]:
    """The names of the submissions that were verified, in order."""
    names: list[str] = []

    def counted(path, **options):
        names.append(path.name)
        return verify(path, **options)

    monkeypatch.setattr(entries, "verify", counted)
    return names


def test_a_second_build_verifies_nothing_again(submissions, run_home, boards, verified):
    first = collect(submissions, run_home, boards)
    assert sorted(verified) == ["bad", "good"]
    again = collect(submissions, run_home, boards)
    assert verified[2:] == []
    assert [refusal.name for refusal in again.refusals] == ["bad"]
    assert repr(again) == repr(first)  # arrays have no truth value
    (entry,) = again.entries
    (board,) = boards
    evidence = entry.runs[0].evidence
    assert evidence is not None
    score = evidence.metrics[board.primary].value(evidence.statistics[board.primary].mean(axis=0))
    assert score == pytest.approx(entry.runs[0].scores[board.primary].value)


@pytest.mark.parametrize("how", ["slow", "broken"])
def test_what_may_be_the_machine_s_fault_is_tried_again(
    submissions, run_home, boards, verified, monkeypatch, how
) -> None:
    counted = entries.verify

    def ended(path, **options):
        counted(path, **options)
        if how == "broken":
            raise ValueError("a fault of ours")
        return Verification(problems=[Finding("limit-time", path.name, "It takes long.")])

    monkeypatch.setattr(entries, "verify", ended)
    assert len(collect(submissions, run_home, boards).refusals) == 2
    monkeypatch.setattr(entries, "verify", counted)
    assert [entry.name for entry in collect(submissions, run_home, boards).entries] == ["good"]
    assert sorted(verified) == ["bad", "bad", "good", "good"]


def _edited(folder: Path, home, boards) -> None:
    path = folder / "good" / MANIFEST
    path.write_bytes(path.read_bytes() + b"\n")


def _another_dataset(folder: Path, home, boards) -> None:
    (home.datasets / "other").mkdir()


def _another_board(folder: Path, home, boards) -> None:
    boards[0] = boards[0].model_copy(update={"primary": "HR@5"})


@pytest.mark.parametrize("change", [_edited, _another_dataset, _another_board])
def test_what_an_outcome_hangs_on_is_part_of_its_key(submissions, run_home, boards, change) -> None:
    before = Kept(run_home, boards).key(submissions / "good")
    assert before == Kept(run_home, boards).key(submissions / "good")
    change(submissions, run_home, boards)
    assert before != Kept(run_home, boards).key(submissions / "good")


def test_what_is_kept_and_spoiled_on_the_disk_is_found_again(
    submissions, run_home, boards, verified
) -> None:
    shutil.rmtree(submissions / "bad")
    collect(submissions, run_home, boards)
    (kept,) = run_home.verified.glob("*.kept")
    content = kept.read_bytes()
    for spoiled in (content[:-1], content[:50] + b"x" + content[51:], b""):
        verified.clear()
        kept.write_bytes(spoiled)
        assert [entry.name for entry in collect(submissions, run_home, boards).entries] == ["good"]
        assert "good" in verified
        assert kept.read_bytes() == content


def test_no_name_of_a_file_passes_for_content_in_a_key(tmp_path, run_home) -> None:
    plain, twin = tmp_path / "plain", tmp_path / "twin"
    for folder in (plain, twin):
        folder.mkdir()
    (plain / "a").write_bytes(b"Q 0\n\n/0 0\n")
    (twin / "a 10\nQ").touch()
    (twin / "0").touch()
    kept = Kept(run_home, [])
    assert kept.key(plain) != kept.key(twin)


def test_a_key_is_over_the_code_of_all_of_our_packages() -> None:
    packaged = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    found = packaged["tool"]["setuptools"]["packages"]["find"]["include"]
    assert sorted(name.removesuffix("*") for name in found) == sorted(surroundings.CODE)


def _linked(folder: Path) -> None:
    (folder / "runs" / "a.parquet").symlink_to("/etc/passwd")


def _piped(folder: Path) -> None:
    os.mkfifo(folder / "runs" / "a.parquet")


def _crowded(folder: Path) -> None:
    for number in range(200):
        (folder / "runs" / f"{number}.parquet").touch()


@pytest.mark.parametrize("change", [_linked, _piped, _crowded, shutil.rmtree])
def test_what_cannot_be_a_sound_submission_has_no_key(submissions, run_home, change) -> None:
    change(submissions / "good")
    assert Kept(run_home, []).key(submissions / "good") is None


def test_a_fault_of_ours_costs_one_submission_its_page(submissions, run_home, boards, monkeypatch):
    def broken(path, **options):
        if path.name == "bad":
            raise ZeroDivisionError
        return verify(path, **options)

    monkeypatch.setattr(entries, "verify", broken)
    found = collect(submissions, run_home, boards)
    assert [entry.name for entry in found.entries] == ["good"]
    ((problem,),) = [refusal.problems for refusal in found.refusals]
    assert problem.code == "verification-failed"


@dataclass(frozen=True)
class _Stranger:
    x: int


def test_what_is_packed_is_unpacked_and_a_strangers_class_is_not() -> None:
    value = {
        "a": (1, 2.5, None, True, "ü", b"\0\1"),
        "m": metric_named("MAE", scale=(1, 5)),
        "f": [Finding("code", "where", "message", True)],
        "x": np.arange(6.0).reshape(3, 2),
    }
    back = unpack(pack(value))
    assert (back["a"], back["m"], back["f"]) == (value["a"], value["m"], value["f"])
    assert (back["x"] == value["x"]).all()
    with pytest.raises(TypeError, match="object"):
        pack(object())
    forged = [
        {"dataclass": "subprocess:Popen", "fields": {"args": "true"}},
        {"dataclass": "benchmark.host.provenance:environment", "fields": {}},
        {"dataclass": "leaderboards.submission.findings:Finding", "fields": {"x": 1}},
        {"model": "leaderboards.submission.findings:Finding", "value": {}},
        {"array": "absent"},
        {"what": 1},
    ]
    strange = [b"", b"PK\x05\x06" + bytes(18), pack(_Stranger(1)), *map(_document, forged)]
    for content in strange:
        with pytest.raises(ValueError, match="packed value"):
            unpack(content)


def _document(value: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, document=np.frombuffer(json.dumps(value).encode(), dtype=np.uint8))
    return buffer.getvalue()


@pytest.mark.slow  # it starts four processes
def test_a_process_that_dies_costs_its_own_item_alone(monkeypatch) -> None:
    monkeypatch.setattr(spreading, "FEWEST", 2)
    paths = [Path(name) for name in ("a", "dies", "b", "c")]
    done = dict(spread(dying.maker, paths, processes=2))
    assert list(done) == paths
    assert done.pop(Path("dies")) is None
    made = [content.decode().split() for content in done.values() if content]
    assert [name for name, _ in made] == ["a", "b", "c"]
    assert str(os.getpid()) not in [process for _, process in made]


def test_a_row_is_scored_again_once_its_damaged_dataset_is_whole(
    submissions, run_home, boards, tmp_path, sim_xs
) -> None:
    home = Home(tmp_path / "copied")
    shutil.copytree(sim_xs.folder, home.datasets / "sim-xs")
    items = home.datasets / "sim-xs" / "items.parquet"
    whole = items.read_bytes()
    items.write_bytes(whole[:-1] + b"?")
    (entry,) = collect(submissions, home, boards).entries
    assert entry.badge == "reported"
    assert [each.code for each in entry.warnings] == ["dataset-damaged"]
    items.write_bytes(whole)
    (entry,) = collect(submissions, home, boards).entries
    assert (entry.badge, entry.warnings) == ("re-scored", ())


def test_what_was_kept_and_cannot_be_read_costs_one_submission_its_page(
    submissions, run_home, boards, monkeypatch
) -> None:
    assert len(collect(submissions, run_home, boards).entries) == 1
    whole = entries.unpack

    def stale(packed: bytes):
        found = whole(packed)
        if found.submission is not None:
            raise ValueError("is still to come")
        return found

    monkeypatch.setattr(entries, "unpack", stale)
    refused = collect(submissions, run_home, boards).refusals
    assert [refusal.name for refusal in refused] == ["bad", "good"]
    assert "cache clear --verified" in refused[1].problems[0].message
