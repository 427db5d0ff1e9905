"""From submissions on disk to a site: who gets on, who does not, and the same bytes again."""

from __future__ import annotations

import json
import re

import pytest

from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.report.build import build_report
from benchmark.report.filling.shelf import RunShelf
from benchmark.report.table.listing import list_tables
from benchmark.runs.spec import RunSpec
from leaderboards.boards import Board
from leaderboards.site import building, table_runs
from leaderboards.site.building import build_site
from leaderboards.site.entries import collect
from leaderboards.site.examples import NUMBER
from leaderboards.site.reproduced import FILE
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST, digest_of
from leaderboards.verification import local_data
from tests.leaderboards.conftest import DECLARATION

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def board() -> Board:
    """``sim-xs``, which tests can prepare, has no board of its own."""
    return Board(
        name="sim-xs-search",
        version=1,
        title="Search on few simulated shoppers",
        description="Data are simulated.",
        task="search",
        task_version=1,
        data="sim-xs",
        primary="NDCG@5",
    )


def _manifest(files, **changes):
    manifest = {**json.loads(files[MANIFEST]), **changes}
    manifest["digest"] = digest_of(manifest)
    return {**files, MANIFEST: json.dumps(manifest).encode()}, manifest["digest"]


@pytest.fixture
def submissions(tmp_path, packed):
    """A good one, its copy, one whose name is markup, and files that are no submissions."""
    folder = tmp_path / "submissions"
    good, digest = packed("search"), json.loads(packed("search")[MANIFEST])["digest"]
    hostile, _ = _manifest(good, description=EVIL)
    for name, files in (("a-good", good), ("b-copy", good), ("c-hostile", hostile)):
        for path, content in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(content)
    (folder / f"{EVIL.replace('/', '')}.zip").write_bytes(b"")
    (folder / "README.md").write_text("About this folder.")
    (folder / ".hidden").mkdir()
    return folder, digest


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_only_sound_submissions_get_on_and_all_is_repeatable(
    submissions, data_home, board, tmp_path, monkeypatch
):
    folder, digest = submissions
    out = tmp_path / "site"
    found = build_site(folder, out, home=data_home, boards=[board], with_tables=False)
    assert [(entry.name, entry.badge) for entry in found.entries] == [("a-good", "re-scored")]
    codes = {refusal.name: [p.code for p in refusal.problems] for refusal in found.refusals}
    assert codes["b-copy"] == ["submission-repeated"]
    assert codes["c-hostile"] == ["text-markup"]
    assert sorted(codes.values())[0] == ["name"]
    first = _tree(out)
    assert not any(b"alert(1)" in content for content in first.values())
    page = first[f"submissions/random-{digest[:24]}.html"].decode()
    assert "history length" in page
    assert "Computed again" in page
    blocks = re.findall(r'<script type="application/json" id="[^"]*">(.*?)</script>', page)
    run, items = map(json.loads, blocks)
    assert len(run["instances"]) == NUMBER
    shown = {name for one in run["instances"] for name in (*one["history"], *one["target"])}
    assert shown <= items.keys()
    photos = {photo.removeprefix("../") for _, photo in items.values() if photo}
    assert photos  # the data are simulated
    assert photos == {name for name in first if name.startswith("photos/")}
    assert b">re-scored</span>" in first["boards/sim-xs-search.html"]

    (folder / FILE).write_text(
        f'[[reproduced]]\ndigest = "{digest}"\nby = "a maintainer"\non = 2026-01-31\n'
    )
    again = build_site(folder, out, home=data_home, boards=[board], with_tables=False)
    assert [entry.badge for entry in again.entries] == ["reproduced"]
    (folder / FILE).unlink()
    build_site(folder, out, home=data_home, boards=[board], with_tables=False)
    assert _tree(out) == first

    with monkeypatch.context() as patch:
        patch.setattr(building, "Site", None)  # nothing is drawn where nothing changed
        build_site(folder, out, home=data_home, boards=[board], with_tables=False)
    assert _tree(out) == first
    (out / "index.html").write_text("edited")
    build_site(folder, out, home=data_home, boards=[board], with_tables=False)
    assert _tree(out) == first


def test_without_the_dataset_a_row_is_reported_and_has_no_rank(submissions, board, tmp_path):
    folder, _ = submissions
    out = tmp_path / "site"
    found = build_site(
        folder,
        out,
        home=Home(tmp_path / "empty"),
        boards=[board],
        with_tables=False,
        prepare=False,
    )
    assert [entry.badge for entry in found.entries] == ["reported"]
    page = (out / "boards" / "sim-xs-search.html").read_text()
    assert '<tr data-b="reported"' in page
    assert "<td>–</td><td>–</td>" in page


