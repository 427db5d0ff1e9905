"""Amazon Reviews 2023: ``X.jsonl`` and ``meta_X.jsonl`` of one or several categories X.

Either may be gzipped. Reviews and metadata meet on ``parent_asin``; a review's domain is its
category. Reviewed items without metadata stay, with their id alone; items nobody reviewed
are left out, and both are counted. The metadata names photos by address only: those you have
go to ``images/<parent_asin>.jpg`` (or ``.png``) beside the files.

Average ratings, numbers of ratings and ``details`` (which holds sales ranks) are not read:
they were counted when the files were made, test interactions included. The catalogue is
ordered by id: the order of the files may follow the reviews.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from benchmark.data.raw.cores import CoreRule, keep_core
from benchmark.data.raw.json_fields import dollars, identifier, milliseconds, rating, text, texts
from benchmark.data.raw.json_lines import collect, json_objects
from benchmark.data.raw.source import OnError, Source, file_name
from benchmark.data.raw.text_files import BadLines, find_file
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS, RawDataset
from benchmark.errors import BenchError, unknown_name
from benchmark.host.progress import track

TERMS = (
    "Amazon Reviews 2023 (McAuley Lab, UC San Diego; Hou et al., 2024): for research, with "
    "citation; reviews and photos remain their owners' and are not to be redistributed."
)
_LAYOUT = "the folder with X.jsonl.gz and meta_X.jsonl.gz of one or more categories X"
_META = "meta_"
_ENDS = (".jsonl", ".jsonl.gz")
_SCALE = (1.0, 5.0)

_REVIEW_COLUMNS: dict[str, pl.DataType] = {
    name: INTERACTION_COLUMNS[name]
    for name in ("user_id", "item_id", "timestamp", "rating", "review", "summary")
}
_ITEM_COLUMNS: dict[str, pl.DataType] = {
    name: ITEM_COLUMNS[name]
    for name in ("item_id", "title", "category", "brand", "price", "description")
}
_BAD_PRICE = "prices that are no amount, treated as missing"


def _names(value: object) -> object:
    """The setting "B,A,A" -> ("A", "B"): their order on the command line says nothing."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        return value
    return tuple(sorted({str(part).strip() for part in parts} - {""}))


