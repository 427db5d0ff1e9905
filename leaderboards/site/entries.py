"""Collects the submissions for the site: verified one by one, with what their pages show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmark.compare.slices import Slice, slices_of
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.families import is_variant
from benchmark.report.table.listing import shipped_models
from benchmark.stats import FEWEST_USERS, Score, summarise
from leaderboards.boards import Board
from leaderboards.site.examples import ShownInstance, examples_of
from leaderboards.site.kept import Kept
from leaderboards.site.packed import pack, unpack
from leaderboards.site.reproduced import FILE as REPRODUCED_FILE
from leaderboards.site.reproduced import read_reproduced
from leaderboards.site.resemblance import Answered, doubts
from leaderboards.site.spreading import spread
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.schema import MANIFEST, ClaimedScore, Submission, SubmittedRun
from leaderboards.verification import local_data, rescoring
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored
from leaderboards.verification.suspicion import Catalogue
from leaderboards.verification.verify import REPORTED, REPRODUCED, RESCORED, verify

#: Code of a finding that tells of a fault of ours.
_FAILED = "verification-failed"
#: What lies beside the submissions.
_BESIDE = ("README.md", REPRODUCED_FILE)
#: Findings that may be of the machine as it was then, and not of the submission: busy, or full.
_PASSING = frozenset(
    {
        *("limit-time", "limit-memory", "limit-disk", "reader-crashed", "unreadable", _FAILED),
        *("dataset-damaged", "not-rescored"),
    }
)
#: Names of submissions stand in commands and on pages.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}"


@dataclass(frozen=True, slots=True)
class SliceScore:
    """Scores a slice: the primary metric over the instances whose property ``by`` is ``value``.

    It has ``n`` instances, of ``users`` users. ``low`` and ``high`` bound ``score`` at 95%; they
    are ``None`` below :data:`~benchmark.stats.FEWEST_USERS` users.
    """

    by: str
    value: str
    score: float
    low: float | None
    high: float | None
    n: int
    users: int


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """Stores the scores and statistics computed here from a run's predictions.

    ``statistics[name]`` (n, columns) are of ``metrics`` alone: those that order boards; of a model
    that the paper's tables name, all.
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
    """Pairs a submitted run with the evidence computed here.

    ``evidence`` is ``None`` where its dataset is not prepared here, or cannot be scored.
    """

    run: SubmittedRun
    evidence: RunEvidence | None

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
    """Presents an accepted submission; ``name`` is its folder's or archive's.

    ``runs`` lacks those that verification refused.
    """

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
    """Records a rejected submission, and why it was rejected."""

    name: str
    problems: tuple[Finding, ...]


