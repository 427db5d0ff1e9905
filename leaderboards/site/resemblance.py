"""Raises doubts that no submission raises by itself: it answers, or is called, as another one.

Both are told, whichever lies first in the folder: who copied whom cannot be seen here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboards.submission.confusable import skeleton
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.schema import MANIFEST, Submission


@dataclass(frozen=True, slots=True)
class Answered:
    """Identifies what an accepted submission predicted, for comparison with the others.

    It is called ``name`` in its folder; ``fingerprints`` are by predictions file.
    """

    name: str
    submission: Submission
    fingerprints: Mapping[str, str]


def doubts(accepted: Sequence[Answered]) -> list[list[Finding]]:
    """Return the warnings for each of ``accepted``, in their order."""
    found: list[list[Finding]] = [[] for _ in accepted]
    _tell_names(accepted, found)
    _tell_answers(accepted, found)
    return found


def _tell_names(accepted: Sequence[Answered], found: list[list[Finding]]) -> None:
    """Warn of models of different names that are taken for each other."""
    alike: dict[str, dict[str, str]] = {}
    for each in accepted:
        model = each.submission.model
        alike.setdefault(skeleton(model), {}).setdefault(model, each.name)
    for each, findings in zip(accepted, found, strict=True):
        model = each.submission.model
        for other, name in alike[skeleton(model)].items():
            if other != model:
                message = f"{shown(model)} is taken for {shown(other)} of {name}."
                findings.append(Finding("name-confusable", place(MANIFEST, "model"), message, True))
                break


def _tell_answers(accepted: Sequence[Answered], found: list[list[Finding]]) -> None:
    """Warn of runs that give the same answers, of two submissions or of two seeds."""
    alike: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for at, each in enumerate(accepted):
        for number, run in enumerate(each.submission.runs):
            if run.predictions in each.fingerprints:
                key = (run.task, run.instances_sha256, each.fingerprints[run.predictions])
                alike.setdefault(key, []).append((at, number))
    for group in alike.values():
        if len(group) < 2:
            continue
        for at, number in group:
            other, its_number = group[1] if (at, number) == group[0] else group[0]
            its_run = accepted[other].submission.runs[its_number]
            who = f"{accepted[other].name} with seed {its_run.seed}"
            if its_run.perturb != accepted[at].submission.runs[number].perturb:
                who += f" and perturbation {its_run.perturb or 'none'}"
            message = f"Its predictions are those of {who}, whatever their scores."
            where = place(MANIFEST, "runs", number)
            found[at].append(Finding("answers-repeated", where, message, True))
