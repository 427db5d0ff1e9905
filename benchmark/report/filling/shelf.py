"""Selects the stored runs that count for a cell.

A run counts when it is whole (no ``--limit``), of the named configuration (its row's ``set`` and
no other ``--set``, however the values are written), of the current version of its task, and over
the dataset as it is now: runs over an earlier preparation of a dataset of the same name never mix
with later ones. Of several runs of one seed the latest counts, and one made here before any that
came with a submission; of those, where some are reproduced, the others stay out. Tuned runs
(``--tuned``) fill only cells of tuned ones.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

from benchmark.data.listing import dataset_folders, dataset_info
from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.errors import unknown_name
from benchmark.host.home import Home
from benchmark.models.from_file import split_name
from benchmark.runs.manifest import role_of
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import (
    StoredRun,
    as_written,
    is_imported,
    is_reproduced,
    is_tuned,
    stored_runs,
)
from benchmark.tasks import TASKS

#: Model label, task, dataset, cohort, perturbation, whether the settings are tuned.
_Key = tuple[str, str, str, str, str | None, bool]


def require_known_dataset(home: Home, name: str) -> None:
    """Raise :class:`~benchmark.errors.UsageError` when ``name`` is no dataset.

    A dataset is one that is prepared, or that a source prepares under that name.
    """
    home.fetch("datasets", name)
    later = {*SELF_CONTAINED, *SOURCES}
    if dataset_info(home, name) is None and name not in later:
        raise unknown_name("dataset", name, {path.name for path in dataset_folders(home)} | later)


def is_simulated(home: Home, name: str) -> bool:
    """Return whether ``name`` is generated data; by its source where it is not prepared yet."""
    info = dataset_info(home, name)
    if info is not None:
        return bool(info.get("simulated", False))
    return name in SELF_CONTAINED and SOURCES.get(SELF_CONTAINED[name][0]).simulated


class RunShelf:
    """Finds the eligible stored runs of a home folder, by the spec that they answer."""

    def __init__(self, home: Home) -> None:
        self._runs: dict[_Key, list[StoredRun]] = defaultdict(list)
        self._left_out: dict[_Key, list[StoredRun]] = defaultdict(list)
        self._checked: set[Path] = set()
        candidates = [run for run in stored_runs(home) if _is_whole(run)]
        hashes = _current_hashes(home, candidates)
        for run in candidates:
            manifest = run.manifest
            if manifest["dataset_sha256"] == hashes[manifest["data"]] and _is_current(run):
                self._runs[_key(run)].append(run)
            else:
                self._left_out[_key(run)].append(run)

    @property
    def datasets(self) -> set[str]:
        """Return the names of the datasets that some run is over."""
        return {data for _, _, data, *_ in (*self._runs, *self._left_out)}

    def pick(self, spec: RunSpec) -> tuple[StoredRun, ...]:
        """Return the latest run of each seed that answers ``spec`` (whose seed is ignored).

        Raises :class:`~benchmark.errors.BenchError` for one whose files have changed since.
        """
        latest: dict[int, StoredRun] = {}
        found = [
            run
            for run in self._runs.get(_asked(spec), ())
            if _may_be(run, spec) and _has_settings(run, spec)
        ]
        for run in sorted(_trusted(found), key=_age):
            latest[int(run.manifest["seed"])] = run
        return tuple(self._as_written(latest[seed]) for seed in sorted(latest))

    def _as_written(self, run: StoredRun) -> StoredRun:
        if run.folder not in self._checked:
            self._checked.add(as_written(run).folder)
        return run

    def left_out(self, spec: RunSpec) -> int:
        """Count the runs that answer ``spec`` over other bytes of the dataset or an older task."""
        return sum(_has_settings(run, spec) for run in self._left_out.get(_asked(spec), ()))


def newest_run(home: Home, spec: RunSpec, *, seed: int | None = None) -> StoredRun | None:
    """Return the latest run that answers ``spec``, of ``seed`` or any, trials included.

    For what is looked at rather than counted; like the others it must be of the current version
    of its task and over the dataset as it is now.
    """
    # Of any settings: what they were chosen by does not matter here.
    asked = _asked(spec)[:-1]
    found = (run for run in stored_runs(home) if _key(run)[:-1] == asked and _may_be(run, spec))
    runs = _trusted(list(found))
    hashes = _current_hashes(home, runs)
    current = [
        run
        for run in runs
        if run.manifest["dataset_sha256"] == hashes[spec.data]
        and _is_current(run)
        and seed in (None, run.manifest["seed"])
    ]
    return max(current, key=_age, default=None)


def class_in_file(model: str) -> str | None:
    """Return ``Class`` of ``path/to/file.py:Class``, which is what its runs are called."""
    of_file = split_name(model)
    return None if of_file is None else of_file[1]


def _asked(spec: RunSpec) -> _Key:
    label = class_in_file(spec.model) or spec.model
    return label, spec.task, spec.data, spec.cohort, spec.perturb, spec.tuned


def _has_settings(run: StoredRun, spec: RunSpec) -> bool:
    """Whether ``run`` is of the settings of ``spec``, or those of a search, as both are tuned.

    A value may be written in several ways (1 and 1.0), and one that is the model's own may be left
    out: the run's full configuration says what it was, and its settings what was changed.
    """
    given = run.manifest["settings"]
    if spec.tuned or given == spec.settings:
        return True
    config = run.manifest.get("config", {})
    return given.keys() <= spec.settings.keys() and all(
        name in config and config[name] == value for name, value in spec.settings.items()
    )


def _may_be(run: StoredRun, spec: RunSpec) -> bool:
    """Whether ``run``, called as ``spec`` asks, is not an installed model of the same name."""
    return class_in_file(spec.model) is None or role_of(run.manifest) == "outside"


def _trusted(runs: list[StoredRun]) -> list[StoredRun]:
    """``runs`` without the imported ones that nobody made again, where somebody made others again.

    Anyone may submit under a listed name, with a later date or another seed.
    """
    if not any(is_reproduced(run) for run in runs):
        return runs
    return [run for run in runs if is_reproduced(run) or not is_imported(run)]


def _age(run: StoredRun) -> tuple[bool, str]:
    """What orders runs, the one that counts last: own ones behind imported ones, by time."""
    return not is_imported(run), run.manifest["created"]


def _key(run: StoredRun) -> _Key:
    manifest = run.manifest
    return (
        run.label,
        manifest["task"],
        manifest["data"],
        manifest["cohort"],
        manifest["perturb"],
        is_tuned(run),
    )


def _is_whole(run: StoredRun) -> bool:
    return run.manifest["limit"] is None


def _is_current(run: StoredRun) -> bool:
    version = _task_version(run.manifest["task"])
    return bool(run.manifest.get("task_version", version) == version)


@cache
def _task_version(task: str) -> int | None:
    return TASKS.get(task).version if task in TASKS else None


def _current_hashes(home: Home, runs: list[StoredRun]) -> dict[str, str]:
    """Dataset name -> the hash that counts: the prepared one, else that of the latest run."""
    hashes: dict[str, str] = {}
    for run in sorted(runs, key=_age):
        hashes[run.manifest["data"]] = run.manifest["dataset_sha256"]
    for name in hashes:
        info = dataset_info(home, name)
        if info is not None:
            hashes[name] = info["sha256"]
    return hashes
