"""``run``: fit if needed, predict, score, store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.commands.estimating import (
    estimate_runs,
    print_comparison,
    print_costs,
    print_estimate,
    with_estimate,
)
from benchmark.commands.options import HomeOption, JsonOption, examples
from benchmark.commands.run_file import given_settings, read_run_file
from benchmark.errors import UsageError
from benchmark.host.console import note, output_to_stderr, print_json

if TYPE_CHECKING:
    from benchmark.commands.workers import Cluster
    from benchmark.host.home import Home
    from benchmark.runs.estimating.estimate import Estimate
    from benchmark.runs.spec import RunSpec
    from benchmark.runs.store import StoredRun

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench run --model unimp --task search",
        "unimp-bench run --model bm25 --model popularity --task search --data hm",
        "unimp-bench run --model unimp --task preference --task explanation",
        "unimp-bench run --model sasrec --model hgn --task recommendation --set sasrec:epochs=3",
        "unimp-bench run --model sasrec --task recommendation --tuned",
        "unimp-bench run --table search --estimate --dry-run",
        "unimp-bench run --table search --workers 4",
        "unimp-bench run --config mine.toml --seed 1",
    )
)
def run(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            callback=read_run_file,
            is_eager=True,
            help="TOML file of these options; what is given here comes before it.",
        ),
    ] = None,
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
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Override a setting: name=value for every model that has it, MODEL:name=value "
            "for one (repeatable).",
        ),
    ] = None,
    tuned: Annotated[
        bool,
        typer.Option(
            "--tuned/--no-tuned", help="With the settings that unimp-bench tune chose, if it did."
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force/--no-force",
            "--refit",
            help="Run again what is stored, its fit included; of a --table only what is missing.",
        ),
    ] = False,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate/--no-estimate",
            help="Print what each missing run will cost (time, memory, disk), then run them; "
            "with --dry-run print it alone.",
        ),
    ] = False,
    estimate_seconds: Annotated[
        float,
        typer.Option(
            "--estimate-seconds",
            min=0.1,
            max=3600,
            help="How long each stage of a fit is measured for it.",
        ),
    ] = 10.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run/--no-dry-run", help="With --estimate: run nothing, print the estimate alone."
        ),
    ] = False,
    country: Annotated[
        str | None,
        typer.Option(
            "--country",
            help="Whose electricity the emissions are of (codecarbon), as in DEU "
            "[env: UNIMP_BENCH_COUNTRY].",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Execute the runs on so many processes of this machine."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Execute them on the Dask cluster at this address."),
    ] = None,
    resources: Annotated[
        list[str] | None,
        typer.Option(
            "--resources",
            help="What a model's worker must offer: MODEL:NAME=AMOUNT, such as unimp:GPU=1 "
            "(repeatable).",
        ),
    ] = None,
    help_settings: Annotated[
        bool, typer.Option("--help-settings", help="Print the settings of --model and end.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit if needed, predict, score and store; then show the runs and where they are stored."""
    from benchmark.commands.workers import asked_cluster, report_problems
    from benchmark.host import processes
    from benchmark.host.energy import find_meter, set_country
    from benchmark.host.home import find_home
    from benchmark.report.missing import specs_of_table
    from benchmark.runs.fitting import assist

    if help_settings:
        _print_settings(model or [], as_json=as_json)
        return
    if dry_run and not estimate:
        raise UsageError("--dry-run belongs to --estimate.", fix="Give both, or leave it out.")
    if not estimate and _is_typed(context, "estimate_seconds"):
        raise UsageError(
            "--estimate-seconds belongs to --estimate.", fix="Give both, or leave it out."
        )
    set_country(country)
    place = find_home(home)
    cluster = asked_cluster(workers, scheduler, resources or [])
    if country is not None and cluster is None and find_meter() is None:
        more = "pip install 'unimp-bench[energy]'"
        note(f"--country is of no use: no energy is measured here ({more}).")
    if not processes.is_main():
        with output_to_stderr():
            assist(place)
        return
    given, seeds = given_settings(context, settings), seed or [0]
    if table is not None:
        _check_table_alone(model, task, limit is not None, given, tuned, cohort != "seen", perturb)
        specs = specs_of_table(table, data=data, seeds=seeds, home=place)
    else:
        specs = _specs(
            model,
            task,
            place,
            data="sim-s" if data is None else data,
            cohort=cohort,
            perturb=perturb,
            seeds=seeds,
            limit=limit,
            settings=given,
            tuned=tuned,
        )
    found = None
    if estimate:
        found = estimate_runs(specs, place, seconds=estimate_seconds, force=force)
        _print_estimate(found, as_json=as_json, alone=dry_run)
        if dry_run:
            return
    started = time.monotonic()
    runs, problems = _executed(specs, place, cluster, force=force)
    took = time.monotonic() - started
    if as_json:
        _print_results(runs, found, several=table is not None or len(specs) > 1)
    else:
        _show(runs, table=table, data=data, home=home)
    if found is not None and not as_json:
        print()
        print_comparison(found, runs, took)
    report_problems(problems, len(specs))


