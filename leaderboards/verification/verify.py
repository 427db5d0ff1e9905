"""Verifies a submission: the same checks for its author, a maintainer and CI.

In order: the container, the manifest, each run's file, its instances, its answers, its scores
computed again. What is wrong early stops what would build on it; everything found is told.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.tasks import TASKS
from leaderboards.boards import Board, boards_of, load_boards
from leaderboards.submission import limits, schema, tables
from leaderboards.submission.container import Container, open_container
from leaderboards.submission.findings import Finding, Refused, place, shown
from leaderboards.submission.schema import MANIFEST, Submission, SubmittedRun
from leaderboards.submission.strict_json import parse
from leaderboards.verification import answers, local_data, reproducing, rescoring
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored

#: What may stand beside a submission's name, weakest first.
BADGES = ("reported", "re-scored", "reproduced")

#: Is told of every run that could be scored again, also of a submission that is then rejected.
Listener = Callable[[SubmittedRun, Asked, Rescored], None]


@dataclass
class Verification:
    """The outcome of verifying one submission.

    ``scores`` and ``boards`` are by the run's predictions file.
    """

    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    badge: str | None = None
    submission: Submission | None = None
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Recomputed where the dataset is here: name -> metric -> value, low, high, n, users."""
    boards: dict[str, list[str]] = field(default_factory=dict)
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
) -> Verification:
    """Check the submission at ``path``, a folder or a zip archive.

    ``strict`` turns warnings into problems. ``reproduce`` names a model, as ``run --model``
    does, that is fitted here and asked a sample; its code is run. ``on_rescored`` gets the
    statistics, which are too large to be kept for a caller who does not ask. ``known`` is one
    dictionary for many submissions, so that a dataset is opened once. Raises
    :class:`UsageError` when there is nothing at ``path`` and :class:`BenchError` when that
    model fails.
    """
    result = Verification()
    levels: list[str] = []
    for finding in _limited(_check(path, home, reproduce, result, levels, on_rescored, known)):
        if strict and finding.warning:
            finding = replace(finding, warning=False)
        (result.warnings if finding.warning else result.problems).append(finding)
    if result.accepted:
        result.badge = min(levels, key=BADGES.index)
    return result


