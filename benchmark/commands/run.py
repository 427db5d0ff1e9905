"""``run``: fit if needed, predict, score, store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption, SettingsOption
from benchmark.errors import UsageError
from benchmark.host.console import output_to_stderr, print_json

if TYPE_CHECKING:
    from benchmark.runs.store import StoredRun

app = typer.Typer()


@app.command(
    epilog="Examples: unimp-bench run --model unimp --task search;  "
    "unimp-bench run --model bm25 --model popularity --task search --data hm;  "
    "unimp-bench run --model unimp --task preference --task explanation;  "
    "unimp-bench run --model sasrec --task recommendation --tuned;  "
    "unimp-bench run --table search"
)
def run(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="NAME, NAME:VARIANT or FILE.py:CLASS (repeatable)."),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="One of the six tasks, see unimp-bench tasks (repeatable)."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            "--table", help="Run every missing cell of a table (or of a TOML file) instead."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="A dataset's name [default: sim-s, or the table's own]."),
    ] = None,
    cohort: Annotated[str, typer.Option("--cohort", help="seen, new-user or new-domain.")] = "seen",
    perturb: Annotated[
        str | None,
        typer.Option("--perturb", help="nt (missing attributes) or nv (wrong images)."),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed of fit and prediction (repeatable) [default: 0]."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Only the first N instances, for a trial."),
    ] = None,
    settings: SettingsOption = None,
    tuned: Annotated[
        bool, typer.Option("--tuned", help="With the settings that unimp-bench tune chose.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", "--refit", help="Run again what is stored, its fit included."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit if needed, predict, score and store; then show the runs side by side."""
    import time

    from benchmark.commands.options import parse_settings
    from benchmark.data.opening import ensure_dataset
    from benchmark.host import processes
    from benchmark.host.home import find_home
    from benchmark.report.missing import specs_of_table
    from benchmark.runs.fitting import assist
    from benchmark.runs.runner import execute, result_json, specs_of_models, warn_of_failures
    from benchmark.runs.tuned import require_tuned

    place = find_home(home)
    if not processes.is_main():
        with output_to_stderr():
            assist(place)
        return
    seeds = seed or [0]
    if table is not None:
        if model or task or limit is not None or settings or tuned:
            raise UsageError(
                "--table decides models and tasks itself.",
                fix="Leave out --model, --task, --limit, --set and --tuned, or leave out --table.",
            )
        specs = specs_of_table(table, data=data, seeds=seeds, home=place)
    else:
        if not model or not task:
            raise UsageError(
                "run needs --model and --task, or --table.",
                fix="For instance: unimp-bench run --model unimp --task search",
            )
        with output_to_stderr():  # a model's file is imported
            specs = specs_of_models(
                model,
                task,
                data="sim-s" if data is None else data,
                cohort=cohort,
                perturb=perturb,
                seeds=seeds,
                limit=limit,
                settings=parse_settings(settings or []),
                tuned=tuned,
            )
            require_tuned(specs, place)
    runs = []
    started = time.time()
    with output_to_stderr():
        place.check_writable()
        names = dict.fromkeys(spec.data for spec in specs)
        datasets = {name: ensure_dataset(name, place) for name in names}
        for spec in specs:
            finished = execute(spec, datasets[spec.data], place, force=force, since=started)
            warn_of_failures(finished)
            runs.append(finished)
        processes.tell(None)
    if as_json:
        results = [result_json(finished) for finished in runs]
        print_json(results[0] if len(results) == 1 else results)
    elif table is not None:
        from benchmark.commands.report import report

        report(table=table, data=data, home=home)
    else:
        from benchmark.report.side_by_side import render_runs

        by_task: dict[str, list[StoredRun]] = {}
        for finished in runs:
            by_task.setdefault(finished.manifest["task"], []).append(finished)
        print("\n\n".join(render_runs(of_task) for of_task in by_task.values()))
