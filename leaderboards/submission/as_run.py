"""Turns a submitted run back into the manifest of a run, as a home stores it."""

from __future__ import annotations

from typing import Any

from leaderboards.submission.schema import Submission, SubmittedRun

#: What a manifest of a run does not have, or has in another form.
_OTHERWISE = {
    "predictions",
    "predictions_sha256",
    "scores",
    "failure_rate",
    "levels",
    "file",
    "tuning",
    "energy",
}


def manifest_of(submission: Submission, run: SubmittedRun, *, simulated: bool) -> dict[str, Any]:
    """Return the manifest of ``run`` over a dataset that is ``simulated`` or not.

    It says where the run was made, and not how it is configured beyond its ``settings``: a
    submission does not tell. A model in a file of its own has the role ``outside``.
    """
    energy = None if run.energy is None else run.energy.model_dump(exclude_none=True)
    return {
        "model": submission.model,
        "variant": submission.variant,
        **run.model_dump(exclude=_OTHERWISE),
        "simulated": simulated,
        "limit": None,
        **({} if run.tuning is None else {"tuning": run.tuning.model_dump()}),
        **({"energy": energy} if energy else {}),
        **({} if run.file is None else {"role": "outside"}),
    }