def _limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first few of each code in each file; then how many more there were."""
    count: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        kind = (finding.code, finding.where.partition("/row ")[0])
        count[kind] += 1
        last[kind] = finding
        if count[kind] <= limits.SAME_CODE:
            yield finding
    for kind, finding in last.items():
        more = count[kind] - limits.SAME_CODE
        if more > 0:
            yield replace(finding, where=kind[1], message=f"{more} more of these.")


def _check(
    path: Path,
    home: Home,
    reproduce: str | None,
    result: Verification,
    levels: list[str],
    on_rescored: Listener | None,
    known: local_data.Found | None,
) -> Iterator[Finding]:
    try:
        with open_container(path) as container:
            yield from container.findings
            submission, found = _manifest(container)
            yield from found
            if submission is None:
                return
            result.submission = submission
            yield from _file_problems(container, submission)
            boards = load_boards()
            for number, run in enumerate(submission.runs):
                if run.predictions in container.sizes:
                    where = place(MANIFEST, "runs", number)
                    check = _Run(run, where, home, reproduce, boards, on_rescored, known)
                    for finding in check.findings(container, result):
                        if finding.code == rescoring.OUTSIDE_TOLERANCE:
                            result.refused_runs.setdefault(run.predictions, []).append(finding)
                        else:
                            yield finding
                    if run.predictions not in result.refused_runs:
                        levels.append(check.level)
            if len(result.refused_runs) == len(submission.runs):  # nothing is left to accept
                for findings in result.refused_runs.values():
                    yield from findings
                result.refused_runs.clear()
    except Refused as refused:
        yield refused.finding


def _manifest(container: Container) -> tuple[Submission | None, list[Finding]]:
    if MANIFEST not in container.sizes:
        return None, [Finding("file-missing", MANIFEST, f"There is no {MANIFEST} to be read.")]
    try:
        value = parse(
            container.read(MANIFEST),
            MANIFEST,
            most_bytes=limits.MANIFEST_BYTES,
            most_depth=limits.MANIFEST_DEPTH,
        )
    except Refused as refused:
        return None, [refused.finding]
    return schema.validate(value)


def _file_problems(container: Container, submission: Submission) -> Iterator[Finding]:
    used = {run.predictions for run in submission.runs}
    for name in sorted(used - container.sizes.keys()):
        message = f"{MANIFEST} names {shown(name)}, which is not there."
        yield Finding("file-missing", place(name), message)
    for name in sorted(container.sizes.keys() - used - {MANIFEST}):
        yield Finding("file-unused", place(name), f"No run of {MANIFEST} uses {shown(name)}.")


class _Run:
    """The checks of one run; ``level`` is the badge it earns."""

    def __init__(
        self,
        run: SubmittedRun,
        where: str,
        home: Home,
        reproduce: str | None,
        boards: list[Board],
        on_rescored: Listener | None,
        known: local_data.Found | None,
    ) -> None:
        self.level = BADGES[0]
        self._run, self._where, self._home = run, where, home
        self._reproduce, self._boards, self._on_rescored = reproduce, boards, on_rescored
        self._known = known

    def findings(self, container: Container, result: Verification) -> Iterator[Finding]:
        run, where = self._run, self._where
        try:
            content = container.read(run.predictions)
            if hashlib.sha256(content).hexdigest() != run.predictions_sha256:
                message = "Its SHA-256 is not the manifest's: it was changed after packing."
                yield Finding("predictions-edited", place(run.predictions), message)
            wrong = local_data.question_problems(run, where)
            yield from wrong
            if wrong:
                return
            table = tables.decode(content, run.task, place(run.predictions))
        except Refused as refused:
            yield refused.finding
            return
        task = TASKS.get(run.task)
        asked, found = local_data.find(run, self._home, where, self._known)
        instances = None if asked is None else asked.instances
        yield from found
        yield from rescoring.metric_problems(run, task, where)
        yield from rescoring.gate_problems(run, instances, where)
        yield from _cautions(run, where)
        wrong = answers.id_problems(table, instances, place(run.predictions))
        yield from wrong
        if wrong:
            return
        if not table.num_rows:
            yield Finding("no-predictions", place(run.predictions), "There is not one prediction.")
            return
        if asked is not None:
            table = _in_order(table, asked.instances.ids)
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
        if sound and asked is not None:
            yield from self._scores(table, asked, result)

    def _scores(self, table: pa.Table, asked: Asked, result: Verification) -> Iterator[Finding]:
        run, where = self._run, self._where
        task = TASKS.get(run.task)
        try:
            rescored = rescoring.rescore(table, task, asked.instances, asked.dataset)
        except BenchError as error:
            yield Finding("not-rescored", where, str(error).replace("\n", " "), True)
            return
        scores = rescored.scores
        result.scores[run.predictions] = {name: asdict(score) for name, score in scores.items()}
        result.boards[run.predictions] = boards_of(run, self._boards)
        self.level = BADGES[1]
        if self._on_rescored is not None:
            self._on_rescored(run, asked, rescored)
        yield from rescoring.claim_problems(run, scores, rescored.failure_rate, where)
        if self._reproduce is not None:
            wrong = reproducing.rerun_problems(
                run, table, asked, self._reproduce, self._home, where
            )
            yield from wrong
            if not wrong:
                self.level = BADGES[2]


def _cautions(run: SubmittedRun, where: str) -> Iterator[Finding]:
    if run.attachments:
        message = f"The model opened {shown(run.attachments[0])}, which ordinary models do not."
        yield Finding("privileged-data", place(where, "attachments"), message, True)
    if run.failure_rate > 0:
        message = f"{run.failure_rate:.2%} of the predictions are failed."
        yield Finding("failed-predictions", place(where, "failure_rate"), message, True)


def _in_order(table: pa.Table, ids: list[str]) -> pa.Table:
    rows = {instance_id: row for row, instance_id in enumerate(table["instance_id"].to_pylist())}
    return table.take([rows[instance_id] for instance_id in ids])
