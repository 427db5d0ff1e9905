from __future__ import annotations

import json
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.report.build import build_report
from benchmark.report.contents import Report, ReportCell, ReportColumn, ReportRow
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import METRIC_NUMBER, STANDING_LEGEND, SheetColumn, sheet_of
from benchmark.report.formats.text import draw_text


def small_report() -> Report:
    def cell(value: float | None, printed: str | None, better: bool | None = None) -> ReportCell:
        return ReportCell(
            data="sim-s",
            cohort="seen",
            perturb=None,
            value=value,
            low=None if value is None else value - 0.01,
            high=None if value is None else value + 0.01,
            seeds=() if value is None else (0,),
            paper=None if printed is None else float(printed),
            paper_printed=printed,
            paper_data=None if printed is None else "amazon-6",
            significant_against=None if better is None else "another",
            better=better,
        )

    column = ReportColumn(
        "search", "sim-s", "seen", "HR@5", True, METRIC_NUMBER, "paper (amazon-6)"
    )
    return Report(
        table="2d",
        title="Table 2d. Search. Measured on sim-s (simulated)",
        columns=(column,),
        rows=(
            ReportRow("BM25", "bm25", "system", (cell(0.2, "0.0513", False),)),
            ReportRow("HEM", "hem", "system", (cell(None, "0.0654"),)),
            ReportRow("UniMP", "unimp", "system", (cell(0.3, "0.1769", True),)),
            ReportRow("Oracle", "oracle", "ceiling", (cell(0.4, None),)),
        ),
        missing=("unimp-bench run --model hem --task search --data sim-s",),
        notes=("sim-s is simulated.",),
    )


def test_markdown_is_as_written_here() -> None:
    assert render(small_report(), "md") == (
        "### Table 2d. Search. Measured on sim-s (simulated)\n"
        "\n"
        "| system | HR@5 | paper (amazon-6) |\n"
        "| --- | ---: | ---: |\n"
        "| BM25 | <u>0.2000† [0.1900, 0.2100]</u> | 0.0513 |\n"
        "| HEM | - | 0.0654 |\n"
        "| UniMP | **0.3000\\* [0.2900, 0.3100]** | 0.1769 |\n"
        "| Oracle | 0.4000 [0.3900, 0.4100] |  |\n"
        "\n"
        f"- {STANDING_LEGEND}\n"
        "- sim-s is simulated.\n"
        "\n"
        "To fill the empty cells:\n"
        "\n"
        "```sh\n"
        "unimp-bench run --model hem --task search --data sim-s\n"
        "```"
    )


def test_text_shows_the_same_and_no_escape_codes_off_a_terminal() -> None:
    text = draw_text(small_report_sheet(), width=100, styled=False)
    for piece in (
        "0.3000* [0.2900, 0.3100]",
        "paper (amazon-6)",
        "0.0654",
        "sim-s is simulated.",
        "  unimp-bench run --model hem --task search --data sim-s",
    ):
        assert piece in text
    assert "\x1b" not in text
    assert STANDING_LEGEND[:40] not in text  # of what cannot be seen here


def small_report_sheet() -> Any:
    return sheet_of(small_report())


def test_a_terminal_shows_best_in_bold_and_second_underlined_and_an_oracle_is_neither() -> None:
    text = draw_text(small_report_sheet(), width=100, styled=True)
    assert "\x1b[1m0.3000* [0.2900, 0.3100]\x1b[0m" in text
    assert "\x1b[4m0.2000† [0.1900, 0.2100]\x1b[0m" in text
    assert "\x1b[1m0.4000" not in text
    assert STANDING_LEGEND[:40] in text


@pytest.mark.parametrize("width", [60, 80, 100, 160, 400])
def test_text_fits_its_width_without_cutting_a_number(shelf: Any, width: int) -> None:
    shelf.ranked("popularity", task="recommendation", chance=0.3)
    sheet = sheet_of(build_report("recommendation", home=shelf.home))
    text = draw_text(sheet, width=width, styled=False)
    drawn = text.split("To fill the empty cells:")[0].splitlines()
    # One metric and the paper's stay side by side; a column takes two spaces and a border more.
    labels = max(map(len, sheet.rows))
    widest = max(sum(_words_across(column) + 3 for column in block) for block in sheet.blocks)
    assert max(map(len, drawn)) <= max(width, 1 + labels + 3 + widest)
    for block in sheet.blocks:
        for column in block:
            assert column.heading in text
            assert all(cell.text in text for cell in column.cells)


def _words_across(column: SheetColumn) -> int:
    return max(len(column.heading), *(len(cell.text) for cell in column.cells))


def test_json_is_one_document(shelf: Any) -> None:
    report = build_report("search", home=shelf.home)
    assert json.loads(render(report, "json")) == report.to_json()


@pytest.mark.parametrize(
    ("output_format", "fix"),
    [
        ("latex", "Did you mean 'tex' or 'text'?"),
        ("htm", "Did you mean 'html'?"),
        ("docx", "Known: csv, html, json, md, tex, text."),
        ("", "Known: csv, html, json, md, tex, text."),
    ],
)
def test_an_unknown_format_is_answered_with_the_nearest_or_all(
    output_format: str, fix: str
) -> None:
    with pytest.raises(UsageError) as caught:
        render(small_report(), output_format)
    assert str(caught.value) == f"Unknown report format {output_format!r}.\n{fix}"


def test_headings_say_task_and_data_where_they_differ(shelf: Any) -> None:
    headings = [block[0].heading for block in sheet_of(build_report("7", home=shelf.home)).blocks]
    assert headings[0] == "HR@5 (recommendation)"
    assert headings[3] == "HR@5 (search)"
    blocks = sheet_of(build_report("9", home=shelf.home)).blocks
    assert (blocks[0][0].heading, blocks[0][1].heading) == ("HR@5 (hm)", "paper (hm)")


def test_the_papers_other_name_for_a_metric_is_shown(shelf: Any) -> None:
    blocks = sheet_of(build_report("2a", home=shelf.home)).blocks
    assert (blocks[0][0].heading, blocks[0][1].heading) == ("BLEU-1", "paper's BLEU (amazon-6)")
    assert len(blocks[1]) == 1  # the paper has no second BLEU
