"""``doctor``: the environment, and whether a model keeps its promises."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from benchmark.commands.options import HomeOption, JsonOption, SettingsOption
from benchmark.commands.printing import print_nested
from benchmark.host.console import output_to_stderr, print_json

app = typer.Typer()


@app.command(epilog="Example: unimp-bench doctor --model bm25")
def doctor(
    model: Annotated[
        str | None,
        typer.Option("--model", help="Also check this model's predictions."),
    ] = None,
    data: Annotated[str, typer.Option("--data", help="A dataset's name.")] = "sim-xs",
    settings: SettingsOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report on the environment; check a model's order and batch-size invariance.

    A model that tells what its fit learned is quoted: UniMP its gates of cross-attention.
    """
    from benchmark.commands.options import parse_settings
    from benchmark.doctor import check_model, describe_environment
    from benchmark.host.home import find_home

    place = find_home(home)
    with output_to_stderr():
        result: dict[str, Any] = {"environment": describe_environment(place)}
        if model is not None:
            checked = check_model(model, data, place, parse_settings(settings or []))
            result["model"] = dict(checked.problems)
            if checked.learned:
                result["learned"] = dict(checked.learned)
    if as_json:
        print_json(result)
    else:
        told = {task: found or "no problem" for task, found in result.get("model", {}).items()}
        print_nested({**result, **({"model": told} if told else {})})
    if any(problems for problems in result.get("model", {}).values()):
        raise SystemExit(1)
