"""Amazon reviews of 2014: ``reviews_X.json`` or ``reviews_X_5.json``, and ``meta_X.json``.

The paper's data. Any may be gzipped. Reviews are JSON; metadata are Python dictionaries, read
without evaluating them (:mod:`benchmark.data.raw.literals`). Times are days and the files are
grouped by item, so that reviews of one day are ordered by a seeded hash.

Sales ranks and related items are not read: they were counted when the files were made, test
interactions included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmark.data.queries import words
from benchmark.data.raw import reviews
from benchmark.data.raw.literals import json_of_block, literals_of
from benchmark.data.raw.product_columns import LISTS, ProductFields
from benchmark.data.raw.product_fields import brand, levels, photo_addresses
from benchmark.data.raw.review_columns import ReviewFields
from benchmark.data.raw.review_files import FileNames
from benchmark.data.raw.reviews import Collection, files_read
from benchmark.data.raw.source import OnError, Source
from benchmark.data.schema import RawDataset
from benchmark.data.sources.dated_reviews import DatedParams, read_dated
from benchmark.errors import shown

_NAMES = FileNames(metadata="meta_{}.json", all="reviews_{}.json", core="reviews_{}_5.json")


class Amazon2014Params(DatedParams):
    """Validates the settings of the source."""

    category_path: Literal["own", "first", "deepest"] = Field(
        "own",
        description="which of an item's category paths is used: own, the first that begins at the "
        "file's category (Clothing_Shoes_and_Jewelry: 'Clothing, Shoes & Jewelry'), and the first "
        "where none does; first, whatever it begins at; deepest, the first of the longest",
    )


def category_path(paths: object, category: str, choice: str) -> list[str]:
    """Return one of the category ``paths`` by the setting ``category_path``."""
    if paths is None:
        return []
    if not isinstance(paths, list) or not all(isinstance(path, list) for path in paths):
        raise ValueError(f"categories is {shown(paths)}, not a list of lists")
    plain = [path for path in (levels(path, "categories") for path in paths) if path]
    if not plain:
        return []
    if choice == "deepest":
        return max(plain, key=len)
    if choice == "own":
        own = _key(category)
        return next((path for path in plain if _key(path[0]) == own), plain[0])
    return plain[0]


def _key(category: str) -> list[str]:
    """A category by its words: files say "_and_" where paths say "&" and commas."""
    return [word for word in words(category.replace("_", " ")) if word != "and"]


#: The fields of its metadata.
PRODUCTS = ProductFields(
    item="asin",
    title="title",
    brand="brand",
    price="price",
    description=("description",),
    path=("categories",),
    photos=("imUrl",),
    types={"categories": LISTS},
    read_path=lambda record, category, params: category_path(
        record.get("categories"), category, params.category_path
    ),
    read_brand=brand,
    read_photos=lambda record: photo_addresses(record.get("imUrl")),
)
_COLLECTION = Collection(
    names=_NAMES,
    terms="Amazon reviews of 2014 (UC San Diego; McAuley, Targett, Shi & van den Hengel, 2015): "
    "for research, with citation; reviews and photos remain their owners' and are not to be "
    "redistributed.",
    fields=ReviewFields("reviewerID", "asin", "unixReviewTime", "overall", "reviewText", "summary"),
    unit="seconds",
    products=PRODUCTS,
    objects=literals_of,
    rewritten=json_of_block,
)


def read(raw: Path | None, params: Amazon2014Params, *, on_error: OnError) -> RawDataset:
    """Parse the categories of the folder ``raw``; see :func:`read_dated`."""
    return read_dated(raw, params, _COLLECTION, on_error=on_error)


def files(raw: Path | None, params: Amazon2014Params) -> Mapping[str, Path]:
    """Return the files of reviews and metadata of the categories read."""
    return files_read(raw, params, _NAMES)


def addresses(raw: Path, params: Amazon2014Params) -> Iterator[tuple[str, str]]:
    """Yield (item id, address) of every photo that the metadata names."""
    return reviews.photo_addresses(raw, params, _COLLECTION)


SOURCE = Source(
    name="amazon2014",
    summary="Amazon reviews of 2014, the paper's data: ratings, reviews and product texts",
    params=Amazon2014Params,
    read=read,
    files=files,
    raw_help=_NAMES.help,
    default_name=lambda params: "amazon2014",
    defaults={"new_users": 0.1, "history_window": 5},
    photo_folder=reviews.photo_folder,
    addresses=addresses,
)
