"""Find what runs and fits of the same configuration took earlier, on this kind of machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from benchmark.host import provenance
from benchmark.host.files import sha256_json
from benchmark.host.home import Home
from benchmark.runs.estimating.stops import known_stops, stops_of, without_data
from benchmark.runs.runner import Plan
from benchmark.runs.store import FIT_RECORD, StoredRun, stored_runs


@dataclass(frozen=True, slots=True)
class Share:
    """Tells what share of its steps, above 0, a stage took in earlier fits.

    ``value`` is their geometric mean, ``low`` and ``high`` are the least and the largest.
    ``here``: of these settings and data. Elsewhere ``value`` is a guess, and 1 says only that
    nothing stopped the stage there. ``ours``: the fits are not of this home but the project's own
    (:mod:`.stops`).
    """

    value: float
    low: float
    high: float
    here: bool
    ours: bool = False


class Earlier:
    """Finds the stored runs and accounts of a home that tell what a run will take."""

    def __init__(self, home: Home) -> None:
        here = (provenance.processor(), os.cpu_count())
        self._runs = sorted(
            (run for run in stored_runs(home) if _machine(run) == here),
            key=lambda run: run.manifest["created"],
        )
        folders = (path.parent for path in sorted(home.fitted.glob(f"*/{FIT_RECORD}")))
        self._stops = [*known_stops(), *(s for folder in folders for s in stops_of(folder))]

    def fit(self, plan: Plan) -> StoredRun | None:
        """Return the latest run whose fit was of the model, settings and data of ``plan``.

        Its seed and the version of the code may be others.
        """
        found = self._of(plan)
        return found[-1] if found else None

    def predictions(self, plan: Plan) -> StoredRun | None:
        """Return the latest such run of the same task; the cohort and number asked may differ."""
        found = [run for run in self._of(plan) if run.manifest["task"] == plan.spec.task]
        alike = [run for run in found if run.manifest["cohort"] == plan.spec.cohort]
        return max(alike or found, key=lambda run: run.manifest["created"], default=None)

    def share(
        self, name: str, variant: str | None, stage: str, config: Mapping[str, Any], data: str
    ) -> Share | None:
        """Return the share of its steps that ``stage`` of the model took before it stopped.

        That of the fits of these settings on ``data``; where there is none of the variant on
        ``data`` with any settings, then of any variant on ``data``, of these settings on any data,
        of the variant, of the model; ``None`` where the stage never ran. The data say more than
        the settings (``speed/stops.py --compare``). At each step fits of this home count before
        the project's own. A stage that is named after its data is the same on other data.
        """
        label = name if variant is None else f"{name}:{variant}"
        digest, piece = sha256_json(config), without_data(stage, data)
        of_model = [
            stop
            for stop in self._stops
            if stop.stage == piece and (stop.model == name or stop.model.startswith(f"{name}:"))
        ]
        of_variant = [stop for stop in of_model if stop.model == label]
        same = [stop for stop in of_variant if stop.config == digest]
        here, variant_here, model_here = (
            [stop for stop in stops if stop.data == data] for stops in (same, of_variant, of_model)
        )
        for stops in (here, variant_here, model_here, same, of_variant, of_model):
            for ours in (False, True):
                shares = [stop.share for stop in stops if stop.ours == ours]
                if shares:  # a factor of two too many weighs as much as one too few
                    mean = geometric_mean(shares)
                    return Share(mean, min(shares), max(shares), here=stops is here, ours=ours)
        return None

    def _of(self, plan: Plan) -> list[StoredRun]:
        built = plan.built
        config = sha256_json(built.config)
        return [
            run
            for run in self._runs
            if run.manifest["model"] == built.entry.name
            and run.manifest["variant"] == built.variant
            and run.manifest["dataset_sha256"] == plan.identity["dataset_sha256"]
            and sha256_json(run.manifest.get("config")) == config
        ]


def _machine(run: StoredRun) -> tuple[str | None, int | None]:
    manifest = run.manifest
    return manifest.get("processor"), manifest.get("cores")
