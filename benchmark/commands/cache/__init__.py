"""``cache``: what the home holds, and (in a file of its own) how to get room."""

from __future__ import annotations

import typer

from benchmark.commands.cache import clear
from benchmark.commands.options import HomeOption, JsonOption
from benchmark.commands.printing import print_rows
from benchmark.host.console import print_json

app = typer.Typer(name="cache", rich_markup_mode=None)
app.add_typer(clear.app)


@app.callback(invoke_without_command=True, epilog="Example: unimp-bench cache --json")
def cache(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Measure what is stored, by kind; cache clear removes what can be made again."""
    if context.invoked_subcommand is not None:
        context.obj = (home, as_json)
        return
    from benchmark.host.home import find_home
    from benchmark.host.removing import for_people
    from benchmark.runs.cache import measure

    measured = measure(find_home(home))
    if as_json:
        print_json(measured)
        return
    total = {"kind": "total", "count": "", "bytes": measured["bytes"], "clear": ""}
    rows = [{**row, "size": for_people(row["bytes"])} for row in (*measured["kinds"], total)]
    print(measured["home"])
    print_rows(rows, ["kind", "count", "size", "clear"])
