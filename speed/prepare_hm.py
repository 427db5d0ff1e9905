"""How long preparing H&M takes, beside plain pandas doing the table part of the work.

    python speed/prepare_hm.py --raw path/to/h-and-m [--copies 100]

Three timings of one run, on the same files. "tables": read both CSV files, check the rows, sort
them by customer and time (ties in file order), split leave-one-out, write articles and
purchases as Parquet; by this project's functions and by straightforward pandas. "whole": all
that ``unimp-bench data prepare hm`` does, which adds the frozen instances of four tasks, every
photo decoded and copied, perturbations, and SHA-256 of every file. ``--copies N`` repeats the
purchases under N times as many customers.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmark.data.frames import write_parquet
from benchmark.data.preparing.cleaning import clean
from benchmark.data.preparing.parameters import parse_settings
from benchmark.data.preparing.prepare import prepare
from benchmark.data.preparing.split import split
from benchmark.data.sources import SOURCES
from benchmark.host.home import Home

TABLES = ("articles.csv", "transactions_train.csv")


def enlarge(raw: Path, folder: Path, copies: int) -> Path:
    """Write a raw folder with the same articles and ``copies`` times the customers."""
    folder.mkdir()
    (folder / "images").symlink_to((raw / "images").absolute())
    (folder / TABLES[0]).write_bytes((raw / TABLES[0]).read_bytes())
    header, *rows = (raw / TABLES[1]).read_text().splitlines()
    with open(folder / TABLES[1], "w") as stream:
        stream.write(header + "\n")
        for row in rows:  # copy by copy within a row, so that the file stays in time order
            day, customer, rest = row.split(",", 2)
            # The copy's number takes the place of the last digits: ids keep their length.
            stream.writelines(f"{day},{customer[:-6]}{n:06d},{rest}\n" for n in range(copies))
    return folder


def our_tables(raw: Path, out: Path) -> int:
    """Do the table part by this project's functions; return the number of rows."""
    source = SOURCES.get("hm")
    params, split_params = parse_settings(source, {})
    cleaned = clean(source.read(raw, params, on_error="raise"), on_error="raise")
    rows, _ = split(cleaned.interactions, split_params)
    write_parquet(cleaned.items, out / "items.parquet")
    write_parquet(rows, out / "interactions.parquet")
    return len(rows)


def pandas_tables(raw: Path, out: Path) -> int:
    """Do the same work as one would write it in pandas."""
    items = pd.read_csv(raw / TABLES[0], dtype=str)
    rows = pd.read_csv(raw / TABLES[1], dtype={"customer_id": str, "article_id": str})
    rows["t_dat"] = pd.to_datetime(rows["t_dat"], format="%Y-%m-%d")
    assert rows.notna().all(axis=None)
    assert rows["article_id"].isin(items["article_id"]).all()
    rows = rows.sort_values(["customer_id", "t_dat"], kind="stable")
    counts = rows.groupby("customer_id")["article_id"].transform("size")
    rows = rows[counts >= 3]
    behind = rows.groupby("customer_id").cumcount(ascending=False)
    rows["part"] = behind.map({0: "test", 1: "valid"}).fillna("train")
    items.to_parquet(out / "items-pandas.parquet")
    rows.to_parquet(out / "interactions-pandas.parquet")
    return len(rows)


def timed(work: Callable[[], object]) -> float:
    """Return the wall-clock seconds of ``work``."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder in the Kaggle layout")
    parser.add_argument("--copies", type=int, default=1, help="times as many customers")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = arguments.raw
        if arguments.copies > 1:
            raw = enlarge(raw, folder / "raw", arguments.copies)
        rows = our_tables(raw, folder)  # files into the page cache, imports done
        ours = timed(lambda: our_tables(raw, folder))
        theirs = timed(lambda: pandas_tables(raw, folder))
        whole = timed(lambda: prepare("hm", home=Home(folder), raw=raw))
    print(f"{rows:,} purchases")
    print(f"{'tables, this project':<24}{ours:8.2f} s  {theirs / ours:5.1f}x as fast as pandas")
    print(f"{'tables, pandas':<24}{theirs:8.2f} s")
    print(f"{'whole, this project':<24}{whole:8.2f} s  {theirs / whole:5.1f}x as fast as pandas")


if __name__ == "__main__":
    main()
