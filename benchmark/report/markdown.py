"""Tables in Markdown."""

from __future__ import annotations

from benchmark.report.sheet import Sheet, SheetCell


def draw_markdown(sheet: Sheet) -> str:
    """A heading, one pipe table, the notes as a list, the commands in a code block."""
    columns = [column for block in sheet.blocks for column in block]
    lines = [f"### {_escaped(sheet.title)}", ""]
    lines.append(_line([sheet.row_heading, *(column.heading for column in columns)]))
    lines.append("| --- |" + " ---: |" * len(columns))
    for at, row in enumerate(sheet.rows):
        lines.append(_line([_escaped(row), *(_cell(column.cells[at]) for column in columns)]))
    if sheet.notes:
        lines += ["", *(f"- {_escaped(note)}" for note in sheet.notes)]
    if sheet.commands:
        lines += ["", "To fill the empty cells:", "", "```sh", *sheet.commands, "```"]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: SheetCell) -> str:
    text = _escaped(cell.text)
    return f"**{text}**" if cell.best else text


def _escaped(text: str) -> str:
    """Marks such as ``*`` and ``|`` stand for themselves."""
    for character in "\\`*_|<>":
        text = text.replace(character, "\\" + character)
    return text