def test_a_dataset_is_opened_once_for_all_submissions(submissions, run_home, board, monkeypatch):
    opened = []

    def counted(name, home):
        opened.append(name)
        return open_dataset(name, home)

    monkeypatch.setattr(local_data, "open_dataset", counted)
    (submissions[0] / "b-copy" / MANIFEST).write_bytes(b"{}")
    found = collect(submissions[0], run_home, [board])
    assert [refusal.name for refusal in found.refusals].count("b-copy") == 1  # verified, too
    assert opened == ["sim-xs"]


def test_the_command_lists_what_it_refuses(submissions, board, tmp_path, monkeypatch, cli):
    folder, _ = submissions
    monkeypatch.setattr(building, "load_boards", lambda: [board])
    words = ["leaderboard", "build", "--submissions", str(folder), "--no-tables", "--no-prepare"]
    words += ["--home", str(tmp_path / "empty"), "--out", str(tmp_path / "site")]

    def call(*more):
        return cli(*words, *more)

    status, out, err = call()
    assert status == 1
    assert "1 submissions, 3 refused" in out
    lines = [line for line in err.splitlines() if line.startswith("refused")]
    assert len(lines) == 3
    assert "refused 'c-hostile': text-markup at submission.json/description" in err
    assert "submission-repeated" in err
    status, out, _ = call("--skip-refused", "--json")
    assert status == 0
    document = json.loads(out)
    assert [entry["submission"] for entry in document["submissions"]] == ["a-good"]
    assert len(document["refused"]) == 3
    (tmp_path / "site" / "mine").touch()
    status, out, err = call()
    assert (status, out) == (2, "")
    assert "'mine'" in err


def test_folders_inside_each_other_are_refused(tmp_path, data_home, monkeypatch):
    monkeypatch.setattr(building, "ensure_dataset", None)  # before datasets are prepared
    (tmp_path / "submissions").mkdir()
    for out in (tmp_path, tmp_path / "submissions", tmp_path / "submissions" / "site"):
        with pytest.raises(UsageError, match="lie in each other"):
            build_site(tmp_path / "submissions", out, home=data_home)
    with pytest.raises(UsageError, match="There is no folder"):
        build_site(tmp_path / "absent", tmp_path / "site", home=data_home)


@pytest.mark.parametrize("day", ["today", "9" * 30])
def test_a_day_of_the_build_that_is_none_is_refused_before_the_work(
    tmp_path, data_home, monkeypatch, day
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", day)
    (tmp_path / "submissions").mkdir()
    with pytest.raises(UsageError, match=f"SOURCE_DATE_EPOCH is '{day}'"):
        build_site(tmp_path / "submissions", tmp_path / "site", home=data_home)


@pytest.mark.parametrize(
    "text",
    ["[[reproduced]]\ndigest = 'x'\nby = 'me'\non = 2026-01-31\n", "nonsense", "other = 1\n"],
)
def test_a_broken_list_of_reruns_is_named(tmp_path, data_home, board, text):
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / FILE).write_text(text)
    with pytest.raises(BenchError, match=r"reproduced\.toml"):
        build_site(folder, tmp_path / "site", home=data_home, boards=[board])


def test_a_list_of_reruns_that_leads_elsewhere_is_not_read(tmp_path, data_home, board):
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / FILE).symlink_to("/dev/zero")
    with pytest.raises(BenchError, match=r"reproduced\.toml' is no ordinary file"):
        build_site(folder, tmp_path / "site", home=data_home, boards=[board])


def test_the_papers_tables_get_a_page_each(tmp_path, board):
    (tmp_path / "submissions").mkdir()
    out = tmp_path / "site"
    home = Home(tmp_path / "empty")
    build_site(tmp_path / "submissions", out, home=home, boards=[board], prepare=False)
    index = (out / "index.html").read_text()
    pages = sorted(path.name for path in (out / "tables").iterdir())
    assert len(pages) == 3 * len(list_tables())
    assert all(f'href="tables/{page}"' in index for page in pages)
    documents = [page for page in pages if page.endswith(".html")]
    assert len(documents) == len(list_tables())
    assert all('href="../index.html"' in (out / "tables" / page).read_text() for page in documents)


