"""Tables in LaTeX: what a document with ``\\usepackage{booktabs}`` takes as it is."""

from __future__ import annotations

import re
import unicodedata

from benchmark.report.formats.sheet import Sheet, SheetCell, SheetColumn, panels

#: Points across that the text of a LaTeX article has.
TEXT_WIDTH = 345.0
#: Points between two columns.
_GAP = 4.8
#: The size of an interval, and of a heading's second line, over that of a value: 7 points over 8.
_SMALL = 7 / 8
#: How much wider bold digits are.
_BOLD = 1.15


def draw_latex(sheet: Sheet) -> str:
    """Draw one ``table`` environment, or several where the columns exceed a page's width.

    Needs no package but booktabs. The commands that fill the empty cells come behind
    it, as comments.
    """
    label = max(map(_points, (sheet.row_heading, *sheet.rows)))
    parts = panels(sheet, TEXT_WIDTH - label, _width)
    lines = [rf"% {' '.join(sheet.title.split())}; needs \usepackage{{booktabs}}."]
    # The document counts its own tables.
    title = re.sub(r"^Table \w+\. ", "", sheet.title)
    for number, columns in enumerate(parts, 1):
        which = f", part {number} of {len(parts)}" if len(parts) > 1 else ""
        last = number == len(parts)
        lines += _table(sheet, columns, title + which, with_notes=last)
    if sheet.commands:
        lines.append("% To fill the empty cells:")
        lines += [f"%   {line}" for command in sheet.commands for line in command.splitlines()]
    return "\n".join(lines)


def _table(
    sheet: Sheet, columns: list[SheetColumn], caption: str, *, with_notes: bool
) -> list[str]:
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{2.2pt}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}",
        r"\toprule",
        *_headings(sheet.row_heading, columns),
        r"\midrule",
    ]
    for at, system in enumerate(sheet.rows):
        lines.append(_row([escaped(system), *(_cell(c.cells[at], c.printed) for c in columns)]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = (*sheet.legend, *sheet.notes) if with_notes else ()
    if notes:
        lines += ["", r"\medskip", r"\begin{minipage}{\linewidth}", r"\scriptsize"]
        lines += [rf"{escaped(note)}\par" for note in notes]
        lines.append(r"\end{minipage}")
    return [*lines, r"\end{table}"]


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _headings(row_heading: str, columns: list[SheetColumn]) -> list[str]:
    """What a heading has in parentheses goes below it: columns stay as narrow as their numbers."""
    above, below = zip(*(_lines(column.heading) for column in columns), strict=True)
    lines = [_row([escaped(row_heading), *map(_heading, above, columns)])]
    if any(below):
        small = [
            rf"{{\scriptsize {_heading(words, c)}}}" if words else ""
            for words, c in zip(below, columns, strict=True)
        ]
        lines.append(_row(["", *small]))
    return lines


def _heading(words: str, column: SheetColumn) -> str:
    return rf"\textit{{{escaped(words)}}}" if column.printed and words else escaped(words)


def _lines(heading: str) -> tuple[str, str]:
    name, parenthesis, context = heading.partition(" (")
    return name, parenthesis.lstrip() + context


def _cell(cell: SheetCell, printed: bool) -> str:
    value = escaped(cell.value)
    if cell.best:
        value = rf"\textbf{{{value}}}"
    elif cell.second:
        value = rf"\underline{{{value}}}"
    elif printed and value:
        value = rf"\textit{{{value}}}"
    if cell.mark:
        value += rf"$^{{{_mark(cell.mark)}}}$"
    if cell.interval:
        value += rf" {{\scriptsize {_escaped_within(cell.interval)}}}"
    return value


def _mark(mark: str) -> str:
    return r"\dagger" if mark == "†" else mark


def _width(column: SheetColumn) -> float:
    above, below = _lines(column.heading)
    words = [_points(above), _SMALL * _points(below)]
    for cell in column.cells:
        value = _points(cell.value) * (_BOLD if cell.best else 1)
        words.append(value + _points(cell.mark + " ") + _SMALL * _points(cell.interval))
    return _GAP + max(words)


def _points(text: str) -> float:
    """How wide ``text`` is in 8 points, about: LaTeX alone knows the widths of its letters."""
    return sum(_of_character(character) for character in text)


def _of_character(character: str) -> float:
    if character in " .,:;'()[]ijl":
        return 2.6
    if character in "mwMW@%&":
        return 7.2
    return 6.0 if character.isupper() else 4.3


_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "†": r"\dag{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‘": "`",
    "’": "'",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}


#: Combining marks that every LaTeX sets in its oldest font encoding.
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


#: Signs that turn into another one together with what follows.
_LIGATURE = re.compile(r"-(?=-)|'(?=')|`(?=`)|,(?=,)|[?!](?=`)")


def escaped(text: str) -> str:
    """Escape ``text``: one line of ASCII, every character standing for itself.

    What a plain LaTeX has no sign for prints as its code point, ``[U+4E2D]``: the document
    compiles, and says what it could not show.
    """
    words = _escaped_within(text)
    # After the end of a row these two begin an argument.
    return f"{{{words[0]}}}{words[1:]}" if words[:1] in ("[", "*") else words


def _escaped_within(text: str) -> str:
    """Escape ``text`` that stands behind a command in its cell: a bracket begins no argument."""
    words = "".join(map(_escaped, " ".join(text.split())))
    return _LIGATURE.sub(r"\g<0>{}", words)


def _escaped(character: str) -> str:
    if character in _CHARACTERS:
        return _CHARACTERS[character]
    if character.isascii() and character.isprintable():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"[U+{ord(character):04X}]"
