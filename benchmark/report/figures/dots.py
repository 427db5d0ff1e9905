"""The figure ``dots``: every metric of a table, a panel each, with 95% intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from benchmark.host.home import Home
from benchmark.report.contents import ReportCell, ReportRow
from benchmark.report.figures.page import style
from benchmark.report.figures.page.plot_page import MARGIN, Key, PlotPage
from benchmark.report.figures.page.words import short_names, width_of
from benchmark.report.figures.tabled import (
    Group,
    TableView,
    best_first,
    direction,
    read_table_view,
)
from benchmark.report.formats.sheet import PUBLISHED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL, _GAP, _ROW, _HEAD, _FOOT = 1.85, 0.3, 0.19, 0.7, 0.32
#: Panels beside each other.
_MOST_ABREAST = 4
_MOST_LETTERS = 34


@dataclass(frozen=True, slots=True)
class Strip:
    """Lays out panels beside each other that share their rows.

    ``oracles`` stand above the ``measured`` systems (best first); below them are those of which
    only the paper has numbers.
    """

    group: Group
    columns: tuple[int, ...]
    oracles: tuple[ReportRow, ...]
    measured: tuple[ReportRow, ...]
    printed: tuple[ReportRow, ...]

    @property
    def rows(self) -> tuple[ReportRow, ...]:
        """Return all rows of the strip, from top to bottom."""
        return (*self.oracles, *self.measured, *self.printed)

    @property
    def height(self) -> float:
        """Return the strip's height in inches, headings and axis included."""
        return _HEAD + len(self.rows) * _ROW + _FOOT


@dataclass(frozen=True, slots=True)
class DotsFigure:
    """Plots every system's value and 95% interval in every metric, one panel per metric."""

    view: TableView
    strips: tuple[Strip, ...]

    @property
    def _unheaded(self) -> float:
        """Room that the title of the first strip would take, where the page's says it all."""
        return 0.2 if len(self.view.groups) == 1 else 0.0

    def summary(self) -> str:
        """Return the figure's name and the table's title, on one line."""
        return self.view.summary("dots")

    def to_json(self) -> dict[str, Any]:
        """Return one panel per column: every value, its interval, and the paper's number."""
        panels = [
            {
                **self.view.place_json(at),
                "marks": [_mark_json(row, row.cells[at]) for row in strip.rows],
            }
            for strip in self.strips
            for at in strip.columns
        ]
        return self.view.to_json("dots", panels)

    def draw(self, page: Figure) -> None:
        """Draw strips of panels: filled marks measured here, hollow ones printed by the paper."""
        left = max(width_of(name, style.LETTERS) for name in self._names().values())
        abreast = max(len(strip.columns) for strip in self.strips)
        paper = PlotPage(
            page,
            left + 0.1 + abreast * (_PANEL + _GAP),
            sum(strip.height for strip in self.strips) - self._unheaded,
            title=self.view.report.title,
            keys=self._keys(),
            notes=[*self.view.bars_notes(), *self._about_paper(), *self.view.notes()],
        )
        top = paper.top - self._unheaded
        for strip in self.strips:
            self._draw_strip(paper, strip, MARGIN + left + 0.1, top)
            top += strip.height

    def _names(self) -> dict[str, str]:
        rows = [row for strip in self.strips for row in strip.rows]
        return short_names((row.system for row in rows), _MOST_LETTERS)

    def _draw_strip(self, paper: PlotPage, strip: Strip, left: float, top: float) -> None:
        count, names = len(strip.rows), self._names()
        if len(self.view.groups) > 1:
            paper.text(
                *(MARGIN, top + 0.12, strip.group.title),
                within=paper.right - MARGIN,
                size=style.HEADING,
                weight="bold",
            )
        for number, row in enumerate(strip.rows):
            only_printed = number >= count - len(strip.printed)
            paper.text(
                left - 0.1,
                top + _HEAD + (number + 0.5) * _ROW,
                names[row.system],
                ha="right",
                va="center",
                color=style.GREY if only_printed else style.INK,
            )
        for place, at in enumerate(strip.columns):
            x = left + place * (_PANEL + _GAP)
            room = _PANEL + 0.75 * _GAP
            column = self.view.report.columns[at]
            paper.text(
                *(x, top + 0.36, column.metric), within=room, size=style.HEADING, weight="bold"
            )
            paper.text(x, top + 0.5, direction(column), size=style.NOTE, color=style.GREY)
            if any(row.cells[at].paper is not None for row in strip.rows):
                words = f"□ {column.paper}"
                colour = style.PAPER["color"]
                paper.text(x, top + 0.63, words, within=room, size=style.NOTE, color=colour)
            self._draw_panel(paper, strip, at, x, top + _HEAD)

    def _draw_panel(self, paper: PlotPage, strip: Strip, at: int, left: float, top: float) -> None:
        count = len(strip.rows)
        axes = paper.panel(left, top, _PANEL, count * _ROW, ylim=(count - 0.5, -0.5))
        style.plain(axes, grid="x")
        style.few_ticks(axes, "x")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        every = list(range(count))
        axes.hlines(every, 0, 1, transform=axes.get_yaxis_transform(), color=style.PALE,
                    linewidth=0.6, linestyle=(0, (1, 2)), zorder=0.5)  # fmt: skip
        for edge in (len(strip.oracles), count - len(strip.printed)):
            if 0 < edge < count:
                axes.axhline(edge - 0.5, color="0.6", linewidth=0.6)
        for number, row in enumerate(strip.rows):
            cell = row.cells[at]
            if cell.paper is not None:
                axes.plot([cell.paper], [number], zorder=3, linestyle="none", **style.PAPER)
            if cell.value is None:
                continue
            mark = style.of_role(row.role)
            if cell.low is not None and cell.high is not None:
                axes.plot([cell.low, cell.high], [number, number], color=mark["color"],
                          linewidth=1.3, solid_capstyle="butt", zorder=2)  # fmt: skip
            axes.plot([cell.value], [number], zorder=4, linestyle="none", **mark)
        axes.margins(x=0.06)

    def _keys(self) -> list[Key]:
        measured = {row.role for strip in self.strips for row in (*strip.oracles, *strip.measured)}
        keys = [Key("measured here", style.MEASURED)] if "system" in measured else []
        if "trivial" in measured:
            keys.append(Key("measured here, trivial", style.TRIVIAL))
        if "ceiling" in measured:
            keys.append(Key("ceiling: knows the simulation", style.ORACLE))
        whose = self._whose()
        if whose:
            words = {"paper": "printed in the paper", "others": "published by others"}
            keys.append(Key(" or ".join(words[each] for each in whose), style.PAPER))
        return keys

    def _whose(self) -> list[str]:
        """Whose numbers stand beside the measured ones: the ``paper``'s, those of ``others``."""
        rows = [row for strip in self.strips for row in strip.rows]
        printed = [cell for row in rows for cell in row.cells if cell.paper is not None]
        found = {"others" if cell.paper_data is None else "paper" for cell in printed}
        return sorted(found, reverse=True)

    def _about_paper(self) -> list[str]:
        notes = []
        if "paper" in (whose := self._whose()):
            notes.append(
                "Hollow: what the paper prints, on its own data; not comparable with the rest."
            )
        if "others" in whose:
            start = f"{PUBLISHED}: "
            notes += [f"Hollow, {n}" for n in self.view.report.notes if n.startswith(start)]
        return notes


