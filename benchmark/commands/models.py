"""``models``: the systems that can be run, or everything of one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from benchmark.commands.options import JsonOption, examples
from benchmark.commands.printing import print_rows, print_wrapped
from benchmark.host.console import note, output_to_stderr, print_json

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench models",
        "unimp-bench models unimp:no-vision",
    )
)
def models(
    name: Annotated[
        str | None,
        typer.Argument(help="NAME, NAME:VARIANT or FILE.py:CLASS [default: list them all]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models, or describe one: its variants, what it needs, and every setting."""
    from benchmark.commands.describing import print_model
    from benchmark.models.listing import list_models

    if name is not None:
        print_model(name, as_json=as_json)
        return
    with output_to_stderr():  # importing installed packages runs their code
        rows = list_models()
    if as_json:
        print_json(rows)
    else:
        _print_listing(rows)


def _print_listing(rows: list[dict[str, Any]]) -> None:
    shown = [{**row, "variants": len(row["variants"]) or None} for row in rows]
    print_rows(shown, ["name", "group", "tasks", "variants", "available"])
    for row in rows:
        missing = {row["name"]: row["why_not"]} if row["why_not"] else {}
        missing |= {f"{row['name']}:{name}": why for name, why in row["variants_why_not"].items()}
        for label, why in missing.items():
            print_wrapped(f"{label}: {why}", more="  ")
    note("\nAll of one, with its variants and settings: unimp-bench models NAME")
