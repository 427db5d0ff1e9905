"""A user's own table: its models, the runs of classes in files, and the guide's example."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.models import registered
from benchmark.report import side_by_side
from benchmark.report.build import build_report
from benchmark.report.contents import Report
from benchmark.report.filling import answers
from benchmark.report.formats.sheet import sheet_of
from benchmark.report.table.listing import TABLES

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "make-a-table.md"
EXAMPLE = ROOT / "docs" / "examples" / "my_table.toml"


def _announce_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models this installation announces, not those of the other tests of reports."""
    for module in (answers, side_by_side):
        monkeypatch.setattr(module, "entries", registered.entries)


def table(folder: Path, *models: str, columns: str = "") -> str:
    path = folder / "mine.toml"
    rows = "".join(
        f'[[rows]]\nsystem = "row {at}"\nmodel = "{model}"\n' for at, model in enumerate(models, 1)
    )
    groups = columns or '[[columns]]\ntask = "recommendation"\nmetrics = ["HR@5"]\n'
    path.write_text(f'name = "mine"\ntitle = "Mine"\n{groups}{rows}')
    return str(path)


@pytest.mark.parametrize(
    ("models", "message", "fix"),
    [
        (
            ("popularity", "populraity"),
            "[[rows]] 2 ('row 2'): unknown model 'populraity'.",
            "Did you mean 'popularity'?",
        ),
        (
            ("unimp:no-visoin",),
            "[[rows]] 1 ('row 1'): model 'unimp' has no variant 'no-visoin'.",
            "Did you mean 'no-vision'?",
        ),
        (
            ("a.py:Mine", "b.py:Mine"),
            "[[rows]] 2 ('row 2'): a.py and b.py both call their class 'Mine'.",
            "Rename one: a run is stored under that name.",
        ),
    ],
)
def test_a_row_of_an_unknown_model_is_named(
    shelf: Any, tmp_path: Path, models: tuple[str, ...], message: str, fix: str
) -> None:
    path = table(tmp_path, *models)
    with pytest.raises(UsageError) as caught:
        build_report(path, home=shelf.home)
    assert str(caught.value) == f"{path!r}, {message}\n{fix}"
    assert caught.value.exit_status == 2


def test_a_copy_of_a_shipped_table_is_valid_without_its_models(shelf: Any, tmp_path: Path) -> None:
    for shipped in TABLES.glob("*.toml"):
        copy = shutil.copy(shipped, tmp_path)
        assert build_report(str(copy), home=shelf.home).rows


def test_a_class_in_a_file_is_shown_by_its_runs(shelf: Any, tmp_path: Path) -> None:
    path = table(tmp_path, "folder/mine.py:Mine", "popularity")
    shelf.ranked("Mine", task="recommendation", chance=0.5)
    report = build_report(path, home=shelf.home)
    assert values(report, "row 1")[0] is not None
    assert values(report, "row 2") == [None]


def test_an_installed_model_is_not_taken_for_a_class_of_its_name(
    shelf: Any, tmp_path: Path
) -> None:
    path = table(tmp_path, "folder/mine.py:popularity")
    shelf.ranked("popularity", task="recommendation", chance=0.5)
    assert values(build_report(path, home=shelf.home), "row 1") == [None]


def test_columns_of_several_cohorts_say_which(shelf: Any, tmp_path: Path) -> None:
    group = '[[columns]]\ntask = "recommendation"\nmetrics = ["HR@5"]\n'
    path = table(tmp_path, "popularity", columns=group + group + 'cohort = "new-user"\n')
    headings = [column.heading for column in sheet_of(build_report(path, home=shelf.home)).columns]
    assert headings == ["HR@5 (seen)", "HR@5 (new-user)"]


def test_the_guide_shows_the_example_verbatim() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert shown == EXAMPLE.read_text()


