from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from benchmark.report.build import build_report
from benchmark.report.contents import Report, ReportCell, ReportColumn, ReportRow
from benchmark.report.formats.latex import draw_latex, escaped
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import (
    COUNTS_NOTE,
    INTERVAL_NOTE,
    METRIC_NUMBER,
    NO_SPREAD_NOTE,
    PAPER_NOTE,
    PAPERS_NUMBERS,
    Sheet,
    SheetCell,
    SheetColumn,
    TableStyle,
    number_cell,
    sheet_of,
)
from benchmark.report.table.listing import list_tables

TABLES = [table["number"] or table["name"] for table in list_tables()]
NASTY = "[A_b] & 50% | <script> {$x^2~#\\} -- ``q'' ?` é ł 中 \x07 ^^M"


def report(name: str = "A_b & C") -> Report:
    def cell(value: float | None, printed: str, better: bool | None = None) -> ReportCell:
        known = value is not None
        return ReportCell(
            "sim-s",
            "seen",
            None,
            value=value,
            low=0.1 if known else None,
            high=0.9 if known else None,
            paper_printed=printed,
            better=better,
        )

    return Report(
        table="x",
        title="Table 2d. 50% of it",
        columns=(
            ReportColumn(
                "search", "sim-s", "seen", "HR@5", True, METRIC_NUMBER, "paper (amazon-6)"
            ),
        ),
        rows=(
            ReportRow(name, "a", "system", (cell(0.5, "0.2", True),)),
            ReportRow("B", "b", "system", (cell(0.25, "0.1", False),)),
            ReportRow("C", "c", "system", (cell(None, ""),)),
        ),
        missing=("unimp-bench run --model c",),
        notes=(INTERVAL_NOTE,),
    )


def test_a_table_is_as_written_here() -> None:
    content = render(report(), "tex")
    assert content.startswith(
        "% Table 2d. 50% of it; needs \\usepackage{booktabs,graphicx}.\n\\begin{table}\n"
    )
    start, end = content.index("\\begin{tabular}"), content.index("\\end{tabular}")
    assert content[start:end] == (
        "\\begin{tabular}{@{}lrr@{}}\n"
        "\\toprule\n"
        " & \\multicolumn{2}{c}{HR@5} \\\\\n"
        "\\cmidrule(lr){2-3}\n"
        "system & here & \\textit{paper} \\\\\n"
        "\\midrule\n"
        "A\\_b \\& C & \\textbf{0.5000}$^{*}$ {\\scriptsize [0.1000, 0.9000]}"
        " & \\textit{0.2} \\\\\n"
        "B & \\underline{0.2500}$^{\\dagger}$ {\\scriptsize [0.1000, 0.9000]}"
        " & \\textit{0.1} \\\\\n"
        "C & - &  \\\\\n"
        "\\bottomrule\n"
    )
    assert "\\caption{50\\% of it}\n\\label{tab:x}\n" in content
    assert "In italics: paper (amazon-6).\\par" in content
    assert "{[}low, high]: 95\\% interval, bootstrap over users.\\par" in content
    assert content.endswith("% To fill the empty cells:\n%   unimp-bench run --model c")


@pytest.mark.parametrize(
    ("words", "latex"),
    [
        ("a_b & 5% #1 $x$ {y}", r"a\_b \& 5\% \#1 \$x\$ \{y\}"),
        (
            "<a> | ~ ^ \\",
            r"\textless{}a\textgreater{} \textbar{} \textasciitilde{} "
            r"\textasciicircum{} \textbackslash{}",
        ),
        ("--- a-b", r"-{}-{}- a-b"),
        ("Müller’s résumé † ø", r"M\"{u}ller's r\'{e}sum\'{e} \dag{} \o{}"),
        ("two\nlines", "two lines"),
        ("中", "{[}U+4E2D]"),
        ("*x", "{*}x"),
        ("", ""),
    ],
)
def test_every_character_stands_for_itself(words: str, latex: str) -> None:
    assert escaped(words) == latex
    assert escaped(words).isascii()


@pytest.mark.parametrize("number", TABLES)
def test_rows_have_as_many_cells_as_columns_and_braces_are_balanced(
    shelf: Any, number: str
) -> None:
    shelf.ranked("unimp", task="recommendation", chance=0.5)
    content = render(build_report(number, home=shelf.home), "tex")
    _check(content)
    starts = re.findall(r"\\begin{table\*?}", content)
    assert len(starts) == len(re.findall(r"\\end{table\*?}", content)) == 1


def test_any_name_leaves_the_table_whole() -> None:
    _check(render(replace(report(NASTY), title=NASTY, notes=(NASTY,)), "tex"))


def test_a_command_of_several_lines_stays_a_comment() -> None:
    content = render(replace(report(), missing=("run --model 'a\nb'",)), "tex")
    assert content.endswith("%   run --model 'a\n%   b'")


