"""``run --estimate``: what runs will cost, printed before they start, and what they then took."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, TypeGuard

from benchmark.commands.printing import print_rows, print_wrapped
from benchmark.errors import UsageError
from benchmark.host.console import output_to_stderr

if TYPE_CHECKING:
    from benchmark.host.home import Home
    from benchmark.runs.estimating.estimate import CellCost, Estimate, Figure
    from benchmark.runs.spec import RunSpec
    from benchmark.runs.store import StoredRun

#: Between the ends of a span that is worth telling.
_WIDE = 1.2
_SIGNS = {"about": "", "at least": "≥ ", "at most": "≤ "}


def estimate_runs(specs: Sequence[RunSpec], home: Home, *, seconds: float, force: bool) -> Estimate:
    """Return the estimate of the runs that are missing; datasets are prepared where needed."""
    from benchmark.data.opening import ensure_dataset
    from benchmark.host import processes
    from benchmark.runs.estimating.estimate import estimate

    if processes.count() > 1:
        raise UsageError(
            "--estimate measures one process.", fix="Estimate without a launcher, then launch."
        )
    with output_to_stderr():
        home.check_writable()
        datasets = {name: ensure_dataset(name, home) for name in {spec.data for spec in specs}}
        return estimate(specs, datasets, home, seconds=seconds, force=force)


def print_estimate(found: Estimate, *, aside: bool = False) -> None:
    """Print a row for each missing run, and the sums; ``aside`` on standard error."""
    with redirect_stdout(sys.stderr if aside else sys.stdout):
        if not found.cells:
            print(_nothing(found.stored))
            return
        columns = ["run", "fit", "predictions", "scoring", "memory", "disk", "how"]
        print_rows([_row(cell, found) for cell in found.cells], columns)
        print()
        print_wrapped(_sum(found))
        print()
        sys.stdout.flush()


def _nothing(stored: int) -> str:
    if not stored:  # a table names what it lacks
        return "Nothing is missing: every cell that can be run here is filled."
    runs = "the run is" if stored == 1 else f"all {stored} runs are"
    return f"Nothing is missing: {runs} stored. --force runs them again."


def print_comparison(found: Estimate, runs: Sequence[StoredRun], seconds: float) -> None:
    """Print what was estimated beside what it took: each run's parts, and all in ``seconds``.

    Runs that failed took nothing that is known, and are left out.
    """
    by_folder = {run.folder: run for run in runs}
    finished = [cell for cell in found.cells if cell.plan.folder in by_folder]
    if not finished:
        return
    rows = []
    for cell in finished:
        manifest = by_folder[cell.plan.folder].manifest
        rows.append(
            {
                "run": _label(cell, found),
                "fit": _beside(cell.fit, manifest["fit_seconds"]),
                "predictions": _beside(cell.predict, manifest["predict_seconds"]),
                "scoring": _beside(cell.score, manifest.get("score_seconds")),
            }
        )
    print("Estimated and taken")
    print_rows(rows, ["run", "fit", "predictions", "scoring"])
    print()
    print_wrapped(_outcome(found, seconds))


def print_costs(runs: Sequence[StoredRun]) -> None:
    """Print what ``runs`` took, a row each: of the fit behind them, the predictions, the energy."""
    from benchmark.runs.costs import energy_wh, peak_mib

    rows = []
    for run in runs:
        manifest, energy = run.manifest, energy_wh(run)
        rows.append(
            {
                "took": f"{run.label}, {manifest['task']}, seed {manifest['seed']}",
                "fit": duration(manifest["fit_seconds"]),
                "predictions": duration(manifest["predict_seconds"]),
                "memory": _mib(peak_mib(run)),
                "energy": None if energy is None else f"{energy:,.3g} Wh",
            }
        )
    columns = ["took", "fit", "predictions", "memory"]
    print_rows(rows, columns + ["energy"] * any(row["energy"] for row in rows))


def with_estimate(result: dict[str, Any], run: StoredRun, found: Estimate | None) -> dict[str, Any]:
    """Return the JSON ``result`` of ``run`` with what was estimated of it, where it was."""
    for cell in () if found is None else found.cells:
        if cell.plan.folder == run.folder:
            return {**result, "estimate": cell.to_json()}
    return result


def duration(seconds: float) -> str:
    """Return ``seconds`` in words: ``0.4 s``, ``95 s``, ``12.5 min``, ``3.2 h``."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds >= 0.01 else "0 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _row(cell: CellCost, found: Estimate) -> dict[str, Any]:
    return {
        "run": _label(cell, found),
        "fit": _words(cell.fit),
        "predictions": _words(cell.predict),
        "scoring": _words(cell.score),
        "memory": _mib(cell.peak_mib),
        "disk": _mib(cell.disk_mib),
        "how": _how(cell),
    }