def test_the_guide_shows_a_real_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    (shown,) = re.findall(r"```\n(unimp-bench: .*?\n)```", GUIDE.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("my_table.toml").write_text(EXAMPLE.read_text().replace('"HR@5", ', '"HR@50", '))
    status, _, err = cli("report", "--table", "my_table.toml")
    assert (status, err) == (2, shown)


def test_the_example_is_filled_and_printed_as_the_guide_says(
    sim_xs: Any,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Any,
) -> None:
    _announce_what_is_installed(monkeypatch)
    monkeypatch.chdir(ROOT)
    shutil.copytree(home.datasets / sim_xs.name, tmp_path / "home" / "datasets" / sim_xs.name)

    def call(command: str, *more: str) -> str:
        asked = ["--table", "docs/examples/my_table.toml", "--data", "sim-xs"]
        status, printed, err = cli(command, *asked, *more, home=Home(tmp_path / "home"))
        assert status == 0, err
        return str(printed)

    before = json.loads(call("report", "--json"))
    assert {cell["value"] for row in before["rows"] for cell in row["cells"]} == {None}
    assert len(before["missing"]) == 6  # three models, two cohorts
    assert "Last category" in call("run")
    out = tmp_path / "my-store.tex"
    call("report", "--format", "tex", "--out", str(out))
    assert "\\textbf{" in out.read_text()
    after = json.loads(call("report", "--json"))
    assert after["missing"] == []
    assert None not in {cell["value"] for row in after["rows"] for cell in row["cells"]}


def values(report: Report, system: str) -> list[float | None]:
    return [cell.value for row in report.rows if row.system == system for cell in row.cells]


def test_a_row_with_settings_is_filled_by_runs_with_just_these(shelf: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\npublished = "of the library, on the same data"\n'
        '[[columns]]\ntask = "search"\nmetrics = ["HR@5"]\n'
        '[[rows]]\nsystem = "plain"\nmodel = "bm25"\n'
        '[[rows]]\nsystem = "sharp"\nmodel = "bm25"\nset = {k1 = 2.0, b = 0.5}\n'
        'published = {"HR@5" = 0.123}\n'
    )
    shelf.ranked("bm25", chance=0.2)
    shelf.ranked("bm25", chance=0.3, settings={"k1": 2.0})
    report = build_report(str(path), home=shelf.home)
    assert report.rows[1].cells[0].value is None
    assert report.missing == (
        "unimp-bench run --model bm25 --task search --data sim-s --set k1=2.0 --set b=0.5",
    )
    asked = shelf.ranked("bm25", chance=0.4, settings={"b": 0.5, "k1": 2.0})
    report = build_report(str(path), home=shelf.home)
    plain, sharp = (row.cells[0] for row in report.rows)
    assert plain.value != sharp.value == asked.scores["HR@5"]["value"]
    assert (sharp.paper, sharp.paper_printed, sharp.paper_data) == (0.123, "0.1230", None)
    assert report.columns[0].paper == "published"
    assert "published: of the library, on the same data." in report.notes
    assert not any(note.startswith("paper:") for note in report.notes)


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({"k1": 2}, {"k1": 2.0, "b": 0.75}),  # 2 and 2.0 are one value
        ({"k1": 2.0}, {"k1": 2.0, "b": 0.75}),  # b as the model has it without any setting
    ],
)
def test_a_row_with_settings_is_filled_however_the_runs_were_asked_for(
    shelf: Any, tmp_path: Path, given: dict[str, Any], config: dict[str, Any]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\n[[columns]]\ntask = "search"\nmetrics = ["HR@5"]\n'
        '[[rows]]\nsystem = "sharp"\nmodel = "bm25"\nset = {k1 = 2.0, b = 0.75}\n'
        '[[rows]]\nsystem = "sharper"\nmodel = "bm25"\nset = {k1 = 3.0}\n'
        '[[rows]]\nsystem = "plain"\nmodel = "bm25"\n'
    )
    run = shelf.ranked("bm25", chance=0.3, settings=given, config=config)
    report = build_report(str(path), home=shelf.home)
    assert values(report, "sharp") == [run.scores["HR@5"]["value"]]
    assert values(report, "sharper") == values(report, "plain") == [None]


def test_published_numbers_need_a_source(shelf: Any, tmp_path: Path) -> None:
    path = table(tmp_path, "bm25")
    Path(path).write_text(Path(path).read_text() + 'published = {"HR@5" = 0.1}\n')
    with pytest.raises(UsageError, match='published = "whose they are"'):
        build_report(path, home=shelf.home)


#: ``run.toml`` says options of ``run``: tests/runs/test_run_command.py.
EXAMPLES = sorted(file for file in EXAMPLE.parent.glob("*.toml") if file.name != "run.toml")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_is_a_table_of_announced_models(
    file: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    _announce_what_is_installed(monkeypatch)
    monkeypatch.chdir(ROOT)
    report = build_report(str(file), home=home)
    assert {cell.value for row in report.rows for cell in row.cells} == {None}
    assert not any("no model" in note or "no variant" in note for note in report.notes)
