"""``compare``: two runs on the same instances."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.console import print_json

app = typer.Typer()


@app.command(
    epilog="Examples: unimp-bench compare unimp_search_sim-s unimp-no-vision_search_sim-s;  "
    "unimp-bench compare runs/first runs/second --metric NDCG@5 --json"
)
def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A: folder, run id or its start.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="B: likewise.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="Only this one, and slices of it (repeatable) [default: all]."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs on the same instances, by user: difference, interval, who wins, for whom.

    Both must be of one task, dataset and cohort. Slices (history length, popularity and photo
    of the target) are of the primary metric, or of each --metric; they need the dataset.
    """
    from benchmark.compare import compare_runs, draw_comparison
    from benchmark.home import find_home
    from benchmark.runs.finding import find_run

    place = find_home(home)
    a, b = find_run(first, place), find_run(second, place)
    comparison = compare_runs(a, b, home=place, metrics=metric or ())
    if as_json:
        print_json(comparison.to_json())
    else:
        print(draw_comparison(comparison))
