"""Read a review collection: reviews and metadata of categories become one raw dataset.

What the collections of one provider share is here: which files and categories, whose repeats go,
which core stays, who counts as one user, which items are in the catalogue. A collection adds how
its files are called and what its fields are (:class:`Collection`).

Reviewed items without metadata stay, with their id alone; items nobody reviewed are left out, and
both are counted. The catalogue is ordered by id: the order of the files may follow the reviews.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from benchmark.data.frames import conform
from benchmark.data.raw.coded_ids import CodedReviews
from benchmark.data.raw.cores import CORE_HELP, NO_CORE, CoreSetting, keep_core
from benchmark.data.raw.json_columns import Objects, read_columns
from benchmark.data.raw.json_lines import objects_of
from benchmark.data.raw.kept_frames import KeptFrames, on_disk
from benchmark.data.raw.kept_texts import KeptTexts, RawReviews
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.product_columns import COLUMNS, ProductFields, Products
from benchmark.data.raw.repeats import Repeats, in_time_order, without_copies, without_repeats
from benchmark.data.raw.review_columns import SCALE, ReviewFields, review_columns
from benchmark.data.raw.review_files import CategoryFiles, FileNames, Which, choose
from benchmark.data.raw.source import OnError
from benchmark.data.raw.text_files import BadLines, lines
from benchmark.data.raw.times import Unit, per_second
from benchmark.errors import BenchError

#: What makes a review a repeat, by the setting, for notes.
_REPEATED: Mapping[Repeats, str] = {
    "same-time": "user, item and time of an earlier one",
    "first": "user and item of an earlier one",
    "last": "user and item of a later one",
}


def _names(value: object) -> object:
    """The setting "B,A,A" -> ("A", "B"): their order on the command line says nothing."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        return value
    return tuple(sorted({str(part).strip() for part in parts} - {""}))


class ReviewParams(BaseModel):
    """Validates the settings that all review collections have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), description="categories to read, separated by commas; default: all in the folder"
    )
    metadata: bool = Field(
        True, description="whether metadata is read; without it items have their id alone"
    )
    core: CoreSetting = Field(NO_CORE, description=f"in each category by itself, {CORE_HELP}")
    repeats: Repeats = Field(
        "first",
        description="of several reviews of one item by one user: the first or the last in time "
        "stays, or (same-time) all that differ in time",
    )
    users: Literal["one", "per-domain"] = Field(
        "one",
        description="whether someone who reviews in several categories is one user, or one in each "
        "(called USER@CATEGORY)",
    )

    @property
    def file_order(self) -> bool:
        """Return whether the lines of a file are in the order of events."""
        return True

    @property
    def which(self) -> Which | None:
        """Return which file of a category's reviews is read, where there may be two."""
        return None


@dataclass(frozen=True)
class Collection:
    """Says what is particular to one collection."""

    names: FileNames
    terms: str
    fields: ReviewFields
    unit: Unit
    """Of the times."""
    products: ProductFields
    objects: Objects = objects_of
    """Reads lines of the metadata one by one."""
    rewritten: Callable[[bytes], bytes | None] = lambda block: block
    """Turns a block of these lines into JSON; ``None`` where it cannot."""


def read_collection(
    raw: Path | None, params: ReviewParams, collection: Collection, *, on_error: OnError
) -> RawReviews:
    """Parse the categories of the folder ``raw``; broken lines are named by file and number.

    Broken is a line that is no record, lacks a user, an item or a time in the collection's unit,
    has a rating outside 1 to 5, or something else than text where text stands.
    """
    assert raw is not None
    notes: dict[str, object] = {}
    chosen = choose(
        raw,
        collection.names,
        categories=params.categories,
        which=params.which,
        metadata=params.metadata,
    )
    rows, texts = _interactions(chosen, params, collection, on_error, notes)
    items, unpictured = _items(chosen, rows, params, collection, on_error, notes)
    pictured = [item for item in items["item_id"] if item not in unpictured]
    return RawReviews(
        items=items,
        interactions=rows,
        allow_repeats=False,
        rating_scale=SCALE,
        terms=collection.terms,
        photos=_photos(photo_folder(raw, params), pictured, on_error, notes),
        notes=notes,
        texts=texts,
    )


