"""``leaderboard build`` and ``leaderboard serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.host.console import note, output_to_stderr, print_json

if TYPE_CHECKING:
    from leaderboards.site.entries import Collection, Refusal

PrepareOption = Annotated[
    bool,
    typer.Option("--prepare/--no-prepare", help="Build the boards' datasets that are not here."),
]

app = typer.Typer(help="The leaderboard as static pages.", no_args_is_help=True)


@app.command(epilog="Example: unimp-bench leaderboard build --out site")
def build(
    out: Annotated[Path, typer.Option("--out", help="The site's folder; a former site goes.")],
    submissions: Annotated[
        Path, typer.Option("--submissions", help="A folder of submissions.")
    ] = Path("leaderboards/submissions"),
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Refused submissions do not fail the command.")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables/--no-tables", help="A page for each of the paper's tables.")
    ] = True,
    repository: Annotated[
        str | None,
        typer.Option("--repository", help="Where the code is, for the pages' links (https)."),
    ] = None,
    prepare: PrepareOption = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify the submissions and write a page a board and a submission.

    Datasets that boards name and anyone can build are prepared first. Whatever is refused, and a
    dataset that could not be prepared, is told on standard error, and the exit status is 1.
    """
    from benchmark.host.home import find_home
    from leaderboards.site.building import build_site

    with output_to_stderr():
        found = build_site(
            submissions,
            out,
            home=find_home(home),
            with_tables=tables,
            repository=repository,
            prepare=prepare,
        )
    for name, reason in found.absent.items():
        note(f"dataset {name} is not here, and its rows are only reported: {reason}")
    for refusal in found.refusals:
        for line in _lines(refusal):
            note(line)
    if as_json:
        print_json({"site": str(out), **_as_json(found)})
    else:
        refused = f", {len(found.refusals)} refused" if found.refusals else ""
        print(f"{out / 'index.html'}: {len(found.entries)} submissions{refused}")
    failed = found.absent or (found.refusals and not skip_refused)
    raise SystemExit(1 if failed else 0)


@app.command(epilog="Example: unimp-bench leaderboard serve --dir site")
def serve(
    folder: Annotated[Path, typer.Option("--dir", help="A site that build wrote.")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
) -> None:
    """Show a site on this machine until interrupted. Pages also open from the disk as they are."""
    from leaderboards.site.serving import site_server

    with site_server(folder, port) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("")


def _lines(refusal: Refusal) -> list[str]:
    from leaderboards.submission.findings import shown

    name = shown(refusal.name)
    return [f"refused {name}: {p.code} at {p.where}: {p.message}" for p in refusal.problems]


def _as_json(found: Collection) -> dict[str, object]:
    return {
        "submissions": [
            {"submission": entry.name, "model": entry.submission.label, "badge": entry.badge}
            for entry in found.entries
        ],
        "refused": [
            {"submission": refusal.name, "problems": [p.as_json() for p in refusal.problems]}
            for refusal in found.refusals
        ],
        "absent": found.absent,
    }
