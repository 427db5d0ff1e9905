"""Perturb items; what changes is drawn once, when a dataset is prepared (paper, Table 6).

``nt`` (missing attributes): each present value of an item's title, category, brand, price,
description and other attributes is dropped with probability 20%. ``nv`` (wrong images): 20%
of the items with a photo show the photo of another item. Both act on the items an instance
shows (history, item, candidates), never on the query, the target or a model's training.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from benchmark.data.frames import text_lists
from benchmark.data.instances.seeded import below, chosen_share, stable_hash

PERTURBATIONS = ("nt", "nv")
SHARE = 0.2

FIELDS = ("category", "title", "price", "brand", "description")
#: Marks an attribute among the dropped names: ``attributes.colour``.
_PREFIX = "attributes."
_PER_MILLE = 1000


def draw_missing_attributes(items: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Draw rows ``item_id, dropped`` (names of fields) for the items that lose something."""
    losing: list[str] = []
    lost: list[list[str]] = []
    for item in items.select("item_id", *FIELDS, "attributes").iter_rows(named=True):
        item_id = item["item_id"]
        present = [name for name in FIELDS if item[name] not in (None, "", [])]
        present += [_PREFIX + pair["key"] for pair in item["attributes"] or ()]
        dropped = [
            name
            for name in present
            if stable_hash(seed, "nt", item_id, name) % _PER_MILLE < SHARE * _PER_MILLE
        ]
        if dropped:
            losing.append(item_id)
            lost.append(dropped)
    return pl.DataFrame(
        [pl.Series("item_id", losing, dtype=pl.String), text_lists("dropped", lost)]
    )


def draw_wrong_images(items: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Draw rows ``item_id, image_of``: whose photo the item shows instead of its own."""
    with_photo = items.filter(pl.col("image").is_not_null())["item_id"].to_list()
    rows: list[dict[str, str]] = []
    if len(with_photo) > 1:
        wrong = chosen_share(with_photo, SHARE, seed, "nv")
        for position, item_id in enumerate(with_photo):
            if item_id in wrong:
                # Skip 1 to n - 1 places ahead: any item but this one, all equally likely.
                step = 1 + below(len(with_photo) - 1, stable_hash(seed, "nv", item_id))
                other = with_photo[(position + step) % len(with_photo)]
                rows.append({"item_id": item_id, "image_of": other})
    return pl.DataFrame(rows, schema={"item_id": pl.String, "image_of": pl.String})


def drop_attributes(items: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Return ``items`` as ``nt`` shows them."""
    dropped: Mapping[str, list[str]] = dict(table.iter_rows())
    lost = pl.Series(
        "_lost",
        [dropped.get(item_id, []) for item_id in items["item_id"]],
        dtype=pl.List(pl.String),
    )
    items = items.with_columns(lost)
    attributes = [
        [pair for pair in pairs or () if _PREFIX + pair["key"] not in gone]
        for pairs, gone in items.select("attributes", "_lost").iter_rows()
    ]
    return items.with_columns(
        *(
            pl.when(pl.col("_lost").list.contains(name))
            .then(None)
            .otherwise(pl.col(name))
            .alias(name)
            for name in FIELDS
        ),
        pl.Series("attributes", attributes, dtype=items.schema["attributes"]),
    ).drop("_lost")


def swap_images(items: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Return ``items`` as ``nv`` shows them."""
    image = dict(items.select("item_id", "image").iter_rows())
    shown_as: Mapping[str, str] = dict(table.iter_rows())
    images = [image[shown_as.get(item_id, item_id)] for item_id in items["item_id"]]
    return items.with_columns(pl.Series("image", images, dtype=pl.String))
