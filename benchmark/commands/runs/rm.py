"""``runs rm``: remove stored runs."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands.options import DryRunOption, HomeOption, JsonOption, YesOption, examples
from benchmark.commands.removal import finish
from benchmark.commands.runs.filters import filtered
from benchmark.host.console import complain, confirm, note
from benchmark.runs.filters import Filters

app = typer.Typer()


@app.command(
    "rm",
    epilog=examples(
        "unimp-bench runs rm bm25_search_sim-s_seen_seed0-1f2e3d4c",
        "unimp-bench runs rm --model unimp --limited --dry-run",
    ),
)
@filtered
def runs_rm(
    filters: Filters,
    run: Annotated[
        list[str] | None, typer.Argument(metavar="RUN...", help="Folders, run ids or their starts.")
    ] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove stored runs, by name, by filters, or those of the names that the filters let through.

    Fitted models stay: running again is fast. A run that is being executed stays.
    """
    from benchmark.host.home import find_home
    from benchmark.runs.removing import chosen_runs, remove_runs

    place = find_home(home)
    place.require_folder("runs rm")
    folders = chosen_runs(run or [], filters, place)
    if folders and not (yes or dry_run):
        complain("\n".join(folder.name for folder in folders))
        many = "this run" if len(folders) == 1 else f"these {len(folders)} runs"
        dry_run = not confirm(f"Remove {many} for good?")
        if dry_run:
            note("Nothing is removed.")
    finish(remove_runs(folders, dry_run=dry_run), "id", as_json=as_json)
