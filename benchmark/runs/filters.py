"""Which of the stored runs are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Filters:
    """Says which runs are meant; ``None`` means any.

    ``model`` is a name, with all its variants, or ``name:variant``. ``limited`` tells trials over
    the first instances (``run --limit``) from whole runs, ``imported`` runs that came with a
    submission from those made here.
    """

    model: str | None = None
    task: str | None = None
    data: str | None = None
    cohort: str | None = None
    seed: int | None = None
    limited: bool | None = None
    imported: bool | None = None

    def any_given(self) -> bool:
        """Return whether they leave anything out."""
        return self != Filters()

    def let(self, row: Mapping[str, Any]) -> bool:
        """Return whether the run of ``row`` is meant; no damaged one is.

        ``row`` is one of :func:`benchmark.runs.listing.list_runs`.
        """
        wanted = {"task": self.task, "data": self.data, "cohort": self.cohort, "seed": self.seed}
        return not self.any_given() or (
            "problem" not in row
            and self.model in (None, row["model"], label_of(row))
            and all(value in (None, row[key]) for key, value in wanted.items())
            and self.limited in (None, row["limit"] is not None)
            and self.imported in (None, row["submission"] is not None)
        )


def label_of(row: Mapping[str, Any]) -> str:
    """Return ``name`` or ``name:variant`` of the model of ``row``."""
    return str(row["model"]) if row["variant"] is None else f"{row['model']}:{row['variant']}"
