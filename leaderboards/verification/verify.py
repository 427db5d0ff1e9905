"""Verifies a submission: the same checks for its author, a maintainer and CI.

In order: the container, the manifest, each run's file, its instances, its answers, its scores
computed again. What is wrong early stops what would build on it; everything found is told.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.runs.manifest import REPRODUCED as REPRODUCED
from benchmark.runs.manifest import RESCORED as RESCORED
from benchmark.tasks import TASKS
from leaderboards.boards import Board, boards_of, load_boards
from leaderboards.submission import levels, limits, opening, tables
from leaderboards.submission.container import holders
from leaderboards.submission.findings import Finding, Refused, place, shown
from leaderboards.submission.limits import Budget
from leaderboards.submission.opening import Predictions
from leaderboards.submission.schema import MANIFEST, Submission, SubmittedRun
from leaderboards.verification import (
    answers,
    local_data,
    naming,
    reproducing,
    rescoring,
    suspicion,
)
from leaderboards.verification.local_data import Asked
from leaderboards.verification.reproducing import Reproduction
from leaderboards.verification.rescoring import Rescored
from leaderboards.verification.suspicion import Catalogue

#: What may stand beside a submission's name, weakest first.
REPORTED = "reported"
BADGES = (REPORTED, RESCORED, REPRODUCED)

#: Is told of every run that could be scored again, also of a submission that is then rejected.
Listener = Callable[[SubmittedRun, Asked, Rescored], None]


@dataclass
class Verification:
    """Reports the outcome of verifying one submission.

    ``scores`` and ``boards`` are by the run's predictions file.
    """

    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    badge: str | None = None
    submission: Submission | None = None
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Recomputed where the dataset is here: name -> metric -> value, low, high, n, users."""
    boards: dict[str, list[str]] = field(default_factory=dict)
    reproductions: list[Reproduction] = field(default_factory=list)
    refused_runs: dict[str, list[Finding]] = field(default_factory=dict)
    """Runs that are left out of an accepted submission, and why."""

    @property
    def accepted(self) -> bool:
        """Return whether no problem was found; warnings and refused runs beside others do not
        count."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the document that ``unimp-bench verify --json`` prints."""
        return {
            "accepted": self.accepted,
            "badge": self.badge,
            "problems": [finding.as_json() for finding in self.problems],
            "warnings": [finding.as_json() for finding in self.warnings],
            "scores": self.scores,
            "boards": self.boards,
            "reproductions": [asdict(found) for found in self.reproductions],
            "refused_runs": {
                name: [finding.as_json() for finding in findings]
                for name, findings in self.refused_runs.items()
            },
        }


def verify(
    path: Path,
    *,
    home: Home,
    strict: bool = False,
    reproduce: str | None = None,
    on_rescored: Listener | None = None,
    known: local_data.Found | None = None,
    catalogue: Catalogue | None = None,
    boards: Sequence[Board] | None = None,
) -> Verification:
    """Check the submission at ``path``, a folder or a zip archive.

    ``strict`` turns warnings into problems, and refuses all where a run would be left out.
    ``reproduce`` names a model, as ``run --model``
    does, that is fitted here and asked a sample; its code is run. ``on_rescored`` gets the
    statistics, which are too large to be kept for a caller who does not ask. ``known``,
    ``catalogue`` and ``boards`` (by default ours) are for callers who verify many submissions, so
    that a dataset is opened, listed models are asked and boards are read once. Raises
    :class:`UsageError` when there is nothing at ``path`` and :class:`BenchError` when that
    model fails.
    """
    result = Verification()
    badges: list[str] = []
    context = _Context(
        home,
        reproduce,
        load_boards() if boards is None else boards,
        on_rescored,
        known,
        catalogue or Catalogue(home),
        strict,
    )
    for finding in _limited(_check(path, context, result, badges)):
        if strict and finding.warning:
            finding = replace(finding, warning=False)
        (result.warnings if finding.warning else result.problems).append(finding)
    if result.accepted:
        result.badge = min(badges, key=BADGES.index)
    return result


