"""``tune``: search a model's settings on validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption, SettingsOption, examples
from benchmark.host.console import note, output_to_stderr, print_json

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench tune --model sasrec --task recommendation --trials 20",
        "unimp-bench tune --model bm25 --task search --data hm --trials 50 --figure bm25.svg",
        "unimp-bench tune --model unimp --task search --trials 10 --space mine.toml --timeout 7200",
        "unimp-bench run --model sasrec --task recommendation --tuned",
    )
)
def tune(
    model: Annotated[str, typer.Option("--model", help="NAME, NAME:VARIANT or FILE.py:CLASS.")],
    task: Annotated[str, typer.Option("--task", help="Whose primary metric is to be best.")],
    trials: Annotated[
        int, typer.Option("--trials", help="How many in all, those stored before included.")
    ],
    data: Annotated[str, typer.Option("--data", help="A dataset's name.")] = "sim-s",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the suggestions and the fits.")] = 0,
    settings: SettingsOption = None,
    space: Annotated[
        Path | None,
        typer.Option("--space", help="TOML file of what to search [default: the model's own]."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", help="Begin no trial after so many seconds."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Draw value by trial into this file (.svg or .png)."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a model's settings on the validation instances, never on the test ones.

    A trial is a fit, so it takes as long as one. What is finished is kept: the same command with
    the same or more --trials goes on. --set fixes a setting for all trials.
    """
    from benchmark.commands.options import parse_settings
    from benchmark.host.home import find_home
    from benchmark.report.figures.making import check_file, write_figure
    from benchmark.report.figures.tuning import HistoryFigure
    from benchmark.tuning.outcome import outcome_json, outcome_text
    from benchmark.tuning.search import tune as search_settings

    if figure is not None:
        check_file(figure, "--figure")  # before the work
    with output_to_stderr():
        found = search_settings(
            model,
            task,
            data=data,
            trials=trials,
            home=find_home(home),
            seed=seed,
            settings=parse_settings(settings or []),
            space=space,
            timeout=timeout,
        )
        if figure is not None and found.best is not None:
            write_figure(HistoryFigure(found), figure)
        elif figure is not None:
            note(f"No trial has a value: {figure} is not drawn.")
    if as_json:
        print_json(outcome_json(found, model))
    else:
        print(outcome_text(found, model))
