"""Reading finished runs: ``<home>/runs/<run id>/``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.files import read_json
from benchmark.home import Home

MANIFEST = "manifest.json"
SCORES = "scores.json"
PREDICTIONS = "predictions.parquet"
PER_INSTANCE = "per_instance.parquet"

#: What reports read; a file without them was damaged or made by something else.
_MANIFEST_KEYS = frozenset(
    [
        "model",
        "variant",
        "task",
        "data",
        "cohort",
        "perturb",
        "seed",
        "limit",
        "settings",
        "simulated",
        "dataset_sha256",
        "instances_sha256",
        "fit_seconds",
        "predict_seconds",
        "created",
    ]
)
_SCORE_KEYS = frozenset({"value", "low", "high", "n"})


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A finished run as it lies on disk."""

    folder: Path
    manifest: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Any]]
    """Metric name -> ``{"value", "low", "high", "n", "users"}``; the ends of the interval are
    ``None`` where there is none."""
    failure_rate: float

    @property
    def label(self) -> str:
        """``name`` or ``name:variant``."""
        variant = self.manifest["variant"]
        model: str = self.manifest["model"]
        return model if variant is None else f"{model}:{variant}"


def is_tuned(run: StoredRun) -> bool:
    """Whether the run's settings were chosen by a search (``run --tuned``)."""
    return run.manifest.get("tuning") is not None


def load_run(folder: Path) -> StoredRun:
    """Read a run folder; :class:`BenchError` when it is not a finished run."""
    if not (folder / MANIFEST).is_file():
        raise BenchError(
            f"{str(folder)!r} is not a finished run: it has no {MANIFEST}.",
            fix="Give the folder that unimp-bench run printed.",
        )
    fix = f"Delete the folder {str(folder)!r} and run again."
    manifest = read_json(folder / MANIFEST, fix=fix)
    scores = read_json(folder / SCORES, fix=fix)
    if not isinstance(manifest, dict) or not manifest.keys() >= _MANIFEST_KEYS:
        raise BenchError(f"{str(folder / MANIFEST)!r} is no manifest of a run.", fix=fix)
    if not _is_tuning(manifest.get("tuning")):
        raise BenchError(f"{str(folder / MANIFEST)!r} records no search it could be of.", fix=fix)
    if not _are_scores(scores):
        raise BenchError(f"{str(folder / SCORES)!r} holds no scores of a run.", fix=fix)
    kept = {name: _without_false_interval(score) for name, score in scores["scores"].items()}
    return StoredRun(folder, manifest, kept, scores["failure_rate"])


def _without_false_interval(score: Mapping[str, Any]) -> Mapping[str, Any]:
    """``score`` without an interval that promises too much, as earlier versions stored them:
    over too few users, or without any width."""
    from benchmark.stats import FEWEST_USERS  # numpy, which a listing does without

    few = score.get("users", FEWEST_USERS) < FEWEST_USERS
    if few or score["low"] == score["high"]:
        return {**score, "low": None, "high": None}
    return score


def _is_tuning(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and isinstance(value.get("trials"), int)
        and isinstance(value.get("value"), int | float)
        and isinstance(value.get("metric"), str)
    )


def _are_scores(value: Any) -> bool:
    if not isinstance(value, dict) or "failure_rate" not in value:
        return False
    scores = value.get("scores")
    return isinstance(scores, dict) and all(
        isinstance(score, dict)
        and score.keys() >= _SCORE_KEYS
        and (score["low"] is None) == (score["high"] is None)
        for score in scores.values()
    )


def stored_runs(home: Home) -> Iterator[StoredRun]:
    """Every finished run of ``home``, by folder name. Unfinished ones have other names."""
    if not home.runs.is_dir():
        return
    for folder in sorted(home.runs.iterdir()):
        if (folder / MANIFEST).is_file() and not folder.name.endswith(".partial"):
            yield load_run(folder)
