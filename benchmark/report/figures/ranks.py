"""The figure ``ranks``: rank intervals of the systems, and which systems tie.

Critical-difference diagrams (Demsar, Journal of Machine Learning Research 7:1, 2006) join with a
bar the systems that no test tells apart; here the test is that of
:func:`benchmark.stats.significantly_better`, paired by instance and clustered by user, and each
system shows its rank interval besides.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.evidence import Evidence, asked_alike, better_pairs, gather
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.metrics import metric_named
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
from benchmark.report.formats.sheet import METRIC_NUMBER
from benchmark.stats import FEWEST_USERS, ranks_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _ROW, _HEAD, _FOOT, _TIE = 3.6, 0.21, 0.45, 0.6, 0.12
_MOST_LETTERS = 34
_FEW = f"Nobody is ranked by tests below {FEWEST_USERS} users."


@dataclass(frozen=True, slots=True)
class Place:
    """Ranks a system: its observed rank, 1 being first, and the best and worst the data allow.

    Equal values share the best of their ranks.
    """

    system: str
    value: float
    rank: int
    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Panel:
    """Orders systems by rank; ``ties`` are first and last places of systems that all tie."""

    group: Group
    places: tuple[Place, ...]
    ties: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class RanksFigure:
    """Plots rank intervals by the primary metric of each (task, dataset, cohort).

    ``unpaired`` systems have runs that cannot be compared instance by instance; ``untested``
    groups have too few users to rank anybody by tests.
    """

    view: TableView
    panels: tuple[Panel, ...]
    unpaired: tuple[str, ...]
    untested: tuple[Group, ...] = ()

    def summary(self) -> str:
        """Return the figure's name and the table's title, on one line."""
        return self.view.summary("ranks")

    def to_json(self) -> dict[str, Any]:
        """Return one panel per group with ranks, their intervals and the groups of ties."""
        panels = [
            {
                **self.view.place_json(panel.group.primary),
                "places": [asdict(place) for place in panel.places],
                "ties": [
                    [place.system for place in panel.places[first - 1 : last]]
                    for first, last in panel.ties
                ],
            }
            for panel in self.panels
        ]
        return {
            **self.view.to_json("ranks", panels),
            "unpaired": list(self.unpaired),
            "untested": [self.view.place_json(group.primary) for group in self.untested],
        }

    def draw(self, page: Figure) -> None:
        """Draw one panel per group: rank intervals, and bars that join systems that tie."""
        labels = max(
            width_of(label, style.LETTERS)
            for panel in self.panels
            for label in _labels(panel).values()
        )
        left = labels + 0.15
        notes = [
            "Lines: simultaneous 95% intervals of all ranks of a panel (paired by instance, "
            "clustered by user). Bars right: systems of which no two differ significantly.",
        ]
        if any(row.role == "ceiling" for row in self.view.report.rows):
            notes.append("Oracles take no part.")
        if self.unpaired:
            notes.append(
                f"Left out, without answers to the same instances: {', '.join(self.unpaired)}."
            )
        if self.untested:
            named = ", ".join(group.title for group in self.untested)
            notes.append(f"{_FEW} Left out: {named}.")
        paper = PlotPage(
            page,
            left + _WIDTH + 0.2 + _TIE * max(len(panel.ties) for panel in self.panels),
            sum(_height(panel) for panel in self.panels),
            title=f"Ranks. {self.view.report.title}",
            keys=[
                Key("observed rank", style.MEASURED),
                Key("ranks left open", {"marker": "_", "markersize": 9, "color": style.INK}),
                Key("no significant difference", {"marker": "|", "markersize": 8,
                    "markeredgewidth": 3, "color": style.COLOURS[1]}),
            ],
            notes=[*notes, *self.view.notes()],
        )  # fmt: skip
        top = paper.top
        for panel in self.panels:
            self._draw_panel(paper, panel, MARGIN + left, top)
            top += _height(panel)

    def _draw_panel(self, paper: PlotPage, panel: Panel, left: float, top: float) -> None:
        column = self.view.report.columns[panel.group.primary]
        heading = f"{column.metric}, {panel.group.title}; {direction(column)}"
        room = paper.right - MARGIN
        paper.text(MARGIN, top + 0.2, heading, within=room, size=style.HEADING, weight="bold")
        count, top = len(panel.places), top + _HEAD
        axes = paper.panel(
            left, top, _WIDTH, count * _ROW, xlim=(0.5, count + 0.5), ylim=(count + 0.5, 0.5)
        )
        style.plain(axes, grid="x")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        step = max(1, -(-count // 15))
        axes.set_xticks(list(range(1, count + 1, step)))
        words = "rank, 1 is best"
        paper.text(left + _WIDTH / 2, top + count * _ROW + 0.34, words, ha="center")
        labels = _labels(panel)
        for row, place in enumerate(panel.places, start=1):
            y = top + (row - 0.5) * _ROW
            paper.text(left - 0.12, y, labels[place.system], ha="right", va="center")
            axes.plot([place.best, place.worst], [row] * 2, color=style.INK, linewidth=1.2,
                      marker="|", markersize=6, zorder=2)  # fmt: skip
            axes.plot([place.rank], [row], linestyle="none", zorder=3, **style.MEASURED)
        for number, (first, last) in enumerate(panel.ties):
            x = left + _WIDTH + 0.15 + number * _TIE
            paper.line([x, x], [top + (first - 0.8) * _ROW, top + (last - 0.2) * _ROW],
                       color=style.COLOURS[1], linewidth=4, solid_capstyle="butt")  # fmt: skip


def build_ranks(home: Home, *, table: str, data: str | None) -> RanksFigure:
    """Build the figure of ranks by primary metric, one panel per group of two systems or more.

    Raises as :func:`~benchmark.report.figures.tabled.read_table_view` does, and
    :class:`~benchmark.errors.BenchError` where nothing can be ranked.
    """
    view = read_table_view(home, table, data)
    panels = []
    untested: list[Group] = []
    unpaired: dict[str, None] = {}
    for group in view.groups:
        evidence, left_out = _evidence(view, group)
        unpaired |= dict.fromkeys(left_out)
        if len(evidence) < 2:
            continue
        panel = _panel(view, group, evidence)
        if panel is None:
            untested.append(group)
        else:
            panels.append(panel)
    if untested and not panels:
        raise BenchError(
            f"There is nothing to rank in table {table!r}. {_FEW}",
            fix=f"Choose a larger dataset, or: unimp-bench report --table {shlex.quote(table)}",
        )
    if not panels:
        raise BenchError(
            f"Table {table!r} has no two systems with answers to the same instances: there is "
            "nothing to rank.",
            fix=f"Run more of it: {view.fill}",
        )
    return RanksFigure(view, tuple(panels), tuple(unpaired), tuple(untested))


def ties(above: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last rank, from 1, of every longest run of systems of which no two differ.

    ``above[i, j]``: system i is significantly better than j; systems are in order of rank.
    """
    differ = above | above.T
    count = len(above)
    runs: list[tuple[int, int]] = []
    for first in range(count):
        last = first
        while last + 1 < count and not differ[first : last + 1, last + 1].any():
            last += 1
        if last > first and (not runs or last + 1 > runs[-1][1]):
            runs.append((first + 1, last + 1))
    return runs


