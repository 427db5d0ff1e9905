"""``data``: prepare, describe and check datasets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import DatasetArgument, HomeOption, JsonOption, SettingsOption
from benchmark.commands.printing import print_nested, print_rows
from benchmark.errors import UsageError
from benchmark.host.console import output_to_stderr, print_json

app = typer.Typer(
    name="data",
    help="Prepare, describe and check datasets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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
                print(f"{row['name']}: {row['problem']}", file=sys.stderr)
    else:
        print("No dataset is prepared yet: unimp-bench data prepare sim", file=sys.stderr)


@app.command(
    "prepare",
    epilog="Example: unimp-bench data prepare hm --raw path/to/h-and-m --set history_window=5",
)
def data_prepare(
    source: Annotated[
        str, typer.Argument(help="A source: sim, ml-100k, amazon2023, hm, sequences.")
    ],
    raw: Annotated[
        Path | None,
        typer.Option("--raw", help="Folder or file of your own download."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the dataset [default: the source's]."),
    ] = None,
    settings: SettingsOption = None,
    on_error: Annotated[
        str, typer.Option("--on-error", help="raise or skip (count and report) broken rows.")
    ] = "raise",
    force: Annotated[bool, typer.Option("--force", help="Replace a dataset of that name.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a dataset from raw files: split, instances, photos, all hashed."""
    from benchmark.commands.options import parse_settings
    from benchmark.data.preparing.prepare import prepare
    from benchmark.data.preparing.statistics import stats
    from benchmark.host.home import find_home

    if on_error not in ("raise", "skip"):
        raise UsageError(f"--on-error {on_error!r} is unknown.", fix="Give raise or skip.")
    with output_to_stderr():
        dataset = prepare(
            source,
            home=find_home(home),
            name=name,
            raw=raw,
            settings=parse_settings(settings or []),
            on_error="skip" if on_error == "skip" else "raise",
            force=force,
        )
    if as_json:
        print_json(stats(dataset))
    else:
        print_nested(stats(dataset))


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