def _is_typed(context: typer.Context, name: str) -> bool:
    """Whether the command line itself gives this option, rather than a run file or its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _specs(
    models: list[str] | None, tasks: list[str] | None, home: Home, *, tuned: bool, **asked: Any
) -> list[RunSpec]:
    """The runs of every model on every task; :class:`UsageError` where either is not given."""
    from benchmark.runs.runner import specs_of_models
    from benchmark.runs.tuned import require_tuned

    if not models or not tasks:
        raise UsageError(
            "run needs --model and --task, or --table.",
            fix="For instance: unimp-bench run --model unimp --task search",
        )
    with output_to_stderr():  # a model's file is imported
        return require_tuned(specs_of_models(models, tasks, tuned=tuned, **asked), home)


def _print_estimate(found: Estimate, *, as_json: bool, alone: bool) -> None:
    """Print an estimate: beside the results to come, unless it is all that is asked for."""
    if as_json and alone:
        print_json(found.to_json())
    else:
        print_estimate(found, aside=as_json)


def _executed(
    specs: list[RunSpec], home: Home, cluster: Cluster | None, *, force: bool
) -> tuple[list[StoredRun], list[str]]:
    """Execute the runs here or on a cluster, whose failures are returned in words."""
    from benchmark.commands.workers import executed_on
    from benchmark.host import processes
    from benchmark.runs.runner import execute_all

    with output_to_stderr():
        problems: list[str] = []
        if cluster is None:
            runs = execute_all(specs, home, force=force)
        else:
            runs, problems = executed_on(cluster, specs, home, force=force)
        processes.tell(None)
    return runs, problems


def _check_table_alone(*others: object) -> None:
    """Raise :class:`UsageError` where one of ``others``, which a table decides, is given too."""
    if any(others):
        raise UsageError(
            "--table decides models, tasks, cohorts and perturbations itself.",
            fix="Leave out --model, --task, --cohort, --perturb, --limit, --set and --tuned, or "
            "leave out --table.",
        )


def _print_settings(models: Sequence[str], *, as_json: bool) -> None:
    from benchmark.commands.describing import print_settings

    if len(models) != 1:
        raise UsageError(
            "--help-settings describes one model.", fix="Give one --model NAME with it."
        )
    print_settings(models[0], as_json=as_json)


def _print_results(runs: Sequence[StoredRun], found: Estimate | None, *, several: bool) -> None:
    """Print a list where ``several`` were asked for, however many of them there are now."""
    from benchmark.runs.runner import result_json

    results = [with_estimate(result_json(run), run, found) for run in runs]
    if several:
        print_json(results)
    elif results:  # of one that failed standard error tells
        print_json(results[0])


def _show(
    runs: Sequence[StoredRun],
    *,
    table: str | None,
    data: str | None,
    home: Path | None,
) -> None:
    from benchmark.commands.report import report
    from benchmark.report.side_by_side import render_learned, render_runs

    if table is not None:
        report(table=table, data=data, home=home)
    else:
        by_task: dict[str, list[StoredRun]] = {}
        for finished in runs:
            by_task.setdefault(finished.manifest["task"], []).append(finished)
        tables = [render_runs(of_task) for of_task in by_task.values()]
        shares = render_learned(runs)
        print("\n\n".join(tables if shares is None else [*tables, shares]))
    if runs:
        print()
        print_costs(runs)
        print()
    for folder in dict.fromkeys(finished.folder for finished in runs):
        print(f"Stored: {folder}")
