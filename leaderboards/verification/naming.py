"""Checks a submission's names against the models that are listed here, and its code's address.

A name of ours promises our code, our variants and our settings; a name that is taken for one of
ours promises them too. ``known`` are the listed models, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from benchmark.errors import BenchError, UsageError
from benchmark.models.building import BuiltModel, configure
from benchmark.models.registered import ModelEntry
from leaderboards.submission.confusable import skeleton
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.schema import MANIFEST, Submission, SubmittedRun

_PROJECT = Path(__file__).parents[2]


def name_problems(submission: Submission, known: Mapping[str, ModelEntry]) -> Iterator[Finding]:
    """Yield a finding for a model name that looks like a listed one, and for a listed one whose
    variant does not exist."""
    if submission.model not in known:
        listed = {skeleton(name): name for name in known}
        if (name := listed.get(skeleton(submission.model))) is not None:
            message = f"{shown(submission.model)} is taken for the listed model {name}."
            yield Finding("name-confusable", place(MANIFEST, "model"), message)
    elif submission.variant not in (None, *known[submission.model].variants):
        message = f"{submission.model} has no variant {shown(submission.variant)}."
        yield Finding("variant-unknown", place(MANIFEST, "variant"), message)


def address_doubts(submission: Submission) -> Iterator[Finding]:
    """Yield a warning where the code is said to be of this project, which has no such place."""
    code = submission.declaration.code
    if not code.startswith("https://") and not (_PROJECT / code).exists():
        message = f"This version of the project has no {shown(code)}."
        yield Finding("code-absent", place(MANIFEST, "declaration", "code"), message, True)


def code_problems(
    submission: Submission, run: SubmittedRun, where: str, known: Mapping[str, ModelEntry]
) -> Iterator[Finding]:
    """Yield findings for a run under a listed name that the listed model cannot have made.

    A file of one's own under that name, a task or settings that the model does not take, and a
    ceiling that opened nothing are refused.
    """
    entry = known.get(submission.model)
    variant = submission.variant
    if entry is None or (variant is not None and variant not in entry.variants):
        return
    if run.file is not None:
        message = f"{submission.model} is a listed model; {shown(run.file.name)} is another."
        yield Finding("name-taken", place(where, "file"), message)
        return
    if run.task not in entry.tasks:
        message = f"{submission.model} does not answer {shown(run.task)}."
        yield Finding("task-not-answered", place(where, "task"), message)
        return
    if entry.role == "ceiling" and not run.attachments:
        message = f"{submission.model} opens attachments of the dataset; the run names none."
        yield Finding("attachments-differ", place(where, "attachments"), message)
        return
    try:
        if run.settings:
            configure(submission.label, run.settings)
    except UsageError as error:
        yield Finding("settings-impossible", place(where, "settings"), _one_line(error))
    except BenchError:  # a package that it needs is missing: nothing can be told here
        return


def code_doubts(
    submission: Submission, run: SubmittedRun, where: str, known: Mapping[str, ModelEntry]
) -> Iterator[Finding]:
    """Yield a warning for a run under a listed name by another code than this version's.

    Versions differ, so it is no more than a doubt, for answers that nothing else confirms.
    """
    if submission.model not in known or run.file is not None:
        return
    try:
        built = _built(submission.label)
    except BenchError:
        return
    if built.code != run.code_sha256:
        message = (
            f"{submission.model} is a listed model with the code {built.code[:12]}... here; the "
            f"run's is {run.code_sha256[:12]}..., of another version or somebody else's."
        )
        yield Finding("code-differs", place(where, "code_sha256"), message, True)


@cache
def _built(label: str) -> BuiltModel:
    return configure(label, {})


def _one_line(error: BenchError) -> str:
    return shown(error.message.replace("\n", " "))
