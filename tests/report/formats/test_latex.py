from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.report.build import build_report
from benchmark.report.contents import Report, ReportCell, ReportColumn, ReportRow
from benchmark.report.formats.latex import escaped
from benchmark.report.formats.render import render
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
        columns=(ReportColumn("search", "sim-s", "seen", "HR@5", True, ".4f", "paper (amazon-6)"),),
        rows=(
            ReportRow(name, "a", "system", (cell(0.5, "0.2", True),)),
            ReportRow("B", "b", "system", (cell(0.25, "0.1", False),)),
            ReportRow("C", "c", "system", (cell(None, ""),)),
        ),
        missing=("unimp-bench run --model c",),
        notes=("[low, high]: 95% interval.",),
    )


def test_a_table_is_as_written_here() -> None:
    content = render(report(), "tex")
    assert content.startswith(
        "% Table 2d. 50% of it; needs \\usepackage{booktabs}.\n\\begin{table}\n"
    )
    start, end = content.index("\\begin{tabular}"), content.index("\\end{tabular}")
    assert content[start:end] == (
        "\\begin{tabular}{@{}lrr@{}}\n"
        "\\toprule\n"
        "system & HR@5 & \\textit{paper} \\\\\n"
        " &  & {\\scriptsize \\textit{(amazon-6)}} \\\\\n"
        "\\midrule\n"
        "A\\_b \\& C & \\textbf{0.5000}$^{*}$ {\\scriptsize [0.1000, 0.9000]}"
        " & \\textit{0.2} \\\\\n"
        "B & \\underline{0.2500}$^{\\dagger}$ {\\scriptsize [0.1000, 0.9000]}"
        " & \\textit{0.1} \\\\\n"
        "C & - &  \\\\\n"
        "\\bottomrule\n"
    )
    assert "\\caption{50\\% of it}" in content
    assert "{[}low, high]: 95\\% interval.\\par" in content
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
    assert content.count("\\begin{table}") == content.count("\\end{table}") >= 1


def test_any_name_leaves_the_table_whole() -> None:
    _check(render(replace(report(NASTY), title=NASTY, notes=(NASTY,)), "tex"))


def test_a_command_of_several_lines_stays_a_comment() -> None:
    content = render(replace(report(), missing=("run --model 'a\nb'",)), "tex")
    assert content.endswith("%   run --model 'a\n%   b'")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_every_table_and_any_name(shelf: Any, tmp_path: Path) -> None:
    shelf.ranked("unimp", task="recommendation", chance=0.5)
    shelf.ranked("popularity", task="recommendation", chance=0.2)
    shelf.ranked("oracle", task="recommendation", chance=0.9)
    tables = [render(build_report(number, home=shelf.home), "tex") for number in TABLES]
    tables.append("\\typeout{From here on names too long for any page}")
    tables.append(render(replace(report(NASTY), title=NASTY, notes=(NASTY,)), "tex"))
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        + "\n\\clearpage\n".join(tables)
        + "\n\\end{document}\n",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout.split("From here on")[0]
    assert "Float too large" not in done.stdout


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
            assert len(re.findall(r"(?<!\\)&", row)) == len(kinds) - 1
