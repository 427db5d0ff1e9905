"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.errors import UsageError

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of datasets and runs, or its address [env: UNIMP_BENCH_HOME]."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: name=value (repeatable)."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset's name.")]


def examples(*commands: str) -> str:
    """Return the end of a command's help: a line for each of ``commands``, to be copied whole."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"Examples:\n\n\b\n{lines}"


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """Read ``["epochs=3", "layers=[1,2]"]`` as ``{"epochs": 3, "layers": [1, 2]}``.

    Values are read as JSON where they are JSON, else kept as text. Raises
    :class:`UsageError` for a pair without ``=`` and for a key given twice.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            missing = "name before its '='" if separator else "'='"
            raise UsageError(
                f"--set {pair!r} has no {missing}.",
                fix="Write --set name=value, for instance epochs=3.",
            )
        if key in settings:
            raise UsageError(f"--set names {key!r} twice.", fix="Keep one of them.")
        try:
            settings[key] = json.loads(text)
        except (ValueError, RecursionError):  # a number or a nesting too long is kept as text
            settings[key] = text
    return settings