def _label(cell: CellCost, found: Estimate) -> str:
    """Model and task, and of the rest what tells the runs apart."""
    spec = cell.plan.spec
    others = [other.plan.spec for other in found.cells]
    words = [cell.plan.built.label, spec.task]
    words += [spec.data] if len({other.data for other in others}) > 1 else []
    words += [word for word in (spec.cohort, spec.perturb) if word not in (None, "seen")]
    words += [f"seed {spec.seed}"] if len({other.seed for other in others}) > 1 else []
    return ", ".join(words)


def _words(figure: Figure) -> str:
    if figure.seconds is None:
        return "?"
    told = _SIGNS[figure.bound] + duration(figure.seconds)
    if _is_wide(figure.span):
        told += f" ({duration(figure.span[0])} to {duration(figure.span[1])})"
    return told


def _is_wide(span: tuple[float, float] | None) -> TypeGuard[tuple[float, float]]:
    return span is not None and span[1] > _WIDE * span[0]


def _mib(value: float | None) -> str:
    return "?" if value is None else f"{value:,.1f} MiB" if value < 10 else f"{value:,.0f} MiB"


def _how(cell: CellCost) -> str:
    from benchmark.runs.estimating.estimate import SHARED, STORED

    fit, predict = cell.fit.source, cell.predict.source
    fit = fit if fit in (STORED, SHARED) else f"fit {fit}"
    told = fit if fit == f"fit {predict}" else f"{fit}; predictions {predict}"
    if cell.predict.seconds is not None and cell.score.seconds is None:
        told += f"; scoring {cell.score.source}"
    return told if cell.problem is None else f"{told}: {cell.problem.rstrip('.')}"


def _sum(found: Estimate) -> str:
    parts = [
        f"{name} {duration(sum(figure.seconds or 0.0 for figure in figures))}"
        for name, figures in zip(
            ("fits", "predictions", "scoring"),
            zip(*(cell.figures for cell in found.cells), strict=True),
            strict=True,
        )
    ]
    peak = max((cell.peak_mib or 0.0 for cell in found.cells), default=0.0)
    disk = sum(cell.disk_mib or 0.0 for cell in found.cells)
    told = [
        f"In all {_bound(found)} {duration(found.seconds)} ({', '.join(parts)}), one run after "
        f"another; {_mib(peak)} of memory at once, {_mib(disk)} of disk."
    ]
    if found.stored:
        told.append(f"Stored already: {found.stored}.")
    if found.unknown:
        told.append(
            f"Runs of which something is not known, and counts as nothing: {found.unknown}."
        )
    if any(figure.bound == "at most" for cell in found.cells for figure in cell.figures):
        told.append("≤: if all steps are taken; a training may stop earlier.")
    if any(_is_wide(figure.span) for cell in found.cells for figure in cell.figures):
        told.append("In brackets: as soon and as late as fits known here stopped.")
    return " ".join(told)


def _bound(found: Estimate) -> str:
    bounds = {f.bound for cell in found.cells for f in cell.figures if f.seconds}
    if not all(cell.is_timed for cell in found.cells):
        bounds.add("at least")
    bounds.discard("about")
    return bounds.pop() if len(bounds) == 1 else "about"


def _beside(figure: Figure, taken: float | None) -> str:
    from benchmark.runs.estimating.estimate import SHARED, STORED

    if figure.source in (STORED, SHARED):
        return "-"
    return f"{_words(figure)} / {'?' if taken is None else duration(taken)}"


def _outcome(found: Estimate, seconds: float) -> str:
    told = f"Took {duration(seconds)}; the estimate was {_bound(found)} {duration(found.seconds)}"
    if not found.seconds:
        return f"{told}."
    return f"{told} ({seconds / found.seconds:.2f} times that)."
