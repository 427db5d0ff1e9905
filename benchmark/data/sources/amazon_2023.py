"""Amazon Reviews 2023: ``X.jsonl`` and ``meta_X.jsonl`` of one or several categories X.

Either may be gzipped. Reviews and metadata meet on ``parent_asin``; a review's domain is its
category. The metadata names photos by address only: those you have go to
``images/<parent_asin>.jpg`` (or ``.png``) beside the files.

Average ratings, numbers of ratings and ``details`` (which holds sales ranks) are not read:
they were counted when the files were made, test interactions included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from benchmark.data.raw import reviews
from benchmark.data.raw.json_fields import text, texts
from benchmark.data.raw.product_columns import TEXT, TEXTS, ProductFields
from benchmark.data.raw.product_fields import photo_addresses
from benchmark.data.raw.repeats import Repeats
from benchmark.data.raw.review_columns import ReviewFields
from benchmark.data.raw.review_files import FileNames
from benchmark.data.raw.reviews import (
    Collection,
    ReviewParams,
    files_read,
    read_collection,
)
from benchmark.data.raw.source import OnError, Source
from benchmark.data.schema import RawDataset

_NAMES = FileNames(metadata="meta_{}.jsonl", all="{}.jsonl")
#: Of an image: what its addresses are called, the larger before the smaller.
_SIZES = ("hi_res", "large", "thumb")


class Amazon2023Params(ReviewParams):
    """Validates the settings of the source."""

    repeats: Repeats = Field(
        "same-time", description=str(ReviewParams.model_fields["repeats"].description)
    )


def _addresses(record: Mapping[str, Any]) -> list[str]:
    """The main photo's first, the larger before the smaller."""
    images = record.get("images")
    shown = (
        [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
    )
    shown.sort(key=lambda image: image.get("variant") != "MAIN")
    return photo_addresses(*(image.get(size) for image in shown for size in _SIZES))


#: The fields of its metadata.
PRODUCTS = ProductFields(
    item="parent_asin",
    title="title",
    brand="store",
    price="price",
    description=("features", "description"),
    path=("categories", "main_category"),
    photos=("images",),
    types={
        **dict.fromkeys(("features", "description", "categories"), TEXTS),
        "images": pa.list_(pa.struct([(key, TEXT) for key in (*_SIZES, "variant")])),
    },
    read_path=lambda record, category, params: (
        texts(record, "categories") or texts(record, "main_category")
    ),
    read_brand=lambda record, key, counts: text(record, key),
    read_photos=_addresses,
)
_COLLECTION = Collection(
    names=_NAMES,
    terms="Amazon Reviews 2023 (McAuley Lab, UC San Diego; Hou et al., 2024): for research, with "
    "citation; reviews and photos remain their owners' and are not to be redistributed.",
    fields=ReviewFields("user_id", "parent_asin", "timestamp", "rating", "text", "title"),
    unit="milliseconds",
    products=PRODUCTS,
)


def read(raw: Path | None, params: Amazon2023Params, *, on_error: OnError) -> RawDataset:
    """Parse the categories of the folder ``raw``; see :func:`read_collection`."""
    return read_collection(raw, params, _COLLECTION, on_error=on_error)


def files(raw: Path | None, params: Amazon2023Params) -> Mapping[str, Path]:
    """Return the files of reviews and metadata of the categories read."""
    return files_read(raw, params, _NAMES)


def addresses(raw: Path, params: Amazon2023Params) -> Iterator[tuple[str, str]]:
    """Yield (item id, address) of every photo that the metadata names."""
    return reviews.photo_addresses(raw, params, _COLLECTION)


SOURCE = Source(
    name="amazon2023",
    summary="Amazon Reviews 2023: ratings, reviews and product texts",
    params=Amazon2023Params,
    read=read,
    files=files,
    raw_help=_NAMES.help,
    default_name=lambda params: "amazon2023",
    defaults={"new_users": 0.1, "history_window": 5},
    photo_folder=reviews.photo_folder,
    addresses=addresses,
)