def files_read(raw: Path | None, params: ReviewParams, names: FileNames) -> Mapping[str, Path]:
    """Return the files of reviews and metadata that are read; none where they are incomplete."""
    assert raw is not None
    try:
        chosen = choose(
            raw,
            names,
            categories=params.categories,
            which=params.which,
            metadata=params.metadata,
        )
    except BenchError:
        return {}  # reading says what is missing
    paths = [path for files in chosen for path in (files.reviews, files.metadata)]
    return {path.name: path for path in paths if path is not None}


def _interactions(
    chosen: Sequence[CategoryFiles],
    params: ReviewParams,
    collection: Collection,
    on_error: OnError,
    notes: dict[str, object],
) -> tuple[pl.DataFrame, KeptTexts]:
    """Reviews of all categories in time order, ties in the order of the files; times in seconds."""
    coded, frames = CodedReviews(), []
    domains = pl.Enum([files.category for files in chosen])
    wanted = review_columns(collection.fields, collection.unit)
    for files in chosen:
        bad = BadLines(files.reviews, on_error)
        frame = read_columns(
            files.reviews,
            bad,
            wanted,
            label=f"reviews of {files.category}",
            take=partial(_taken, coded=coded, domain=files.category, params=params),
        )
        frames.append(frame.with_columns(pl.lit(files.category, domains).alias("domain")))
        notes |= bad.notes()
    texts, rows = coded.texts, coded.together(frames)
    frames.clear()
    del coded  # names of ids, which the rows have themselves
    if params.users == "one" and (active := _active_in_several(rows)):
        notes["users with reviews in several categories"] = active
    # Sorted while times are in the collection's unit: tables hold seconds, where ties keep this.
    # Where the order of lines says nothing, it does not say which of two repeats stays either.
    rows = in_time_order(rows, texts, file_order=params.file_order)
    rows = _without_repeats(rows, texts, params, notes)
    rows = _core_of_each(rows, params, notes)
    return rows.with_columns(pl.col("timestamp") // per_second(collection.unit)), texts


def _taken(
    frame: pl.DataFrame, *, coded: CodedReviews, domain: str, params: ReviewParams
) -> pl.DataFrame:
    if params.users == "per-domain":
        user = pl.format("{}@{}", "user_id", pl.lit(domain))
        frame = frame.with_columns(user.alias("user_id"))
    return coded.take(frame)


def _active_in_several(rows: pl.DataFrame) -> int:
    if rows["domain"].n_unique() < 2:
        return 0
    domains = rows.select("user_id", "domain").unique().group_by("user_id").len()
    return len(domains.filter(pl.col("len") > 1))


def _without_repeats(
    rows: pl.DataFrame, texts: KeptTexts, params: ReviewParams, notes: dict[str, object]
) -> pl.DataFrame:
    """``rows``, which are in time order, as the setting ``repeats`` asks."""
    distinct = without_copies(rows, texts)
    if len(distinct) < len(rows):
        notes["reviews left out: the same as an earlier line"] = len(rows) - len(distinct)
    kept = without_repeats(distinct, params.repeats)
    if len(kept) < len(distinct):
        notes[f"reviews left out: {_REPEATED[params.repeats]}"] = len(distinct) - len(kept)
    return kept


def _core_of_each(
    rows: pl.DataFrame, params: ReviewParams, notes: dict[str, object]
) -> pl.DataFrame:
    if params.core == NO_CORE or rows.is_empty():
        return rows
    numbered = rows.with_row_index("_row")
    parts = numbered.partition_by("domain", maintain_order=True)
    cores = pl.concat([keep_core(part, params.core) for part in parts])
    kept = cores.sort("_row").drop("_row")
    name = params.core.name
    notes[f"reviews left out: not in the {name}"] = len(rows) - len(kept)
    if kept.is_empty():
        raise BenchError(
            f"core={name!r} leaves nothing of {len(rows)} reviews: too few users have "
            f"{params.core.users} items, or items {params.core.items} users.",
            fix="Keep all of them with --set core=none, or read a larger category.",
        )
    return kept


def _items(
    chosen: Sequence[CategoryFiles],
    rows: pl.DataFrame,
    params: ReviewParams,
    collection: Collection,
    on_error: OnError,
    notes: dict[str, object],
) -> tuple[pl.DataFrame, set[str]]:
    """The reviewed items, by id; and those that have no photo of their own."""
    reviewed = _first_domains(rows)
    reader = Products(
        collection.products,
        params,
        collection.objects,
        collection.rewritten,
        wanted=set(reviewed["item_id"]),
    )
    schema = {**COLUMNS, "domain": pl.String()}
    found, described = KeptFrames(), [pl.DataFrame(schema={"item_id": pl.String()})]
    found.append(pl.DataFrame(schema=schema))

    def taken(frame: pl.DataFrame, *, category: str) -> pl.DataFrame:
        found.append(frame.with_columns(pl.lit(category).alias("domain")))
        return frame.select("item_id")

    for files in chosen:
        if files.metadata is None:
            continue
        bad = BadLines(files.metadata, on_error)
        wanted = reader.columns_of(files.category)
        label = f"items of {files.category}"
        take = partial(taken, category=files.category)
        described.append(read_columns(files.metadata, bad, wanted, label=label, take=take))
        notes |= bad.notes()
    bare = reviewed.join(pl.concat(described), on="item_id", how="anti")
    if len(bare) and params.metadata:
        reader.counts["reviewed items without metadata"] = len(bare)
    notes |= dict(sorted(reader.counts.items()))
    found.append(conform(bare, schema))
    items = found.together()
    return on_disk(items, items["item_id"].arg_sort()), reader.unpictured


def _first_domains(rows: pl.DataFrame) -> pl.DataFrame:
    """Every item of ``rows`` with the domain, first by name, in which it was reviewed."""
    items, domains = rows["item_id"], rows["domain"]
    named = domains.dtype.categories  # type: ignore[attr-defined]
    item, domain = items.to_physical().to_numpy(), domains.to_physical().to_numpy()
    first = np.full(len(items.dtype.categories), len(named))  # type: ignore[attr-defined]
    for place, code in reversed(list(enumerate(named.arg_sort().to_list()))):
        first[item[domain == code]] = place
    there = np.flatnonzero(first < len(named))
    return pl.DataFrame(
        {
            "item_id": items.dtype.categories.gather(there),  # type: ignore[attr-defined]
            "domain": named.sort().gather(first[there]),
        }
    )


def photo_folder(raw: Path, params: ReviewParams) -> Path:
    """Return where photos are looked for, named after the items."""
    return raw / "images"


def photo_addresses(
    raw: Path, params: ReviewParams, collection: Collection
) -> Iterator[tuple[str, str]]:
    """Yield (item id, address) of every photo that the metadata names, an item's best first.

    Lines that cannot be used are passed over: preparing tells of them.
    """
    chosen = choose(
        raw,
        collection.names,
        categories=params.categories,
        which=params.which,
        metadata=True,
    )
    products = collection.products
    for files in chosen:
        assert files.metadata is not None
        bad = BadLines(files.metadata, "skip")
        for _, record in collection.objects(lines(files.metadata, bad), bad):
            item = record.get(products.item)
            if isinstance(item, str):
                yield from ((item, address) for address in products.read_photos(record))


def _photos(
    folder: Path, items: Sequence[str], on_error: OnError, notes: dict[str, object]
) -> list[tuple[str, Path]]:
    """Each item's place for a photo, when there is a folder of photos at all."""
    if not folder.is_dir():
        return []
    return photos_of_items(folder, items, on_error=on_error, notes=notes)