def _evidence(view: TableView, group: Group) -> tuple[dict[str, Evidence], list[str]]:
    """What can be paired, by system in order of rank, and the systems that cannot."""
    at = group.primary
    column = view.report.columns[at]
    rows = [row for row in view.report.rows if row.role != "ceiling"]
    systems = [row.system for row in best_first(rows, at, column)]
    found = {}
    for system in systems:
        evidence = gather(view.answers.by_place[system, group.number].runs)
        if evidence is not None and column.metric in evidence.statistics:
            found[system] = evidence
    if not found:
        return {}, systems
    asked = Counter(evidence.ids for evidence in found.values())
    paired = asked_alike(found, max(found, key=lambda system: asked[found[system].ids]))
    return paired, [system for system in systems if system not in paired]


def _panel(view: TableView, group: Group, evidence: dict[str, Evidence]) -> Panel | None:
    """The ranks of one group; ``None`` where too few users were asked."""
    metric = metric_named(view.report.columns[group.primary].metric)
    values = {row.system: row.cells[group.primary].value or 0.0 for row in view.report.rows}
    statistics = {system: found.statistics for system, found in evidence.items()}
    users: Sequence[str] = next(iter(evidence.values())).users
    above = better_pairs(metric, statistics, users)
    if above is None:
        return None
    in_order = [values[system] for system in evidence]
    places = [
        Place(system, value, 1 + in_order.index(value), interval.best, interval.worst)
        for system, value, interval in zip(evidence, in_order, ranks_of(above), strict=True)
    ]
    return Panel(group, tuple(places), tuple(ties(above)))


def _labels(panel: Panel) -> dict[str, str]:
    names = short_names((place.system for place in panel.places), _MOST_LETTERS)
    return {p.system: f"{names[p.system]}  {p.value:{METRIC_NUMBER}}" for p in panel.places}


def _height(panel: Panel) -> float:
    return _HEAD + len(panel.places) * _ROW + _FOOT
