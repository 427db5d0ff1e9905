"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of datasets and runs [env: UNIMP_BENCH_HOME]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: name=value (repeatable)."),
]
DatasetArgument = Annotated[str, typer.Argument(help="A dataset's name.")]
