"""``data images``: get the photos of a dataset's items, and check them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.commands.options import DatasetArgument, HomeOption, JsonOption, examples
from benchmark.errors import UsageError

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset
    from benchmark.data.photos.journal import Outcome

app = typer.Typer()


@app.command(
    "images",
    epilog=examples(
        "unimp-bench data images amazon2023 --raw path/to/amazon",
        "unimp-bench data images ml-100k --from path/to/posters",
    ),
)
def data_images(
    name: DatasetArgument,
    raw: Annotated[
        Path | None,
        typer.Option("--raw", help="What the dataset was prepared from: it names the addresses."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Take photos, <item id>.jpg, from a folder; fetch nothing."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="Folder of the photos [default: where preparing from --raw looks for them; "
            "with --from alone, photos are checked only].",
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second.")] = 5.0,
    retries: Annotated[int, typer.Option(min=0, help="Tries after the first.")] = 4,
    timeout: Annotated[
        float, typer.Option(min=0.01, help="Seconds without a byte that end a connection.")
    ] = 20.0,
    most_bytes: Annotated[int, typer.Option(min=1, help="Largest photo.")] = 20_000_000,
    most_alike: Annotated[
        int, typer.Option(min=2, help="Items sharing an address or a file: a placeholder.")
    ] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Connections at once.")] = 8,
    again: Annotated[
        bool, typer.Option("--again", help="Try also what failed for good before.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the photos that a dataset's metadata names, or take a folder; check every one.

    Goes on where it was stopped. Finds placeholders, wrong types, broken and blank pictures; what
    became of each item's photo is in photos.jsonl beside the photos.
    """
    from benchmark.data.opening import open_dataset
    from benchmark.data.photos.collecting import counted, download, take
    from benchmark.data.photos.fetching import Fetcher, Manners
    from benchmark.host.console import output_to_stderr
    from benchmark.host.home import find_home

    if raw is None and source is None:
        raise UsageError(
            "Nothing says where photos come from.",
            fix="Give --raw (its metadata names addresses) or --from FOLDER.",
        )
    dataset = open_dataset(name, find_home(home))
    items = list(dataset.catalogue().ids)
    folder = target if target is not None or raw is None else _photo_folder(dataset, raw)
    with output_to_stderr():
        if source is not None:
            outcomes = take(items, source, folder, most_alike=most_alike)
        else:
            assert raw is not None
            assert folder is not None
            manners = Manners(rate, retries, timeout, most_bytes)
            outcomes = download(
                items,
                _addresses(dataset, raw),
                folder,
                Fetcher(manners),
                most_alike=most_alike,
                workers=workers,
                again=again,
            )
    _tell(dataset, folder, counted(outcomes), outcomes, as_json=as_json)


def _parts(dataset: Dataset) -> tuple[Any, Any]:
    """The source of a dataset, and its parameters as they were given."""
    from benchmark.data.sources import SOURCES

    source = SOURCES.get(dataset.info["source"])
    given = dataset.info["parameters"]
    own = {key: given[key] for key in source.params.model_fields if key in given}
    return source, source.params.model_validate(own)


def _photo_folder(dataset: Dataset, raw: Path) -> Path:
    source, params = _parts(dataset)
    if source.photo_folder is None:
        raise UsageError(
            f"Source {source.name!r} has no usual folder of photos.", fix="Give one by --to FOLDER."
        )
    folder: Path = source.photo_folder(raw, params)
    return folder


def _addresses(dataset: Dataset, raw: Path) -> dict[str, list[str]]:
    """Item id -> addresses of its photo, best first."""
    source, params = _parts(dataset)
    if source.addresses is None:
        raise UsageError(
            f"The metadata of source {source.name!r} names no addresses of photos.",
            fix="Take a folder of your own: --from FOLDER.",
        )
    found: dict[str, list[str]] = {}
    for item, address in source.addresses(raw, params):
        found.setdefault(item, []).append(address)
    return found


def _tell(
    dataset: Dataset,
    folder: Path | None,
    counts: dict[str, int],
    outcomes: list[Outcome],
    *,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from benchmark.commands.printing import print_nested
    from benchmark.host.console import note, print_json

    wrong = [outcome for outcome in outcomes if outcome.kind != "good"]
    where = None if folder is None else str(folder)
    if as_json:
        problems = [asdict(outcome) for outcome in wrong]
        print_json({"name": dataset.name, "folder": where, "counts": counts, "problems": problems})
        return
    print_nested({"name": dataset.name, "folder": where, "photos": counts})
    for kind in counts:
        some = [outcome for outcome in wrong if outcome.kind == kind][:3]
        for outcome in some:
            note(f"{kind}: {outcome.item}" + (f" ({outcome.why})" if outcome.why else ""))
    if "failed for now" in counts:
        note("Some failed for now: the same command tries them again.")
    if folder is not None:
        note("Prepare the dataset again, with --force, to have these photos in it.")
