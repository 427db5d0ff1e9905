"""Extrapolate pieces of work from their first steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.host.progress import Bar, CutShort

#: Steps that must be seen after the first before a piece of work is ended.
_FEWEST_STEPS = 2
#: Seconds between two reports of one piece of work.
_BETWEEN = 0.2


@dataclass(slots=True)
class Stage:
    """Times one piece of a fit as far as it was seen, in seconds from the fit's start."""

    label: str
    total: int | None
    began: float
    first: tuple[float, int] | None = None
    """When the first steps were done, and how many; they also make everything ready."""
    last: tuple[float, int] | None = None
    ended: float | None = None
    cut: bool = False

    @property
    def observed(self) -> float:
        """Return the seconds that it was seen to take."""
        until = self.ended
        if until is None:
            until = self.began if self.last is None else self.last[0]
        return until - self.began

    def expected(self, share: float = 1.0) -> float | None:
        """Return the seconds of the whole piece of work, ``share`` of whose steps are taken.

        ``None`` where it cannot be said: no step was seen, or nobody knows how many there are.
        """
        if self.ended is not None and not self.cut:
            return self.observed
        if self.first is None or self.last is None or not self.total:
            return None
        (start, before), (end, done) = self.first, self.last
        if done > before:
            rate = (done - before) / (end - start) if end > start else float("inf")
        else:
            rate = done / max(end - self.began, 1e-9)
        return end - self.began + max(self.total * share - done, 0) / rate


class Pacer:
    """Watches a fit, reports its outermost pieces of work, and ends each after some seconds.

    ``say`` takes a report (a mapping for JSON). A piece whose rest takes no longer than it was
    watched for is left to end by itself: what others need of it is then whole.
    """

    def __init__(
        self,
        say: Callable[[Mapping[str, Any]], None],
        seconds: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._say = say
        self._seconds = seconds
        self._clock = clock or time.monotonic
        self._start = self._clock()
        self._open: list[Bar] = []
        self._stage = Stage("", None, 0.0)
        self._steps = 0
        self._told = 0.0

    def began(self, bar: Bar) -> None:
        """Report an outermost piece of work."""
        self._open.append(bar)
        if len(self._open) == 1:
            self._stage = Stage(bar.name, bar.total, self._now())
            self._steps = 0
            self._tell("began", label=bar.name, total=bar.total)

    def moved(self, bar: Bar) -> None:
        """Report its steps, and end it where enough were seen."""
        stage = self._stage
        if self._open[:1] != [bar] or (stage.last is not None and bar.done <= stage.last[1]):
            return
        if bar.done == 0:
            return
        now = self._now()
        stage.last = (now, bar.done)
        if stage.first is None:
            stage.first = stage.last
        self._steps += 1
        cut = len(self._open) == 1 and self._is_enough(now)
        if cut or self._steps <= _FEWEST_STEPS or now - self._told > _BETWEEN:
            self._tell("moved", done=bar.done)
        if cut:
            stage.cut = True
            raise CutShort

    def ended(self, bar: Bar) -> None:
        """Report its end."""
        outermost = self._open[:1] == [bar]
        if bar in self._open:
            del self._open[self._open.index(bar) :]
        if outermost:
            self._tell("ended", done=bar.done, cut=self._stage.cut)

    def _is_enough(self, now: float) -> bool:
        stage = self._stage
        if stage.first is None or self._steps <= _FEWEST_STEPS:
            return False
        watched = now - stage.first[0]
        if watched < self._seconds:
            return False
        whole = stage.expected()
        return whole is None or whole - stage.observed > watched

    def _now(self) -> float:
        return self._clock() - self._start

    def _tell(self, kind: str, **more: Any) -> None:
        self._told = self._now()
        self._say({"kind": kind, "t": self._told, **more})


def stages_of(reports: Iterable[Mapping[str, Any]]) -> list[Stage]:
    """Return the stages that the reports of a :class:`Pacer` tell of, in order."""
    stages: list[Stage] = []
    for report in reports:
        kind, now = report["kind"], report.get("t", 0.0)
        if kind == "began":
            stages.append(Stage(report["label"], report["total"], now))
        elif kind in ("moved", "ended") and stages:
            stage = stages[-1]
            if report["done"] and (stage.last is None or report["done"] > stage.last[1]):
                stage.last = (now, report["done"])
                stage.first = stage.first or stage.last
            if kind == "ended":
                stage.ended, stage.cut = now, report["cut"]
    return stages
