"""The figure of a search: the value of every trial, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmark.report.figures.page import style
from benchmark.report.figures.page.plot_page import MARGIN, Key, PlotPage
from benchmark.runs.tuned import Search, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _LEFT, _FOOT = 5.0, 2.4, 0.55, 0.5
_TRIAL: dict[str, Any] = {"marker": "o", "markersize": 4, "color": style.COLOURS[5]}
_FAILED: dict[str, Any] = {"marker": "X", "markersize": 5, "color": style.COLOURS[6]}
_BEST: dict[str, Any] = {"marker": "s", "markersize": 3, "color": style.COLOURS[0]}


class HistoryFigure:
    """Plots the trials of a search in order, at least one of which has a value."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def summary(self) -> str:
        """Return how many trials the search has."""
        return f"{len(self._search.trials)} trials"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document that names the search."""
        return {"figure": "tuning", "tuning": self._search.id}

    def draw(self, page: Figure) -> None:
        """Draw each trial's value and the best so far against its number."""
        from matplotlib.ticker import MaxNLocator

        identity, trials = self._search.identity, self._search.trials
        failed = [trial.number for trial in trials if trial.value is None]
        keys = [Key("trial", _TRIAL), Key("best so far", _BEST)]
        if failed:
            keys.append(Key("failed", _FAILED))
        paper = PlotPage(
            page,
            _LEFT + _WIDTH,
            _HEIGHT + _FOOT,
            title=f"Tuning {self._search.label} for {identity['task']} on {identity['data']}",
            keys=keys,
            notes=["Values on validation: they chose the settings, and are no test results."],
        )
        left = MARGIN + _LEFT
        paper.text(left + _WIDTH / 2, paper.top + _HEIGHT + 0.36, "trial", ha="center")
        axes = paper.panel(left, paper.top, _WIDTH, _HEIGHT)
        style.plain(axes, grid="y")
        style.few_ticks(axes, "y", 5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        better = "higher" if identity["higher_is_better"] else "lower"
        axes.set_ylabel(
            f"validation {identity['metric']}, {better} is better",
            size=style.NOTE,
            color=style.INK,
        )
        valued = [trial for trial in trials if trial.value is not None]
        numbers = [trial.number for trial in valued]
        values = [float(trial.value or 0.0) for trial in valued]
        axes.plot(numbers, values, linestyle="none", **_TRIAL)
        best = best_so_far(valued, higher_is_better=identity["higher_is_better"])
        axes.plot(numbers, best, drawstyle="steps-post", linewidth=1.1, **_BEST)
        axes.margins(x=0.04, y=0.1)
        # On the frame, whatever the values: a failed trial has none.
        axes.plot(failed, [0.0] * len(failed), linestyle="none", clip_on=False,
                  transform=axes.get_xaxis_transform(), **_FAILED)  # fmt: skip


def best_so_far(trials: Sequence[Trial], *, higher_is_better: bool) -> list[float]:
    """Return, after each of ``trials`` (all with a value), the best value up to it."""
    best: list[float] = []
    for trial in trials:
        value = float(trial.value or 0.0)
        pick = max if higher_is_better else min
        best.append(pick(best[-1], value) if best else value)
    return best
