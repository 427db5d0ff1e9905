"""``data verify``: whether a dataset is what was prepared."""

from __future__ import annotations

import typer

from benchmark.commands.options import DatasetArgument, HomeOption, JsonOption
from benchmark.host.console import print_json

app = typer.Typer()


@app.command("verify", epilog="Example: unimp-bench data verify sim-s")
def data_verify(
    name: DatasetArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Hash every file of a dataset again and compare."""
    from benchmark.data.opening import open_dataset
    from benchmark.data.verify import verify
    from benchmark.host.home import find_home

    problems = verify(open_dataset(name, find_home(home)))
    if as_json:
        print_json({"name": name, "whole": not problems, "problems": problems})
    else:
        print("\n".join(problems) or f"{name}: every file is as it was prepared.")
    if problems:
        raise SystemExit(1)
