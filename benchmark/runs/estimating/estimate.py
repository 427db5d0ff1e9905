"""Work out what each of several runs will cost, and compare with what it then took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from benchmark.data.dataset import Dataset
from benchmark.errors import BenchError
from benchmark.host.files import sha256_json
from benchmark.host.home import Home
from benchmark.host.progress import bar
from benchmark.host.removing import size_of
from benchmark.models.building import configure
from benchmark.runs.costs import instances_of, peak_mib
from benchmark.runs.estimating.earlier import Earlier, Share
from benchmark.runs.estimating.measuring import Measured, measure
from benchmark.runs.estimating.stages import Stage
from benchmark.runs.fitting import fit_folder, fit_key
from benchmark.runs.runner import Plan, fetch_fit, plan_run
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import StoredRun

#: What an extrapolated number is: about right, no less than, no more than.
Bound = Literal["about", "at least", "at most"]

STORED = "the fit is stored"
SHARED = "the fit of a run above"
EARLIER = "measured earlier"
NOW = "measured now"
UNKNOWN = "not known"


@dataclass(slots=True)
class Figure:
    """Tells a time in seconds, and how it is known; ``None`` where it is not.

    ``span`` is from the least to the most, where trainings alike did not stop equally soon.
    """

    seconds: float | None = None
    source: str = UNKNOWN
    bound: Bound = "about"
    span: tuple[float, float] | None = None


@dataclass(slots=True)
class CellCost:
    """Estimates one run: seconds of fit, predictions and scoring, memory and disk in MiB."""

    plan: Plan
    fit: Figure = field(default_factory=Figure)
    predict: Figure = field(default_factory=Figure)
    score: Figure = field(default_factory=Figure)
    peak_mib: float | None = None
    fit_mib: float | None = None
    """What the fit leaves on disk."""
    run_mib: float | None = None
    """What the run itself leaves."""
    problem: str | None = None
    """Why something is not known."""

    @property
    def seconds(self) -> float:
        """Return the seconds in all, as far as they are known."""
        return sum(figure.seconds or 0.0 for figure in self.figures)

    @property
    def disk_mib(self) -> float | None:
        """Return what fit and run leave on disk, ``None`` where one of them is not known."""
        if self.fit_mib is None or self.run_mib is None:
            return None
        return self.fit_mib + self.run_mib

    @property
    def figures(self) -> tuple[Figure, Figure, Figure]:
        """Return the figures of fit, predictions and scoring."""
        return self.fit, self.predict, self.score

    @property
    def is_known(self) -> bool:
        """Return whether everything is: the seconds of all three parts, memory and disk."""
        return self.is_timed and self.peak_mib is not None and self.disk_mib is not None

    @property
    def is_timed(self) -> bool:
        """Return whether the seconds of all three parts are known."""
        return all(figure.seconds is not None for figure in self.figures)

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        names = ("fit", "predict", "score")
        told: dict[str, Any] = {"command": self.plan.spec.command()}
        for name, figure in zip(names, self.figures, strict=True):
            told[f"{name}_seconds"] = figure.seconds
            told[f"{name}_source"] = figure.source
            told[f"{name}_bound"] = None if figure.seconds is None else figure.bound
            told[f"{name}_span"] = figure.span
        return {
            **told,
            "peak_memory_mib": self.peak_mib,
            "disk_mib": self.disk_mib,
            "problem": self.problem,
        }


@dataclass(slots=True)
class Estimate:
    """Collects the costs of the runs that are missing, and counts those that are stored already."""

    cells: list[CellCost]
    stored: int = 0

    @property
    def seconds(self) -> float:
        """Return the seconds of all runs, one after another, as far as they are known."""
        return sum(cell.seconds for cell in self.cells)

    @property
    def unknown(self) -> int:
        """Return of how many runs something is not known: a time, the memory or the disk."""
        return sum(not cell.is_known for cell in self.cells)

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "runs": [cell.to_json() for cell in self.cells],
            "stored": self.stored,
            "seconds": self.seconds,
            "not_known": self.unknown,
        }


def estimate(
    specs: Sequence[RunSpec],
    datasets: Mapping[str, Dataset],
    home: Home,
    *,
    seconds: float,
    force: bool = False,
) -> Estimate:
    """Estimate the runs of ``specs`` that are not stored (with ``force``, all of them).

    What fits and predictions of the same configuration took earlier on this kind of machine
    counts first; what is not known is measured now, each stage of a fit for about ``seconds``.
    A model that fails then is told of in its cells. Raises :class:`BenchError` where a run
    cannot be asked at all.
    """
    plans = [plan_run(spec, datasets[spec.data], home) for spec in specs]
    earlier = Earlier(home)  # brings the runs of other machines
    missing = [plan for plan in plans if force or not plan.is_stored]
    groups: dict[str, list[CellCost]] = {}
    cells = [CellCost(plan) for plan in missing]
    for cell in cells:
        built = cell.plan.built
        told = [built.entry.target, built.code, built.config, cell.plan.spec.data]
        groups.setdefault(sha256_json(told), []).append(cell)
    with bar("estimating", total=len(groups)) as progress:
        for group in groups.values():
            progress.say(group[0].plan.built.label)
            dataset = datasets[group[0].plan.spec.data]
            _Group(group, dataset, home, earlier, seconds, force=force).estimate()
            progress.advance()
    return Estimate(cells, stored=len(plans) - len(missing))


class _Group:
    """The runs of one configuration of a model on one dataset, whatever their seeds."""

    def __init__(
        self,
        cells: Sequence[CellCost],
        dataset: Dataset,
        home: Home,
        earlier: Earlier,
        seconds: float,
        *,
        force: bool,
    ) -> None:
        self._cells = cells
        self._dataset = dataset
        self._home = home
        self._earlier = earlier
        self._seconds = seconds
        self._stored = {} if force else self._stored_fits()

    def estimate(self) -> None:
        """Fill in the costs of the cells."""
        fits = self._fits_to_make()
        found = self._earlier.fit(self._cells[0].plan)
        for cell in self._cells:
            self._tell_earlier(cell, found if cell in fits else None)
            if cell not in fits:
                stored = cell.plan.spec.seed in self._stored
                cell.fit = Figure(0.0, STORED if stored else SHARED)
                cell.fit_mib = 0.0
        asked = [c for c in self._cells if c.predict.seconds is None]
        if any(cell.fit.seconds is None for cell in fits) or asked:
            self._tell_measured(fits, asked)

    def _fits_to_make(self) -> list[CellCost]:
        """The first cell of each seed whose fit is not stored: it is the one that pays."""
        seeds = dict.fromkeys(cell.plan.spec.seed for cell in self._cells)
        firsts = {s: next(c for c in self._cells if c.plan.spec.seed == s) for s in seeds}
        return [cell for seed, cell in firsts.items() if seed not in self._stored]

    def _stored_fits(self) -> dict[int, Path]:
        found = {}
        for seed in dict.fromkeys(cell.plan.spec.seed for cell in self._cells):
            key = fit_key(self._cells[0].plan.built, self._dataset, seed)
            if (folder := fetch_fit(key, self._home)) is not None:
                found[seed] = folder
        return found

    def _tell_earlier(self, cell: CellCost, of_fit: StoredRun | None) -> None:
        if of_fit is not None:
            source = f"{EARLIER} ({of_fit.folder.name})"
            cell.fit = Figure(of_fit.manifest["fit_seconds"], source)
            cell.peak_mib = peak_mib(of_fit)
            folder = fit_folder(of_fit.manifest.get("fit_key", ""), self._home)
            cell.fit_mib = None if folder is None else size_of(folder) / 2**20
        run = self._earlier.predictions(cell.plan)
        if run is None or not (asked := instances_of(run)):
            return
        scale = len(cell.plan.instances) / asked
        source = f"{EARLIER} ({run.folder.name})"
        cell.predict = Figure(run.manifest["predict_seconds"] * scale, source)
        if "score_seconds" in run.manifest:
            cell.score = Figure(run.manifest["score_seconds"] * scale, source)
        cell.peak_mib = max(cell.peak_mib or 0.0, peak_mib(run) or 0.0) or None
        cell.run_mib = size_of(run.folder) / 2**20 * scale

    def _tell_measured(self, fits: Sequence[CellCost], asked: Sequence[CellCost]) -> None:
        """Measure one fit for all seeds, and one cell of those that ask the same instances."""
        seed, fit = next(iter(self._stored.items()), (self._cells[0].plan.spec.seed, None))
        alike: dict[tuple[Any, ...], list[CellCost]] = {}
        for cell in asked:
            spec = cell.plan.spec
            alike.setdefault((spec.task, spec.cohort, spec.perturb, spec.limit), []).append(cell)
        firsts = [cells[0] for cells in alike.values()] or [self._cells[0]]
        try:
            found, rest = self._measured([cell.plan for cell in firsts], seed, fit)
        except BenchError as error:
            found, rest = Measured(problem=error.message), 0.0
        figure = self._fit_figure(found, rest)
        for cell in fits:
            if cell.fit.seconds is None:
                cell.fit = replace(figure)
        for number, cells in enumerate(alike.values()):
            for cell in cells:
                self._tell_asked(cell, found.cells.get(number), found)
        for cell in (*fits, *asked):
            cell.peak_mib = max(cell.peak_mib or 0.0, found.peak_mib or 0.0) or None
        # A stored fit that was taken instead wrote nothing now; another seed's will be as large.
        mib = found.mib if fit is None else size_of(fit) / 2**20
        for cell in fits:
            if cell.fit_mib is None:
                cell.fit_mib = mib

    def _measured(
        self, plans: Sequence[Plan], seed: int, fit: Path | None
    ) -> tuple[Measured, float]:
        """What was seen, and the seconds of stages that only a brief fit of the model came to."""
        built = plans[0].built
        found = self._try(plans, seed, fit, dict(built.config))
        if found.whole or not found.cut or not built.entry.brief:
            return found, 0.0
        # A stage that was ended early left nothing to go on from: a fit of few rows goes through.
        brief = configure(built.asked, {**built.config, **built.entry.brief})
        short = self._try(plans, seed, None, dict(brief.config), cut=False)
        seen = {stage.label for stage in found.stages}
        later = [stage for stage in short.stages if stage.label not in seen]
        rest = sum(stage.expected() or 0.0 for stage in later)
        found.cells, found.whole = short.cells, short.whole
        found.problem = short.problem
        found.peak_mib = max(found.peak_mib or 0.0, short.peak_mib or 0.0) or None
        found.mib = short.mib
        return found, rest

    def _try(
        self,
        plans: Sequence[Plan],
        seed: int,
        fit: Path | None,
        settings: Mapping[str, Any],
        *,
        cut: bool = True,
    ) -> Measured:
        specs = [
            replace(plan.spec, model=plan.built.asked, settings=settings, tuned=False, seed=seed)
            for plan in plans
        ]
        return measure(specs, self._dataset, self._home, fit, self._seconds, cut=cut)

    def _fit_figure(self, found: Measured, rest: float) -> Figure:
        """The seconds of the whole fit: as seen, and beyond that what is extrapolated."""
        if found.fit_seconds is None:
            return Figure()
        total, steps = found.fit_seconds + rest, 0
        least = most = total
        as_in: set[str] = set()
        bound: Bound = "about" if found.whole else "at least"
        for stage in found.cut:
            share = self._share(stage)
            shares = (1.0,) * 3 if share is None else (share.value, share.low, share.high)
            if stage.expected() is None:
                bound = "at least"
                continue
            mean, low, high = (
                max((stage.expected(s) or 0.0) - stage.observed, 0.0) for s in shares
            )
            total, least, most = total + mean, least + low, most + high
            steps += stage.last[1] if stage.last else 0
            if share is not None and not share.here:
                as_in.add("on other data or settings")
            elif share is not None and share.ours:
                as_in.add("in fits of the project's own")
            unstopped = share is not None and not share.here and share.value >= 1
            if bound == "about" and (share is None or unstopped):
                bound = "at most"
        if not found.whole and not found.stages:
            return Figure()
        told = f" on {steps:,} steps" if steps else ""
        told += f", stopping as {' and '.join(sorted(as_in))}" if as_in else ""
        return Figure(total, f"{NOW}{told}", bound, (least, most) if least < most else None)

    def _share(self, stage: Stage) -> Share | None:
        built = self._cells[0].plan.built
        return self._earlier.share(
            built.entry.name, built.variant, stage.label, built.config, self._dataset.name
        )

    def _tell_asked(self, cell: CellCost, found: Mapping[str, Any] | None, fit: Measured) -> None:
        if found is None:
            cell.problem = fit.problem
        elif "failed" in found:
            cell.problem = found["failed"]
        else:
            source = f"{NOW} on {found['asked']:,} instances"
            cell.predict = Figure(found["predict"], source)
            if found["score"] is not None:
                cell.score = Figure(found["score"], source)
            cell.run_mib = found["mib"]
