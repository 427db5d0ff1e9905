"""A page with a title, keys, panels and notes, measured in inches from its top left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmark.report.figures.page import style
from benchmark.report.figures.page.words import fitted, one_line, width_of, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.3
_LINE = {style.TITLE: 0.21, style.NOTE: 0.135}
_KEY_ROW, _KEY_MARK, _KEY_GAP = 0.18, 0.16, 0.25
_NARROWEST = 5.5
#: Words that must fit are written no smaller than this, in points; bold letters are so much wider.
_SMALLEST, _BOLD = 5.0, 1.1


@dataclass(frozen=True)
class Key:
    """Explains a mark: ``words`` say what it stands for; ``mark`` are properties of a line."""

    words: str
    mark: dict[str, Any] = field(default_factory=dict)


class PlotPage:
    """Lays out a page measured in inches: title, keys and notes around the panels it places.

    ``width`` and ``height`` are the inches of the panels with all that belongs to them; the page
    grows around them.
    """

    def __init__(
        self,
        page: Figure,
        width: float,
        height: float,
        *,
        title: str,
        keys: Sequence[Key] = (),
        notes: Sequence[str] = (),
    ) -> None:
        inside = max(width, _NARROWEST)
        if page.get_label() == style.BARE:
            title, notes = "", ()
        # Bold letters are wider.
        heads = wrapped(title, inside, style.TITLE * 1.03) if title else []
        rows = _key_rows(keys, inside)
        feet = [line for note in notes for line in wrapped(note, inside, style.NOTE)]
        self.top = MARGIN + len(heads) * _LINE[style.TITLE] + len(rows) * _KEY_ROW + 0.14
        self._page, self._width = page, inside + 2 * MARGIN
        foot = self.top + height + 0.1
        self._height = foot + len(feet) * _LINE[style.NOTE] + MARGIN
        page.set_size_inches(self._width, self._height)
        self._axes = page.add_axes(
            (0, 0, 1, 1), xlim=(0, self._width), ylim=(self._height, 0), label="page"
        )
        self._axes.set_axis_off()
        self._axes.set_autoscale_on(False)
        y = MARGIN
        for line in heads:
            self.text(MARGIN, y + 0.06, line, size=style.TITLE, weight="bold")
            y += _LINE[style.TITLE]
        for row in rows:
            self._keys(row, y + 0.06)
            y += _KEY_ROW
        for number, line in enumerate(feet, start=1):
            self.text(MARGIN, foot + number * _LINE[style.NOTE], line, size=style.NOTE)

    @property
    def right(self) -> float:
        """Return where the page's inside ends, in inches from its left."""
        return self._width - MARGIN

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        most: int = 400,
        within: float | None = None,
        **look: Any,
    ) -> None:
        """Write ``words`` at a place of the page; none of them is mathematics.

        ``within`` are the inches they have: they are written smaller where they need more.
        """
        look = {"color": style.INK, "size": style.LETTERS, **look}
        if within is not None:
            wider = _BOLD if look.get("weight") == "bold" else 1.0
            words, look["size"] = fitted(words, within / wider, look["size"], _SMALLEST)
        self._axes.text(x, y, one_line(words, most), parse_math=False, **look)

    def line(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        """Draw a line between places of the page."""
        self._axes.plot(x, y, **look)

    def panel(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Return new axes whose frame lies at this place of the page, in inches."""
        w, h = self._width, self._height
        place = (left / w, 1 - (top + height) / h, width / w, height / h)
        return self._page.add_axes(place, **options)

    def _keys(self, row: Sequence[Key], y: float) -> None:
        x = MARGIN
        for key in row:
            self.line([x + 0.05], [y - 0.035], linestyle="none", **key.mark)
            place = x + _KEY_MARK
            self.text(place, y, key.words, within=self.right - place, size=style.NOTE)
            x += _key_width(key)


def _key_width(key: Key) -> float:
    return _KEY_MARK + width_of(key.words, style.NOTE) + _KEY_GAP


def _key_rows(keys: Sequence[Key], width: float) -> list[list[Key]]:
    rows: list[list[Key]] = []
    room = 0.0
    for key in keys:
        if not rows or _key_width(key) - _KEY_GAP > room:
            rows.append([])
            room = width
        rows[-1].append(key)
        room -= _key_width(key)
    return rows
