"""``data list``: which datasets are prepared."""

from __future__ import annotations

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.commands.printing import print_rows
from benchmark.host.console import note, print_json

app = typer.Typer()


@app.command("list", epilog="Example: unimp-bench data list")
def data_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List prepared datasets."""
    from benchmark.data.listing import list_datasets
    from benchmark.host.home import find_home

    rows = list_datasets(find_home(home))
    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows, ["name", "source", "users", "items", "interactions", "tasks"])
        for row in rows:
            if "problem" in row:
                note(f"{row['name']}: {row['problem']}")
    else:
        note("No dataset is prepared yet: unimp-bench data prepare sim")
