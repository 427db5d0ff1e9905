"""Raises doubts that no rule of form can: scores that nobody can have.

All are warnings: a maintainer looks, and ``verify --strict`` refuses.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from benchmark.host.home import Home
from benchmark.metrics.families import family_of
from benchmark.models.building import BuiltModel, configure
from benchmark.runs.fitting import fit_or_load
from benchmark.runs.predictions import predict
from benchmark.stats import FEWEST_USERS, Score
from benchmark.tasks import TASKS
from leaderboards.submission.findings import Finding, place
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification import rescoring
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored

#: Knows the process behind simulated data and its users; nobody else can be as good.
CEILING = "oracle"


def perfection(run: SubmittedRun, rescored: Rescored, where: str) -> Iterator[Finding]:
    """Yield a finding when every answer is the right one: nobody predicts people so well."""
    primary = rescoring.primary_of(run.task, rescored)
    score = rescored.scores[primary.name]
    family = family_of(primary.name)
    best = family.high if family.higher_is_better else family.low
    if score.users >= FEWEST_USERS and score.value == best:
        message = f"{primary.name} is {best:g}, as if every answer were known."
        yield Finding("perfect-score", place(where, "scores", primary.name), message, True)


def above_ceiling(
    run: SubmittedRun,
    asked: Asked,
    rescored: Rescored,
    ceilings: dict[str, Score],
    home: Home,
    where: str,
) -> Iterator[Finding]:
    """Yield a finding when a run on simulated data is as good as who knows its users.

    ``ceilings`` keeps what was computed before, by the instances' hash.
    """
    if run.attachments or not asked.dataset.info["simulated"]:
        return
    model = configure(CEILING, {})
    if run.task not in model.entry.tasks:
        return
    primary = rescoring.primary_of(run.task, rescored).name
    key = asked.instances.sha256
    if key not in ceilings:
        ceilings[key] = _ceiling(model, run.task, asked, home).scores[primary]
    ceiling, score = ceilings[key], rescored.scores[primary]
    gain = score.value - ceiling.value
    if gain >= 0 if family_of(primary).higher_is_better else gain <= 0:
        message = (
            f"{primary} is {score.value:.4f}; {CEILING}, which knows the users, has "
            f"{ceiling.value:.4f}, and the run names no attachment."
        )
        yield Finding("ceiling-reached", place(where, "scores", primary), message, True)


def _ceiling(model: BuiltModel, name: str, asked: Asked, home: Home) -> Rescored:
    fitted, task = fit_or_load(model, asked.dataset, 0, home), TASKS.get(name)
    with tempfile.TemporaryDirectory(prefix="unimp-bench-ceiling-") as folder:
        path = predict(
            fitted.model,
            task,
            asked.instances,
            asked.dataset,
            Path(folder),
            seed=0,
            label=model.label,
        )
        table = pq.read_table(path)
    return rescoring.rescore(table, task, asked.instances, asked.dataset)
