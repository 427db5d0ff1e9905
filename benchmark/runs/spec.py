"""What one run is: model variant x task x dataset x cohort x perturbation x seed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from benchmark.models.from_file import split_name

#: Letters of a slug and of a name in it, at most.
_LONGEST, _MOST_NAME = 200, 60


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Specifies one run, before it is executed.

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
            words += ["--set", f"{key}={setting_text(value)}"]
        return shlex.join(words)

    def slug(self) -> str:
        """Return a readable folder-name prefix, of at most 200 letters, digits and ``. = _ -``."""
        of_file = split_name(self.model)
        # However the file is reached: it is the same model from any folder.
        model = self.model if of_file is None else f"{of_file[0].name}:{of_file[1]}"
        words = name_words(model, self.task, self.data)
        if self.tuned:
            words[0] += "-tuned"
        parts = [self.cohort]
        if self.perturb is not None:
            parts.append(self.perturb)
        parts.append(f"seed{self.seed}")
        if self.limit is not None:
            parts.append(f"limit{self.limit}")
        asked = "_".join([*words, *map(_plain, parts)])
        settings = (f"{key}={setting_text(value)}" for key, value in self.settings.items())
        told = _told([*settings], _LONGEST - len(asked))
        return f"{asked}_{told}" if told else asked


def name_words(model: str, task: str, data: str) -> list[str]:
    """Return what folders of runs and searches are called by, each in letters, digits, ``.`` ``-``.

    Names are cut where they come near what file systems take: of the model the end is kept, of the
    dataset the beginning. A hash follows them. The first begins with a letter or digit: a dot would
    hide the folder, and a dash make an option of it.
    """
    begun = _plain(model[-_MOST_NAME:]).lstrip(".-") or "model"
    return [begun, _plain(task), _plain(data[:_MOST_NAME])]


def _told(settings: list[str], most: int) -> str:
    """``settings`` in fewer than ``most`` letters: the longest give way, so that all show."""
    parts = [re.sub(r"[^A-Za-z0-9.=-]+", "-", part[:_LONGEST]).rstrip("-") for part in settings]
    while any(parts) and len("_".join(parts)) >= most:
        longest = max(range(len(parts)), key=lambda at: len(parts[at]))
        parts[longest] = parts[longest][:-1]
    return "_".join(filter(None, parts))


def _plain(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", part)


def setting_text(value: Any) -> str:
    """Return a setting's value as ``--set`` takes it: JSON, or a text that is no JSON as it is."""
    if isinstance(value, str) and not _is_json(value):
        return value
    return json.dumps(value, default=str)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
