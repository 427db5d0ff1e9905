"""Reading finished runs: ``<home>/runs/<run id>/``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchError, UsageError, in_one_line, listed, unknown_name
from benchmark.host.files import holds, read_json, sha256_file
from benchmark.host.home import Home
from benchmark.metrics.families import is_variant
from benchmark.runs.manifest import MANIFEST as MANIFEST
from benchmark.runs.manifest import REPRODUCED, SAME_INSTANCES, Manifest, excerpt, read_manifest
from benchmark.tasks import TASKS
from benchmark.uncertainty import FEWEST_USERS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from benchmark.metrics.base import Statistics

SCORES = "scores.json"
PREDICTIONS = "predictions.parquet"
PER_INSTANCE = "per_instance.parquet"
#: How the folder's name ends while the run is not finished.
PARTIAL = ".partial"
#: Beside the state of a fitted model, ``<home>/fitted/<name>/``: what it is, and its hashes.
FIT_RECORD = "fitted.json"

_SCORE_KEYS = frozenset({"value", "low", "high", "n"})


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Holds a finished run as it lies on disk."""

    folder: Path
    manifest: Manifest
    scores: Mapping[str, Mapping[str, Any]]
    """Metric name -> ``{"value", "low", "high", "n", "users"}``; the ends of the interval are
    ``None`` where there is none."""
    failure_rate: float

    @property
    def label(self) -> str:
        """Return ``name`` or ``name:variant``."""
        model, variant = self.manifest["model"], self.manifest["variant"]
        return model if variant is None else f"{model}:{variant}"

    @property
    def primary(self) -> str | None:
        """Return the name under which the task's primary metric was measured, if it was.

        Raises :class:`UsageError` for a task that nobody knows.
        """
        primary = TASKS.get(self.manifest["task"]).primary
        return next((name for name in self.scores if is_variant(name, primary)), None)


def is_tuned(run: StoredRun) -> bool:
    """Return whether the run's settings were chosen by a search (``run --tuned``)."""
    return run.manifest.get("tuning") is not None


def is_imported(run: StoredRun) -> bool:
    """Return whether the run was made elsewhere and came here with a submission."""
    return "submission" in run.manifest


def is_reproduced(run: StoredRun) -> bool:
    """Return whether an imported run is one that a maintainer of the leaderboard made again."""
    return is_imported(run) and run.manifest["submission"]["badge"] == REPRODUCED


def require_same_instances(runs: Sequence[StoredRun], *, fix: str) -> None:
    """Raise :class:`UsageError`, with ``fix``, where ``runs`` were not asked the same instances."""
    for key, what in SAME_INSTANCES.items():
        asked = dict.fromkeys(str(excerpt(run.manifest, [key])[key])[:40] for run in runs)
        if len(asked) > 1:
            raise UsageError(
                f"These runs are over different {what}: {listed(asked, separator=' and ')}.",
                fix=fix,
            )


def load_run(folder: Path) -> StoredRun:
    """Read a run folder; :class:`BenchError` when it is not a finished run."""
    if not holds(folder, MANIFEST):
        raise BenchError(
            f"{str(folder)!r} is not a finished run: it has no {MANIFEST}.",
            fix="Give the folder that unimp-bench run printed.",
        )
    fix = f"Delete the folder {str(folder)!r} and run again."
    manifest = read_manifest(folder)
    scores = read_json(folder / SCORES, fix=fix)
    if not _are_scores(scores):
        raise BenchError(f"{str(folder / SCORES)!r} holds no scores of a run.", fix=fix)
    kept = {name: _without_false_interval(score) for name, score in scores["scores"].items()}
    return StoredRun(folder, manifest, kept, scores["failure_rate"])


def as_written(run: StoredRun) -> StoredRun:
    """Return ``run``; :class:`BenchError` where its scores or their table by instance changed.

    Runs of versions that wrote no hashes down are taken as they are.
    """
    for name, sha256 in run.manifest.get("files", {}).items():
        file = run.folder / name
        if not file.is_file() or sha256_file(file) != sha256:
            raise BenchError(
                f"{str(file)!r} is not as the run wrote it.",
                fix=f"Delete the folder {str(run.folder)!r} and run again.",
            )
    return run


def _without_false_interval(score: Mapping[str, Any]) -> Mapping[str, Any]:
    """``score`` without an interval that promises too much, as earlier versions stored them:
    over too few users, or without any width."""
    few = score.get("users", FEWEST_USERS) < FEWEST_USERS
    if few or score["low"] == score["high"]:
        return {**score, "low": None, "high": None}
    return score


