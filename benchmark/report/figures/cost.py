"""The figure ``cost``: a table's primary metrics against the seconds that training took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, floor, hypot, log10
from typing import TYPE_CHECKING, Any

from benchmark.host.home import Home
from benchmark.report.figures.page import style
from benchmark.report.figures.page.labels import Box, nearest, place_labels
from benchmark.report.figures.page.plot_page import MARGIN, Key, PlotPage
from benchmark.report.figures.page.words import short_names, width_of
from benchmark.report.figures.tabled import (
    Group,
    TableView,
    direction,
    read_table_view,
)
from benchmark.runs.store import StoredRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEFT, _HEAD, _FOOT = 5.6, 3.0, 0.55, 0.45, 0.55
_MOST_LETTERS = 34
#: A label farther than this from its mark (inches) gets a line to it.
_CLOSE = 0.15
#: Role -> how its marks are filled: their colours alone would tell nothing to everybody.
_FILLED: dict[str, dict[str, Any]] = {
    "system": {},
    "trivial": {"markerfacecolor": "white"},
    "ceiling": {"fillstyle": "bottom", "markerfacecoloralt": "white"},
}
#: One shape a machine.
_SHAPES = (*style.MARKERS, "<", ">", "p", "*", "d", "8")
#: The shape that explains colours and fillings: no machine's.
_ANY_SHAPE = {"marker": "h", "markersize": 6.5}
#: The clock's resolution: where no time at all has been recorded. A logarithm needs some.
LEAST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Point:
    """Places a system by its mean training ``seconds`` and mean value over its seeds.

    ``machine`` is where it was trained, several if its seeds were; ``threads`` what the runs say
    about theirs, empty where they say nothing.
    """

    system: str
    role: str
    seconds: float
    value: float
    low: float | None
    high: float | None
    machine: str
    threads: str


@dataclass(frozen=True, slots=True)
class CostFigure:
    """Plots the primary metric against training time, in seconds; one shape of mark per machine."""

    view: TableView
    panels: tuple[tuple[Group, tuple[Point, ...]], ...]

    @property
    def machines(self) -> list[str]:
        """Return the machines in order of appearance: the first has the first shape."""
        return list(dict.fromkeys(point.machine for _, points in self.panels for point in points))

    def summary(self) -> str:
        """Return the figure's name and the table's title, on one line."""
        return self.view.summary("cost")

    def to_json(self) -> dict[str, Any]:
        """Return one panel per group, with every system's seconds, value and 95% interval."""
        panels = [
            {**self.view.place_json(group.primary), "points": [asdict(point) for point in points]}
            for group, points in self.panels
        ]
        return {**self.view.to_json("cost", panels), "machines": self.machines}

    def draw(self, page: Figure) -> None:
        """Draw one panel per group: the metric against training seconds, on a logarithmic axis."""
        part = _HEAD + _HEIGHT + _FOOT
        paper = PlotPage(
            page,
            _LEFT + _WIDTH,
            part * len(self.panels),
            title=self.view.report.title,
            keys=[*self._roles(), *self._machines()],
            notes=[*self.view.bars_notes(), *self._notes(), *self.view.notes()],
        )
        for number, (group, points) in enumerate(self.panels):
            self._draw_panel(paper, group, points, paper.top + number * part)

    def _machines(self) -> list[Key]:
        return [
            Key(f"trained on {machine}", {**self._shape(machine), "color": style.GREY})
            for machine in self.machines
        ]

    def _roles(self) -> list[Key]:
        """What colours and fillings say, where there are several."""
        drawn = {point.role for _, points in self.panels for point in points}
        words = {"ceiling": "ceiling: knows the simulation"}
        keys = [
            Key(words.get(role, role), {**_look(role), **_ANY_SHAPE})
            for role in _FILLED
            if role in drawn
        ]
        return keys if len(keys) > 1 else []

    def _notes(self) -> list[str]:
        points = [point for _, points in self.panels for point in points]
        notes = ["Training serves all tasks a model answers at once: its time is not divided."]
        drawn = {point.system for point in points}
        perturbed = dict.fromkeys(
            row.system
            for row in self.view.report.rows
            if row.system not in drawn
            and any(cell.perturb is not None and cell.value is not None for cell in row.cells)
        )
        if perturbed:
            notes.append(
                f"Left out, since nothing is trained for perturbed inputs: {', '.join(perturbed)}."
            )
        if len(self.machines) > 1:
            notes.append(
                f"Trained on {len(self.machines)} kinds of machine, one shape each: times of "
                "different shapes are not comparable."
            )
        by_threads: dict[str, dict[str, None]] = {}
        for point in points:
            if point.threads:
                by_threads.setdefault(point.threads, {})[point.system] = None
        if len(by_threads) > 1:
            told = "; ".join(f"{named}: {', '.join(who)}" for named, who in by_threads.items())
            notes.append(f"Not all with as many threads. {told}.")
        if any(point.seconds < LEAST_SECONDS for point in points):
            notes.append(f"Below {LEAST_SECONDS} s, training stands at {LEAST_SECONDS} s.")
        return notes

    def _shape(self, machine: str) -> dict[str, Any]:
        at = self.machines.index(machine)
        return {"marker": _SHAPES[at % len(_SHAPES)], "markersize": 5.5}

    def _draw_panel(
        self, paper: PlotPage, group: Group, points: Sequence[Point], top: float
    ) -> None:
        column = self.view.report.columns[group.primary]
        left = MARGIN + _LEFT
        heading = f"{column.metric}, {group.title}; {direction(column)}"
        room = paper.right - left
        paper.text(left, top + 0.25, heading, within=room, size=style.HEADING, weight="bold")
        axes = paper.panel(left, top + _HEAD, _WIDTH, _HEIGHT)
        paper.text(
            left + _WIDTH / 2,
            top + _HEAD + _HEIGHT + 0.38,
            "training, seconds (logarithmic)",
            ha="center",
        )
        style.plain(axes, grid="y")
        style.few_ticks(axes, "y", 6)
        _seconds_axis(axes, [point.seconds for point in points])
        for point in points:
            mark = {**_look(point.role), **self._shape(point.machine)}
            x = max(point.seconds, LEAST_SECONDS)
            if point.low is not None and point.high is not None:
                axes.plot([x, x], [point.low, point.high], color=mark["color"], linewidth=1.1)
            axes.plot([x], [point.value], linestyle="none", zorder=3, **mark)
        axes.margins(y=0.1)
        _label(axes, points)


