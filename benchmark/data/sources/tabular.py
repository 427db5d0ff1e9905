"""Anyone's tables: CSV, TSV or Parquet, with a map in TOML that says which column is what.

``--raw`` is the map, or a folder with ``columns.toml`` in it
(:class:`~benchmark.data.raw.column_map.ColumnMap` lists its keys, docs/your-own-tables.md shows
one). Photos lie in a folder, named after the items or as a column says. Ids and texts lose the
spaces around them and take one Unicode form (NFC), so that ids that look alike are alike.

Ties in time are broken by a seeded hash of user and item, or keep the order of the file with
``ties=file``, which is right only where the file keeps the order of events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.raw.column_map import ColumnMap, map_path, read_map
from benchmark.data.raw.cores import CORE_HELP, NO_CORE, CoreSetting, counted_core
from benchmark.data.raw.mapped_tables import IMAGE, mapped_interactions, mapped_items
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.tables import place_of
from benchmark.data.schema import RawDataset
from benchmark.data.sources.unordered import by_content, in_time_order, latest_of_pairs, rated_only
from benchmark.errors import BenchError, UsageError, shown

TERMS = "As the owner of the tables states."
_LAYOUT = "the map columns.toml, or the folder it lies in"
#: Of several rows of an item the first one counts.
_FIRST = pl.col("item_id").is_first_distinct()
_ADDRESS = r"^(?i:https?:)?//"


class TabularParams(BaseModel):
    """Validates the settings of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: CoreSetting = Field(NO_CORE, description=CORE_HELP)
    ties: Literal["hash", "file"] = Field(
        "hash",
        description="what orders a user's interactions of one time: a seeded hash, or the file "
        "where it keeps the order of events",
    )
    seed: int = Field(0, ge=0, description="of the order of ties")


def read(raw: Path | None, params: TabularParams, *, on_error: OnError) -> RawDataset:
    """Parse the tables that the map ``raw`` names; broken lines are named by file and number.

    Broken is a line without a user, an item or a time, a time outside the years 1990 to 2100
    (where times are no mere order), a rating outside the scale, and an image outside the folder
    of photos. Items without interactions are left out.
    """
    assert raw is not None
    path = map_path(raw)
    chosen = read_map(path)
    notes: dict[str, object] = {}
    rows = mapped_interactions(path.parent, chosen, on_error, notes)
    in_file = params.ties == "file" or chosen.interactions.time_format == "lines"
    if chosen.repeats == "latest":
        rows = latest_of_pairs(rows, notes, what="interactions", file_order=in_file)
    rows = counted_core(rows, params.core, notes, what="interactions")
    if in_file:
        rows = rows.sort("timestamp", maintain_order=True)
    else:
        alike_by_content = chosen.repeats == "keep"  # else there are none
        rows = in_time_order(by_content(rows) if alike_by_content else rows, params.seed, notes)
    described = mapped_items(path.parent, chosen.items, on_error, notes)
    _check_known(rows, described, on_error)
    if chosen.items is not None and on_error == "raise":
        _check_once(rows, described, path.parent / chosen.items.file, chosen.items.separator)
    items = rated_only(described.drop(IMAGE), rows, notes, domain=None)
    _count_zeros(rows, notes)
    return RawDataset(
        items=items,
        interactions=rows,
        allow_repeats=chosen.repeats == "keep",
        rating_scale=chosen.rating_scale,
        terms=TERMS,
        photos=_photos(path.parent, chosen, items["item_id"], described, on_error, notes),
        notes=notes,
    )


def files(raw: Path | None, params: TabularParams) -> Mapping[str, Path]:
    """Return the map and the tables that it names."""
    assert raw is not None
    path = map_path(raw)
    if not path.is_file():
        return {}
    chosen = read_map(path)
    tables = {chosen.interactions.file, *([chosen.items.file] if chosen.items else [])}
    places = {table: path.parent / table for table in sorted(tables)}
    names = [path.name, *(place.name for place in places.values())]
    # Files of one name in several folders are told apart by these.
    return {path.name: path} | {
        place.name if names.count(place.name) == 1 else f"{Path(table).parent}/{place.name}": place
        for table, place in places.items()
    }


def photo_folder(raw: Path, params: TabularParams) -> Path:
    """Return the folder of photos that the map names.

    Raises :class:`UsageError` where it names none: preparing would look for no photo then.
    """
    path = map_path(raw)
    chosen = read_map(path).photos
    if chosen is None:
        raise UsageError(
            f"{path} names no folder of photos, so preparing looks for none.",
            fix='Add [photos] with folder = "images" to it.',
        )
    return path.parent / chosen.folder


