"""``data rm``: remove a prepared dataset."""

from __future__ import annotations

from typing import Any

import typer

from benchmark.commands.options import (
    DatasetArgument,
    DryRunOption,
    HomeOption,
    JsonOption,
    YesOption,
)
from benchmark.commands.printing import cell, print_wrapped
from benchmark.host.console import confirm, output_to_stderr, print_json

app = typer.Typer()


@app.command("rm", epilog="Example: unimp-bench data rm sim-l --dry-run")
def data_rm(
    name: DatasetArgument,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a dataset with its cached features; its runs, fits and searches stay."""
    from benchmark.host.home import find_home
    from benchmark.runs.dataset_removal import describe_removal, remove_dataset

    place = find_home(home)
    place.require_folder("data rm")
    described = describe_removal(name, place)
    if not (yes or dry_run):
        with output_to_stderr():
            _print(described)
        dry_run = not confirm(f"Remove dataset {name!r} for good?")
    if not dry_run:
        remove_dataset(name, place)
    if as_json:
        print_json({**described, "dry_run": dry_run})
    else:
        if yes or dry_run:
            _print(described)
        print(f"{name}: nothing is removed" if dry_run else f"{name}: removed")


#: So many of what stays are named.
_NAMED = 5


def _print(described: dict[str, Any]) -> None:
    from benchmark.host.removing import for_people

    size, features = for_people(described["bytes"]), described["features"]
    print(f"Goes: {described['removed'][0]}, {size}, cached features in it: {features}")
    for kind in ("runs", "fits", "searches"):
        names = described[kind]
        if names:
            more = ["..."] if len(names) > _NAMED else []
            named = cell([*names[:_NAMED], *more])
            print_wrapped(f"Stays: {kind} ({len(names)}): {named}", more="  ")
    print(f"To have it again: {described['again']}")