def _look(role: str) -> dict[str, Any]:
    return {**style.of_role(role), **_FILLED.get(role, {})}


def build_cost(home: Home, *, table: str, data: str | None) -> CostFigure:
    """Build the figure of primary metrics against training time, one panel per group of ``table``.

    Raises as :func:`~benchmark.report.figures.tabled.read_table_view` does.
    """
    view = read_table_view(home, table, data)
    return CostFigure(view, tuple((group, tuple(_points(view, group))) for group in view.groups))


def _points(view: TableView, group: Group) -> list[Point]:
    rows = [row for row in view.report.rows if row.cells[group.primary].value is not None]
    specs = {row.system: view.answer(row, group).spec for row in rows}
    clean = [spec for spec in specs.values() if spec.perturb is None]
    found = []
    for row in rows:
        cell = row.cells[group.primary]
        if cell.value is None:
            continue
        spec = specs[row.system]
        if spec.perturb is not None and replace(spec, perturb=None) in clean:
            continue
        runs = view.answer(row, group).runs
        seconds = sum(float(run.manifest["fit_seconds"]) for run in runs) / len(runs)
        machines = _machines(runs)
        threads = dict.fromkeys(name for run in runs for name in _devices(run) if "threads" in name)
        found.append(
            Point(
                row.system,
                row.role,
                seconds,
                cell.value,
                cell.low,
                cell.high,
                " and ".join(machines),
                " and ".join(threads),
            )
        )
    return found


def _machines(runs: Sequence[StoredRun]) -> list[str]:
    """Describe every machine of ``runs`` once, though imported ones do not state their cores."""
    stated = {_machine_of(run, cores=False) for run in runs if run.manifest.get("cores")}
    return list(
        dict.fromkeys(
            _machine_of(run)
            for run in runs
            if run.manifest.get("cores") or _machine_of(run) not in stated
        )
    )


def _machine_of(run: StoredRun, *, cores: bool = True) -> str:
    """Describe the machine of ``run``: processor, ``cores``, accelerators, fitting processes.

    The number of threads is left out: models that run without torch do not state it.
    """
    manifest = run.manifest
    words = [str(manifest.get("processor") or "an unknown processor")]
    if cores and manifest.get("cores"):
        words.append(f"{manifest['cores']} cores")
    words += [name for name in _devices(run) if not name.startswith("cpu")]
    if manifest.get("fit_processes", 1) != 1:
        words.append(f"{manifest['fit_processes']} processes")
    return ", ".join(words)


def _devices(run: StoredRun) -> list[str]:
    names = [str(name) for name in run.manifest.get("devices") or ()]
    return [name.replace("(1 threads)", "(1 thread)") for name in names]


def _seconds_axis(axes: Axes, seconds: Sequence[float]) -> None:
    """Whole powers of ten, written out."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    drawn = [max(value, LEAST_SECONDS) for value in seconds]
    low, high = floor(log10(min(drawn))), ceil(log10(max(drawn)))
    low, high = (low, high) if high > low else (low, low + 1)
    axes.set_xscale("log")
    axes.set_xlim(10.0**low / 1.25, 10.0**high * 1.25)
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """The systems' names, clear of each other and of marks and bars; a line to those far off."""
    lowest, highest = axes.get_ylim()
    first, last = (log10(edge) for edge in axes.get_xlim())

    def height(value: float) -> float:
        return (value - lowest) / (highest - lowest) * _HEIGHT

    places, taken = [], []
    for point in points:
        x = (log10(max(point.seconds, LEAST_SECONDS)) - first) / (last - first) * _WIDTH
        y = height(point.value)
        low = y if point.low is None else height(point.low)
        high = y if point.high is None else height(point.high)
        places.append((x, y))
        taken += [_around(x, y, y, 0.06), _around(x, low, high, 0.02)]
    written = short_names((point.system for point in points), _MOST_LETTERS)
    names = [written[point.system] for point in points]
    sizes = [(width_of(name, style.LETTERS), 0.12) for name in names]
    corners = place_labels(places, sizes, (_WIDTH, _HEIGHT), taken)
    labels = zip(names, corners, sizes, places, strict=True)
    for name, (x, y), (width, height_of_name), (mark_x, mark_y) in labels:
        end = nearest((mark_x, mark_y), (x, y, x + width, y + height_of_name))
        if hypot(end[0] - mark_x, end[1] - mark_y) > _CLOSE:
            axes.plot(
                [mark_x / _WIDTH, end[0] / _WIDTH],
                [mark_y / _HEIGHT, end[1] / _HEIGHT],
                transform=axes.transAxes,
                color=style.GREY,
                linewidth=0.6,
                zorder=2,
            )
        axes.text(x / _WIDTH, y / _HEIGHT, name, transform=axes.transAxes, size=style.LETTERS,
                  va="bottom", color=style.INK, parse_math=False, zorder=5)  # fmt: skip


def _around(x: float, low: float, high: float, off: float) -> Box:
    return x - off, low - off, x + off, high + off
