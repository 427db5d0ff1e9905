"""``runs list``: which runs are stored."""

from __future__ import annotations

from typing import Any

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.commands.printing import print_rows
from benchmark.commands.runs.filters import filtered
from benchmark.host.console import note, print_json
from benchmark.runs.filters import Filters

app = typer.Typer()


@app.command("list", epilog="Example: unimp-bench runs list --task search --whole")
@filtered
def runs_list(
    filters: Filters,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List stored runs: what each was of, its primary score, age and size."""
    from benchmark.host.home import find_home
    from benchmark.runs.listing import list_runs

    rows = list_runs(find_home(home), filters)
    if as_json:
        print_json(rows)
    elif rows:
        columns = ["run", "score", "instances", "age", "size"]
        if any(row["submission"] is not None for row in rows):
            columns.append("submission")
        print_rows([_shown(row) for row in rows], columns)
        for row in rows:
            if "problem" in row:
                note(f"{row['id']}: {row['problem']}")
    else:
        note("No such run is stored: unimp-bench run --model MODEL --task TASK makes one.")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    from benchmark.host.removing import for_people
    from benchmark.runs.listing import age

    value = row["value"]
    return {
        "run": row["id"],
        "score": "damaged" if "problem" in row else _score(row["metric"], value),
        "instances": None if "problem" in row else row["limit"] or "all",
        "age": age(row["created"]),
        "size": for_people(row["bytes"]),
        "submission": row["submission"],
    }


def _score(metric: str | None, value: float | None) -> str | None:
    return None if value is None else f"{metric} {value:.4f}"
