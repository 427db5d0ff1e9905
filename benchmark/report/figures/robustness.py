"""The figure ``robustness``: what each system loses when its inputs are perturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.report.contents import ReportCell, ReportRow
from benchmark.report.figures.page import style
from benchmark.report.figures.page.labels import spread
from benchmark.report.figures.page.plot_page import MARGIN, PlotPage
from benchmark.report.figures.page.words import short_names, width_of
from benchmark.report.figures.tabled import (
    Group,
    TableView,
    direction,
    is_measured,
    read_table_view,
)
from benchmark.report.formats.sheet import signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL, _HEIGHT, _LEFT, _GAP, _HEAD, _FOOT = 1.2, 2.4, 0.5, 0.25, 0.55, 0.4
_MOST_LETTERS = 28
_LINE = 0.14
#: How far systems stand beside each other, so that no bar hides another; and all of them at most.
_ASIDE, _ABREAST = 0.035, 0.8
#: Perturbation -> what it does, in a heading.
_NAMES = {"nt": "missing attributes (NT)", "nv": "wrong images (NV)"}


@dataclass(frozen=True, slots=True)
class Slope:
    """Compares one system with itself in one metric, with clean and with perturbed inputs."""

    system: str
    clean: ReportCell
    perturbed: ReportCell

    @property
    def ends(self) -> tuple[float, float]:
        """Return the clean and the perturbed value."""
        return self.clean.value or 0.0, self.perturbed.value or 0.0

    @property
    def change(self) -> str:
        """Return the change, as ``-12%``; absolute where a share means nothing."""
        clean, perturbed = self.ends
        change = signed(perturbed - clean)
        if self.is_relative:
            change = signed((perturbed - clean) / clean, "z.0%")
        if change[0] not in "+-":  # neither a gain nor a loss
            change = f"±{change}"
        return change

    @property
    def is_relative(self) -> bool:
        """Return whether the change is told as a share of the clean value.

        A value at or below zero has none: its fall would read as a gain.
        """
        clean, perturbed = self.ends
        return clean > 0 and perturbed >= 0


@dataclass(frozen=True, slots=True)
class Panel:
    """Collects the slopes of one column of the report under one perturbation."""

    group: Group
    perturb: str
    column: int
    slopes: tuple[Slope, ...]


@dataclass(frozen=True, slots=True)
class RobustnessFigure:
    """Plots a strip of panels for each group of columns and each perturbation."""

    view: TableView
    strips: tuple[tuple[Panel, ...], ...]

    @property
    def systems(self) -> list[str]:
        """Return the systems in the table's order: each keeps its colour and shape throughout."""
        named = dict.fromkeys(s.system for strip in self.strips for p in strip for s in p.slopes)
        return list(named)

    def summary(self) -> str:
        """Return the figure's name and the table's title, on one line."""
        return self.view.summary("robustness")

    def to_json(self) -> dict[str, Any]:
        """Return one panel per column and perturbation, with every system's two values."""
        panels = [
            {
                **self.view.place_json(panel.column),
                "perturb": panel.perturb,
                "slopes": [
                    {"system": slope.system, "clean": _json(slope.clean),
                     "perturbed": _json(slope.perturbed)}
                    for slope in panel.slopes
                ],
            }
            for strip in self.strips
            for panel in strip
        ]  # fmt: skip
        return self.view.to_json("robustness", panels)

    def draw(self, page: Figure) -> None:
        """Draw one panel per column and perturbation: lines from clean to perturbed values."""
        names = self._names()
        labels = max(
            width_of(f"{names[slope.system]} {slope.change}", style.LETTERS)
            for strip in self.strips
            for panel in strip
            for slope in panel.slopes
        )
        step = _LEFT + _PANEL + 0.1 + labels + _GAP
        heights = [max(map(_height, strip)) for strip in self.strips]
        paper = PlotPage(
            page,
            step * max(map(len, self.strips)),
            sum(_HEAD + height + _FOOT for height in heights),
            title=self.view.report.title,
            notes=[
                *self.view.bars_notes(
                    " They are of each value alone: whether a change is significant is a "
                    "paired question, which unimp-bench compare answers."
                ),
                *self._notes(),
                *self.view.notes(),
            ],
        )
        top = paper.top
        for strip, height in zip(self.strips, heights, strict=True):
            title = f"{_NAMES[strip[0].perturb]}, {strip[0].group.title}"
            room = paper.right - MARGIN
            paper.text(MARGIN, top + 0.12, title, within=room, size=style.HEADING, weight="bold")
            for place, panel in enumerate(strip):
                self._draw_panel(paper, panel, MARGIN + _LEFT + place * step, top, height, step)
            top += _HEAD + height + _FOOT

    def _names(self) -> dict[str, str]:
        return short_names(self.systems, _MOST_LETTERS)

    def _notes(self) -> list[str]:
        """What the changes beside the names are."""
        slopes = [slope for strip in self.strips for panel in strip for slope in panel.slopes]
        relative = [slope.is_relative for slope in slopes]
        notes = ["Percentages: the change relative to the clean value."] if any(relative) else []
        if not all(relative):
            notes.append("Without a percent sign: the change itself, of values not above zero.")
        return notes

    def _draw_panel(
        self, paper: PlotPage, panel: Panel, left: float, top: float, height: float, step: float
    ) -> None:
        column = self.view.report.columns[panel.column]
        words = f"{column.metric}, {direction(column)}"
        paper.text(left, top + 0.38, words, within=step, size=style.NOTE, color=style.GREY)
        aside_each = min(_ASIDE, _ABREAST / len(panel.slopes))
        edge = max(0.12, (len(panel.slopes) - 1) / 2 * aside_each + 0.06)
        axes = paper.panel(left, top + _HEAD, _PANEL, height, xlim=(-edge, 1 + edge))
        style.plain(axes, grid="y")
        style.few_ticks(axes, "y", 5)
        axes.set_xticks([0, 1], ["clean", panel.perturb.upper()])
        for number, slope in enumerate(panel.slopes):
            mark = style.numbered(self.systems.index(slope.system))
            aside = (number - (len(panel.slopes) - 1) / 2) * aside_each
            axes.plot([aside, 1 + aside], slope.ends, linewidth=1.3, zorder=3, **mark)
            for x, cell in ((aside, slope.clean), (1 + aside, slope.perturbed)):
                if cell.low is not None and cell.high is not None:
                    bar = [cell.low, cell.high]
                    axes.plot([x, x], bar, color=mark["color"], linewidth=0.9, zorder=2)
        axes.margins(y=0.08)
        lowest, highest = axes.get_ylim()
        scale = height / (highest - lowest)
        ends = [(slope.ends[1] - lowest) * scale for slope in panel.slopes]
        names = self._names()
        heights = spread(ends, _LINE, 0.0, height)
        for slope, end, at in zip(panel.slopes, ends, heights, strict=True):
            x, floor = left + _PANEL, top + _HEAD + height
            paper.line([x - 0.08, x + 0.06], [floor - end, floor - at], color="0.6",
                       linewidth=0.5)  # fmt: skip
            label = f"{names[slope.system]} {slope.change}"
            paper.text(x + 0.09, floor - at, label, va="center")


