"""``report``: a table of measured and printed numbers, or a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption, examples
from benchmark.commands.output import chosen_format, deliver
from benchmark.errors import UsageError, unknown_name
from benchmark.report.figures import FIGURE_NAMES

if TYPE_CHECKING:
    from benchmark.report.formats.sheet import TableStyle

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench report --table ablation --data sim-s --format md",
        "unimp-bench report --table search --columns metrics,cost",
        "unimp-bench report --figure generation --data sim-s --seed 1 --out generation.png",
        "unimp-bench report --figure dots --table search --format svg",
    )
)
def report(
    table: Annotated[
        str | None,
        typer.Option("--table", help="A number or name; or a TOML file of your own."),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option("--figure", help=f"Draw a figure instead: {', '.join(FIGURE_NAMES)}."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="Dataset of the measured columns, or of the figure [default: sim-s]."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Whose newest run a figure shows [default: unimp]."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Show the run of this seed instead of the newest."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            help="all: coverage, Gini, novelty, popularity and diversity of lists too.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="metrics, cost (seconds, memory, parameters, energy) or metrics,cost "
            "[default: metrics].",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, md, tex, html, csv or json [default: by --out, else text]; of a figure "
            "png, svg or pdf [default: png].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write to this file instead [default of a figure: figure-NAME.FORMAT or "
            "figure-NAME-TABLE.FORMAT, here].",
        ),
    ] = None,
    decimals: Annotated[
        int | None,
        typer.Option(
            "--decimals", min=0, max=10, help="Digits of metrics [default: 4; of percentages 2]."
        ),
    ] = None,
    percent: Annotated[
        bool, typer.Option("--percent", help="Metrics between 0 and 1 as percentages.")
    ] = False,
    intervals: Annotated[
        bool | None,
        typer.Option(
            "--intervals/--no-intervals",
            help="With intervals [default; tex: where a page has room].",
        ),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper/--no-paper", help="The paper's numbers beside the measured.")
    ] = True,
    spread: Annotated[
        bool, typer.Option("--std", help="Standard deviations over seeds in place of intervals.")
    ] = False,
    bare: Annotated[bool, typer.Option("--bare", help="A figure without title and notes.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a table: measured, interval, significance, and the paper's number beside it.

    Or draw a figure. From a stored run, "generation": for pairs of users with the same query,
    their histories, the generated image and the true item. From the runs of a table (--table):
    "dots", every metric with its interval; "cost", the primary metric against training time;
    "robustness", what perturbed inputs cost; "learning", validation scores by epoch; "ranks",
    rank intervals and ties.
    """
    if out is not None and (not out.name or out.is_dir()):
        raise UsageError(f"--out {str(out)!r} is a folder.", fix="Give the name of a file.")
    if metrics not in (None, "all"):
        raise unknown_name("value of --metrics", str(metrics), ["all"])
    if figure is not None:
        of_tables = {
            "--metrics": metrics is not None,
            "--columns": columns is not None,
            "--decimals": decimals is not None,
            "--percent": percent,
            "--intervals": intervals is not None,
            "--no-paper": not paper,
            "--std": spread,
        }
        for name, given in of_tables.items():
            if given:
                raise UsageError(
                    f"{name} belongs to a table, not to a figure.", fix="Leave out one of them."
                )
        _draw(figure, table, data, model, seed, output_format, out, home, as_json, bare)
    elif table is None:
        raise UsageError(
            "report needs --table or --figure.",
            fix="For instance: unimp-bench report --table search",
        )
    elif model is not None or seed is not None:
        one, what = ("model", model) if seed is None else ("seed", seed)
        raise UsageError(
            f"--{one} {what} belongs to --figure: a table names its models and shows every seed.",
            fix=f"Leave out --{one}, or give --figure generation instead of --table.",
        )
    else:
        from benchmark.report.formats.sheet import TableStyle

        if bare:
            raise UsageError("--bare belongs to --figure.", fix="Leave out --bare.")
        chosen = chosen_format(output_format, out, as_json=as_json)  # before the work
        style = TableStyle(decimals, percent, intervals, paper, spread)
        if chosen in ("csv", "json") and style != TableStyle():
            raise UsageError(
                f"{chosen} has every number in full: --decimals, --percent, --intervals, --paper "
                "and --std change nothing in it.",
                fix="Leave them out, or choose text, md, tex or html.",
            )
        kinds = _kinds(columns, beyond=metrics is not None)
        _print_table(table, data, chosen, style, out, home, beyond=metrics is not None, kinds=kinds)


def _kinds(columns: str | None, *, beyond: bool) -> tuple[str, ...]:
    from benchmark.report.cost_columns import METRICS, chosen_kinds

    kinds = (METRICS,) if columns is None else chosen_kinds(columns)
    if beyond and METRICS not in kinds:
        raise UsageError(
            "--metrics all adds metrics, which --columns leaves out.",
            fix="Give --columns metrics,cost, or leave out --metrics.",
        )
    return kinds


def _print_table(
    table: str,
    data: str | None,
    output_format: str,
    style: TableStyle,
    out: Path | None,
    home: Path | None,
    *,
    beyond: bool,
    kinds: tuple[str, ...],
) -> None:
    from benchmark.host.home import find_home
    from benchmark.report.build import build_report
    from benchmark.report.formats.render import render

    report = build_report(table, home=find_home(home), data=data, beyond=beyond, kinds=kinds)
    styled = None if out is None else False
    deliver(render(report, output_format, styled=styled, style=style), out)


def _draw(
    figure: str,
    table: str | None,
    data: str | None,
    model: str | None,
    seed: int | None,
    output_format: str | None,
    out: Path | None,
    home: Path | None,
    as_json: bool,
    bare: bool,
) -> None:
    from benchmark.host.console import print_json
    from benchmark.host.home import find_home
    from benchmark.report.figures.making import describe, make_figure

    drawing, path = make_figure(
        figure,
        home=find_home(home),
        data=data,
        model=model,
        seed=seed,
        table=table,
        output_format=output_format,
        out=out,
        bare=bare,
    )
    if as_json:
        print_json(describe(drawing, path))
    else:
        print(f"{path}: {drawing.summary()}")
