"""``runs``: list, show and remove stored runs; one file a command."""

from __future__ import annotations

import typer

from benchmark.commands.runs import listing, rm, show

app = typer.Typer(
    name="runs",
    help="List, show and remove stored runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _command in (listing, show, rm):
    app.add_typer(_command.app)