def test_a_dataset_that_cannot_be_prepared_is_told_and_fails_the_build(
    board, tmp_path, monkeypatch, cli
):
    """``gone`` is a dataset that nobody can build."""
    boards = [board.model_copy(update={"data": "gone", "name": "gone"})]
    monkeypatch.setattr(building, "load_boards", lambda: boards)
    (tmp_path / "submissions").mkdir()
    words = ["leaderboard", "build", "--submissions", str(tmp_path / "submissions"), "--no-tables"]
    words += ["--home", str(tmp_path / "home"), "--out", str(tmp_path / "site"), "--skip-refused"]
    status, _, err = cli(*words)
    assert status == 1
    assert "dataset gone is not here, and its rows are only reported: Unknown dataset" in err
    assert (tmp_path / "site" / "index.html").is_file()
    assert cli(*words, "--no-prepare")[0] == 0


def test_a_dataset_that_anyone_can_build_is_prepared(board, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(building, "ensure_dataset", lambda name, home: asked.append(name))
    again = board.model_copy(update={"name": "again", "cohort": "new-user"})
    assert building.prepare_datasets(Home(tmp_path), [board, again]) == {}
    assert asked == ["sim-xs"]


def test_tables_are_filled_from_submissions_alone(forge, execute, home_with, sim_xs, tmp_path):
    """A private run of the home stays out, and so does the name of private data."""
    home = home_with(tmp_path / "home", sim_xs)
    (home.datasets / "secret").symlink_to(sim_xs.folder.resolve(), target_is_directory=True)
    execute(RunSpec("popularity", "search", "sim-xs"), home)
    folder = tmp_path / "submissions"
    folder.mkdir()
    run = execute(RunSpec("bm25", "search", "sim-xs", seed=0), home)
    write_submission(files_of([run], DECLARATION), folder / "mine")
    found = collect(folder, home, [])
    table = tmp_path / "own.toml"
    table.write_text(TABLE)
    with_runs = Home(tmp_path / "shelf")
    table_runs.write_shelf(found.entries, home, with_runs)
    report = build_report(str(table), home=with_runs)
    values = {row.system: [cell.value for cell in row.cells] for row in report.rows}
    assert values["BM25"] == [pytest.approx(run.scores["NDCG@5"]["value"])]
    assert values["Popularity"] == [None]
    pages = table_runs.table_pages(found.entries, home)
    assert not any("secret" in page.html for page in pages)
    assert any("submission" in page.html for page in pages)


def test_a_later_run_under_a_listed_name_takes_no_place_of_a_reproduced_one_in_tables(made):
    """Dates are claims: whoever says the latest would fill the cell."""
    words = {"model": "bm25"}
    known = made(0.6, 1, badge="reproduced", words=words, data="sim-xs")
    forged = made(0.9, 2, words=words, data="sim-xs", created="2026-06-01T12:00:00+00:00", seed=3)
    other = made(0.9, 3, words=words, data="sim-xs", cohort="new-user")
    assert [e.name for e, _ in table_runs.taking_part([forged, known, other])] == [
        *(known.name, other.name)
    ]
    assert len(table_runs.taking_part([forged, other])) == 2


TABLE = """
name = "own"
title = "Ours"
data = "sim-xs"
[[columns]]
task = "search"
metrics = ["NDCG@5"]
[[rows]]
system = "BM25"
model = "bm25"
[[rows]]
system = "Popularity"
model = "popularity"
"""


def test_a_table_names_the_submissions_that_fill_it_and_no_other(
    forge, execute, home_with, sim_xs, tmp_path
):
    """Another configuration fills no cell, and takes none from the model as it is."""
    home = home_with(tmp_path / "home", sim_xs)
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name, settings in (("default", {}), ("tweaked", {"k1": 3.0})):
        run = execute(RunSpec("bm25", "search", "sim-xs", settings=settings), home)
        write_submission(files_of([run], DECLARATION), folder / name)
    digest = json.loads((folder / "tweaked" / MANIFEST).read_bytes())["digest"]
    for reproduced in ("", f'[[reproduced]]\ndigest = "{digest}"\nby = "who"\non = 2026-01-31\n'):
        (folder / "reproduced.toml").write_text(reproduced)
        found = collect(folder, home, [])
        shelf = Home(tmp_path / f"shelf{bool(reproduced)}")
        written = table_runs.write_shelf(found.entries, home, shelf)
        (picked,) = RunShelf(shelf).pick(RunSpec("bm25", "search", "sim-xs"))
        assert written[picked.folder.name] == "default"
        told = [
            note
            for page in table_runs.table_pages(found.entries, home)
            for note in json.loads(page.json)["notes"]
            if note.startswith("Filled from")
        ]
        assert all(note == "Filled from the submissions default." for note in told)
