"""Raises doubts that no rule of form can: scores that nobody can have, answers that others gave.

All are warnings: a maintainer looks, and ``verify --strict`` refuses.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import BenchError
from benchmark.host.console import without_notes
from benchmark.host.files import is_write_failure, locked, read_json, sha256_json, write_json
from benchmark.host.home import Home
from benchmark.metrics.families import family_of
from benchmark.models.building import configure
from benchmark.models.registered import ModelEntry, entries
from benchmark.runs.fitting import fit_or_load
from benchmark.runs.predictions import predict
from benchmark.stats import FEWEST_USERS, Score
from benchmark.tasks import TASKS
from leaderboards.submission import tables
from leaderboards.submission.findings import Finding, place
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification import rescoring
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored
from leaderboards.verification.surroundings import surroundings

#: Knows the process behind simulated data and its users; nobody else can be as good.
CEILING = "oracle"
#: Listed models whose answers are known beside the trivial ones.
_ALSO_QUICK = ("bm25", CEILING)
MOST_INSTANCES = 20_000
#: Of a metric's range: so near to its best end comes who knows the targets and spoils a few.
ALMOST = 0.01
#: Of the file in which the home keeps what they answer.
SUFFIX = ".json"


def perfection(run: SubmittedRun, rescored: Rescored, where: str) -> Iterator[Finding]:
    """Yield a finding when almost all answers are right: nobody predicts people so well."""
    primary = rescoring.primary_of(run.task, rescored)
    score = rescored.scores[primary.name]
    best = primary.high if primary.higher_is_better else primary.low
    width = primary.high - primary.low
    off = ALMOST * width if math.isfinite(width) else 0.0
    if score.users >= FEWEST_USERS and abs(score.value - best) <= off:
        message = f"{primary.name} is {score.value:.4g}, as if the targets were known."
        yield Finding("perfect-score", place(where, "scores", primary.name), message, True)


def above_ceiling(
    run: SubmittedRun, asked: Asked, rescored: Rescored, catalogue: Catalogue, where: str
) -> Iterator[Finding]:
    """Yield a finding when a run on simulated data is as good as who knows its users."""
    if run.attachments:
        return
    primary = rescoring.primary_of(run.task, rescored).name
    ceiling = catalogue.ceiling(run.task, asked)
    if ceiling is None:
        return
    score, best = rescored.scores[primary], ceiling[primary]
    gain = score.value - best.value
    if gain >= 0 if family_of(primary).higher_is_better else gain <= 0:
        message = (
            f"{primary} is {score.value:.4f}; {CEILING}, which knows the users, has "
            f"{best.value:.4f}, and the run names no attachment."
        )
        yield Finding("ceiling-reached", place(where, "scores", primary), message, True)


def known_answers(model: str, label: str | None, where: str) -> Iterator[Finding]:
    """Yield a finding when ``model`` answers as ``label`` does, a listed model of another name."""
    if label is not None and label.partition(":")[0] != model:
        message = f"Its predictions are those of {label}, whatever their scores."
        yield Finding("answers-known", place(where, "predictions"), message, True)


def other_answers(
    label: str, run: SubmittedRun, expected: str | None, found: str, where: str
) -> Iterator[Finding]:
    """Yield a finding when a run of the listed model ``label`` has the fingerprint ``found``, and
    that model answers with the fingerprint ``expected`` here (``None``: nobody knows)."""
    if expected is not None and found != expected:
        message = f"{label} is a listed model, and with seed {run.seed} it predicts otherwise here."
        yield Finding("answers-differ", place(where, "predictions"), message, True)


class Catalogue:
    """Computes what listed models predict and reach, each when it is first asked for.

    One serves many submissions: what it found is kept by the instances' hash and perturbation, and
    in the home, so that no other process computes it again.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._ceilings: dict[tuple[str, str | None], Mapping[str, Score]] = {}
        self._fingerprints: dict[tuple[object, ...], Mapping[str, str]] = {}

    @cached_property
    def listed(self) -> Mapping[str, ModelEntry]:
        """Return the listed models, by name: finding what is installed takes a while."""
        return entries()

    def ceiling(self, task: str, asked: Asked) -> Mapping[str, Score] | None:
        """Return the scores of :data:`CEILING`; ``None`` of data that are not simulated, and of
        tasks that it does not answer."""
        if not asked.dataset.info["simulated"] or task not in self.listed[CEILING].tasks:
            return None
        key = (asked.instances.sha256, asked.perturb)
        if key not in self._ceilings:
            found = self._kept([CEILING], task, asked, 0, self._ceiling)
            self._ceilings[key] = {name: Score(**score) for name, score in found.items()}
        return self._ceilings[key]

    def label_of(self, fingerprint: str, task: str, asked: Asked) -> str | None:
        """Return the quick listed model whose answers have ``fingerprint``, if there is one.

        Nobody is looked up over more than :data:`MOST_INSTANCES` instances.
        """
        for label, known in self._known(list(self._quick(task)), task, asked, 0).items():
            if known == fingerprint:
                return label
        return None

    def fingerprint_of(self, label: str, task: str, asked: Asked, seed: int) -> str | None:
        """Return the fingerprint of what a quick listed model answers with ``seed`` and its default
        settings; ``None`` of others, and over too many instances."""
        quick = list(self._quick(task))
        if label not in quick:
            return None
        return self._known(quick if seed == 0 else [label], task, asked, seed).get(label)

    def _known(self, labels: list[str], task: str, asked: Asked, seed: int) -> Mapping[str, str]:
        """The fingerprint of each of ``labels``, as far as this data has what they look at."""
        if len(asked.instances) > MOST_INSTANCES:
            return {}
        key = (asked.instances.sha256, asked.perturb, *labels, seed)
        if key not in self._fingerprints:
            self._fingerprints[key] = self._kept(labels, task, asked, seed, self._fingerprinted)
        return self._fingerprints[key]

    def _kept(
        self,
        labels: list[str],
        task: str,
        asked: Asked,
        seed: int,
        find: Callable[[list[str], str, Asked, int], dict[str, Any]],
    ) -> dict[str, Any]:
        """What ``find`` returns, from the home where it was found before.

        A process waits for another that finds it. A home that cannot be written to keeps nothing.
        """
        about = [asked.dataset.sha256, asked.instances.sha256, asked.perturb]
        what = [find.__name__, labels, task, seed, *about]
        folder, key = self._home.verified, sha256_json([what, surroundings()])
        file = folder / f"{key}{SUFFIX}"
        if (found := _read(file)) is not None:
            return found
        with ExitStack() as stack:
            with suppress(BenchError):
                lock = folder / f".{asked.instances.sha256[:16]}.lock"
                stack.enter_context(locked(lock, f"asking listed models for {task}"))
            if (found := _read(file)) is None:
                found = find(labels, task, asked, seed)
                with suppress(BenchError):
                    write_json(file, found)
        return found

    def _ceiling(self, labels: list[str], task: str, asked: Asked, seed: int) -> dict[str, Any]:
        table = self._answers(labels[0], task, asked, seed)
        found = rescoring.rescore(table, TASKS.get(task), asked.instances, asked.dataset)
        return {name: asdict(score) for name, score in found.scores.items()}

    def _fingerprinted(
        self, labels: list[str], task: str, asked: Asked, seed: int
    ) -> dict[str, Any]:
        found: dict[str, str] = {}
        for label in labels:
            try:
                found[label] = tables.fingerprint(self._answers(label, task, asked, seed), task)
            except BenchError as error:  # this data lacks what the model looks at, or a full disk
                if error.__cause__ is not None and is_write_failure(error.__cause__):
                    raise  # of this moment, and not to be kept
        return found

    def _answers(self, label: str, task: str, asked: Asked, seed: int) -> pa.Table:
        """What the model answers here with ``seed``, in the instances' order."""
        model = configure(label, {})
        state = model.own_state()
        with without_notes(), state:
            fitted = fit_or_load(model, asked.dataset, seed, self._home)
        with tempfile.TemporaryDirectory(prefix="unimp-bench-catalogue-") as folder, state:
            path = predict(
                fitted.model,
                TASKS.get(task),
                asked.instances,
                asked.dataset,
                Path(folder),
                seed=seed,
                label=model.label,
            )
            return pq.read_table(path)

    def _quick(self, task: str) -> Iterator[str]:
        """Labels of the listed models, and of their variants, that answer ``task`` without a fit to
        speak of."""
        for entry in self.listed.values():
            quick = (entry.role == "trivial" and entry.cost == 0) or entry.name in _ALSO_QUICK
            if quick and task in entry.tasks and entry.why_not() is None:
                yield entry.name
                yield from (f"{entry.name}:{variant}" for variant in entry.variants)


def _read(file: Path) -> dict[str, Any] | None:
    """What was kept in ``file``; ``None`` where nothing was, or it can no longer be read."""
    try:
        found = read_json(file, fix="")
    except BenchError:
        return None
    return found if isinstance(found, dict) else None
