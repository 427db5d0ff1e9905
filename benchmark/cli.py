"""The command line: parses, calls, prints. Everything it does can be called from Python.

Results go to standard output, progress and warnings to standard error. Heavy modules are
imported inside the commands that need them, so that ``--help`` and the listings are instant.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

import benchmark
from benchmark.console import accept_any_text, discard_output, output_to_stderr, print_json
from benchmark.errors import BenchError, UsageError

app = typer.Typer(
    name="unimp-bench",
    epilog="Example: unimp-bench run --model unimp --task search",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Prepare, describe and check datasets.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(data_app, name="data")

HomeOption = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads the annotation at run time
    typer.Option("--home", help="Folder of datasets and runs [env: UNIMP_BENCH_HOME]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SettingsOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", help="Override a setting: name=value (repeatable)."),
]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset's name.")]


def main() -> None:
    """Entry point: turns errors into one or two lines and an exit status (0, 1 or 2)."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]
    accept_any_text()
    try:
        status = _run_command(arguments)
        sys.stdout.flush()  # here, where a full disk behind a redirection can still be reported
    except BenchError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("Interrupted. Finished parts are kept; the same command goes on from there.", 130)
    except BrokenPipeError:
        discard_output()  # the reader of a pipe (head, less) left: nobody to tell
        raise SystemExit(0) from None
    except Exception as error:
        if debug:
            raise
        usage = _usage_message(error, arguments)
        if usage is not None:
            _fail(usage, 2)
        from benchmark.files import is_write_failure

        if is_write_failure(error):
            discard_output()
            _fail(f"Cannot write the output: {error}.\nFree some space or write elsewhere.", 1)
        _fail(
            f"Unexpected {type(error).__name__}: {error}\n"
            "This is a bug: please report it with the output of the same command and --debug.",
            1,
        )
    raise SystemExit(status)


def _run_command(arguments: Sequence[str]) -> int:
    """The exit status. All exceptions come through, interrupts and closed pipes included:

    Typer's own ``main`` would turn those into exit statuses without a word.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("unimp-bench", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _usage_message(error: Exception, arguments: Sequence[str]) -> str | None:
    """The message of a Typer or Click usage error, or ``None`` for other exceptions."""
    message = getattr(error, "format_message", None)
    if message is None or not hasattr(error, "exit_code"):
        return None
    text = str(message())
    if not arguments or text.startswith("Usage:"):  # nothing was asked: the help is the answer
        print(text, file=sys.stderr)
        raise SystemExit(2)
    for option in getattr(getattr(error, "param", None), "opts", ()):
        given = [b for a, b in itertools.pairwise(arguments) if a == option]
        if "Invalid value" in text and given:  # Typer leaves out which value it was
            return f"{text} (given: {option} {' '.join(given)})"
    return text


def _fail(message: str, status: int) -> None:
    print(f"unimp-bench: {message}", file=sys.stderr)
    raise SystemExit(status)


def _print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """A plain aligned listing; lists are joined, nothing is cut."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(benchmark.__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks (anywhere on the command line).")
    ] = False,
) -> None:
    """Benchmark multi-modal personalization: six tasks, one protocol, every system."""


@app.command(epilog="Example: unimp-bench tasks --json")
def tasks(as_json: JsonOption = False) -> None:
    """List the six tasks with their metrics."""
    from benchmark.tasks import TASKS

    rows = []
    for name in TASKS:
        task = TASKS.get(name)
        rows.append(
            {
                "name": name,
                "version": task.version,
                "metrics": list(task.metrics),
                "primary": task.primary,
                "summary": task.summary,
            }
        )
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, ["name", "primary", "summary"])


