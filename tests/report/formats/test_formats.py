"""What every format must do; each format's own details are in a file of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.report.build import build_report
from benchmark.report.formats.render import DRAWN, FORMATS, draw, render
from benchmark.report.formats.sheet import Sheet, SheetCell, SheetColumn
from benchmark.report.formats.text import draw_text
from benchmark.report.side_by_side import render_runs
from benchmark.report.table.listing import list_tables

TABLES = [table["number"] or table["name"] for table in list_tables()]
#: What shows a cell as best and as second, around the value.
SHOWN = {
    "text": ("\x1b[1m", "\x1b[4m"),
    "md": ("**", "<u>"),
    "tex": (r"\textbf{", r"\underline{"),
    "html": ("<strong>", "<u>"),
}
SCORE = {"n": 9, "users": 9}


@pytest.mark.parametrize("number", TABLES)
def test_every_table_has_every_format_without_a_run(
    shelf: Any, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # names take several lines where there is no room
    report = build_report(number, home=shelf.home)
    for output_format in FORMATS:
        content = render(report, output_format, styled=False)
        if output_format == "html":
            content = unescape(content)
        for row in report.rows:
            assert _words(row.system) in _words(content)
        if output_format != "csv":
            for command in report.missing:
                assert command in content
        printed = {cell.paper_printed for row in report.rows for cell in row.cells}
        if output_format != "json":  # which has the paper's numbers, but not their spelling
            assert all(word.replace("%", "") in content for word in printed if word)


@pytest.mark.parametrize("output_format", DRAWN)
def test_best_and_second_are_shown_and_an_oracle_is_neither(shelf: Any, output_format: str) -> None:
    for model, mae in (("popularity", 0.9), ("random", 1.4), ("oracle", 0.2), ("unimp", 0.8)):
        shelf.scored(
            model, {"MAE": {**SCORE, "value": mae, "low": mae, "high": mae}}, task="preference"
        )
    best, second = SHOWN[output_format]
    content = render(_preference(shelf), output_format, styled=True)
    assert f"{best}0.8000" in content
    assert f"{second}0.9000" in content
    for value in ("0.2000", "1.4000"):
        assert value in content
        assert not re.search(f"(?:{re.escape(best)}|{re.escape(second)}){value}", content)


@pytest.mark.parametrize("output_format", DRAWN)
def test_a_tie_is_shown_as_one(shelf: Any, output_format: str) -> None:
    for model, mae in (("popularity", 0.80001), ("random", 0.9), ("unimp", 0.8)):
        shelf.scored(
            model, {"MAE": {**SCORE, "value": mae, "low": mae, "high": mae}}, task="preference"
        )
    content = render(_preference(shelf), output_format, styled=True)
    best, second = SHOWN[output_format]
    assert content.count(f"{best}0.8000") == 2
    assert content.count(f"{second}0.9000") == 1


@pytest.mark.parametrize("output_format", DRAWN)
def test_simulated_numbers_and_the_papers_are_labelled(shelf: Any, output_format: str) -> None:
    shelf.ranked("bm25", chance=0.4)
    content = _words(render(build_report("2d", home=shelf.home), output_format, styled=False))
    assert "sim-s (simulated)" in content
    assert "sim-s is simulated: its numbers say nothing about real users" in content
    assert "not comparable with the measured one" in content
    assert "amazon-6" in content


@pytest.mark.parametrize("output_format", DRAWN)
def test_runs_side_by_side_have_the_same_formats(shelf: Any, output_format: str) -> None:
    runs = [
        shelf.scored(model, {"HR@5": {**SCORE, "value": value, "low": 0, "high": 1}}, task="search")
        for model, value in (("bm25", 0.5), ("random", 0.1))
    ]
    content = render_runs(runs, output_format, styled=True)
    assert SHOWN[output_format][0] in content
    with pytest.raises(UsageError, match="Unknown report format 'csv'"):
        render_runs(runs, "csv")


def test_a_page_is_one_file_that_loads_nothing(shelf: Any) -> None:
    page = _Page(render(build_report("1", home=shelf.home), "html"))
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert not {"src", "href", "srcset"} & set(page.attributes)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert "prefers-color-scheme: dark" in page.source
    assert "default-src 'none'" in page.source


def test_markup_in_names_stays_text_on_a_page(shelf: Any, nasty: str) -> None:
    page = _Page(render(_renamed(build_report("2d", home=shelf.home), nasty), "html"))
    assert "script" not in page.tags
    assert "onerror" not in page.attributes
    assert page.text.count(nasty) == 5  # title, heading, row, note, command


def test_a_pages_rows_have_as_many_cells_as_its_head(shelf: Any) -> None:
    shelf.ranked("bm25", chance=0.4)
    source = render(build_report("2d", home=shelf.home), "html")
    counts = {len(re.findall(r"<t[hd][ >]", row)) for row in source.split("<tr>")[1:]}
    assert counts == {7}  # a system, three metrics, three columns of the paper


def test_marks_in_names_stay_text_in_markdown(shelf: Any, nasty: str) -> None:
    lines = render(_renamed(build_report("2d", home=shelf.home), nasty), "md").splitlines()
    row = next(line for line in lines if line.startswith("| A\\_b"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 8
    assert "\\<script\\>" in row
    assert "<script>" not in re.sub(r"```sh.*", "", "\n".join(lines), flags=re.DOTALL)


@pytest.fixture
def nasty() -> str:
    return "A_b & 50% | <script>alert(1)</script> <img src=x onerror=y> {$x^2~#\\} [a](b)"


def _renamed(report: Any, name: str) -> Any:
    first, *others = report.rows
    return replace(
        report,
        title=name,
        rows=(replace(first, system=name), *others),
        notes=(name,),
        missing=(name,),
    )


def _preference(shelf: Any) -> Any:
    """A table of one metric of which less is better."""
    path = Path(shelf.home.root) / "mine.toml"
    rows = "".join(
        f'[[rows]]\nsystem = "{name}"\nmodel = "{name}"\nrole = "{role}"\n'
        for name, role in (
            ("oracle", "ceiling"),
            ("popularity", "trivial"),
            ("random", "trivial"),
            ("unimp", "system"),
        )
    )
    path.write_text(
        'name = "mine"\ntitle = "Mine"\n[[columns]]\ntask = "preference"\nmetrics = ["MAE"]\n'
        + rows
    )
    return build_report(str(path), home=shelf.home)


def _words(text: str) -> str:
    """Without what a format puts between words and around signs."""
    return " ".join(re.sub(r"[\\{}]|textit|amp;", "", text).split())


class _Page(HTMLParser):
    """The tags, the names of attributes and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _sheet(*rows: str, title: str = "Title", notes: tuple[str, ...] = ()) -> Sheet:
    cells = tuple(SheetCell("0.5000") for _ in rows)
    return Sheet(title, "system", rows, ((SheetColumn("HR@5", cells),),), notes)