def _limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first few of each code in each file, and of all; then how many more there were.

    Warnings are counted apart: however many there are, a problem is told.
    """
    told: Counter[bool] = Counter()
    count: Counter[tuple[str, str, bool]] = Counter()
    last: dict[tuple[str, str, bool], Finding] = {}
    untold: Counter[bool] = Counter()
    for finding in findings:
        kind = (finding.code, finding.where.partition("/row ")[0], finding.warning)
        if kind not in count and told[finding.warning] >= limits.FINDINGS:
            untold[finding.warning] += 1
            continue
        count[kind] += 1
        last[kind] = finding
        if count[kind] <= limits.SAME_CODE:
            told[finding.warning] += 1
            yield finding
    for kind, finding in last.items():
        more = count[kind] - limits.SAME_CODE
        if more > 0:
            yield replace(finding, where=kind[1], message=f"{more} more of these.")
    for warning, number in untold.items():
        message = f"{number} more findings, of other codes or places."
        yield Finding("findings-untold", ".", message, warning)


@dataclass(frozen=True, slots=True)
class _Context:
    """What every run of a submission is checked with."""

    home: Home
    reproduce: str | None
    boards: Sequence[Board]
    on_rescored: Listener | None
    known: local_data.Found | None
    catalogue: Catalogue
    strict: bool


def _check(
    path: Path, context: _Context, result: Verification, badges: list[str]
) -> Iterator[Finding]:
    """Yield what is wrong at ``path``, or doubtful; ``badges`` gets the badge of each run kept."""
    try:
        opened = opening.open_submission(path)
        yield from opened.findings
        submission = opened.submission
        if submission is None:
            return
        result.submission = submission
        listed = context.catalogue.listed
        yield from _file_problems(opened, submission)
        yield from naming.name_problems(submission, listed)
        yield from naming.address_doubts(submission)
        checks = []
        for number, run in enumerate(submission.runs):
            if run.predictions in opened.files:
                where = place(MANIFEST, "runs", number)
                yield from naming.code_problems(submission, run, where, listed)
                check = _Run(run, submission, where, context)
                yield from check.ask()
                if check.sound:
                    checks.append(check)
                else:
                    badges.append(check.badge)
        wanted = [(check.run, check.budget()) for check in checks]
        with opening.read_predictions(opened, wanted) as predictions:
            for check, answered in zip(checks, predictions, strict=True):
                for finding in check.findings(answered, result):
                    if finding.code == rescoring.OUTSIDE_TOLERANCE:
                        result.refused_runs.setdefault(check.run.predictions, []).append(finding)
                    else:
                        yield finding
                if check.run.predictions not in result.refused_runs:
                    badges.append(check.badge)
        # Nothing is left to accept, or whoever merges what passes would merge the refused run too.
        if context.strict or len(result.refused_runs) == len(submission.runs):
            for findings in result.refused_runs.values():
                yield from findings
            result.refused_runs.clear()
    except Refused as refused:
        yield refused.finding


def _file_problems(opened: opening.Opened, submission: Submission) -> Iterator[Finding]:
    files, used = opened.files, {run.predictions for run in submission.runs}
    told = {finding.where for finding in opened.findings}  # there, and why it is not read
    for name in sorted(used - files):
        if told.isdisjoint(map(place, holders(name))):
            message = f"{MANIFEST} names {shown(name)}, which is not there."
            yield Finding("file-missing", place(name), message)
    for name in sorted(files - used - {MANIFEST}):
        yield Finding("file-unused", place(name), f"No run of {MANIFEST} uses {shown(name)}.")


class _Run:
    """The checks of one run; ``badge`` is the one it earns."""

    def __init__(
        self, run: SubmittedRun, submission: Submission, where: str, context: _Context
    ) -> None:
        self.badge = REPORTED
        self.run = run
        self._submission = submission
        self.sound = True
        """Whether the run asks something that can be, so that its answers are worth reading."""
        self._where = where
        self._context = context
        self._asked: Asked | None = None

    def ask(self) -> Iterator[Finding]:
        """Find what the run answers; nothing of its predictions is read."""
        run, where = self.run, self._where
        wrong = local_data.question_problems(run, where)
        yield from wrong
        if wrong:
            self.sound = False
            return
        task = TASKS.get(run.task)
        self._asked, found = local_data.find(run, self._context.home, where, self._context.known)
        yield from found
        yield from rescoring.metric_problems(run, task, where)
        instances = None if self._asked is None else self._asked.instances
        yield from rescoring.gate_problems(run, instances, where)
        yield from _cautions(run, where)

    def budget(self) -> Budget:
        """Return what the predictions may hold, by what was asked."""
        return Budget() if self._asked is None else local_data.budget(self._asked.instances)

    def findings(self, answered: Predictions, result: Verification) -> Iterator[Finding]:
        """Check the predictions that the cage handed back."""
        run, asked = self.run, self._asked
        if answered.finding is not None:
            yield answered.finding
            return
        assert answered.table is not None
        table, task = answered.table, TASKS.get(run.task)
        if answered.rows_sha256 != run.predictions_sha256:
            message = "The SHA-256 of its rows is not the manifest's: changed after packing."
            yield Finding("predictions-edited", place(run.predictions), message)
        if not answered.plain:
            message = "The file holds more than its rows, or not as submit writes them."
            yield Finding("predictions-not-plain", place(run.predictions), message)
        instances = None if asked is None else asked.instances
        wrong = answers.id_problems(table, instances, place(run.predictions))
        yield from wrong
        if wrong:
            return
        if not table.num_rows:
            yield Finding("no-predictions", place(run.predictions), "There is not one prediction.")
            return
        if asked is not None:
            table = tables.in_order(table, asked.instances.ids)
        sound = True
        for finding in answers.answer_problems(
            table,
            task,
            place(run.predictions),
            asked=None if asked is None else asked.instances,
            known=None if asked is None else asked.dataset.catalogue().index.__contains__,
        ):
            sound = False
            yield finding
        if sound:  # pictures can be decoded
            for finding in levels.problems(table, run.levels, place(run.predictions)):
                sound = False
                yield finding
        if sound and asked is not None:
            yield from self._scores(table, asked, result)

    def _scores(self, table: pa.Table, asked: Asked, result: Verification) -> Iterator[Finding]:
        run, where = self.run, self._where
        task = TASKS.get(run.task)
        try:
            rescored = rescoring.rescore(table, task, asked.instances, asked.dataset)
        except BenchError as error:
            yield Finding("not-rescored", where, str(error).replace("\n", " "), True)
            return
        scores = rescored.scores
        result.scores[run.predictions] = {name: asdict(score) for name, score in scores.items()}
        result.boards[run.predictions] = boards_of(run, self._context.boards)
        self.badge = RESCORED
        if self._context.on_rescored is not None:
            self._context.on_rescored(run, asked, rescored)
        yield from rescoring.claim_problems(run, scores, rescored.failure_rate, where)
        yield from suspicion.perfection(run, rescored, where)
        catalogue = self._context.catalogue
        yield from suspicion.above_ceiling(run, asked, rescored, catalogue, where)
        label = catalogue.label_of(rescored.fingerprint, run.task, asked)
        yield from suspicion.known_answers(self._submission.model, label, where)
        yield from self._listed_doubts(label, asked, rescored)
        if self._context.reproduce is not None:
            yield from self._rerun(self._context.reproduce, table, asked, result)

    def _listed_doubts(
        self, answers_of: str | None, asked: Asked, rescored: Rescored
    ) -> Iterator[Finding]:
        """Doubts of a run under a listed name: known to answer otherwise, or by unknown code.

        ``answers_of`` is the listed model that gives its answers, if there is one.
        """
        run, label, catalogue = self.run, self._submission.label, self._context.catalogue
        expected = None
        if run.file is None and run.levels is None and not run.settings:
            expected = catalogue.fingerprint_of(label, run.task, asked, run.seed)
        found = rescored.fingerprint
        yield from suspicion.other_answers(label, run, expected, found, self._where)
        if found != expected and answers_of != label:
            yield from naming.code_doubts(self._submission, run, self._where, catalogue.listed)

    def _rerun(
        self, model: str, table: pa.Table, asked: Asked, result: Verification
    ) -> Iterator[Finding]:
        """Fit ``model`` here and compare what it answers; earns the badge where all is alike."""
        run, seed = self.run, secrets.randbits(32)
        found = reproducing.rerun(run, table, asked, model, self._context.home, seed)
        result.reproductions.append(found)
        wrong = [
            *reproducing.file_problems(run, model, self._where),
            *reproducing.attachment_problems(run, found, self._where),
            *reproducing.problems(found, self._where),
        ]
        yield from wrong
        if not wrong:
            self.badge = REPRODUCED


def _cautions(run: SubmittedRun, where: str) -> Iterator[Finding]:
    if run.attachments:
        message = f"The model opened {shown(run.attachments[0])}, which ordinary models do not."
        yield Finding("privileged-data", place(where, "attachments"), message, True)
    if run.failure_rate > 0:
        message = f"{run.failure_rate:.2%} of the predictions are failed."
        yield Finding("failed-predictions", place(where, "failure_rate"), message, True)
