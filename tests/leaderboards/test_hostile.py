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
from tests.leaderboards.hostile import archives, given, manifests, predictions, semantics
from tests.leaderboards.hostile.kinds import Kind

REFUSED = [
    *archives.KINDS,
    *manifests.KINDS,
    *predictions.KINDS,
    *semantics.REFUSED,
    *given.ending(given.REFUSED),
]
FLAGGED = [*semantics.FLAGGED, *given.ending(given.TOLD)]
ACCEPTED = given.ending(given.ACCEPTED)
#: So many at a time: one site is built of them.
SOME = 24
GROUPS = [REFUSED[start : start + SOME] for start in range(0, len(REFUSED), SOME)]
#: Beside a checkout, where they are given: the cases whose attacks ``hostile/given.py`` makes.
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
    names = [kind.name for kind in (*REFUSED, *FLAGGED)]
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


@pytest.mark.parametrize("kind", FLAGGED, ids=lambda kind: kind.name)
def test_what_no_honest_model_answers_is_told_and_refused_when_strict(forge, kind) -> None:
    path = kind.make(forge)
    result = forge.verify(path)
    assert result.problems == []
    told = {warning.code: f"{warning.where}: {warning.message}" for warning in result.warnings}
    assert set(kind.codes) <= told.keys()
    assert any(kind.word in told[code] for code in kind.codes)
    assert not forge.verify(path, strict=True).accepted


@pytest.mark.parametrize("kind", ACCEPTED, ids=lambda kind: kind.name)
def test_what_is_harmless_is_accepted_in_time(forge, kind) -> None:
    result = forge.verify(kind.make(forge))
    assert result.problems == []


def test_a_pickle_among_the_metadata_is_not_run(forge, capfd) -> None:
    (kind,) = [k for k in predictions.KINDS if k.codes == ("parquet-metadata",)][:1]
    assert not forge.verify(kind.make(forge)).accepted
    assert predictions.RUN not in "".join(capfd.readouterr())


def test_every_given_case_has_an_attack_here_that_ends_as_is_wanted() -> None:
    """The ends themselves are what the tests above check, of the attack of each case."""
    tested = {given.REFUSED: REFUSED, given.TOLD: FLAGGED, given.ACCEPTED: ACCEPTED}
    for name, case in given.CASES.items():
        assert case.end in given.ENDS[case.want], name
        assert case.kind in tested[case.end], name
        assert case.kind.codes or case.end == given.ACCEPTED, name
    if not WANTED.is_file():
        pytest.skip("no hostile submissions are given beside this checkout (shared/cases/hostile)")
    wanted = {name: about["want"] for name, about in json.loads(WANTED.read_text()).items()}
    assert wanted == {name: case.want for name, case in given.CASES.items()}


@pytest.mark.skipif(not WANTED.is_file(), reason="shared/cases/hostile is not beside this checkout")
@pytest.mark.parametrize("name", given.CASES)
def test_the_given_files_are_refused_as_they_are_and_their_parquet_today(forge, name) -> None:
    """They are of format 1. The Parquet of some is the fault: it is met under today's manifest."""
    assert not forge.verify(GIVEN / name).accepted
    if name.startswith("p"):
        files, good = _read(GIVEN / name), forge.packed("search")
        (file,), (content,) = (each.keys() - {MANIFEST} for each in (good, files))
        forged = forge.verify(forge.archive({**good, file: files[content]}))
        assert {problem.code for problem in forged.problems} & {*_PARQUET[name]}, forged.problems


#: Under which code each of those files is refused.
_PARQUET = {
    "p02.zip": ("limit-memory", "limit-time"),  # by the clock where others use the machine
    "p06.zip": ("limit-memory",),
    "p10.zip": ("parquet-encoding",),
    "p24.zip": ("parquet-rows",),
}


def _read(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "evil" not in name}


def test_a_forge_that_verifies_nothing_would_be_noticed(forge: Forge) -> None:
    assert forge.verify(forge.archive(forge.packed("search"))).accepted
