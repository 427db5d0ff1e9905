"""Collects the submissions for the site: verified one by one, with what their pages show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.slices import Slice, slices_of
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.families import is_variant
from benchmark.stats import FEWEST_USERS, Score, summarise
from benchmark.tasks import TASKS
from leaderboards.boards import Board
from leaderboards.site.examples import ShownInstance, examples_of
from leaderboards.site.reproduced import FILE as REPRODUCED_FILE
from leaderboards.site.reproduced import read_reproduced
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.schema import MANIFEST, ClaimedScore, Submission, SubmittedRun
from leaderboards.verification import local_data
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored
from leaderboards.verification.verify import BADGES, verify

#: What lies beside the submissions.
_BESIDE = ("README.md", REPRODUCED_FILE)
#: Names of submissions stand in commands and on pages.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}"
REPORTED, RESCORED, REPRODUCED = BADGES


@dataclass(frozen=True, slots=True)
class SliceScore:
    """The primary metric over the instances whose property ``by`` is ``value``.

    ``low`` and ``high`` are ``None`` below
    :data:`~benchmark.stats.FEWEST_USERS` users.
    """

    by: str
    value: str
    score: float
    low: float | None
    high: float | None
    n: int
    users: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Scores and statistics computed here from a run's predictions.

    ``statistics[name]`` (n, columns) are of ``metrics`` alone: those that order boards.
    ``users`` (n,); ``slices`` and ``examples`` are of the task's primary metric, ``sliced``.
    """

    scores: Mapping[str, Score]
    metrics: Mapping[str, Metric]
    statistics: Statistics
    users: tuple[str, ...]
    sliced: str
    slices: tuple[SliceScore, ...]
    examples: tuple[ShownInstance, ...] = ()


@dataclass(frozen=True, slots=True)
class EnteredRun:
    """A submitted run; ``evidence`` is ``None`` where its dataset is not prepared here."""

    run: SubmittedRun
    evidence: Evidence | None

    @property
    def scores(self) -> Mapping[str, Score]:
        """Return the scores computed here where that was possible, else those claimed."""
        if self.evidence is not None:
            return self.evidence.scores
        return {name: _claimed(claim) for name, claim in self.run.scores.items()}