class Amazon2023Params(BaseModel):
    """Validates the settings of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), description="categories to read, separated by commas; default: all in the folder"
    )
    core: CoreRule = Field(
        "none",
        description="which users and items stay, in each category by itself: none (all), 5core "
        "(five interactions each, converged) or table5 (one pass over items, then users)",
    )


def read(raw: Path | None, params: Amazon2023Params, *, on_error: OnError) -> RawDataset:
    """Parse the categories of the folder ``raw``; broken lines are named by file and number.

    Broken is a line that is no JSON object, lacks ``user_id``, ``parent_asin`` or
    ``timestamp``, has a rating outside 1 to 5, or something else than text where text stands.
    """
    assert raw is not None
    notes: dict[str, object] = {}
    categories = _categories(raw, params)
    pairs = [(name, *_pair(raw, name)) for name in categories]
    rows = _interactions(pairs, params.core, on_error, notes)
    items = _items(pairs, rows, on_error, notes)
    return RawDataset(
        items=items,
        interactions=rows,
        allow_repeats=False,
        rating_scale=_SCALE,
        terms=TERMS,
        photos=_photos(raw / "images", items["item_id"].to_list()),
        notes=notes,
    )


def files(raw: Path | None, params: Amazon2023Params) -> Mapping[str, Path]:
    """Return the files of reviews and metadata of the categories read."""
    assert raw is not None
    names = params.categories or _found(raw)
    stems = [stem for name in names for stem in (name, _META + name)]
    paths = [_path(raw, stem) for stem in stems]
    return {path.name: path for path in paths if path is not None}


def _path(raw: Path, stem: str) -> Path | None:
    """``stem.jsonl`` or ``stem.jsonl.gz``, the first that is there."""
    return next((path for end in _ENDS if (path := raw / (stem + end)).is_file()), None)


def _found(raw: Path) -> list[str]:
    """Categories with a file of reviews in ``raw``, by name."""
    if not raw.is_dir():
        return []
    stems = {path.name.removesuffix(end) for end in _ENDS for path in raw.glob(f"*{end}")}
    return sorted(stem for stem in stems if not stem.startswith((_META, ".")))


def _categories(raw: Path, params: Amazon2023Params) -> list[str]:
    found = _found(raw)
    if not found:
        raise BenchError(
            f"{str(raw)!r} holds no reviews (X.jsonl or X.jsonl.gz).", fix=f"Give --raw {_LAYOUT}."
        )
    for name in params.categories:
        if name not in found:
            raise unknown_name(f"category of {raw}", name, found)
    return list(params.categories or found)


def _pair(raw: Path, category: str) -> tuple[Path, Path]:
    names = (f"{category}.jsonl", f"{_META}{category}.jsonl")
    expected = f"{_LAYOUT}, or name those to read with --set categories=X"
    reviews, metadata = (find_file(raw, name, expected=expected) for name in names)
    return reviews, metadata


def _interactions(
    pairs: list[tuple[str, Path, Path]], core: CoreRule, on_error: OnError, notes: dict[str, object]
) -> pl.DataFrame:
    """Reviews of all categories in time order, ties in the order of the files."""
    frames = []
    for category, path, _ in pairs:
        bad = BadLines(path, on_error)
        reviews = track(_reviews(path, bad), f"reviews of {category}")
        frame = collect(reviews, _REVIEW_COLUMNS)
        frames.append(frame.with_columns(pl.lit(category).alias("domain")))
        notes |= bad.notes()
    rows = pl.concat(frames)
    del frames
    same = ["user_id", "item_id", "timestamp"]
    kept = rows.unique(subset=same, keep="first", maintain_order=True)
    if len(kept) < len(rows):
        notes["reviews left out: user, item and time of an earlier one"] = len(rows) - len(kept)
    if core != "none" and len(kept):
        parts = kept.partition_by("domain", maintain_order=True)
        rows, kept = kept, pl.concat([keep_core(part, core) for part in parts])
        notes[f"reviews left out: not in the {core}"] = len(rows) - len(kept)
        if kept.is_empty():
            raise BenchError(
                f"core={core!r} leaves nothing of {len(rows)} reviews: too few users and items "
                "have five.",
                fix="Keep all of them with --set core=none, or read a larger category.",
            )
    # Sorted while times are in milliseconds: tables hold seconds, where ties keep this order.
    kept = kept.sort("timestamp", maintain_order=True)
    return kept.with_columns(pl.col("timestamp") // 1000)


def _reviews(path: Path, bad: BadLines) -> Iterator[tuple[Any, ...]]:
    """Rows of ``_REVIEW_COLUMNS``, times in milliseconds."""
    for number, entry in json_objects(path, bad):
        try:
            row = (
                identifier(entry, "user_id"),
                identifier(entry, "parent_asin"),
                milliseconds(entry, "timestamp"),
                rating(entry, "rating", _SCALE),
                text(entry, "text"),
                text(entry, "title"),
            )
        except ValueError as error:
            bad.report(number, str(error))
        else:
            yield row


def _items(
    pairs: list[tuple[str, Path, Path]],
    rows: pl.DataFrame,
    on_error: OnError,
    notes: dict[str, object],
) -> pl.DataFrame:
    """The reviewed items, by id."""
    reviewed = rows.group_by("item_id").agg(pl.col("domain").min())
    wanted = set(reviewed["item_id"])
    had: set[str] = set()
    counts: Counter[str] = Counter()
    frames = []
    for category, _, path in pairs:
        bad = BadLines(path, on_error)
        found = track(_metadata(path, bad, wanted, had, counts), f"items of {category}")
        frame = collect(found, _ITEM_COLUMNS)
        frames.append(frame.with_columns(pl.lit(category).alias("domain")))
        notes |= bad.notes()
    described = pl.concat(frames)
    bare = reviewed.join(described, on="item_id", how="anti")
    if len(bare):
        counts["reviewed items without metadata"] = len(bare)
    notes |= dict(sorted(counts.items()))
    return pl.concat([described, bare], how="diagonal").sort("item_id")


def _metadata(
    path: Path, bad: BadLines, wanted: set[str], had: set[str], counts: Counter[str]
) -> Iterator[tuple[Any, ...]]:
    """Rows of ``_ITEM_COLUMNS`` of the ``wanted`` items not in ``had``, which they join."""
    for number, entry in json_objects(path, bad):
        try:
            item = identifier(entry, "parent_asin")
            if item not in wanted:
                counts["items left out: no reviews"] += 1
                continue
            if item in had:
                counts["items left out: described already"] += 1
                continue
            price = dollars(entry.get("price"))
            if price is None and entry.get("price") not in (None, ""):
                counts[_BAD_PRICE] += 1
            parts = (text(entry, "features"), text(entry, "description"))
            row = (
                item,
                text(entry, "title"),
                texts(entry, "categories") or texts(entry, "main_category"),
                text(entry, "store"),
                price,
                "\n".join(part for part in parts if part) or None,
            )
        except ValueError as error:
            bad.report(number, str(error))
        else:
            had.add(item)
            yield row


def _photos(folder: Path, items: list[str]) -> Iterator[tuple[str, Path]]:
    """Every item's place for a photo, when there is a folder of photos at all."""
    if not folder.is_dir():
        return
    for item in items:
        jpg, png = (folder / file_name(item, end) for end in ("jpg", "png"))
        yield item, jpg if jpg.is_file() else png


SOURCE = Source(
    name="amazon2023",
    summary="Amazon Reviews 2023: ratings, reviews and product texts",
    params=Amazon2023Params,
    read=read,
    files=files,
    raw_help=_LAYOUT,
    default_name=lambda params: "amazon2023",
    defaults={"new_users": 0.1, "history_window": 5},
)
