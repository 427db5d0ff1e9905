"""``data prepare``: build a dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption, SettingsOption, examples
from benchmark.commands.printing import print_nested
from benchmark.errors import UsageError
from benchmark.host.console import output_to_stderr, print_json

app = typer.Typer()


@app.command(
    "prepare",
    epilog=examples(
        "unimp-bench data prepare hm --raw path/to/h-and-m --set history_window=5",
        "unimp-bench data prepare amazon2023 --raw path/to/reviews --scheduler tcp://10.0.0.5:8786",
    ),
)
def data_prepare(
    source: Annotated[str, typer.Argument(help="A source's name, see unimp-bench data sources.")],
    raw: Annotated[
        str | None,
        typer.Option("--raw", help="Folder or file of your own download, or its address."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the dataset [default: the source's]."),
    ] = None,
    settings: SettingsOption = None,
    on_error: Annotated[
        str, typer.Option("--on-error", help="raise or skip (count and report) broken rows.")
    ] = "raise",
    allow_loss: Annotated[
        float,
        typer.Option(
            "--allow-loss", help="Largest share of a file's lines that skip may leave out."
        ),
    ] = 0.05,
    force: Annotated[bool, typer.Option("--force", help="Replace a dataset of that name.")] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Divide the work over so many processes of this machine."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Divide it over the Dask cluster at this address."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a dataset from raw files: split, instances, photos, all hashed.

    Reviews and metadata in JSON, explanations, and a simulated shop's users and photos are divided
    over workers; the dataset is the same without them.
    """
    from benchmark.commands.options import parse_settings
    from benchmark.commands.workers import asked_cluster, divided_work
    from benchmark.data.preparing.asking import prepare_asked
    from benchmark.data.preparing.statistics import stats
    from benchmark.host.home import find_home

    if on_error not in ("raise", "skip"):
        raise UsageError(f"--on-error {on_error!r} is unknown.", fix="Give raise or skip.")
    cluster = asked_cluster(workers, scheduler, ())
    with output_to_stderr(), divided_work(cluster):
        dataset = prepare_asked(
            source,
            home=find_home(home),
            name=name,
            raw=raw,
            settings=parse_settings(settings or []),
            on_error="skip" if on_error == "skip" else "raise",
            allow_loss=allow_loss,
            force=force,
        )
    if as_json:
        print_json(stats(dataset))
    else:
        print_nested(stats(dataset))