@pytest.mark.parametrize("output_format", ["text", "md", "html"])
def test_names_are_on_one_line_and_command_nothing(output_format: str) -> None:
    names = "a\nb", "\x1b[31mred\x07", "turned\u202e"
    sheet = _sheet(*names, title="A\ntitle", notes=("of\n\x1b]0;x",))
    drawn = draw(sheet, output_format, styled=False)
    assert "a b" in drawn
    assert "A title" in drawn
    assert not set("\x1b\x07\u202e") & set(drawn)
    assert "\N{REPLACEMENT CHARACTER}" in drawn


@pytest.mark.parametrize("columns", [40, 80])
def test_a_name_without_a_space_is_folded_rather_than_wider_than_the_terminal(columns: int) -> None:
    name = "path/to/" + "model" * 30
    lines = draw_text(_sheet(name, "bm25"), width=columns, styled=False).splitlines()
    assert max(map(len, lines)) <= columns
    parts = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert "".join(parts) == name + "bm25"


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("1. first", r"- 1\. first"),
        ("# no heading", r"- \# no heading"),
        ("- no list", r"- \- no list"),
        ("---", r"- \---"),
        ("costs $1 to $2", r"- costs \$1 to \$2"),
        ("-: not measured", "- -: not measured"),
        ("0.5 of all", "- 0.5 of all"),
    ],
)
def test_a_notes_beginning_is_no_markdown(note: str, shown: str) -> None:
    assert shown in draw(_sheet("a", notes=(note,)), "md").splitlines()


def test_a_title_keeps_its_last_sign_in_markdown() -> None:
    assert draw(_sheet("a", title="Take #"), "md").startswith("### Take \\#\n")
