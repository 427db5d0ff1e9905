"""What one run is: model variant x task x dataset x cohort x perturbation x seed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: Letters of a slug, and of the settings in it, at most.
_LONGEST, _MOST_SETTINGS = 200, 60


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run, before it is executed.

    ``model`` is ``name``, ``name:variant`` or ``path/to/file.py:Class``; ``limit`` keeps the
    first so many instances (a trial, labelled as such); ``settings`` are ``--set`` overrides, and
    ``tuned`` takes those that a search chose instead (:mod:`benchmark.runs.tuned`).
    """

    model: str
    task: str
    data: str = "sim-s"
    cohort: str = "seen"
    perturb: str | None = None
    seed: int = 0
    limit: int | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    tuned: bool = False

    def command(self) -> str:
        """Return the command line that executes this run; defaults are left out."""
        words = ["unimp-bench", "run", "--model", self.model, "--task", self.task]
        words += ["--data", self.data]
        if self.cohort != "seen":
            words += ["--cohort", self.cohort]
        if self.perturb is not None:
            words += ["--perturb", self.perturb]
        if self.seed != 0:
            words += ["--seed", str(self.seed)]
        if self.limit is not None:
            words += ["--limit", str(self.limit)]
        if self.tuned:
            words.append("--tuned")
        for key, value in self.settings.items():
            words += ["--set", f"{key}={_text(value)}"]
        return shlex.join(words)

    def slug(self) -> str:
        """Return a readable folder-name prefix, of at most 200 letters, digits and ``. = _ -``."""
        # Cut where a name comes near what file systems take; the run's hash follows it.
        model = self.model[-60:] + ("-tuned" if self.tuned else "")
        parts = [model, self.task, self.data[:60], self.cohort]
        if self.perturb is not None:
            parts.append(self.perturb)
        parts.append(f"seed{self.seed}")
        if self.limit is not None:
            parts.append(f"limit{self.limit}")
        asked = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts)
        settings = (f"{key}={_text(value)}" for key, value in self.settings.items())
        told = "_".join(re.sub(r"[^A-Za-z0-9.=-]+", "-", part).rstrip("-") for part in settings)
        room = min(_MOST_SETTINGS, _LONGEST - len(asked) - 1)
        return f"{asked}_{told[:room]}" if told and room > 0 else asked


def _text(value: Any) -> str:
    """A setting's value as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
