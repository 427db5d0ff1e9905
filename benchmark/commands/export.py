"""``export``: stored runs and datasets in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.commands.options import HomeOption, JsonOption, examples
from benchmark.host.console import note, output_to_stderr, print_json

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench export bm25_search_sim-s unimp_search_sim-s --format trec --out "
        "bm25-and-unimp",
        "unimp-bench export sim-s --format recbole --out for-recbole",
        "unimp-bench export hm --format huggingface --private --out hm-copy",
    )
)
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="trec, ranx: runs of the same instances (folders, ids or their starts); "
            "recbole, huggingface: a dataset.",
        ),
    ],
    output_format: Annotated[
        str, typer.Option("--format", help="trec, ranx, recbole or huggingface.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to be made.")],
    private: Annotated[
        bool,
        typer.Option(
            "--private", help="huggingface: also a dataset that may not be shared, for you alone."
        ),
    ] = False,
    terms_allow: Annotated[
        bool,
        typer.Option("--terms-allow", help="huggingface: the data's owner lets you share them."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write runs or a dataset to a new folder, as other tools read them.

    trec and ranx hold rankings and positives: scored by those tools they give the numbers of the
    run. A failed prediction is written as the single item %none, no item's id, which scores 0.
    recbole holds a dataset's split as atomic files, huggingface the dataset with a card.
    """
    from benchmark.exports.making import export as make
    from benchmark.host.home import find_home
    from benchmark.host.removing import for_people, size_of

    with output_to_stderr():
        made = make(
            names,
            output_format,
            out,
            home=find_home(home),
            private=private,
            terms_allow=terms_allow,
        )
    if made["licence"] is None and not terms_allow:
        note(f"Not to be shared further than its terms allow: {made['terms']}")
    if as_json:
        print_json(made)
        return
    print(f"{out}: {_what(made)}, {for_people(size_of(out))}")
    for run in made.get("runs", ()):
        if run["failed"]:
            note(f"{run['run']}: {run['failed']} failed predictions are written as %none.")
        if run["set_apart"]:
            note(f"{run['run']}: tied scores of {run['set_apart']} instances are set apart.")


def _what(made: dict[str, Any]) -> str:
    if "runs" in made:
        number = len(made["runs"])
        runs = f"{number} run{'' if number == 1 else 's'}"
        return f"{runs} of {made['task']} on {made['data']}, {made['instances']:,} instances"
    return f"{made['data']} for {made['format']}"
