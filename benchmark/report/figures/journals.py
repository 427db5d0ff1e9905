"""Reads the journal that a fitted model may leave: what happened in each epoch of its training.

Its file and shape are those of :mod:`benchmark.training.journal`; any model may write one, and
``stage`` and ``kept`` may be absent from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.files import read_json
from benchmark.training.journal import NAME

#: A journal in a larger file is not looked for.
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Segment:
    """Traces one stage's scores of one metric by epoch.

    ``epochs`` count from 1 over all epochs of the stages with this metric, those without a score
    too: a model may validate every fifth. ``kept`` is the place of the kept
    epoch in both tuples, ``None`` where none was.
    """

    stage: str
    epochs: tuple[int, ...]
    scores: tuple[float, ...]
    kept: int | None


def read_journal(folder: Path) -> Mapping[str, Any] | None:
    """Return the journal of the fitted model in ``folder``, or ``None`` where it left none."""
    journal = _object(folder / "state" / NAME)
    return journal if isinstance(journal.get("epochs"), list) else None


def has_old_journal(folder: Path) -> bool:
    """Return whether the fit in ``folder`` kept its journal as older versions did: inside another
    file of its state, which is no longer read."""
    return any("journal" in _object(path) for path in (folder / "state").glob("*.json"))


def validation_curves(journal: Mapping[str, Any], task: str) -> dict[str, tuple[Segment, ...]]:
    """Return metric -> stages with scores of ``task`` in it, in order; non-numbers are skipped."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}  # metric, stage -> place, score
    lengths: dict[str, int] = {}  # epochs of a stage
    for epoch in journal["epochs"]:
        if not isinstance(epoch, dict):
            continue
        stage = str(epoch.get("stage", ""))
        place = lengths.get(stage, 0)
        lengths[stage] = place + 1
        for metric, score in _scores(epoch, task):
            found.setdefault(metric, {}).setdefault(stage, []).append((place, score))
    kept = journal.get("kept")
    return {
        metric: tuple(_segments(stages, lengths, kept if isinstance(kept, dict) else {}))
        for metric, stages in found.items()
    }


def _segments(
    stages: Mapping[str, list[tuple[int, float]]],
    lengths: Mapping[str, int],
    kept: Mapping[str, Any],
) -> Iterator[Segment]:
    before = 0
    for stage, points in stages.items():
        places = [place for place, _ in points]
        best = kept.get(stage)
        yield Segment(
            stage,
            tuple(before + place + 1 for place in places),
            tuple(score for _, score in points),
            places.index(best) if best in places else None,
        )
        before += lengths[stage]


def _scores(epoch: Mapping[str, Any], task: str) -> Iterator[tuple[str, float]]:
    prefix = f"valid {task} "
    for name, score in epoch.items():
        if (
            name.startswith(prefix)
            and isinstance(score, (int, float))
            and not isinstance(score, bool)
            and math.isfinite(score)
        ):
            yield name.removeprefix(prefix), float(score)


def _object(path: Path) -> dict[str, Any]:
    """A JSON file that is an object; empty for anything else: models write what they like."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        content = read_json(path, fix="Fit the model again.")
    except (BenchError, OSError):
        return {}
    return content if isinstance(content, dict) else {}
