"""`data prepare hm` at the size of the full download: seconds, processor seconds, memory, bytes.

    python speed/large_hm.py --purchases 31788324

Purchases, customers and articles are made up in the layout of the Kaggle files and in their
numbers: 1.37 million customers, few of whom buy often, and 105,542 articles, few of which sell
well; fewer purchases have as many fewer customers. There are no photos: what they add is decoding
and copying one an article.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from commands import print_prepared

#: Of the full download (https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations).
PURCHASES, CUSTOMERS, ARTICLES, DAYS = 31_788_324, 1_362_281, 105_542, 734
#: Purchases written at a time.
_BLOCK = 2_000_000
_FIRST_DAY = "2018-09-20"
#: What is read of an article, and its values.
_COLUMNS = {
    "product_type_name": ("Trousers", "Sweater", "Dress", "Top", "Shorts", "Jacket", "Socks"),
    "product_group_name": ("Garment Upper body", "Garment Lower body", "Socks & Tights"),
    "graphical_appearance_name": ("Solid", "Stripe", "Dot", "Check"),
    "colour_group_name": ("Black", "Dark Blue", "White", "Light Pink", "Grey", "Red"),
    "department_name": ("Jersey", "Knitwear", "Basics", "Trouser"),
    "index_group_name": ("Ladieswear", "Menswear", "Divided"),
    "garment_group_name": ("Jersey Basic", "Jersey Fancy", "Knitwear", "Trousers"),
    "section_name": ("Womens Everyday Basics", "Contemporary Casual"),
    "detail_desc": ("Soft cotton jersey with a round neckline and short sleeves.",),
}


def write_raw(folder: Path, purchases: int) -> Path:
    """Write ``articles.csv`` and ``transactions_train.csv``, the latter in time order."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    articles = pl.Series([f"0{100_000_000 + 7 * n}" for n in range(ARTICLES)])
    columns = {
        name: pl.Series(values).gather(rng.integers(0, len(values), ARTICLES))
        for name, values in _COLUMNS.items()
    }
    title = pl.concat_str("product_type_name", pl.lit(" "), pl.int_range(ARTICLES) % 40)
    pl.DataFrame({"article_id": articles, **columns}).with_columns(
        title.alias("prod_name")
    ).write_csv(folder / "articles.csv")
    n = max(1_000, int(CUSTOMERS * purchases / PURCHASES))
    customers = pl.Series([hashlib.sha256(str(c).encode()).hexdigest() for c in range(n)])
    with open(folder / "transactions_train.csv", "wb") as stream:
        for low in range(0, purchases, _BLOCK):
            size = min(_BLOCK, purchases - low)
            day = (np.arange(low, low + size) * DAYS) // purchases
            rows = pl.DataFrame(
                {
                    "t_dat": pl.Series(day).cast(pl.Int32) + _epoch_day(),
                    "customer_id": customers.gather((n * rng.random(size) ** 2).astype(np.int64)),
                    "article_id": articles.gather(
                        np.minimum(ARTICLES ** rng.random(size), ARTICLES - 1).astype(np.int64)
                    ),
                    "price": rng.uniform(0.001, 0.1, size),
                    "sales_channel_id": rng.integers(1, 3, size),
                }
            ).with_columns(pl.col("t_dat").cast(pl.Date))
            rows.write_csv(stream, include_header=low == 0)
    return folder


def _epoch_day() -> int:
    return int(np.datetime64(_FIRST_DAY).astype("datetime64[D]").astype(np.int64))


def main() -> None:
    """Make the files, prepare them in a process of its own and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--purchases", type=int, default=PURCHASES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raw = write_raw(Path(folder) / "raw", options.purchases)
        print_prepared("hm", raw, f"{options.purchases:,} purchases", options.purchases)


if __name__ == "__main__":
    main()