def addresses(raw: Path, params: TabularParams) -> Iterator[tuple[str, str]]:
    """Yield (item id, address) of every photo that the column ``image`` names by address."""
    path = map_path(raw)
    described = mapped_items(path.parent, read_map(path).items, "skip", {})
    named = described.filter(_FIRST).filter(pl.col(IMAGE).str.contains(_ADDRESS))
    yield from named.select("item_id", IMAGE).iter_rows()


def _check_known(rows: pl.DataFrame, described: pl.DataFrame, on_error: OnError) -> None:
    """Raise where ids of the two tables differ by leading zeros or a trailing ``.0`` only."""
    known = set(described["item_id"])
    plain = {_plain(item): item for item in known}
    for item in rows["item_id"].unique(maintain_order=True):
        if item not in known and _plain(item) in plain:
            raise BenchError(
                f"Item {shown(item)} of the interactions is {shown(plain[_plain(item)])} in the "
                "table of items: ids were read as numbers on the way, and lost their zeros or "
                "gained a '.0'.",
                fix="Write both tables with the ids as text.",
            )


def _check_once(
    rows: pl.DataFrame, described: pl.DataFrame, path: Path, separator: str | None
) -> None:
    """Raise where an item of ``rows`` has a further row in ``described``, all of the table."""
    used = pl.col("item_id").is_in(rows["item_id"].unique().implode())
    again = described.with_row_index("_row").filter(used & ~_FIRST)
    if not again.is_empty():
        place = place_of(path, again["_row"][0], separator=separator)
        raise BenchError(
            f"{path}, {place}: item {shown(again['item_id'][0])} has a row already "
            f"({len(again):,} such rows).",
            fix="Correct it, or leave such rows out with --on-error skip.",
        )


def _plain(item: str) -> str:
    return item.removesuffix(".0").lstrip("0")


def _count_zeros(rows: pl.DataFrame, notes: dict[str, object]) -> None:
    """Count ids that differ by leading zeros only: one of them may have lost its own."""
    for column, what in (("user_id", "user ids"), ("item_id", "item ids")):
        digits = rows[column].unique().filter(rows[column].unique().str.contains(r"^[0-9]+$"))
        alike = len(digits) - digits.str.strip_chars_start("0").n_unique()
        if alike:
            notes[f"{what} that differ from another by leading zeros only"] = alike


def _photos(
    folder: Path,
    chosen: ColumnMap,
    items: pl.Series,
    described: pl.DataFrame,
    on_error: OnError,
    notes: dict[str, object],
) -> list[tuple[str, Path]]:
    """The photo of every item: as the column ``image`` says, else named after the item."""
    if chosen.photos is None:
        return []
    place = folder / chosen.photos.folder
    named = {
        item: image
        for item, image in described.filter(_FIRST).select("item_id", IMAGE).iter_rows()
        if image is not None and not image.lower().startswith(("http:", "https:", "//"))
    }
    by_name = dict(
        photos_of_items(place, [i for i in items if i not in named], on_error=on_error, notes=notes)
    )
    photos = []
    outside = 0
    for item in items:
        path = place / named[item] if item in named else by_name[item]
        if item in named and not _lies_in(place, path):
            if on_error == "raise":
                raise BenchError(
                    f"The image {shown(named[item])} of item {shown(item)} lies outside {place}.",
                    fix="Name images below the folder of photos, or leave such images out with "
                    "--on-error skip.",
                )
            outside += 1
            continue
        photos.append((item, path))
    if outside:
        notes["images outside the folder of photos, treated as missing"] = outside
    return photos


def _lies_in(folder: Path, path: Path) -> bool:
    """Whether a photo lies in ``folder``; a link that does may lead out, as one by its name may."""
    return path.name != ".." and path.parent.resolve().is_relative_to(folder.resolve())


SOURCE = Source(
    name="tabular",
    summary="your own CSV, TSV or Parquet tables, by a map of columns, with optional photos",
    params=TabularParams,
    read=read,
    files=files,
    raw_help=_LAYOUT,
    default_name=lambda params: "tabular",
    defaults={"new_users": 0.0, "history_window": 50},
    photo_folder=photo_folder,
    addresses=addresses,
)