#: Two-column classes of the field, by what they ask for. ACL's style is on no TeX server: the
#: second has its page, columns and packages; the third is the style itself, where it is installed.
CLASSES = {
    "acm": (
        ("acmart.cls", "libertine.sty", "binhex.tex"),
        "\\documentclass[sigconf,nonacm]{acmart}\n",
        "\\title{T}\\author{A}\\affiliation{\\institution{I}\\city{C}\\country{L}}\\maketitle\n",
    ),
    "acl": (
        ("times.sty", "ptmr7t.tfm", "caption.sty", "natbib.sty", "hyperref.sty"),
        "\\documentclass[11pt]{article}\\usepackage{times,xcolor}\n"
        "\\usepackage[a4paper,margin=2.5cm,heightrounded]{geometry}\n"
        "\\setlength\\columnsep{0.6cm}\\flushbottom\\twocolumn\\sloppy\n"
        "\\usepackage{caption}\\DeclareCaptionFont{10pt}{\\fontsize{10pt}{12pt}\\selectfont}\n"
        "\\captionsetup{font=10pt}\\usepackage{natbib}\\usepackage[breaklinks]{hyperref}\n",
        "",
    ),
    "acl.sty": (
        ("acl.sty", "times.sty", "ptmr7t.tfm"),
        "\\documentclass[11pt]{article}\\usepackage[preprint]{acl}\\usepackage{times}\n",
        "\\title{T}\\author{A}\\maketitle\n",
    ),
}
#: Every option of ``report --format tex``.
STYLES = (
    TableStyle(),
    TableStyle(decimals=1),
    TableStyle(decimals=8),
    TableStyle(percent=True),
    TableStyle(intervals=True),
    TableStyle(intervals=False),
    TableStyle(paper=False),
    TableStyle(spread=True),
    TableStyle(spread=True, percent=True, paper=False, decimals=1),
)


def compiled(tables: list[str], of_class: str, folder: Path) -> str:
    """Compile ``tables``, a page each, in a class; return what LaTeX said, lines joined."""
    needed, head, begin = CLASSES[of_class]
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    for name in needed:
        if not subprocess.run(["kpsewhich", name], capture_output=True, text=True).stdout:
            pytest.skip(f"{name} of TeX Live is not installed")
    pages = "\n\\clearpage\n".join(tables)
    (folder / "all.tex").write_text(
        f"{head}\\usepackage{{booktabs,graphicx}}\n\\begin{{document}}\n{begin}{pages}\n"
        "\\end{document}\n",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "max_print_line": "1000"},
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def faults(said: str) -> list[str]:
    """What LaTeX said of boxes and floats that do not fit, and of letters that no font has."""
    return re.findall(r".*(?:Overfull|too large|Missing character).*", said)


@pytest.mark.slow
@pytest.mark.parametrize("of_class", CLASSES)
def test_every_table_fits_the_page_of_a_paper_whatever_the_options(
    shelf: Any, tmp_path: Path, of_class: str
) -> None:
    for seed in (0, 1):
        for model, task in (("unimp", "recommendation"), ("unimp", "search"), ("bm25", "search")):
            shelf.ranked(model, task=task, chance=0.5, seed=seed)
    shelf.ranked("oracle", task="recommendation", chance=0.9)
    reports = [build_report(number, home=shelf.home) for number in TABLES]
    tables = [render(each, "tex", style=style) for each in reports for style in STYLES]
    said = compiled(tables, of_class, tmp_path)
    assert faults(said) == []
    (pages,) = re.findall(r"Output written on all.pdf \((\d+) pages", said)
    assert int(pages) >= len(tables)


@pytest.mark.parametrize("of_class", CLASSES)
def test_a_table_of_any_name_and_one_too_wide_compile_and_fit(
    tmp_path: Path, of_class: str
) -> None:
    odd = replace(report(NASTY), title=NASTY, notes=(NASTY,))
    tables = [render(each, "tex") for each in (odd, wide(3), wide(24), report())]
    assert faults(compiled(tables, of_class, tmp_path)) == []


def wide(columns: int) -> Report:
    """A report of ``columns`` metrics of two tasks, with intervals."""
    one = report()
    heads = tuple(
        replace(one.columns[0], task="search" if i % columns < columns / 2 else "recommendation")
        for i in range(columns)
    )
    rows = tuple(replace(row, cells=row.cells * columns) for row in one.rows)
    return replace(one, columns=heads, rows=rows)


def test_tasks_head_their_columns_once() -> None:
    content = render(wide(2), "tex")
    assert " & \\multicolumn{2}{c}{search} & \\multicolumn{2}{c}{recommendation} \\\\\n" in content
    assert "\\cmidrule(lr){2-3} \\cmidrule(lr){4-5}\n" in content
    assert content.count("search") == 1
    _check(content)


