"""Whose data a run is over, and whether its terms let anyone share predictions on it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.data.listing import list_datasets
from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.runs.store import StoredRun


def check_terms(runs: Sequence[StoredRun], home: Home) -> None:
    """Raise :class:`UsageError` for a run whose dataset's terms forbid to share what it holds.

    Also where nobody can tell, since the dataset is not prepared here and not one of ours.
    """
    sources = {row["name"]: row["source"] for row in list_datasets(home)}
    for run in runs:
        data = run.manifest["data"]
        source = SELF_CONTAINED[data][0] if data in SELF_CONTAINED else sources.get(data)
        if source is None or source not in SOURCES:
            problem = f"Under which terms {data!r} may be shared is not known here"
        elif not SOURCES.get(source).shareable:
            problem = f"The terms of {data!r} (source {source}) forbid to share what it holds"
        else:
            continue
        raise UsageError(
            f"{problem}: predictions name its users and items.",
            fix="Submit runs on data that anyone can build; with the owner's leave, give "
            "--terms-allow.",
        )
