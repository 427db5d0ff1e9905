"""Fitting in several processes: what all but the main one do during ``run``."""

from __future__ import annotations

from typing import Any

from benchmark import processes
from benchmark.data.dataset import ensure_dataset
from benchmark.home import Home
from benchmark.runs.config import configure
from benchmark.runs.fitted import seed_everything
from benchmark.runs.guard import model_code


def assist(home: Home) -> None:
    """Take part in the main process' fits (:mod:`benchmark.runs.fitted`) until it is done.

    Nothing is written or answered here.
    """
    while (fit := processes.hear()) is not None:
        built = configure(fit["model"], fit["settings"])
        view = ensure_dataset(fit["data"], home).training_view()
        model: Any = built.build()
        seed_everything(fit["seed"])
        with model_code(built.label, "assisting in a fit"):
            model.assist(view, seed=fit["seed"])
