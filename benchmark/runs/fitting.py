"""Fit models and cache the fits: one serves every task, cohort and perturbation.

The cache key covers everything fitted state may depend on: the model's class, source code and
full configuration, what it may see of the dataset, and the seed. A fit is written beside its
place and renamed when whole, and predictions always come from the saved state, so a fresh fit
and a cached one cannot differ.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.dataset import Dataset
from benchmark.data.opening import open_dataset
from benchmark.data.unchanged import require_unchanged
from benchmark.errors import BenchError, in_one_line
from benchmark.host import processes
from benchmark.host.console import note
from benchmark.host.files import cannot_write, locked, read_json, sha256_json, write_json
from benchmark.host.home import Home
from benchmark.host.provenance import now, package_versions, peak_memory_mib
from benchmark.host.stamps import changed_files, file_hashes
from benchmark.model import Model, parameter_counts
from benchmark.models.building import BuiltModel, configure
from benchmark.models.calling import model_code
from benchmark.runs.store import FIT_RECORD

_STATE, _STAMPS = "state", "stamps.json"
#: What a run reads of the record.
_RECORDED = {"key", "seconds", "peak_memory_mib", "parameters", "attachments", "files"}
#: File systems take names of up to 255 bytes; class names may be longer.
_SLUG_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Fitted:
    """Holds a model ready to predict, and the record of its fit."""

    model: Model
    record: Mapping[str, Any]
    """``key, seconds, peak_memory_mib, parameters, attachments, files, created``."""


def fit_key(built: BuiltModel, dataset: Dataset, seed: int) -> str:
    """Return the cache key of a fit: equal keys mean bit-identical state on one machine."""
    return sha256_json(
        {
            "model": built.entry.target,
            "code": built.code,
            "config": built.config,
            "data": dataset.sha256,
            "packages": package_versions(),
            "seed": seed,
        }
    )[:16]


def fit_folder(fit_key: str, home: Home) -> Path | None:
    """Return the folder of the stored fit with this key, ``None`` where ``home`` has none."""
    for record in sorted(home.fitted.glob(f"*/{FIT_RECORD}")):
        if record.parent.name.endswith(f"-{fit_key}"):
            return record.parent
    return None


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and, where it is loaded, torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def fit_or_load(
    built: BuiltModel, dataset: Dataset, seed: int, home: Home, *, since: float | None = None
) -> Fitted:
    """Return the fitted model for this configuration, dataset and seed, fitting it if needed.

    A fit that is older than ``since`` (seconds since the epoch) is replaced. Raises
    :class:`BenchError` when fitting fails, and nothing half-fitted stays behind; also when a
    file of the dataset or of the stored fit is not what was written.
    """
    require_unchanged(dataset)
    folder = home.fitted / f"{_slug(built)}-{fit_key(built, dataset, seed)}"
    with locked(folder.with_name(f".{folder.name}.lock"), f"fitting {built.label}"):
        if _is_stored(folder, since):
            note(f"{built.label}: the stored fit is used, {folder}.")
        else:
            _fit(built, dataset, seed, folder)
        # Still under the lock: until it is loaded, nobody may replace or clear it.
        fix = f"Delete the folder {str(folder)!r}, or run again with --refit."
        record = _sound_record(folder, fix=fix)
        return Fitted(_load(built, folder / _STATE, seed, fix=fix), record)


def _is_stored(folder: Path, since: float | None) -> bool:
    try:
        written = (folder / FIT_RECORD).stat().st_mtime
    except OSError:
        return False
    return since is None or written >= since


def _sound_record(folder: Path, *, fix: str) -> dict[str, Any]:
    """The record of a fit whose state is as it was written."""
    record = read_json(folder / FIT_RECORD, fix=fix)
    if not isinstance(record, dict) or not record.keys() >= _RECORDED:
        raise BenchError(f"{str(folder / FIT_RECORD)!r} is no record of a fit.", fix=fix)
    changed = changed_files(folder / _STATE, record["files"], stamps=folder / _STAMPS)
    if changed:
        raise BenchError(
            f"{changed[0]!r} of the fit in {str(folder)!r} is not as it was written.", fix=fix
        )
    return record


def _load(built: BuiltModel, state: Path, seed: int, *, fix: str) -> Model:
    model = built.build()
    seed_everything(seed)
    try:
        model.load(state)
    except (Exception, SystemExit) as error:
        what = error.message if isinstance(error, BenchError) else f"{in_one_line(error)}."
        raise BenchError(
            f"Model {built.label!r} cannot load its fitted state: {what}", fix=fix
        ) from error
    return model


def _fit(built: BuiltModel, dataset: Dataset, seed: int, folder: Path) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed fit
        (partial / _STATE).mkdir(parents=True)
        model = built.build()
        view = dataset.training_view()
        shared = hasattr(model, "assist")
        if shared:  # to all other processes of this command: see assist()
            told = {"model": built.asked, "settings": dict(built.config)}
            processes.tell({**told, "data": dataset.name, "seed": seed})
        seed_everything(seed)
        started = time.perf_counter()
        with model_code(built.label, "fitting"):
            model.fit(view, seed=seed)
        seconds = time.perf_counter() - started
        with model_code(built.label, "saving its state"):
            model.save(partial / _STATE)
        record = {
            "key": fit_key(built, dataset, seed),
            "model": built.label,
            "data": dataset.name,
            "seed": seed,
            "seconds": round(seconds, 3),
            "peak_memory_mib": peak_memory_mib(),
            "parameters": parameter_counts(model),
            "attachments": list(getattr(view, "opened", ())),
            "files": file_hashes(partial / _STATE),
            "processes": processes.count() if shared else 1,
            "created": now(),
        }
        del model
        # A writer that ignores a full disk leaves a short file behind: found here, not later.
        fix = "Correct the model's save and load, or free some space if the disk is full."
        _load(built, partial / _STATE, seed, fix=fix)
        write_json(partial / FIT_RECORD, record)
        shutil.rmtree(folder, ignore_errors=True)  # without its record, or to be replaced
        partial.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _slug(built: BuiltModel) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", built.label)[:_SLUG_LENGTH]


def assist(home: Home) -> None:
    """Take part in the fits of the main process, as it announces them, until it is done.

    Nothing is written or answered here.
    """
    while (fit := processes.hear()) is not None:
        built = configure(fit["model"], fit["settings"])
        view = open_dataset(fit["data"], home).training_view()  # the main process prepared it
        model: Any = built.build()
        seed_everything(fit["seed"])
        with model_code(built.label, "assisting in a fit"):
            model.assist(view, seed=fit["seed"])
