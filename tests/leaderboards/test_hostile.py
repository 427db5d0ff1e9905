"""Every kind of hostile submission ends under its code, in bounded time, off the site."""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from leaderboards.boards import Board
from leaderboards.site import entries, spreading
from leaderboards.site.building import build_site
from leaderboards.submission.schema import MANIFEST
from tests.leaderboards.conftest import Files, Forge
from tests.leaderboards.hostile import archives, manifests, predictions, semantics
from tests.leaderboards.hostile.kinds import Kind

REFUSED = [*archives.KINDS, *manifests.KINDS, *predictions.KINDS, *semantics.REFUSED]
#: So many at a time: one site is built of them.
SOME = 24
GROUPS = [REFUSED[start : start + SOME] for start in range(0, len(REFUSED), SOME)]
#: Beside a checkout, where it is given: hostile submissions that others made, in format 1.
GIVEN = Path(__file__).parents[3] / "shared" / "cases" / "hostile"
WANTED = GIVEN / "expected.json"


@pytest.fixture(scope="module")
def board() -> Board:
    words = {"title": "Search", "description": "Data are simulated.", "primary": "NDCG@5"}
    return Board(name="b", version=1, task="search", task_version=1, data="sim-xs", **words)


@pytest.fixture(scope="module")
def clean(board, data_home, packed, tmp_path_factory) -> dict[str, bytes]:
    """The pages of one good submission alone."""
    root = tmp_path_factory.mktemp("clean")
    _put(packed("search"), root / "submissions" / "good")
    build_site(
        root / "submissions", root / "site", home=data_home, boards=[board], with_tables=False
    )
    return _tree(root / "site")


@pytest.fixture
def site_of(forge, board, tmp_path, monkeypatch):
    """``site_of(kinds)``: the collection and the pages of one good submission and those ``kinds``,
    each verified within the bounds."""

    def bounded(path: Path, **options: Any):
        return forge.verify(path, **options)

    monkeypatch.setattr(entries, "verify", bounded)
    monkeypatch.setattr(spreading, "FEWEST", 10**6)  # in this process, where all is measured
    numbers = itertools.count()

    def build(kinds: Iterable[Kind]):
        root = tmp_path / str(next(numbers))
        submissions, out = root / "submissions", root / "site"
        _put(forge.packed("search"), submissions / "good")
        for kind in kinds:
            forge.folder = root / kind.name
            forge.folder.mkdir()
            path = kind.make(forge)
            path.rename(submissions / f"{kind.name}{path.suffix}")
        found = build_site(submissions, out, home=forge.home, boards=[board], with_tables=False)
        return found, _tree(out)

    return build


def _put(files: Files, folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_there_are_more_than_a_hundred_kinds() -> None:
    names = [kind.name for kind in (*REFUSED, *semantics.FLAGGED)]
    assert len(names) == len(set(names)) > 100


@pytest.mark.parametrize("kinds", GROUPS, ids=lambda kinds: f"{kinds[0].name}..{kinds[-1].name}")
def test_what_is_hostile_is_refused_in_time_and_leaves_no_trace_on_the_site(
    site_of, clean, kinds
) -> None:
    found, pages = site_of(kinds)
    assert [entry.name for entry in found.entries] == ["good"]
    assert pages == clean
    refused = {refusal.name.removesuffix(".zip"): refusal.problems for refusal in found.refusals}
    assert refused.keys() == {kind.name for kind in kinds}
    wrong = {}
    for kind in kinds:
        told = [(p.code, f"{p.where}: {p.message}") for p in refused[kind.name]]
        if not any(code in kind.codes and kind.word in text for code, text in told):
            wrong[kind.name] = (kind.codes, kind.word, told[:5])
    assert not wrong


@pytest.mark.parametrize("kind", semantics.FLAGGED, ids=lambda kind: kind.name)
def test_what_no_honest_model_answers_is_told_and_refused_when_strict(forge, kind) -> None:
    path = kind.make(forge)
    result = forge.verify(path)
    assert result.problems == []
    told = {warning.code: f"{warning.where}: {warning.message}" for warning in result.warnings}
    assert set(kind.codes) <= told.keys()
    assert any(kind.word in told[code] for code in kind.codes)
    assert not forge.verify(path, strict=True).accepted


@pytest.mark.parametrize("kind", semantics.ACCEPTED, ids=lambda kind: kind.name)
def test_what_is_harmless_is_accepted_in_time(forge, kind) -> None:
    result = forge.verify(kind.make(forge))
    assert result.problems == []


def test_a_pickle_among_the_metadata_is_not_run(forge, capfd) -> None:
    (kind,) = [k for k in predictions.KINDS if k.codes == ("parquet-metadata",)][:1]
    assert not forge.verify(kind.make(forge)).accepted
    assert predictions.RUN not in "".join(capfd.readouterr())


def _wanted() -> list[str]:
    return sorted(json.loads(WANTED.read_text())) if WANTED.is_file() else ["absent"]


@pytest.mark.parametrize("name", _wanted())
def test_the_given_cases_are_refused_as_they_are_and_in_the_present_format(forge, name) -> None:
    if name == "absent":
        pytest.skip("no hostile submissions are given beside this checkout (shared/cases/hostile)")
    assert not forge.verify(GIVEN / name).accepted  # for their format, if for nothing else
    files = _read(GIVEN / name)
    good = forge.packed(_task(files))
    (file,) = good.keys() - {MANIFEST}
    (given,) = files.keys() - {MANIFEST}
    if name.startswith("p"):  # their bytes, under a manifest of today
        assert not forge.verify(forge.archive({**good, file: files[given]})).accepted


def _read(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "evil" not in name}


def _task(files: Files) -> str:
    return str(json.loads(files[MANIFEST])["runs"][0]["task"])


def test_a_forge_that_verifies_nothing_would_be_noticed(forge: Forge) -> None:
    assert forge.verify(forge.archive(forge.packed("search"))).accepted
