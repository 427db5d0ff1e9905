"""Tables in Markdown."""

from __future__ import annotations

import re

from benchmark.report.formats.printable import printable
from benchmark.report.formats.sheet import Sheet, SheetCell

#: What never stands for itself; brackets do in an interval, where no link can be meant.
_MARKS = "\\`*_|<>~"
#: Beginnings of a line that make it a heading, a list, a rule or an underline.
_OPENING = re.compile(r"(?:[-+#=]|\d+(?=[.)]))(?=[-+#=.)]*(?:\s|$))")


def draw_markdown(sheet: Sheet) -> str:
    """Draw a heading, one pipe table, the notes as a list, the commands in a code block."""
    sheet = printable(sheet)
    lines = [f"### {_title(sheet.title)}", ""]
    headings = (_escaped(column.heading) for column in sheet.columns)
    lines.append(_line([sheet.row_heading, *headings]))
    lines.append("| --- |" + " ---: |" * len(sheet.columns))
    for at, row in enumerate(sheet.rows):
        cells = (_cell(column.cells[at]) for column in sheet.columns)
        lines.append(_line([_escaped(row), *cells]))
    notes = (*sheet.legend, *sheet.notes)
    if notes:
        lines += ["", *(f"- {_item(note)}" for note in notes)]
    if sheet.commands:
        fence = _fence(sheet.commands)
        lines += ["", "To fill the empty cells:", "", f"{fence}sh", *sheet.commands, fence]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: SheetCell) -> str:
    text = _escaped(cell.text, _MARKS)
    return f"**{text}**" if cell.best else f"<u>{text}</u>" if cell.second else text


def _title(text: str) -> str:
    """Signs at the end of a heading would be taken for its end."""
    return re.sub(r"#(?=#*$)", r"\#", _escaped(text))


def _item(text: str) -> str:
    words = _escaped(text)
    opening = _OPENING.match(words)
    if opening is None:
        return words
    at = opening.end() if words[0].isdigit() else 0
    return f"{words[:at]}\\{words[at:]}"


def _escaped(text: str, marks: str = _MARKS + "[]&$") -> str:
    """Marks such as ``*`` and ``|`` stand for themselves, and words stay on their line."""
    text = " ".join(text.split())
    for mark in marks:
        text = text.replace(mark, "\\" + mark)
    return text


def _fence(commands: tuple[str, ...]) -> str:
    fence = "```"
    while any(fence in command for command in commands):
        fence += "`"
    return fence
