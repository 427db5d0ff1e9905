"""The figure ``learning``: validation scores by epoch, of the models that left a journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchError
from benchmark.host.console import note
from benchmark.host.home import Home
from benchmark.report.figures.journals import (
    Segment,
    has_old_journal,
    read_journal,
    validation_curves,
)
from benchmark.report.figures.page import style
from benchmark.report.figures.page.labels import spread
from benchmark.report.figures.page.plot_page import MARGIN, Key, PlotPage
from benchmark.report.figures.page.words import short_names, width_of
from benchmark.report.figures.tabled import Group, TableView, read_table_view
from benchmark.runs.fitting import fit_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEFT, _HEAD, _FOOT = 4.2, 2.4, 0.55, 0.4, 0.6
_MOST_LETTERS = 34
_LINE = 0.14


@dataclass(frozen=True, slots=True)
class Curve:
    """Traces one training of one system: its stages, in order."""

    system: str
    seed: int
    segments: tuple[Segment, ...]

    @property
    def kept(self) -> tuple[int, float] | None:
        """Return epoch and score of the weights that were kept: the last stage's that kept any."""
        for segment in reversed(self.segments):
            if segment.kept is not None:
                return segment.epochs[segment.kept], segment.scores[segment.kept]
        return None


@dataclass(frozen=True, slots=True)
class Panel:
    """Collects the validation curves of one metric on one (task, dataset)."""

    group: Group
    metric: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class LearningFigure:
    """Plots validation curves; ``silent`` systems have runs but left no scores."""

    view: TableView
    panels: tuple[Panel, ...]
    silent: tuple[str, ...]

    @property
    def systems(self) -> list[str]:
        """Return the systems in the table's order: each keeps its colour and shape throughout."""
        return list(dict.fromkeys(c.system for panel in self.panels for c in panel.curves))

    def summary(self) -> str:
        """Return the figure's name and the table's title, on one line."""
        return self.view.summary("learning")

    def to_json(self) -> dict[str, Any]:
        """Return one panel per metric with its curves, and the systems without a journal."""
        panels = [
            {
                **self.view.place_json(panel.group.primary),
                "metric": panel.metric,
                "curves": [asdict(curve) for curve in panel.curves],
            }
            for panel in self.panels
        ]
        return {**self.view.to_json("learning", panels), "without_journal": list(self.silent)}

    def draw(self, page: Figure) -> None:
        """Draw one panel per metric: score by epoch, one line per fit, kept epochs large."""
        labels = max(width_of(name, style.LETTERS) for name in self._names().values())
        notes = [
            "Scores on validation, which chose the epoch that was kept (large mark); a stage of "
            "several tasks is judged by all of them together. Dashes: a later stage goes "
            "on from the epoch kept before; where it was not better, that epoch stands.",
        ]
        if any(len({c.seed for c in panel.curves}) > 1 for panel in self.panels):
            notes.append("One line a seed; a system's first seed is drawn strong.")
        if self.silent:
            notes.append(f"Without a journal of validation scores: {', '.join(self.silent)}.")
        paper = PlotPage(
            page,
            _LEFT + _WIDTH + 0.2 + labels,
            sum(_HEAD + _height(panel) + _FOOT for panel in self.panels),
            title=f"Learning curves. {self.view.report.title}",
            keys=[Key("kept epoch", {"marker": "o", "markersize": 6, "color": style.GREY})],
            notes=[*notes, *self.view.notes(means=False)],
        )
        top = paper.top
        for panel in self.panels:
            self._draw_panel(paper, panel, top)
            top += _HEAD + _height(panel) + _FOOT

    def _names(self) -> dict[str, str]:
        return short_names(self.systems, _MOST_LETTERS)

    def _draw_panel(self, paper: PlotPage, panel: Panel, top: float) -> None:
        from matplotlib.ticker import MaxNLocator

        left, height = MARGIN + _LEFT, _height(panel)
        heading = f"validation {panel.metric}, {panel.group.title}"
        room = paper.right - left
        paper.text(left, top + 0.25, heading, within=room, size=style.HEADING, weight="bold")
        paper.text(left + _WIDTH / 2, top + _HEAD + height + 0.36, "epoch", ha="center")
        axes = paper.panel(left, top + _HEAD, _WIDTH, height)
        style.plain(axes, grid="y")
        style.few_ticks(axes, "y", 5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        drawn: set[str] = set()
        for curve in panel.curves:
            first = curve.system not in drawn
            drawn.add(curve.system)
            mark = {
                **style.numbered(self.systems.index(curve.system)),
                "alpha": 1 if first else 0.3,
            }
            small = {**mark, "markersize": 2.5}
            start: tuple[float, float] | None = None  # where a later stage began
            for segment in curve.segments:
                x, y = list(map(float, segment.epochs)), list(segment.scores)
                if start is not None:
                    axes.plot(
                        [start[0], x[0]],
                        [start[1], y[0]],
                        color=mark["color"],
                        alpha=mark["alpha"],
                        linewidth=0.7,
                        linestyle=(0, (3, 2)),
                    )
                axes.plot(x, y, linewidth=1.3 if first else 0.8, **small)
                if segment.kept is not None:
                    start = x[segment.kept], y[segment.kept]
            if curve.kept is not None:
                epoch, score = curve.kept
                large = {**mark, "markersize": 6.5 if first else 5.0}
                axes.plot([epoch], [score], linestyle="none", zorder=4, **large)
        axes.margins(x=0.04, y=0.08)
        self._label(paper, panel, left, top, axes.get_xlim(), axes.get_ylim())

    def _label(
        self,
        paper: PlotPage,
        panel: Panel,
        left: float,
        top: float,
        across: tuple[float, float],
        up: tuple[float, float],
    ) -> None:
        """The systems' names right of the panel, each tied to the end of one of its lines."""
        height = _height(panel)
        ends: dict[str, tuple[float, float]] = {}
        for curve in panel.curves:
            last = curve.segments[-1]
            ends.setdefault(curve.system, (last.epochs[-1], last.scores[-1]))
        places = [
            (
                (x - across[0]) / (across[1] - across[0]) * _WIDTH,
                (y - up[0]) / (up[1] - up[0]) * height,
            )
            for x, y in ends.values()
        ]
        heights = spread([y for _, y in places], _LINE, 0.0, height)
        floor = top + _HEAD + height
        for system, (x, y), at in zip(ends, places, heights, strict=True):
            colour = style.numbered(self.systems.index(system))["color"]
            paper.line([left + x, left + _WIDTH + 0.1], [floor - y, floor - at],
                       color=colour, linewidth=0.4, linestyle=(0, (4, 3)))  # fmt: skip
            name = self._names()[system]
            paper.text(left + _WIDTH + 0.13, floor - at, name, va="center")


def _height(panel: Panel) -> float:
    """Inches that give every system's label its line."""
    return max(_HEIGHT, len({curve.system for curve in panel.curves}) * _LINE)


def build_learning(home: Home, *, table: str, data: str | None) -> LearningFigure:
    """Build the figure of validation scores by epoch behind the runs of ``table``.

    Raises as :func:`~benchmark.report.figures.tabled.read_table_view` does, and
    :class:`~benchmark.errors.BenchError` where no fitted model left a journal
    (:mod:`~benchmark.report.figures.journals`).
    """
    view = read_table_view(home, table, data)
    panels: list[Panel] = []
    told: set[str] = set()
    for group in view.groups:
        by_metric: dict[str, list[Curve]] = {}
        for metric, curve in _curves(view, group, home):
            by_metric.setdefault(metric, []).append(curve)
            told.add(curve.system)
        panels += [Panel(group, metric, tuple(found)) for metric, found in by_metric.items()]
    silent = _silent(view, told)
    if not panels:
        raise BenchError(
            f"No model behind the runs of table {table!r} left a journal of its training: "
            f"{', '.join(silent)}.",
            fix="Run a model that leaves one, keep the folder fitted/ beside runs/, and run again "
            "with --force what an earlier version ran: such runs do not name their fit.",
        )
    return LearningFigure(view, tuple(panels), silent)


def _curves(view: TableView, group: Group, home: Home) -> Iterator[tuple[str, Curve]]:
    """Each fit once, under the first row that uses it: perturbed rows share the clean one's."""
    seen = set()
    for row in view.report.rows:
        for run in view.answer(row, group).runs:
            key = run.manifest.get("fit_key")  # runs of earlier versions do not name their fit
            folder = None if key is None else fit_folder(key, home)
            if folder is None or folder in seen:
                continue
            seen.add(folder)
            journal = read_journal(folder)
            if journal is None and has_old_journal(folder):
                note(
                    f"{row.system}: the journal of its fit is of an older version and not read; "
                    "fit it again (unimp-bench run ... --refit) for its learning curve."
                )
            if journal is not None:
                seed = int(run.manifest["seed"])
                for metric, segments in validation_curves(journal, group.task).items():
                    yield metric, Curve(row.system, seed, segments)


def _silent(view: TableView, told: set[str]) -> tuple[str, ...]:
    """Systems with runs and without a curve, unless their model has one under another row."""
    answers: Sequence[Any] = list(view.answers.by_place.values())
    models = {answer.row.model for answer in answers if answer.row.system in told}
    named = dict.fromkeys(
        answer.row.system for answer in answers if answer.runs and answer.row.model not in models
    )
    return tuple(named)
