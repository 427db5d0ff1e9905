"""The options that say which stored runs are meant, shared by the commands that ask for some."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any

import typer

from benchmark.runs.filters import Filters

#: One for each field of :class:`Filters`.
_OPTIONS = {
    "model": Annotated[
        str | None, typer.Option("--model", help="Only of this NAME, or NAME:VARIANT.")
    ],
    "task": Annotated[str | None, typer.Option("--task", help="Only of this task.")],
    "data": Annotated[str | None, typer.Option("--data", help="Only on this dataset.")],
    "cohort": Annotated[str | None, typer.Option("--cohort", help="Only of this cohort.")],
    "seed": Annotated[int | None, typer.Option("--seed", help="Only of this seed.")],
    "limited": Annotated[
        bool | None,
        typer.Option("--limited/--whole", help="Only trials (run --limit), or only whole runs."),
    ],
    "imported": Annotated[
        bool | None,
        typer.Option(
            "--imported/--own",
            help="Only runs that came with submissions (leaderboard import), or only those made "
            "here.",
        ),
    ],
}


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the filter options in the place of its parameter ``filters``.

    It is called with one :class:`Filters` of what was given.
    """
    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command, eval_str=True).parameters.values():
        if own.name == "filters":
            parameters += [
                own.replace(name=field.name, default=None, annotation=_OPTIONS[field.name])
                for field in fields(Filters)
            ]
        else:
            parameters.append(own)

    def call(**given: Any) -> None:
        filters = Filters(**{field.name: given.pop(field.name) for field in fields(Filters)})
        command(filters=filters, **given)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call
