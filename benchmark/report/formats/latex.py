"""Tables in LaTeX: what a document with ``\\usepackage{booktabs}`` takes as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from benchmark.report.formats.sheet import (
    Block,
    Sheet,
    SheetCell,
    SheetColumn,
    units,
    without_intervals,
)

#: Points across of one column and of both, in the narrower of the two-column classes (ACL's).
COLUMN_WIDTH, TEXT_WIDTH = 219.0, 455.0
#: Points between two columns.
_GAP = 4.8
#: The size of an interval, and of a heading's second line, over that of a value: 7 points over 8.
_SMALL = 7 / 8
#: How much wider bold digits are.
_BOLD = 1.15
#: Scales what follows in braces down to the line, where it is wider.
_NO_WIDER = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
#: What stands over a block's measured values, where others stand beside them.
_MEASURED = "here"


def draw_latex(sheet: Sheet) -> str:
    """Draw one ``table`` environment, or ``table*`` where it is wider than a column.

    Intervals are left out where they do not fit, unless the sheet keeps them. LaTeX, which alone
    knows its font, scales down what is still too wide. Needs booktabs and graphicx. The commands
    that fill the empty cells come behind it, as comments.
    """
    if _points_across(sheet) > TEXT_WIDTH and not sheet.keep_intervals:
        sheet = without_intervals(sheet)
    lines = [rf"% {' '.join(sheet.title.split())}; needs \usepackage{{booktabs,graphicx}}."]
    lines += _table(sheet, starred=_points_across(sheet) > COLUMN_WIDTH)
    if sheet.commands:
        lines.append("% To fill the empty cells:")
        lines += [f"%   {line}" for command in sheet.commands for line in command.splitlines()]
    return "\n".join(lines)


def _table(sheet: Sheet, *, starred: bool) -> list[str]:
    environment = "table*" if starred else "table"
    # The document counts its own tables.
    caption = re.sub(r"^Table \w+\. ", "", sheet.title)
    lines = [
        rf"\begin{{{environment}}}",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:{_label(sheet)}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{2.2pt}",
        _NO_WIDER,
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(sheet.columns)}@{{}}}}",
        r"\toprule",
        *_headings(sheet.row_heading, units(sheet.blocks)),
        r"\midrule",
    ]
    for at, system in enumerate(sheet.rows):
        cells = (_cell(c.cells[at], c.printed) for c in sheet.columns)
        lines.append(_row([escaped(system), *cells]))
    lines += [r"\bottomrule", r"\end{tabular}%", "}"]
    notes = (*sheet.legend, *sheet.notes, *_sources(sheet))
    if notes:
        lines += ["", r"\medskip", r"\begin{minipage}{\linewidth}", r"\scriptsize\raggedright"]
        lines += [rf"{escaped(note)}\par" for note in notes]
        lines.append(r"\end{minipage}")
    return [*lines, rf"\end{{{environment}}}"]


def _label(sheet: Sheet) -> str:
    """What a document refers to the table by: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", (sheet.name or sheet.title).lower()).strip("-") or "table"


def _sources(sheet: Sheet) -> list[str]:
    """What the columns of printed numbers are, which their short headings do not say."""
    said = dict.fromkeys(c.heading for c in sheet.columns if c.printed and c.name != c.heading)
    return [f"In italics: {', '.join(said)}."] if said else []


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _headings(row_heading: str, blocks: Sequence[Block]) -> list[str]:
    """A line of contexts, one of metrics, and one that tells apart what is of one metric."""
    lines: list[str] = []
    contexts = [(_context(block[0]), len(block)) for block in blocks]
    if any(context for context, _ in contexts):
        lines += _spanned("", _merged(contexts))
    if all(len(block) == 1 for block in blocks):
        names = [_italic(_name(block[0]), block[0]) for block in blocks]
        return [*lines, _row([escaped(row_heading), *names])]
    lines += _spanned("", [(_name(block[0]), len(block)) for block in blocks])
    below = []
    for block in blocks:
        first = _MEASURED if len(block) > 1 else ""
        below += [first, *(_italic(_name(column), column) for column in block[1:])]
    return [*lines, _row([escaped(row_heading), *below])]


def _spanned(first: str, spans: Sequence[tuple[str, int]]) -> list[str]:
    """A line of headings over so many columns each, with a rule below those over several."""
    cells, rules, at = [first], [], 2
    for words, columns in spans:
        if columns == 1:
            cells.append(escaped(words))
        else:
            cells.append(rf"\multicolumn{{{columns}}}{{c}}{{{escaped(words)}}}")
            if words:
                rules.append(rf"\cmidrule(lr){{{at}-{at + columns - 1}}}")
        at += columns
    return [_row(cells), *([" ".join(rules)] if rules else [])]


def _merged(spans: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Neighbours of the same words as one."""
    merged: list[tuple[str, int]] = []
    for words, columns in spans:
        if merged and merged[-1][0] == words:
            merged[-1] = (words, merged[-1][1] + columns)
        else:
            merged.append((words, columns))
    return merged


def _italic(words: str, column: SheetColumn) -> str:
    return rf"\textit{{{escaped(words)}}}" if column.printed and words else escaped(words)


def _name(column: SheetColumn) -> str:
    return column.name or column.heading.partition(" (")[0]


def _context(column: SheetColumn) -> str:
    """What a heading has in parentheses: it goes above, once for all columns that share it."""
    if column.name:
        return column.context
    return column.heading.partition(" (")[2].removesuffix(")")


def _cell(cell: SheetCell, printed: bool) -> str:
    value = _minus(escaped(cell.value))
    if cell.best:
        value = rf"\textbf{{{value}}}"
    elif cell.second:
        value = rf"\underline{{{value}}}"
    elif printed and value:
        value = rf"\textit{{{value}}}"
    if cell.mark:
        value += rf"$^{{{_mark(cell.mark)}}}$"
    if cell.interval:
        value += rf" {{\scriptsize {_minus(_escaped_within(cell.interval))}}}"
    return value


def _minus(number: str) -> str:
    """Negative numbers have a minus: in text its sign is a hyphen."""
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", number)


def _mark(mark: str) -> str:
    return r"\dagger" if mark == "†" else mark


def _points_across(sheet: Sheet) -> float:
    """How wide the table is, about."""
    label = max(map(_points, (sheet.row_heading, *sheet.rows)))
    blocks = (
        max(sum(map(_width, block)), _GAP + _points(_name(block[0])))
        for block in units(sheet.blocks)
    )
    return label + sum(blocks)


def _width(column: SheetColumn) -> float:
    words = [_points(_name(column) if column.printed else "")]
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
