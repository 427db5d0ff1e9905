"""Keep the account of a fit: how far each stage went, how long it took, the energy it used.

The account lies beside the fit's record and goes with it. Nothing that a model answers depends
on it: a fit without one, by an earlier version, is as good.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.errors import BenchError
from benchmark.host import energy
from benchmark.host.files import read_json, write_json
from benchmark.host.home import Home
from benchmark.host.progress import Bar, watched
from benchmark.models.building import BuiltModel
from benchmark.runs.fitting import Fitted, fit_folder, fit_key, fit_or_load
from benchmark.runs.store import FIT_RECORD

ACCOUNT = "account.json"


@dataclass(slots=True)
class Stage:
    """Holds how far one stage of a fit went, and how long it took."""

    label: str
    total: int | None
    """Steps at most; a training may stop earlier. ``None`` where nobody could say."""
    done: int = 0
    seconds: float = 0.0


class StageLog:
    """Watches a fit: its outermost pieces of work, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stages: list[Stage] = []
        self._open: list[tuple[Bar, float]] = []
        self._clock = clock

    def began(self, bar: Bar) -> None:
        """Note when an outermost piece of work begins."""
        self._open.append((bar, self._clock()))

    def moved(self, bar: Bar) -> None:
        """Leave it to the end."""

    def ended(self, bar: Bar) -> None:
        """Note how far it went and how long it took."""
        while self._open:
            opened, started = self._open.pop()
            if opened is bar:
                break
        if not self._open:
            seconds = round(self._clock() - started, 3)
            self.stages.append(Stage(bar.name, bar.total, bar.done, seconds))


def fit_with_account(
    built: BuiltModel, dataset: Dataset, seed: int, home: Home, *, since: float | None = None
) -> tuple[Fitted, Mapping[str, Any]]:
    """Return :func:`~benchmark.runs.fitting.fit_or_load`'s fit with its account.

    A fit that is made here gets one; of a stored fit, what its own says (empty where it has none).
    """
    before = _written(fit_folder(fit_key(built, dataset, seed), home))
    log = StageLog()
    with watched(log), energy.metered() as used:
        fitted = fit_or_load(built, dataset, seed, home, since=since)
    folder = fit_folder(fitted.record["key"], home)
    if folder is None:  # cleared meanwhile
        return fitted, {}
    if _written(folder) != before:
        account = {
            "model": built.label,
            "config": dict(built.config),
            "data": dataset.name,
            "stages": [asdict(stage) for stage in log.stages],
            "energy": energy_record("fit", used),
        }
        write_json(folder / ACCOUNT, account)
        return fitted, account
    return fitted, read_account(folder)


def read_account(folder: Path) -> Mapping[str, Any]:
    """Return the account of the fit in ``folder``, empty where it has none that can be read."""
    try:
        found = read_json(folder / ACCOUNT)
    except BenchError:
        return {}
    return found if isinstance(found, dict) else {}


def energy_record(work: str, used: energy.Energy) -> dict[str, Any]:
    """Return what a manifest says of the energy of ``work`` (fit, predict); empty if unmeasured."""
    meter = energy.find_meter()
    if used.kwh is None or meter is None:
        return {}
    record: dict[str, Any] = {f"{work}_kwh": used.kwh, "meter": meter.name}
    if used.co2_kg is not None:
        record |= {f"{work}_co2_kg": used.co2_kg, "country": energy.country()}
    return record


def joined_records(fit: Mapping[str, Any], predict: Mapping[str, Any]) -> dict[str, Any]:
    """Return both records of :func:`energy_record` as the one of a run.

    It names one country: the fit's emissions are left out where they were another country's.
    """
    elsewhere = "country" in fit and fit["country"] != predict.get("country", fit["country"])
    gone = {"fit_co2_kg", "country"} if elsewhere else set()
    return {**{key: value for key, value in fit.items() if key not in gone}, **predict}


def _written(folder: Path | None) -> float | None:
    """When the fit in ``folder`` was written, ``None`` where there is none."""
    try:
        return None if folder is None else (folder / FIT_RECORD).stat().st_mtime
    except OSError:
        return None
