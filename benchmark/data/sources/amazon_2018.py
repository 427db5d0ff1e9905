"""Amazon Reviews 2018: ``X.json`` or ``X_5.json``, and ``meta_X.json``, of categories X.

Either may be gzipped. Both vintages of the metadata are read, that with ``image`` and that with
``imageURL``. The distributed 5-core holds one review many times, so that on distinct pairs it is
none: ``core=5core`` makes it one. Times are days and the files are grouped by item, so that
reviews of one day are ordered by a seeded hash.

Sales ranks, votes and what is bought together are not read: they were counted when the files were
made, test interactions included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark.data.raw import reviews
from benchmark.data.raw.json_fields import texts
from benchmark.data.raw.product_columns import TEXTS, ProductFields
from benchmark.data.raw.product_fields import brand, levels, photo_addresses
from benchmark.data.raw.review_columns import ReviewFields
from benchmark.data.raw.review_files import FileNames
from benchmark.data.raw.reviews import Collection, files_read
from benchmark.data.raw.source import OnError, Source
from benchmark.data.schema import RawDataset
from benchmark.data.sources.dated_reviews import DatedParams, read_dated
from benchmark.errors import shown

_NAMES = FileNames(metadata="meta_{}.json", all="{}.json", core="{}_5.json")
#: Where addresses of photos stand, in either vintage, the larger photos first.
_PHOTOS = ("imageURLHighRes", "imageURL", "image")


def _path(record: Mapping[str, Any], category: str, params: DatedParams) -> list[str]:
    path = record.get("category")
    if path is not None and not isinstance(path, list):
        raise ValueError(f"category is {shown(path)}, not a list")
    return levels(path or (), "category") or texts(record, "main_cat")


#: The fields of its metadata.
PRODUCTS = ProductFields(
    item="asin",
    title="title",
    brand="brand",
    price="price",
    description=("feature", "description"),
    path=("category", "main_cat"),
    photos=_PHOTOS,
    types=dict.fromkeys(("category", "feature", "description", *_PHOTOS), TEXTS),
    read_path=_path,
    read_brand=brand,
    read_photos=lambda record: photo_addresses(*(record.get(key) for key in _PHOTOS)),
)
_COLLECTION = Collection(
    names=_NAMES,
    terms="Amazon Reviews 2018 (UC San Diego; Ni, Li & McAuley, 2019): for research, with "
    "citation; reviews and photos remain their owners' and are not to be redistributed.",
    fields=ReviewFields("reviewerID", "asin", "unixReviewTime", "overall", "reviewText", "summary"),
    unit="seconds",
    products=PRODUCTS,
)


def read(raw: Path | None, params: DatedParams, *, on_error: OnError) -> RawDataset:
    """Parse the categories of the folder ``raw``; see :func:`read_dated`."""
    return read_dated(raw, params, _COLLECTION, on_error=on_error)


def files(raw: Path | None, params: DatedParams) -> Mapping[str, Path]:
    """Return the files of reviews and metadata of the categories read."""
    return files_read(raw, params, _NAMES)


def addresses(raw: Path, params: DatedParams) -> Iterator[tuple[str, str]]:
    """Yield (item id, address) of every photo that the metadata names."""
    return reviews.photo_addresses(raw, params, _COLLECTION)


SOURCE = Source(
    name="amazon2018",
    summary="Amazon Reviews 2018: ratings, reviews and product texts",
    params=DatedParams,
    read=read,
    files=files,
    raw_help=_NAMES.help,
    default_name=lambda params: "amazon2018",
    defaults={"new_users": 0.1, "history_window": 5},
    photo_folder=reviews.photo_folder,
    addresses=addresses,
)
