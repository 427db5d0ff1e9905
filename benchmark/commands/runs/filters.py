"""Options that say which stored runs are meant."""

from __future__ import annotations

from typing import Annotated

import typer

ModelFilter = Annotated[
    str | None, typer.Option("--model", help="Only of this NAME, or NAME:VARIANT.")
]
TaskFilter = Annotated[str | None, typer.Option("--task", help="Only of this task.")]
DataFilter = Annotated[str | None, typer.Option("--data", help="Only on this dataset.")]
CohortFilter = Annotated[str | None, typer.Option("--cohort", help="Only of this cohort.")]
SeedFilter = Annotated[int | None, typer.Option("--seed", help="Only of this seed.")]
LimitedFilter = Annotated[
    bool | None,
    typer.Option("--limited/--whole", help="Only trials (run --limit), or only whole runs."),
]
