"""``runs show``: everything of one run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.commands.printing import print_nested, print_rows, print_wrapped
from benchmark.host.console import print_json

app = typer.Typer()


@app.command("show", epilog="Example: unimp-bench runs show bm25_search_sim-s")
def runs_show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder, run id or its start.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its scores with their intervals, its manifest, the command that made it."""
    from benchmark.host.home import find_home
    from benchmark.runs.listing import describe_run
    from benchmark.runs.store import find_run

    described = describe_run(find_run(run, find_home(home)))
    if as_json:
        print_json(described)
    else:
        _print(described)


def _print(described: dict[str, Any]) -> None:
    manifest = {k: v for k, v in described["manifest"].items() if k not in ("command", "run_id")}
    print(f"{described['id']}\n{described['run']}\n")
    print_rows([_score(name, s) for name, s in described["scores"].items()], list(_COLUMNS))
    print(f"\n{described['failure_rate']:.1%} of the predictions are malformed\n")
    print_nested(manifest)
    print()
    print_wrapped(f"Made by: {described['manifest'].get('command', '-')}", more="  ")


_COLUMNS = ("metric", "value", "95% interval", "n", "users")


def _score(name: str, score: dict[str, Any]) -> dict[str, Any]:
    ends = None if score["low"] is None else f"{score['low']:.4f} to {score['high']:.4f}"
    values = (name, f"{score['value']:.4f}", ends, score["n"], score.get("users"))
    return dict(zip(_COLUMNS, values, strict=True))
