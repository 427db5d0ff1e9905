"""A tiny sound raw folder of every source, and what each of its files must come to."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tests.data import conftest
from tests.data.sources import test_amazon_2023 as amazon_2023
from tests.data.sources import test_dated_amazon as dated
from tests.data.sources import test_tabular as tabular
from tests.data.sources import test_unordered_files as unordered

Count = Callable[[str, str], int]
"""``(name of the file, its text) -> lines of it that say nothing of an interaction or item``."""


@dataclass(frozen=True)
class Format:
    """Says how a source's raw files are made, and which of them holds what."""

    source: str
    write: Callable[[Path], None]
    interactions: tuple[str, ...]
    items: tuple[str, ...] = ()
    raw: str = ""
    """What of the folder ``--raw`` names; the folder itself."""
    settings: Mapping[str, str] = field(default_factory=dict)
    others: Count = lambda name, text: 0
    several: bool = False
    """Whether a line holds several interactions of one user."""


def _one_header(name: str, text: str) -> int:
    return 1


def _movie_lines(name: str, text: str) -> int:
    if name.startswith("movie_titles"):
        return 0
    opened = [int(n) for n in re.findall(r"(?m)^([1-9]\d{0,8}):[^\S\n]*$", text.lstrip("\ufeff"))]
    own = re.search(r"mv_0*(\d+)", name)
    return len(opened) if own is None else opened.count(int(own[1]))


def _rated(write: unordered.Writer) -> Callable[[Path], None]:
    ratings = unordered.drawn(6, users=5, items=10)
    return lambda folder: write(folder, ratings, {r.item for r in ratings} | {77})


def _dated(source: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        said = {"Toys_and_Games": dated.written("Toys_and_Games", users=6, items=6)}
        items = sorted({one.item for one in said["Toys_and_Games"]} | {"T9"})
        described = [dated.described(source, item, "Toys_and_Games") for item in items]
        dated.make(folder, source, said, {"Toys_and_Games": described})
        for path in list(folder.iterdir()):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()

    return write


def _amazon_2023(folder: Path) -> None:
    amazon_2023.write(folder / "Mugs.jsonl.gz", amazon_2023.grid())
    amazon_2023.write(folder / "meta_Mugs.jsonl", [amazon_2023.meta(f"i{i}") for i in range(5)])


def _ml_100k(folder: Path) -> None:
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    lines += [f"{r.user}\t{r.item}\t{r.stars}\t{r.seconds}" for r in unordered.drawn(6, 5, 10)]
    (folder / "ml-100k.inter").write_text("\n".join(lines) + "\n")
    lines = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    lines += [f"{i}\tMovie {i}\t199{i % 10}\tDrama War" for i in range(1, 11)]
    (folder / "ml-100k.item").write_text("\n".join(lines) + "\n")


def _tabular(folder: Path) -> None:
    (folder / "columns.toml").write_text(tabular.MAP.split("[photos]")[0])
    rows = [
        f'u{u};00{i};2020-01-{1 + (u + i) % 28:02d} 10:00;{i};"so; good\nit is";Nice;books'
        for u in range(5)
        for i in range(1, 6)
    ]
    (folder / "log.csv").write_text("\n".join([tabular.LOG.split("\n")[0], *rows]) + "\n")
    things = [f"00{i}\tMug\tHome > Mugs\tNorby\t$1.50\tOak.\tred\t\t" for i in range(1, 7)]
    (folder / "things.tsv").write_text("\n".join([tabular.THINGS.split("\n")[0], *things]) + "\n")


def _seconds(folder: Path) -> None:
    """A table of seconds, packed, with items of Parquet."""
    (folder / "columns.toml").write_text(
        unordered.MAP.format(file="log.csv.gz", time="seconds").replace(".tsv", ".parquet")
    )
    ratings = unordered.drawn(6, users=5, items=10)
    lines = ["when,stars,what,who"]
    lines += [f"{r.seconds}.0,{r.stars},{r.item},{r.user}" for r in ratings]
    (folder / "log.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode(), 1))
    items = sorted({r.item for r in ratings})
    pl.DataFrame({"id": items, "name": [f"Movie {i}" for i in items]}).write_parquet(
        folder / "things.parquet"
    )


def _sequences(folder: Path) -> None:
    lines = [f"{u} " + " ".join(str((u + t) % 9 + 1) for t in range(3 + u % 4)) for u in range(8)]
    (folder / "Toys.txt").write_text("\n".join(lines) + "\n")
    attributes = {str(i): [i, "red"] for i in range(1, 10)}
    (folder / "Toys_item2attributes.json").write_text(json.dumps(attributes))


def _given_split(folder: Path) -> None:
    for name, first, number in (("train.txt", 0, 4), ("test.txt", 4, 2)):
        lines = [
            f"{u} " + " ".join(str((u + t) % 9) for t in range(first, first + number))
            for u in range(8)
        ]
        (folder / name).write_text("\n".join(lines) + "\n")


def _hm(folder: Path) -> None:
    conftest.hm_folder(folder)


FORMATS: Mapping[str, Format] = {
    "amazon2014": Format(
        "amazon2014",
        _dated("amazon2014"),
        ("reviews_Toys_and_Games_5.json",),
        ("meta_Toys_and_Games.json",),
    ),
    "amazon2018": Format(
        "amazon2018",
        _dated("amazon2018"),
        ("Toys_and_Games_5.json",),
        ("meta_Toys_and_Games.json",),
    ),
    "amazon2023": Format("amazon2023", _amazon_2023, ("Mugs.jsonl.gz",), ("meta_Mugs.jsonl",)),
    "netflix-combined": Format(
        "netflix",
        _rated(unordered.netflix_combined),
        ("combined_data_1.txt", "combined_data_2.txt"),
        ("movie_titles.csv",),
        others=_movie_lines,
    ),
    "netflix-training-set": Format(
        "netflix",
        _rated(unordered.netflix_single),
        tuple(f"training_set/mv_{i:07d}.txt" for i in range(1, 11)),
        ("movie_titles.txt",),
        others=_movie_lines,
    ),
    "ml-100k": Format(
        "ml-100k", _ml_100k, ("ml-100k.inter",), ("ml-100k.item",), others=_one_header
    ),
    "movielens-csv": Format(
        "movielens",
        _rated(unordered.movielens_csv),
        ("ratings.csv",),
        ("movies.csv",),
        others=_one_header,
    ),
    "movielens-dat": Format(
        "movielens", _rated(unordered.movielens_dat), ("ratings.dat.gz",), ("movies.dat",)
    ),
    "tabular-csv": Format(
        "tabular", _tabular, ("log.csv",), ("things.tsv",), others=_one_header
    ),
    "tabular-seconds": Format(
        "tabular", _seconds, ("log.csv.gz",), ("things.parquet",), others=_one_header
    ),
    "tabular-parquet": Format(
        "tabular", _rated(unordered.tabular_parquet), ("log.parquet",), ("things.tsv",),
        others=_one_header,
    ),
    "hm": Format("hm", _hm, ("transactions_train.csv",), ("articles.csv",), others=_one_header),
    "sequences": Format("sequences", _sequences, ("Toys.txt",), raw="Toys.txt", several=True),
    "given-split": Format(
        "sequences", _given_split, ("train.txt", "test.txt"), raw="train.txt", several=True
    ),
}  # fmt: skip
