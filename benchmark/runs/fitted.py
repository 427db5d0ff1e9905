"""Fitted models, cached: one fit serves every task, cohort and perturbation.

The cache key covers everything fitted state may depend on: the model's class, source code and
full configuration, what it may see of the dataset, and the seed. A fit is written beside its
place and renamed when whole, and predictions always come from the saved state, so a fresh fit
and a cached one cannot differ.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.dataset import Dataset
from benchmark.errors import BenchError
from benchmark.files import cannot_write, is_write_failure, read_json, sha256_json, write_json
from benchmark.home import Home
from benchmark.model import Model, parameter_counts
from benchmark.runs.config import BuiltModel
from benchmark.runs.locking import locked
from benchmark.runs.provenance import now, package_versions, peak_memory_mib

_RECORD = "fitted.json"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model ready to predict, and the record of its fit."""

    model: Model
    record: Mapping[str, Any]
    """``key, seconds, peak_memory_mib, parameters, attachments, created``."""


def fit_key(built: BuiltModel, dataset: Dataset, seed: int) -> str:
    """The cache key: equal keys mean bit-identical fitted state."""
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


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and, where it is loaded, torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def fit_or_load(built: BuiltModel, dataset: Dataset, seed: int, home: Home) -> Fitted:
    """The fitted model for this configuration, dataset and seed; fits it when nobody did yet.

    Raises :class:`BenchError` when fitting fails; nothing half-fitted stays behind.
    """
    folder = home.fitted / f"{_slug(built)}-{fit_key(built, dataset, seed)}"
    with locked(folder.with_name(f".{folder.name}.lock"), f"fitting {built.label}"):
        if not (folder / _RECORD).is_file():
            _fit(built, dataset, seed, folder)
    record = read_json(folder / _RECORD)
    model = built.build()
    seed_everything(seed)
    model.load(folder / "state")
    return Fitted(model, record)


def _fit(built: BuiltModel, dataset: Dataset, seed: int, folder: Path) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed fit
        (partial / "state").mkdir(parents=True)
        model = built.build()
        view = dataset.training_view()
        seed_everything(seed)
        started = time.perf_counter()
        try:
            model.fit(view, seed=seed)
        except BenchError:
            raise
        except Exception as error:
            if is_write_failure(error):
                raise
            raise BenchError(
                f"Model {built.label!r} failed while fitting: {type(error).__name__}: {error}.",
                fix="Run again with --debug for the traceback.",
            ) from error
        seconds = time.perf_counter() - started
        model.save(partial / "state")
        record = {
            "key": fit_key(built, dataset, seed),
            "model": built.label,
            "data": dataset.name,
            "seed": seed,
            "seconds": round(seconds, 3),
            "peak_memory_mib": peak_memory_mib(),
            "parameters": parameter_counts(model),
            "attachments": list(getattr(view, "opened", ())),
            "created": now(),
        }
        write_json(partial / _RECORD, record)
        partial.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _slug(built: BuiltModel) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in built.label)