def _height(panel: Panel) -> float:
    """Inches that give every label its line."""
    return max(_HEIGHT, len(panel.slopes) * _LINE)


def build_robustness(home: Home, *, table: str, data: str | None) -> RobustnessFigure:
    """Build the figure of what perturbed inputs cost every model that was run with both.

    Raises as :func:`~benchmark.report.figures.tabled.read_table_view` does,
    :class:`~benchmark.errors.UsageError` where the table has no perturbed row, and
    :class:`~benchmark.errors.BenchError` where no slope has both its ends.
    """
    view = read_table_view(home, table, data)
    if not any(answer.row.perturb for answer in view.answers.by_place.values()):
        raise UsageError(
            f"Table {table!r} has no row with perturbed inputs.",
            fix='Give --table robustness, or a table of your own with perturb = "nt" or "nv".',
        )
    strips = []
    for group in view.groups:
        for perturb in _NAMES:
            panels = [
                Panel(group, perturb, at, slopes)
                for at in group.columns
                if (slopes := tuple(_slopes(view, group, perturb, at)))
            ]
            if panels:
                strips.append(tuple(panels))
    if not strips:
        raise BenchError(
            f"No system of table {table!r} has a run both with and without perturbed inputs.",
            fix=f"Run them: {view.fill}",
        )
    return RobustnessFigure(view, tuple(strips))


def _slopes(view: TableView, group: Group, perturb: str, at: int) -> list[Slope]:
    slopes = []
    for row in view.report.rows:
        if view.answer(row, group).spec.perturb != perturb or not is_measured(row.cells[at]):
            continue
        clean = _clean(view, group, view.report.rows, row)
        if clean is not None and is_measured(clean.cells[at]):
            slopes.append(Slope(clean.system, clean.cells[at], row.cells[at]))
    return slopes


def _clean(
    view: TableView, group: Group, rows: Sequence[ReportRow], perturbed: ReportRow
) -> ReportRow | None:
    """The first row that asks the same of the same fit with its inputs as they are."""
    wanted = replace(view.answer(perturbed, group).spec, perturb=None)
    for row in rows:
        if view.answer(row, group).spec == wanted:
            return row
    return None


def _json(cell: ReportCell) -> dict[str, Any]:
    return {"value": cell.value, "low": cell.low, "high": cell.high, "seeds": list(cell.seeds)}