@pytest.mark.parametrize(
    ("columns", "environment", "has_intervals"),
    [(1, "table", True), (3, "table*", True), (6, "table*", False), (24, "table*", False)],
)
def test_one_table_fits_a_column_or_a_page(
    columns: int, environment: str, has_intervals: bool
) -> None:
    content = render(wide(columns), "tex")
    assert f"\\begin{{{environment}}}" in content
    assert ("[0.1000, 0.9000]" in content) == has_intervals
    assert ("95\\% interval" in content) == has_intervals
    assert content.count("\\resizebox{\\ifdim\\width>\\linewidth") == 1
    _check(content)


def test_intervals_that_are_asked_for_stay_and_others_go() -> None:
    kept = render(wide(6), "tex", style=TableStyle(intervals=True))
    assert "[0.1000, 0.9000]" in kept
    gone = render(report(), "tex", style=TableStyle(intervals=False))
    assert "0.9000" not in gone


def test_digits_percent_and_paper_columns_are_chosen() -> None:
    made = render(report(), "tex", style=TableStyle(decimals=1, percent=True, paper=False))
    assert "\\textbf{50.0}$^{*}$ {\\scriptsize [10.0, 90.0]}" in made
    assert "HR@5 \\%" in made
    assert "paper" not in made
    (column,) = report().columns
    error = replace(report(), columns=(replace(column, metric="RMSE", higher_is_better=False),))
    assert "0.50" in render(error, "tex", style=TableStyle(decimals=2, percent=True))


def test_without_the_papers_numbers_no_note_speaks_of_them() -> None:
    notes = (PAPER_NOTE, COUNTS_NOTE, f"{PAPERS_NUMBERS} that nobody can have.", "another note")
    noted = replace(report(), notes=notes)
    assert sheet_of(noted).notes == notes
    assert sheet_of(noted, TableStyle(paper=False)).notes == ("another note",)


def test_the_spread_over_seeds_takes_the_place_of_the_interval(shelf: Any) -> None:
    runs = [shelf.ranked("unimp", chance=chance, seed=i) for i, chance in enumerate((0.2, 0.8))]
    found = build_report("2d", home=shelf.home)
    deviation = stdev(run.scores["HR@5"]["value"] for run in runs)
    (row,) = (row for row in found.rows if row.system == "UniMP")
    assert row.cells[0].deviation == pytest.approx(deviation)
    made = render(found, "tex", style=TableStyle(spread=True))
    assert f"$\\pm$ {deviation:.4f}" in made
    assert "standard deviation over seeds" in made
    assert INTERVAL_NOTE in found.notes
    assert INTERVAL_NOTE not in sheet_of(found, TableStyle(spread=True)).notes
    shelf.ranked("bm25", chance=0.4)  # of one seed: its interval stands
    mixed = sheet_of(build_report("2d", home=shelf.home), TableStyle(spread=True))
    assert INTERVAL_NOTE in mixed.notes


def test_negative_numbers_have_a_minus_and_names_their_hyphens() -> None:
    cell = number_cell(-0.5, -0.75, 0.25, METRIC_NUMBER)
    sheet = Sheet("T", "system", ("p5-2", "-"), ((SheetColumn("margin", (cell, SheetCell("-"))),),))
    drawn = draw_latex(sheet)
    assert r"p5-2 & $-$0.5000 {\scriptsize [$-$0.7500, 0.2500]} \\" in drawn
    assert r"- & - \\" in drawn


def test_a_spread_that_no_row_has_is_missed_aloud(shelf: Any) -> None:
    shelf.ranked("unimp", chance=0.4)
    found = build_report("2d", home=shelf.home)
    assert NO_SPREAD_NOTE in sheet_of(found, TableStyle(spread=True)).notes
    assert NO_SPREAD_NOTE not in sheet_of(found).notes


def test_whose_the_published_numbers_are_stands_where_these_do(shelf: Any) -> None:
    found = build_report("calibration", home=shelf.home)
    said = [note for note in found.notes if note.startswith("published: ")]
    assert len(said) == 1
    assert said[0] not in sheet_of(found, TableStyle(paper=False)).notes
    other = build_report("calibration", home=shelf.home, data="sim-s")
    assert not any(note.startswith("published: ") for note in other.notes)


def _check(content: str) -> None:
    words = re.sub(r"^%.*$", "", content, flags=re.MULTILINE)
    bare = re.sub(r"\\[\\{}]", "", words)
    depth = 0
    for sign in re.findall("[{}]", bare):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    for tabular in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", words, flags=re.DOTALL):
        (kinds,) = re.findall(r"\{@\{\}(l+r*)@\{\}\}", tabular)
        rows = [line for line in tabular.splitlines() if line.endswith(r"\\")]
        assert rows
        for row in rows:
            over = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            spanned = sum(over) - len(over)
            assert len(re.findall(r"(?<!\\)&", row)) + spanned == len(kinds) - 1
