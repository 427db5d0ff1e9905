"""The journal that a fitted model may leave: what happened in each epoch of its training.

Optional, for any model: one of the JSON files that ``save`` writes into its folder is an object
with an entry ``journal``::

    {"journal": {"epochs": [{"stage": "joint", "valid search NDCG@5": 0.21}, ...],
                 "kept": {"joint": 3}}}

An epoch's ``valid TASK METRIC`` are its scores on validation, higher being better. ``stage``
names the part of the training it belongs to and ``kept`` says, for each, which of its epochs was
kept, counted from 0 (-1: none was better than what the stage began with); both may be absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.files import read_json

#: A journal in a larger file is not looked for.
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Segment:
    """One stage's scores of one metric; ``epochs`` count from 1 over all stages with this metric.

    ``kept`` is the place of the kept epoch in both tuples, ``None`` where none was.
    """

    stage: str
    epochs: tuple[int, ...]
    scores: tuple[float, ...]
    kept: int | None


def read_journal(folder: Path) -> Mapping[str, Any] | None:
    """The journal of the fitted model in ``folder``, or ``None`` where it left none."""
    for path in sorted((folder / "state").glob("*.json")):
        journal = _object(path).get("journal")
        if isinstance(journal, dict) and isinstance(journal.get("epochs"), list):
            return journal
    return None


def validation_curves(journal: Mapping[str, Any], task: str) -> dict[str, tuple[Segment, ...]]:
    """Metric -> stages with scores of ``task`` in it, in order; what is no number is skipped."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}  # metric, stage -> place, score
    lengths: dict[str, int] = {}
    for epoch in journal["epochs"]:
        if not isinstance(epoch, dict):
            continue
        stage = str(epoch.get("stage", ""))
        place = lengths[stage] = lengths.get(stage, -1) + 1
        for metric, score in _scores(epoch, task):
            found.setdefault(metric, {}).setdefault(stage, []).append((place, score))
    kept = journal.get("kept")
    return {
        metric: tuple(_segments(stages, kept if isinstance(kept, dict) else {}))
        for metric, stages in found.items()
    }


def _segments(
    stages: Mapping[str, list[tuple[int, float]]], kept: Mapping[str, Any]
) -> Iterator[Segment]:
    before = 0
    for stage, points in stages.items():
        places = [place for place, _ in points]
        best = kept.get(stage)
        yield Segment(
            stage,
            tuple(range(before + 1, before + len(points) + 1)),
            tuple(score for _, score in points),
            places.index(best) if best in places else None,
        )
        before += len(points)


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
