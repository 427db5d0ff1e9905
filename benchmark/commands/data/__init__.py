"""``data``: prepare, describe, check and remove datasets; one file a command."""

from __future__ import annotations

import typer

from benchmark.commands.data import images, listing, prepare, rm, sources, stats, verify

app = typer.Typer(
    name="data",
    help="Prepare, describe, check and remove datasets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _command in (listing, sources, prepare, images, stats, verify, rm):
    app.add_typer(_command.app)