def build_dots(home: Home, *, table: str, data: str | None) -> DotsFigure:
    """Build the figure of all measured columns of ``table``, best systems on top.

    Raises as :func:`~benchmark.report.figures.tabled.read_table_view` does.
    """
    view = read_table_view(home, table, data)
    return DotsFigure(view, tuple(s for group in view.groups for s in _strips(view, group)))


def _strips(view: TableView, group: Group) -> list[Strip]:
    rows = list(view.report.rows)
    leading = view.report.columns[group.primary]
    ordered = best_first(rows, group.primary, leading)
    shown = {row.system for row in ordered}
    printed = [
        row
        for row in rows
        if row.system not in shown and any(row.cells[at].paper is not None for at in group.columns)
    ]
    sign = -1 if leading.higher_is_better else 1
    numbers = {row.system: row.cells[group.primary].paper for row in printed}
    printed.sort(key=lambda row: sign * _or_last(numbers[row.system], sign))
    count = -(-len(group.columns) // _MOST_ABREAST)
    size = -(-len(group.columns) // count)
    return [
        Strip(
            group,
            group.columns[start : start + size],
            tuple(row for row in ordered if row.role == "ceiling"),
            tuple(row for row in ordered if row.role != "ceiling"),
            tuple(printed),
        )
        for start in range(0, len(group.columns), size)
    ]


def _or_last(value: float | None, sign: int) -> float:
    """Who has no number in the leading column stands below those who have."""
    return sign * inf if value is None else value


def _mark_json(row: ReportRow, cell: ReportCell) -> dict[str, Any]:
    return {
        "system": row.system,
        "role": row.role,
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "seeds": list(cell.seeds),
        "paper": cell.paper,
    }
