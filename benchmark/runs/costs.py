"""What a stored run took, read from its manifest: seconds, memory, parameters, energy."""

from __future__ import annotations

from benchmark.runs.store import StoredRun


def instances_of(run: StoredRun) -> int:
    """Return how many instances a run answered, 0 where it has no scores."""
    return max((int(score["n"]) for score in run.scores.values()), default=0)


def predict_seconds_per_1000(run: StoredRun) -> float | None:
    """Return the seconds that 1,000 predictions took; ``None`` for a run without scores."""
    asked = instances_of(run)
    return 1000 * run.manifest["predict_seconds"] / asked if asked else None


def peak_mib(run: StoredRun) -> float | None:
    """Return the largest resident memory of fit and predictions in MiB, where it was written."""
    manifest = run.manifest
    peaks = [manifest.get("fit_peak_memory_mib"), manifest.get("peak_memory_mib")]
    return max((peak for peak in peaks if peak is not None), default=None)


def parameters(run: StoredRun) -> float | None:
    """Return the number of weights, where the model counts any."""
    counted = run.manifest.get("parameters")
    return None if not counted else float(counted["total"])


def energy_wh(run: StoredRun) -> float | None:
    """Return the energy of fit and predictions in watt-hours; ``None`` unless both were measured.

    One without the other is no run's energy: the manifest says it, and no table does.
    """
    energy = run.manifest.get("energy") or {}
    if "fit_kwh" not in energy or "predict_kwh" not in energy:
        return None
    return 1000 * (energy["fit_kwh"] + energy["predict_kwh"])