def _claimed(claim: ClaimedScore) -> Score:
    """The claim, less an interval that its users are too few for or that has no width."""
    score = Score(**claim.model_dump())
    if score.users < FEWEST_USERS or score.low == score.high:
        return replace(score, low=None, high=None)
    return score


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission that was accepted; ``name`` is its folder's or archive's."""

    name: str
    submission: Submission
    badge: str
    runs: tuple[EnteredRun, ...]
    warnings: tuple[Finding, ...]

    def badge_of(self, run: EnteredRun) -> str:
        """Return a run's own badge: one dataset of a submission may be here and another not."""
        if run.evidence is None:
            return REPORTED
        return REPRODUCED if self.badge == REPRODUCED else RESCORED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rejected submission, and why it was rejected."""

    name: str
    problems: tuple[Finding, ...]


@dataclass(slots=True)
class Collection:
    """Accepted and rejected submissions of a folder, by name."""

    entries: list[Entry] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def collect(folder: Path, home: Home, boards: Sequence[Board]) -> Collection:
    """Verify every submission of ``folder``: all that lies there, hidden entries aside.

    Whatever cannot be one is refused under its name, and the others are verified all the same.

    Statistics are kept of the metrics that order ``boards``.

    Raises :class:`UsageError` when there is no such folder and
    :class:`~benchmark.errors.BenchError` for a broken ``reproduced.toml``.
    """
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {str(folder)!r}.", fix="Give --submissions a folder of them."
        )
    reproduced = read_reproduced(folder)
    known: dict[str, str] = {}
    slices = _Slices()
    opened: local_data.Found = {}
    ceilings: dict[str, Score] = {}
    answered: dict[tuple[str, str, str], str] = {}
    found = Collection()
    for path in sorted(_submissions(folder)):
        if not re.fullmatch(_NAME, path.name):
            message = f"{shown(path.name)} is not a name of letters, digits and . _ -"
            found.refusals.append(Refusal(path.name, (Finding("name", place(path.name), message),)))
            continue
        keeper = _Keeper(slices, boards)
        try:
            result = verify(path, home=home, on_rescored=keeper, known=opened, ceilings=ceilings)
        except BenchError as error:
            message = error.message.replace("\n", " ")
            problem = Finding("unreadable", place(path.name), message)
            found.refusals.append(Refusal(path.name, (problem,)))
            continue
        problems = list(result.problems)
        submission = result.submission
        if submission is not None and submission.digest in known:
            message = f"It is the same as {shown(known[submission.digest])}."
            problems.append(Finding("submission-repeated", MANIFEST, message))
        if submission is None or result.badge is None or problems:
            found.refusals.append(Refusal(path.name, tuple(problems)))
            continue
        known[submission.digest] = path.name
        result.warnings += _repeated_answers(submission, keeper, path.name, answered)
        badge = result.badge
        if badge == RESCORED and submission.digest in reproduced:
            badge = REPRODUCED
        runs = [
            EnteredRun(run, keeper.kept.get(run.predictions))
            for run in submission.runs
            if run.predictions not in result.refused_runs
        ]
        found.entries.append(
            Entry(path.name, submission, badge, tuple(runs), tuple(result.warnings))
        )
    return found


def _repeated_answers(
    submission: Submission, keeper: _Keeper, name: str, answered: dict[tuple[str, str, str], str]
) -> Iterator[Finding]:
    """Yield a warning for a run that answers as one before it did; ``answered`` is kept."""
    for number, run in enumerate(submission.runs):
        if run.predictions not in keeper.fingerprints:
            continue
        key = (run.task, run.instances_sha256, keeper.fingerprints[run.predictions])
        who = f"{name} with seed {run.seed}"
        first = answered.setdefault(key, who)
        if first != who:
            message = f"Its answers are those of {first}, whatever their scores."
            yield Finding("answers-repeated", place(MANIFEST, "runs", number), message, True)


def _submissions(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if not path.name.startswith(".") and path.name not in _BESIDE:
            yield path


class _Slices:
    """The slices of each list of instances, found once."""

    def __init__(self) -> None:
        self._known: dict[str, list[Slice]] = {}

    def of(self, run: SubmittedRun, asked: Asked) -> list[Slice]:
        key = run.instances_sha256
        if key not in self._known:
            ids = asked.instances.ids
            self._known[key] = slices_of(asked.dataset, run.task, run.cohort, ids)
        return self._known[key]


class _Keeper:
    """Keeps of each re-scored run what pages need: per-instance numbers of few metrics only."""

    def __init__(self, slices: _Slices, boards: Sequence[Board]) -> None:
        self.kept: dict[str, Evidence] = {}
        self.fingerprints: dict[str, str] = {}
        self._slices, self._boards = slices, boards

    def __call__(self, run: SubmittedRun, asked: Asked, rescored: Rescored) -> None:
        self.fingerprints[run.predictions] = rescored.fingerprint
        primary = TASKS.get(run.task).primary
        sliced = next(m for m in rescored.metrics if is_variant(m.name, primary))
        ordering = [board.primary for board in self._boards if board.takes(run)]
        metrics = {
            metric.name: metric
            for metric in rescored.metrics
            if any(is_variant(metric.name, name) for name in ordering)
        }
        parts = self._slices.of(run, asked)
        self.kept[run.predictions] = Evidence(
            scores=rescored.scores,
            metrics=metrics,
            statistics={name: rescored.statistics[name] for name in metrics},
            users=rescored.users,
            sliced=sliced.name,
            slices=tuple(
                _slice_score(part, sliced, rescored.statistics[sliced.name], rescored.users)
                for part in parts
            ),
            examples=examples_of(asked, rescored, sliced),
        )


def _slice_score(
    part: Slice, metric: Metric, statistics: NDArray[np.float64], users: tuple[str, ...]
) -> SliceScore:
    owners = np.array(users, dtype=object)[part.rows]
    score = summarise([metric], {metric.name: statistics[part.rows]}, owners)[metric.name]
    return SliceScore(part.by, part.value, score.value, score.low, score.high, score.n, score.users)