@dataclass(slots=True)
class Collection:
    """Collects the accepted and rejected submissions of a folder, by name.

    ``absent`` are datasets that boards name and that could not be prepared, with the reason.
    """

    entries: list[Entry] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    evidence_sha256: str = ""
    """Over the names of the accepted and all that verification found of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """Reports what verification found of one submission by itself, and of its runs.

    ``evidence`` and ``fingerprints`` are by predictions file, which ``refused_runs`` names too.
    """

    badge: str | None
    submission: Submission | None
    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    refused_runs: tuple[str, ...] = ()
    evidence: Mapping[str, RunEvidence] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)


class Verifier:
    """Verifies submissions one by one; datasets are opened and listed models asked once."""

    def __init__(self, home: Home, boards: Sequence[Board]) -> None:
        self._home, self._boards = home, boards
        self._kept = Kept(home, boards)
        self._slices = _Slices()
        self._opened: local_data.Found = {}
        self._catalogue = Catalogue(home)

    def __call__(self, path: Path) -> bytes:
        """Return a :class:`Found`, packed; kept for the next time, unless it may not last."""
        key = self._kept.key(path)
        packed = self._kept.get(key)
        if packed is None:
            found = self._verified(path)
            packed = pack(found)
            said = {finding.code for finding in (*found.problems, *found.warnings)}
            lasting = _PASSING.isdisjoint(said)
            if lasting and self._kept.key(path) == key:
                self._kept.put(key, packed)
        return packed

    def _verified(self, path: Path) -> Found:
        keeper = _Keeper(self._slices)
        try:
            result = verify(
                path,
                home=self._home,
                on_rescored=keeper,
                known=self._opened,
                catalogue=self._catalogue,
                boards=self._boards,
            )
        except BenchError as error:
            return _refused(path, "unreadable", error.message.replace("\n", " "))
        except Exception as error:  # a fault of ours must not cost the others their pages
            message = f"Verifying it failed ({type(error).__name__}); verify shows more."
            return _refused(path, _FAILED, message)
        submission, kept = result.submission, keeper.kept
        if submission is not None and submission.label not in shipped_models():
            ordering = {
                run.predictions: [board.primary for board in self._boards if board.takes(run)]
                for run in submission.runs
            }
            kept = {file: _of_metrics(each, ordering[file]) for file, each in kept.items()}
        return Found(
            result.badge,
            submission,
            tuple(result.problems),
            tuple(result.warnings),
            tuple(result.refused_runs),
            kept,
            keeper.fingerprints,
        )


def _refused(path: Path, code: str, message: str) -> Found:
    return Found(None, None, (Finding(code, place(path.name), message),), ())


def require_folder(folder: Path) -> None:
    """Raise :class:`UsageError` where there is no such folder of submissions."""
    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {str(folder)!r}.", fix="Give --submissions a folder of them."
        )


def collect(folder: Path, home: Home, boards: Sequence[Board]) -> Collection:
    """Verify every submission of ``folder``: all that lies there, hidden entries aside.

    Whatever cannot be one is refused under its name, and the others are verified all the same,
    by as many processes as there are cores. What was verified before is not verified again
    (:mod:`leaderboards.site.kept`). Statistics are kept of the metrics that order ``boards``.

    Raises :class:`UsageError` when there is no such folder and
    :class:`~benchmark.errors.BenchError` for a broken ``reproduced.toml``.
    """
    require_folder(folder)
    reproduced = read_reproduced(folder)
    known: dict[str, str] = {}
    answered: list[Answered] = []
    collection, digest = Collection(), hashlib.sha256()
    for name, found, packed in _found(submissions_in(folder), home, boards):
        problems, submission, badge = list(found.problems), found.submission, found.badge
        if submission is not None and submission.digest in known:
            message = f"It is the same as {shown(known[submission.digest])}."
            problems.append(Finding("submission-repeated", MANIFEST, message))
        if submission is None or badge is None or problems:
            collection.refusals.append(Refusal(name, tuple(problems)))
            continue
        known[submission.digest] = name
        digest.update(f"{name}\n".encode() + hashlib.sha256(packed).digest())
        if badge == RESCORED and submission.digest in reproduced:
            badge = REPRODUCED
        runs = [
            EnteredRun(run, found.evidence.get(run.predictions))
            for run in submission.runs
            if run.predictions not in found.refused_runs
        ]
        digest.update(f"{badge}\n".encode())
        collection.entries.append(Entry(name, submission, badge, tuple(runs), found.warnings))
        answered.append(Answered(name, submission, found.fingerprints))
    collection.entries = [
        replace(entry, warnings=(*entry.warnings, *more))
        for entry, more in zip(collection.entries, doubts(answered), strict=True)
    ]
    collection.evidence_sha256 = digest.hexdigest()
    return collection


def _found(
    paths: Sequence[Path], home: Home, boards: Sequence[Board]
) -> Iterator[tuple[str, Found, bytes]]:
    """What was found of each of ``paths``, by name, and the same packed, in their order; those that
    are not looked into first."""
    readable = []
    for path in paths:
        if not re.fullmatch(_NAME, path.name):
            message = f"{shown(path.name)} is not a name of letters, digits and . _ -"
            yield path.name, _refused(path, "name", message), b""
        elif path.is_symlink():  # to what differs by machine, or is never read to its end
            yield path.name, _refused(path, "symlink", f"{shown(path.name)} is a link."), b""
        else:
            readable.append(path)
    kept = Kept(home, boards)
    before = {path: kept.get(kept.key(path)) for path in readable}
    new = [path for path in readable if before[path] is None]
    done = spread(partial(Verifier, home, boards), new)
    for path in readable:
        packed = before.pop(path)
        if packed is None:
            _, packed = next(done)
        if packed is None:
            message = "A process that verified it died, of memory perhaps."
            yield path.name, _refused(path, _FAILED, message), b""
        else:
            try:
                found = cast(Found, unpack(packed))
            except ValueError:  # dates that were past when it was kept are to come, perhaps
                fix = "what was kept of it cannot be read (unimp-bench cache clear --verified)."
                yield path.name, _refused(path, _FAILED, f"Now {fix}"), b""
            else:
                yield path.name, found, packed


def submissions_in(folder: Path) -> list[Path]:
    """Return what lies in ``folder`` to be verified, by name: all but hidden entries and ours."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in _BESIDE
    )


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
    """Keeps of each re-scored run what pages need."""

    def __init__(self, slices: _Slices) -> None:
        self.kept: dict[str, RunEvidence] = {}
        self.fingerprints: dict[str, str] = {}
        self._slices = slices

    def __call__(self, run: SubmittedRun, asked: Asked, rescored: Rescored) -> None:
        self.fingerprints[run.predictions] = rescored.fingerprint
        sliced = rescoring.primary_of(run.task, rescored)
        parts = self._slices.of(run, asked)
        self.kept[run.predictions] = RunEvidence(
            scores=rescored.scores,
            metrics={metric.name: metric for metric in rescored.metrics},
            statistics=rescored.statistics,
            users=rescored.users,
            sliced=sliced.name,
            slices=tuple(
                _slice_score(part, sliced, rescored.statistics[sliced.name], rescored.users)
                for part in parts
            ),
            examples=examples_of(asked, rescored, sliced),
        )


def _of_metrics(evidence: RunEvidence, names: Sequence[str]) -> RunEvidence:
    """``evidence`` with per-instance numbers of the metrics ``names`` alone."""
    metrics = {
        metric: value
        for metric, value in evidence.metrics.items()
        if any(is_variant(metric, name) for name in names)
    }
    return replace(
        evidence,
        metrics=metrics,
        statistics={metric: evidence.statistics[metric] for metric in metrics},
    )


def _slice_score(
    part: Slice, metric: Metric, statistics: NDArray[np.float64], users: tuple[str, ...]
) -> SliceScore:
    owners = np.array(users, dtype=object)[part.rows]
    score = summarise([metric], {metric.name: statistics[part.rows]}, owners)[metric.name]
    return SliceScore(part.by, part.value, score.value, score.low, score.high, score.n, score.users)
