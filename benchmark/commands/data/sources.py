"""``data sources``: what datasets are prepared from."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands.options import JsonOption, examples
from benchmark.commands.printing import print_rows
from benchmark.host.console import note, print_json

app = typer.Typer()


@app.command(
    "sources",
    epilog=examples(
        "unimp-bench data sources",
        "unimp-bench data sources hm",
    ),
)
def data_sources(
    name: Annotated[
        str | None, typer.Argument(help="A source's name [default: list them all].")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the sources, or describe one: what it reads and every setting of preparation."""
    from benchmark.commands.describing import print_source
    from benchmark.data.preparing.describing import list_sources

    if name is not None:
        print_source(name, as_json=as_json)
    elif as_json:
        print_json(list_sources())
    else:
        print_rows(list_sources(), ["name", "summary", "raw"])
        note("\nAll of one, with its settings: unimp-bench data sources NAME")
