"""``cache clear``: remove what can be made again."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands.options import DryRunOption, HomeOption, JsonOption
from benchmark.commands.removal import finish
from benchmark.errors import UsageError

app = typer.Typer()


@app.command("clear", epilog="Example: unimp-bench cache clear --fits --features --dry-run")
def cache_clear(
    context: typer.Context,
    fits: Annotated[bool, typer.Option("--fits", help="Fitted models.")] = False,
    features: Annotated[
        bool, typer.Option("--features", help="Vectors of photos and texts, and their encoders.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="What was begun and never finished.")
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="What builds found of submissions.")
    ] = False,
    comparisons: Annotated[
        bool, typer.Option("--comparisons", help="What reports found by comparing runs.")
    ] = False,
    all_caches: Annotated[bool, typer.Option("--all-caches", help="All five.")] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove what can be made again: never a run or a dataset, nor what a process is using."""
    from benchmark.host.home import find_home
    from benchmark.runs.cache import clear

    asked = {
        "fits": fits,
        "features": features,
        "partial": partial,
        "verified": verified,
        "comparisons": comparisons,
    }
    kinds = [kind for kind, wanted in asked.items() if wanted or all_caches]
    if not kinds:
        raise UsageError(
            "Nothing says what to clear.",
            fix="Give --fits, --features, --partial, --verified, --comparisons or --all-caches; "
            "unimp-bench cache measures.",
        )
    before, also_json = context.obj or (None, False)  # given between cache and clear
    outcome = clear(find_home(home or before), kinds, dry_run=dry_run)
    finish(outcome, "path", as_json=as_json or also_json)
