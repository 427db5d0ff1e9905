"""From what was asked on the command line to the list of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.home import Home
from benchmark.runs.runner import check
from benchmark.runs.spec import RunSpec


def specs_of_models(
    models: Sequence[str],
    tasks: Sequence[str],
    *,
    data: str,
    cohort: str,
    perturb: str | None,
    seeds: Sequence[int],
    limit: int | None,
    settings: Mapping[str, Any],
    tuned: bool = False,
) -> list[RunSpec]:
    """One run per task, model and seed. What cannot be asked is reported before anything is run."""
    specs = [
        RunSpec(model, task, data, cohort, perturb, seed, limit, settings, tuned)
        for task in dict.fromkeys(tasks)
        for model in dict.fromkeys(models)
        for seed in dict.fromkeys(seeds)
    ]
    for spec in specs:
        check(spec)
    return specs


def specs_of_table(
    table: str, *, data: str | None, seeds: Sequence[int], home: Home
) -> list[RunSpec]:
    """The runs that fill a table's missing cells for each seed, cheapest first.

    ``data`` is the dataset of the measured columns; ``None`` takes the table's own.
    """
    from benchmark.report.build import build_report, missing_runs

    return missing_runs(build_report(table, home=home, data=data), tuple(dict.fromkeys(seeds)))
