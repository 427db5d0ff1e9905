"""H&M Personalized Fashion Recommendations, in the layout of the Kaggle download.

``articles.csv``, ``transactions_train.csv`` (either may be gzipped, ``.csv.gz``) and
``images/0xx/<article_id>.jpg`` (or another of
:data:`~benchmark.data.raw.photo_folder.ENDS`), where 0xx are the id's first three digits. Article
ids are strings: their leading zero counts. Repeated rows are repeated purchases and stay, in file
order within a day. There are no ratings and no reviews. Prices are left out: an article's
price is only known from transactions, the test ones among them. Articles nobody bought stay
in the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from benchmark.data.raw.attributes import attribute_pairs
from benchmark.data.raw.coded_ids import CodedIds
from benchmark.data.raw.csv_files import read_csv, read_csv_into
from benchmark.data.raw.kept_texts import RawReviews
from benchmark.data.raw.photo_folder import photos_in_folders
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.text_files import find_file, plain_or_packed
from benchmark.data.raw.time_columns import plausible
from benchmark.data.schema import RawDataset

ARTICLES, TRANSACTIONS = "articles.csv", "transactions_train.csv"
_LAYOUT = "the folder with articles.csv, transactions_train.csv and images/"
_DAY_SECONDS = 86_400
_DOMAIN = "fashion"

#: Category path, from general to specific.
CATEGORY = ("index_group_name", "garment_group_name", "product_type_name")
#: Attribute names as items show them -> columns of articles.csv.
ATTRIBUTES = {
    "colour": "colour_group_name",
    "appearance": "graphical_appearance_name",
    "product group": "product_group_name",
    "department": "department_name",
    "section": "section_name",
}
#: A number of ten digits; what read it as a number on the way took its first zero.
_ARTICLE = pl.when(pl.col("article_id").str.contains(r"^[0-9]{10}$")).then(pl.col("article_id"))
_ARTICLE_RULE = "an article id of ten digits (ids read as numbers lose their leading zero)"
TERMS = (
    "H&M Personalized Fashion Recommendations (Kaggle, 2022): non-commercial and academic use "
    "under the competition's rules; not to be redistributed."
)


class HmParams(BaseModel):
    """Refuses every setting: the source has none of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read(raw: Path | None, params: HmParams, *, on_error: OnError) -> RawDataset:
    """Parse the folder ``raw``; broken lines are named by file and number."""
    assert raw is not None
    articles, article_notes = _articles(raw, on_error)
    purchases, purchase_notes = _transactions(raw, on_error)
    notes = {**article_notes, **purchase_notes}
    places = ((article, article[:3]) for article in articles["item_id"])
    return RawReviews(
        items=articles,
        interactions=purchases,
        allow_repeats=True,
        rating_scale=None,
        terms=TERMS,
        photos=photos_in_folders(raw / "images", places, on_error=on_error, notes=notes),
        notes=notes,
    )


def files(raw: Path | None, params: HmParams) -> Mapping[str, Path]:
    """Return the two tables read."""
    assert raw is not None
    paths = (plain_or_packed(raw, name) for name in (ARTICLES, TRANSACTIONS))
    return {path.name: path for path in paths if path is not None}


def _articles(raw: Path, on_error: OnError) -> tuple[pl.DataFrame, dict[str, object]]:
    path = find_file(raw, ARTICLES, expected=_LAYOUT)
    optional = ("prod_name", "detail_desc", *CATEGORY, *ATTRIBUTES.values())
    frame, notes = read_csv(
        path,
        {
            "article_id": (_ARTICLE, _ARTICLE_RULE),
            **{name: (pl.col(name), None) for name in optional},
        },
        on_error=on_error,
    )
    items = frame.select(
        pl.col("article_id").alias("item_id"),
        pl.lit(_DOMAIN).alias("domain"),
        pl.col("prod_name").alias("title"),
        pl.concat_list(CATEGORY).list.drop_nulls().alias("category"),
        pl.col("detail_desc").alias("description"),
        attribute_pairs({key: pl.col(column) for key, column in ATTRIBUTES.items()}),
    )
    return items, notes


def _transactions(raw: Path, on_error: OnError) -> tuple[pl.DataFrame, dict[str, object]]:
    path = find_file(raw, TRANSACTIONS, expected=_LAYOUT)
    day = pl.col("t_dat").str.to_date("%Y-%m-%d", strict=False)
    return read_csv_into(
        _coded,
        path,
        {
            "t_dat": (
                plausible(day.dt.epoch("d").cast(pl.Int64) * _DAY_SECONDS),
                "a day like 2020-09-22 (between the years 1990 and 2100)",
            ),
            "customer_id": (pl.col("customer_id"), "a customer id"),
            "article_id": (_ARTICLE, _ARTICLE_RULE),
            # The last column: null in a line that breaks off.
            "sales_channel_id": (
                pl.col("sales_channel_id").cast(pl.UInt8, strict=False),
                "a small number",
            ),
        },
        on_error=on_error,
    )


def _coded(purchases: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The interactions as :class:`~benchmark.data.raw.kept_texts.RawReviews` has them."""
    coded = CodedIds()
    shaped = (
        pl.col("customer_id").alias("user_id"),
        pl.col("article_id").alias("item_id"),
        pl.col("t_dat").alias("timestamp"),
        pl.lit(_DOMAIN, pl.Enum([_DOMAIN])).alias("domain"),
        pl.lit(None, pl.Boolean).alias("review"),
    )
    return coded.together([coded.take(frame.select(shaped)) for frame in purchases])


SOURCE = Source(
    name="hm",
    summary="H&M purchases with product photos (Kaggle layout)",
    params=HmParams,
    read=read,
    files=files,
    raw_help=_LAYOUT,
    default_name=lambda params: "hm",
    defaults={"new_users": 0.0, "history_window": 5},
    shareable=False,
)