@app.command(epilog="Example: unimp-bench models --json")
def models(as_json: JsonOption = False) -> None:
    """List the models, their variants and tasks, and what is missing to run them."""
    from benchmark.model_registry import entries

    rows = []
    with output_to_stderr():  # importing installed packages runs their code
        known = entries()
    for entry in known.values():
        reason = entry.why_not()
        rows.append(
            {
                "name": entry.name,
                "variants": list(entry.variants),
                "tasks": list(entry.tasks),
                "group": entry.group,
                "paper_name": entry.paper_name,
                "adapted": entry.adapted,
                "available": reason is None,
                "why_not": reason,
            }
        )
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, ["name", "group", "tasks", "variants", "available", "why_not"])


@app.command(epilog="Example: unimp-bench tables")
def tables(as_json: JsonOption = False) -> None:
    """List the paper's tables that report and run can fill."""
    from benchmark.report.listing import list_tables

    rows = list_tables()
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, ["number", "name", "title"])


@data_app.command("list", epilog="Example: unimp-bench data list")
def data_list(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List prepared datasets."""
    from benchmark.data.listing import list_datasets
    from benchmark.home import find_home

    rows = list_datasets(find_home(home))
    if as_json:
        print_json(rows)
    elif rows:
        _print_rows(rows, ["name", "source", "users", "items", "interactions", "tasks"])
        for row in rows:
            if "problem" in row:
                print(f"{row['name']}: {row['problem']}", file=sys.stderr)
    else:
        print("No dataset is prepared yet: unimp-bench data prepare sim", file=sys.stderr)


@data_app.command(
    "prepare",
    epilog="Example: unimp-bench data prepare hm --raw path/to/h-and-m --set history_window=5",
)
def data_prepare(
    source: Annotated[str, typer.Argument(help="A source: sim, ml-100k, hm, sequences.")],
    raw: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--raw", help="Folder or file of your own download."),
    ] = None,
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--name", help="Name of the dataset [default: the source's]."),
    ] = None,
    settings: SettingsOption = None,
    on_error: Annotated[
        str, typer.Option("--on-error", help="raise or skip (count and report) broken rows.")
    ] = "raise",
    force: Annotated[bool, typer.Option("--force", help="Replace a dataset of that name.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a dataset from raw files: split, instances, photos, all hashed."""
    from benchmark.data.prepare import prepare
    from benchmark.data.statistics import stats
    from benchmark.home import find_home
    from benchmark.runs.config import parse_settings

    if on_error not in ("raise", "skip"):
        raise UsageError(f"--on-error {on_error!r} is unknown.", fix="Give raise or skip.")
    with output_to_stderr():
        dataset = prepare(
            source,
            home=find_home(home),
            name=name,
            raw=raw,
            settings=parse_settings(settings or []),
            on_error="skip" if on_error == "skip" else "raise",
            force=force,
        )
    if as_json:
        print_json(stats(dataset))
    else:
        _print_stats(stats(dataset))


@data_app.command("stats", epilog="Example: unimp-bench data stats sim-s")
def data_stats(name: DatasetArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Describe a dataset: counts, splits, tasks, and why a task is absent."""
    from benchmark.data.dataset import ensure_dataset
    from benchmark.data.statistics import stats
    from benchmark.home import find_home

    description = stats(ensure_dataset(name, find_home(home)))
    if as_json:
        print_json(description)
    else:
        _print_stats(description)


def _print_stats(value: Any, indent: str = "") -> None:
    width = max((len(key) for key in value), default=0)
    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            print(f"{indent}{key}:")
            _print_stats(entry, indent + "  ")
        elif not isinstance(entry, dict):
            print(f"{indent}{key.ljust(width)}  {_cell(entry)}")


@data_app.command("verify", epilog="Example: unimp-bench data verify sim-s")
def data_verify(
    name: DatasetArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Hash every file of a dataset again and compare."""
    from benchmark.data.dataset import open_dataset
    from benchmark.data.verify import verify
    from benchmark.home import find_home

    problems = verify(open_dataset(name, find_home(home)))
    if as_json:
        print_json({"name": name, "whole": not problems, "problems": problems})
    else:
        print("\n".join(problems) or f"{name}: every file is as it was prepared.")
    if problems:
        raise SystemExit(1)


@app.command(
    epilog="Examples: unimp-bench run --model unimp --task search;  "
    "unimp-bench run --model bm25 --model popularity --task search --data hm;  "
    "unimp-bench run --table search"
)
def run(
    model: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--model", help="NAME, NAME:VARIANT or FILE.py:CLASS (repeatable)."),
    ] = None,
    task: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--task", help="One of the six tasks (see unimp-bench tasks)."),
    ] = None,
    table: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--table", help="Run every missing cell of a table instead."),
    ] = None,
    data: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--data", help="A dataset's name [default: sim-s, or the table's own]."),
    ] = None,
    cohort: Annotated[str, typer.Option("--cohort", help="seen, new-user or new-domain.")] = "seen",
    perturb: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--perturb", help="nt (missing attributes) or nv (wrong images)."),
    ] = None,
    seed: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option("--seed", help="Seed of fit and prediction (repeatable) [default: 0]."),
    ] = None,
    limit: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--limit", help="Only the first N instances, for a trial."),
    ] = None,
    settings: SettingsOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what is stored.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit if needed, predict, score and store; then show the runs side by side."""
    from benchmark.home import find_home
    from benchmark.runs.config import parse_settings
    from benchmark.runs.plan import specs_of_models, specs_of_table
    from benchmark.runs.runner import execute, result_json, warn_of_failures

    place = find_home(home)
    seeds = seed or [0]
    if table is not None:
        if model or task or limit is not None or settings:
            raise UsageError(
                "--table decides models and tasks itself.",
                fix="Leave out --model, --task, --limit and --set, or leave out --table.",
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
            )
    runs = []
    with output_to_stderr():
        for spec in specs:
            finished = execute(spec, place, force=force)
            warn_of_failures(finished)
            runs.append(finished)
    if as_json:
        results = [result_json(finished) for finished in runs]
        print_json(results[0] if len(results) == 1 else results)
    elif table is not None:
        report(table=table, data=data, home=home)
    else:
        from benchmark.report.comparison import render_runs

        print(render_runs(runs))


@app.command(epilog="Example: unimp-bench report --table ablation --data sim-s --format md")
def report(
    table: Annotated[str, typer.Option("--table", help="A number or name; or a TOML file.")],
    data: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--data", help="Dataset of the measured columns [default: sim-s]."),
    ] = None,
    output_format: Annotated[str, typer.Option("--format", help="text, md or json.")] = "text",
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="Write to this file instead."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a table: measured, interval, significance, and the paper's number beside it."""
    from benchmark.files import atomic_path
    from benchmark.home import find_home
    from benchmark.report.build import build_report
    from benchmark.report.render import render

    if out is not None and (not out.name or out.is_dir()):
        raise UsageError(f"--out {str(out)!r} is a folder.", fix="Give the name of a file.")
    content = render(
        build_report(table, home=find_home(home), data=data),
        "json" if as_json else output_format,
        styled=None if out is None else False,
    )
    if out is None:
        print(content)
    else:
        with atomic_path(out) as temporary:
            temporary.write_text(content + "\n", encoding="utf-8")


@app.command(epilog="Example: unimp-bench doctor --model bm25")
def doctor(
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--model", help="Also check this model's predictions."),
    ] = None,
    data: Annotated[str, typer.Option("--data", help="A dataset's name.")] = "sim-xs",
    settings: SettingsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report on the environment; check a model's order and batch-size invariance."""
    from benchmark.doctor import check_model, describe_environment
    from benchmark.home import find_home
    from benchmark.runs.config import parse_settings

    place = find_home(home)
    with output_to_stderr():
        result: dict[str, Any] = {"environment": describe_environment(place)}
        if model is not None:
            result["model"] = check_model(model, data, place, parse_settings(settings or []))
    if as_json:
        print_json(result)
    else:
        _print_stats(result)
    if any(problems for problems in result.get("model", {}).values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
