"""``data stats``: what is in a dataset."""

from __future__ import annotations

import typer

from benchmark.commands.options import DatasetArgument, HomeOption, JsonOption
from benchmark.commands.printing import print_nested
from benchmark.host.console import print_json

app = typer.Typer()


@app.command("stats", epilog="Example: unimp-bench data stats sim-s")
def data_stats(name: DatasetArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Describe a dataset: counts, splits, tasks, and why a task is absent."""
    from benchmark.data.opening import ensure_dataset
    from benchmark.data.preparing.statistics import stats
    from benchmark.host.home import find_home

    description = stats(ensure_dataset(name, find_home(home)))
    if as_json:
        print_json(description)
    else:
        print_nested(description)