def _are_scores(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_number(value.get("failure_rate")):
        return False
    scores = value.get("scores")
    return isinstance(scores, dict) and all(
        isinstance(score, dict)
        and score.keys() >= _SCORE_KEYS
        and _is_number(score["value"])
        and _is_number(score["n"])
        and (
            score["low"] is score["high"] is None
            or (_is_number(score["low"]) and _is_number(score["high"]))
        )
        for score in scores.values()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def stored_runs(home: Home) -> Iterator[StoredRun]:
    """Yield every finished run of ``home``, by folder name. Unfinished ones have other names."""
    home.fetch_runs()
    if not home.runs.is_dir():
        return
    for folder in sorted(home.runs.iterdir()):
        if holds(folder, MANIFEST) and not folder.name.endswith(PARTIAL):
            yield load_run(folder)


#: An unknown run is answered with so many ids at most: they resemble each other.
NEAREST = 5
#: An ambiguous beginning names so many of the runs it fits.
_SHOWN = 3


def find_run(name: str, home: Home) -> StoredRun:
    """Return the run whose folder, id or unique beginning of an id is ``name``.

    A run id of ``home`` comes before a folder of the same name in the working directory, and a run
    made here before those that came with submissions.
    Raises :class:`UsageError` with the nearest ids for an unknown or ambiguous name, and
    :class:`~benchmark.errors.BenchError` where the folder is not a finished run.
    """
    ids = _finished(home)
    if name in ids:
        return load_run(home.runs / name)
    if _is_folder(name):
        return load_run(Path(name).absolute())
    fitting = [run_id for run_id in ids if name and run_id.startswith(name)]
    if len(fitting) > 1:
        fitting = [run_id for run_id in fitting if _is_own(home.runs / run_id)] or fitting
    if len(fitting) == 1:
        return load_run(home.runs / fitting[0])
    if fitting:
        shown = ", ".join(fitting[:_SHOWN]) + (", ..." if len(fitting) > _SHOWN else "")
        raise UsageError(
            f"{len(fitting)} runs begin with {name!r}: {shown}.", fix="Give more of the run's id."
        )
    raise unknown_name("run", name, ids, nearest=NEAREST)


def _is_own(folder: Path) -> bool:
    try:
        return not is_imported(load_run(folder))
    except BenchError:  # a damaged one: whoever names it is told
        return True


def _finished(home: Home) -> list[str]:
    home.fetch_runs()
    if not home.runs.is_dir():
        return []
    folders = (path for path in home.runs.iterdir() if holds(path, MANIFEST))
    return sorted(path.name for path in folders if not path.name.endswith(PARTIAL))


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).is_dir()
    except OSError:  # longer than a path can be
        return False


def read_predictions(folder: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read ``columns`` (``None``: all) of the predictions of the run in ``folder``.

    Raises :class:`BenchError` where they are missing or cannot be read.
    """
    import polars as pl  # here: listings of runs do without

    try:
        return pl.read_parquet(folder / PREDICTIONS, columns=columns, glob=False, memory_map=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(
            f"The predictions of run {folder.name!r} cannot be read: {in_one_line(error)}.",
            fix=f"Delete the folder {str(folder)!r} and run again.",
        ) from error


_IDS = ("instance_id", "user_id")


@dataclass(frozen=True)
class PerInstance:
    """Holds the rows of a run in order of instance id.

    ``statistics[name]`` is (n, width of the statistic).
    """

    ids: tuple[str, ...]
    users: tuple[str, ...]
    statistics: Statistics


def read_per_instance(folder: Path) -> PerInstance:
    """Read the per-instance table of the run in ``folder``.

    Raises :class:`BenchError` when it is missing, unreadable, lacks an id column, holds an
    instance twice, or a statistic is no number or list of numbers of one length.
    """
    import polars as pl  # here: listings of runs do without

    path = folder / PER_INSTANCE
    fix = f"Delete the folder {str(folder)!r} and run again."
    if not path.is_file():
        raise BenchError(f"Run {folder.name!r} has no {PER_INSTANCE}.", fix=fix)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(f"Cannot read {str(path)!r}: {in_one_line(error)}.", fix=fix) from error
    for name in _IDS:
        if name not in frame.columns:
            raise BenchError(f"{str(path)!r} lacks the column {name!r}.", fix=fix)
        if frame[name].dtype != pl.String or frame[name].null_count():
            raise BenchError(f"Column {name!r} of {str(path)!r} does not hold ids.", fix=fix)
    frame = frame.sort("instance_id")
    repeated = frame.filter(pl.col("instance_id").is_duplicated())["instance_id"]
    if len(repeated):
        raise BenchError(f"{str(path)!r} holds instance {repeated[0]!r} twice.", fix=fix)
    statistics: Statistics = {}
    for name in frame.columns:
        if name not in _IDS:
            values = _matrix(frame[name])
            if values is None:
                raise BenchError(f"Column {name!r} of {str(path)!r} holds no numbers.", fix=fix)
            statistics[name] = values
    return PerInstance(
        tuple(frame["instance_id"].to_list()), tuple(frame["user_id"].to_list()), statistics
    )


def _matrix(column: pl.Series) -> NDArray[np.float64] | None:
    """(n, width) of a column of numbers, or of lists of one length; ``None`` for others."""
    import numpy as np

    if column.null_count():
        return None
    values = column.to_numpy()
    try:
        if values.dtype == object:  # a list column rather than a fixed-size one
            values = np.array(values.tolist())
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim not in (1, 2):
        return None
    return values if values.ndim == 2 else values[:, None]
