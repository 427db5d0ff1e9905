"""Preparing a review collection: this project beside a line-by-line script and pandas, in one run.

    python speed/data_build.py --reviews 1000000

Reviews and metadata are made up in the form of ``amazon2023``, with the lengths, the markup and the
ids of the published files. "tables": read every line, check it, take markup out of the texts, drop
repeats, bring each user's reviews into time order, split leave-one-out, write. "script" does so as
research code does, a line and a user at a time in plain Python, "pandas" with its columns. "whole"
is all that ``unimp-bench data prepare`` does, which adds explanations, frozen instances of five
tasks and SHA-256 of every file. "reading" parses both files and does nothing else: by json.loads
a line at a time, or by polars, the columns that are needed on all cores. Each runs in a process of
its own; "processor" is the time of all cores, which other work on the machine disturbs less than
"wall".
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.host.provenance import peak_memory_mib

#: Of the reviews of amazon2023: words, of which half the texts have at most so many, and how
#: they spread; and the shares of texts with a line break, an ampersand and a curly apostrophe.
MEDIAN_WORDS, SPREAD, MOST_WORDS = 24, 1.2, 2_000
BROKEN, ESCAPED, CURLY = 0.11, 0.03, 0.13
REVIEWS_PER_USER, REVIEWS_PER_ITEM = 8, 12
CATEGORY = "Made_Up"
_LETTERS = "etaoinshrdlucmfwypvbgk"


def write_raw(folder: Path, reviews: int, *, seed: int = 0) -> Path:
    """Write ``Made_Up.jsonl`` and ``meta_Made_Up.jsonl`` with about ``reviews`` lines."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    words = _vocabulary(rng, 30_000)
    items = max(reviews // REVIEWS_PER_ITEM, 20)
    with open(folder / f"meta_{CATEGORY}.jsonl", "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(record) + "\n" for record in _items(rng, words, items))
    with open(folder / f"{CATEGORY}.jsonl", "w", encoding="utf-8") as stream:
        for record in _reviews(rng, words, reviews, items):
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return folder


def _vocabulary(rng: np.random.Generator, size: int) -> list[str]:
    letters = np.minimum(rng.geometric(0.15, (size, 8)), len(_LETTERS)) - 1
    lengths = rng.integers(2, 9, size)
    rows = zip(letters.tolist(), lengths.tolist(), strict=True)
    words = ["".join(_LETTERS[i] for i in row[:n]) for row, n in rows]
    return [f"{word}'s" if i % 40 == 0 else word for i, word in enumerate(words)]


def _zipf(rng: np.random.Generator, size: int, draws: int) -> NDArray[np.int64]:
    """Numbers below ``size``, small ones often."""
    return np.minimum(size ** rng.random(draws), size - 1).astype(np.int64)


def _stream(rng: np.random.Generator, words: list[str], length: int) -> tuple[str, list[int]]:
    """A text of sentences, ``length`` words long, and where its words begin."""
    ends = rng.random(length) < 1 / 11
    drawn = _zipf(rng, len(words), length)
    pairs = zip(drawn.tolist(), ends.tolist(), strict=True)
    parts = [words[i] + (". " if end else " ") for i, end in pairs]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return "".join(parts), starts.tolist()


def _items(rng: np.random.Generator, words: list[str], items: int) -> Iterator[dict[str, object]]:
    for number in range(items):
        name = [words[i] for i in _zipf(rng, len(words), 60).tolist()]
        yield {
            "main_category": "Made Up",
            "title": " ".join(name[:8]).title(),
            "average_rating": 4.1,
            "rating_number": 12,
            "features": [" ".join(name[20:32]), " ".join(name[32:40])],
            "description": [" ".join(name[40:])],
            "price": round(float(rng.uniform(1, 90)), 2) if number % 3 else None,
            "images": [{"thumb": "t", "large": f"https://x/{number}.jpg", "variant": "MAIN"}],
            "videos": [],
            "store": name[8].title() if number % 5 else None,
            "categories": ["Made Up", words[number % 40].title(), words[40 + number % 400].title()],
            "details": {"Package Dimensions": "1 x 2 x 3 inches", "Best Sellers Rank": {"A": 1}},
            "parent_asin": _item(number),
        }


def _item(number: int) -> str:
    return f"B{number:09d}"


def _reviews(
    rng: np.random.Generator, words: list[str], reviews: int, items: int
) -> Iterator[dict[str, object]]:
    """Grouped by user and in time order within users, as the published files are."""
    length = min(max(8 * reviews, 20_000), 4_000_000)
    text, starts = _stream(rng, words, length + MOST_WORDS)
    order = rng.permutation(items)
    user = made = 0
    while made < reviews:
        of_user = np.minimum(rng.geometric(1 / REVIEWS_PER_USER, 4_096), 500)
        of_user = of_user[np.cumsum(of_user) <= max(reviews - made, of_user[0])]
        n = int(of_user.sum())
        users = np.repeat(np.arange(user, user + len(of_user)), of_user)
        times = np.sort(users.astype(np.float64) + rng.random(n)) - users
        first = rng.integers(0, length, n)
        sizes = np.exp(rng.normal(np.log(MEDIAN_WORDS), SPREAD, n)).astype(np.int64)
        last = first + np.clip(sizes, 1, MOST_WORDS)
        rows = zip(
            users.tolist(),
            order[_zipf(rng, items, n)].tolist(),
            (1.3e12 + times * 3.8e11).astype(np.int64).tolist(),
            first.tolist(),
            last.tolist(),
            rng.integers(1, 6, n).tolist(),
            rng.random((n, 3)).tolist(),
            strict=True,
        )
        for who, item, at, low, high, stars, (broken, escaped, curly) in rows:
            said = text[starts[low] : starts[high]].strip()
            if broken < BROKEN:
                said = said.replace(". ", ".<br /><br />", 3)
            if escaped < ESCAPED:
                said = said.replace(" ", " &amp; ", 1)
            if curly < CURLY:
                said += " it’s"
            yield {
                "rating": float(stars),
                "title": text[starts[low] : starts[min(high, low + 4)]].strip(),
                "text": said,
                "images": [],
                "asin": _item(item),
                "parent_asin": _item(item),
                "user_id": f"A{who * 2654435761 % (1 << 40):027d}",
                "timestamp": at,
                "helpful_vote": 0,
                "verified_purchase": True,
            }
        user += len(of_user)
        made += n


def our_tables(raw: Path, out: Path) -> int:
    """Do the table part by this project's functions; return the number of rows."""
    from benchmark.data.frames import conform, write_parquet
    from benchmark.data.preparing.cleaning import clean
    from benchmark.data.preparing.finishing import in_slices
    from benchmark.data.preparing.parameters import parse_settings
    from benchmark.data.preparing.split import split
    from benchmark.data.preparing.streaming import streamed_parquet
    from benchmark.data.raw.kept_texts import RawReviews
    from benchmark.data.raw.temporary import temporary_files_in
    from benchmark.data.schema import INTERACTION_COLUMNS
    from benchmark.data.sources import SOURCES

    source = SOURCES.get("amazon2023")
    params, split_params = parse_settings(source, {"new_users": "0"})
    with temporary_files_in(out):
        cleaned = clean(source.read(raw, params, on_error="raise"), on_error="raise")
        assert isinstance(cleaned, RawReviews)
        rows, _ = split(cleaned.interactions, split_params)
        write_parquet(cleaned.items, out / "items.parquet")
        with streamed_parquet(out / "interactions.parquet") as write:
            for part in in_slices(rows, cleaned.texts):
                write(conform(part, INTERACTION_COLUMNS))
    return len(rows)


def our_whole(raw: Path, out: Path) -> int:
    """Do all that ``data prepare`` does."""
    from benchmark.data.preparing.prepare import prepare
    from benchmark.host.home import Home

    dataset = prepare("amazon2023", home=Home(out), raw=raw)
    return int(dataset.info["statistics"]["interactions"])


_BREAK, _TAG = re.compile(r"<\s*br\s*/?>", re.IGNORECASE), re.compile(r"<[^<>]+>")


def _plain(text: str) -> str:
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def script_tables(raw: Path, out: Path) -> int:
    """Do the table part line by line, as one would write it in plain Python."""
    users: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    with open(raw / f"{CATEGORY}.jsonl", encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            stars, at = float(entry["rating"]), int(entry["timestamp"])
            assert 1 <= stars <= 5, entry
            row = (at, entry["parent_asin"], stars, _plain(entry["text"]), _plain(entry["title"]))
            users[entry["user_id"]].append(row)
    items: dict[str, dict[str, Any]] = {}
    reviewed = {row[1] for rows in users.values() for row in rows}
    with open(raw / f"meta_{CATEGORY}.jsonl", encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            if entry["parent_asin"] in reviewed:
                items[entry["parent_asin"]] = {
                    "title": _plain(entry["title"] or ""),
                    "categories": [_plain(level) for level in entry["categories"]],
                    "brand": _plain(entry["store"] or ""),
                    "price": entry["price"],
                    "description": _plain("\n".join(entry["features"] + entry["description"])),
                }
    written = 0
    with open(out / "items.jsonl", "w", encoding="utf-8") as stream:
        for item in sorted(items):
            stream.write(json.dumps({"item_id": item, **items[item]}) + "\n")
    with open(out / "interactions.jsonl", "w", encoding="utf-8") as stream:
        for user, rows in users.items():
            had = set()
            kept = []
            for row in sorted(rows, key=lambda row: row[0]):
                if (row[0], row[1]) not in had:
                    had.add((row[0], row[1]))
                    kept.append(row)
            if len(kept) < 3:
                continue
            for place, (at, item, stars, text, title) in enumerate(kept):
                part = {len(kept) - 1: "test", len(kept) - 2: "valid"}.get(place, "train")
                row = [user, item, at // 1000, stars, text, title, part]
                stream.write(json.dumps(row) + "\n")
                written += 1
    return written


def pandas_tables(raw: Path, out: Path) -> int:
    """Do the table part as one would write it in pandas."""
    import pandas as pd

    def plain(texts: pd.Series) -> pd.Series:
        texts = texts.str.replace(_BREAK, "\n", regex=True).str.replace(_TAG, "", regex=True)
        return texts.map(html.unescape, na_action="ignore").str.strip()

    rows = pd.read_json(raw / f"{CATEGORY}.jsonl", lines=True, convert_dates=False)
    rows = rows[["user_id", "parent_asin", "timestamp", "rating", "text", "title"]]
    assert rows["rating"].between(1, 5).all()
    for name in ("text", "title"):
        rows[name] = plain(rows[name])
    items = pd.read_json(raw / f"meta_{CATEGORY}.jsonl", lines=True)
    items = items[items["parent_asin"].isin(rows["parent_asin"])]
    items["description"] = plain((items["features"] + items["description"]).str.join("\n"))
    items["title"] = plain(items["title"])
    items = items[["parent_asin", "title", "categories", "store", "price", "description"]]
    rows = rows.sort_values(["user_id", "timestamp"], kind="stable")
    rows = rows.drop_duplicates(["user_id", "parent_asin", "timestamp"])
    rows["timestamp"] //= 1000
    rows = rows[rows.groupby("user_id")["parent_asin"].transform("size") >= 3]
    behind = rows.groupby("user_id").cumcount(ascending=False)
    rows["part"] = behind.map({0: "test", 1: "valid"}).fillna("train")
    items.sort_values("parent_asin").to_parquet(out / "items.parquet")
    rows.to_parquet(out / "interactions.parquet")
    return len(rows)


def json_reading(raw: Path, out: Path) -> int:
    """Parse every line by ``json.loads`` and let it go."""
    rows = 0
    for name in (f"{CATEGORY}.jsonl", f"meta_{CATEGORY}.jsonl"):
        with open(raw / name, encoding="utf-8") as stream:
            rows = max(rows, sum(1 for line in stream if json.loads(line)))
    return rows


def polars_reading(raw: Path, out: Path) -> int:
    """Parse the columns that the tables are made of by polars."""
    import polars as pl

    reviews = pl.scan_ndjson(raw / f"{CATEGORY}.jsonl").select(
        "user_id", "parent_asin", "timestamp", "rating", "text", "title"
    )
    items = pl.scan_ndjson(raw / f"meta_{CATEGORY}.jsonl").select(
        "parent_asin", "title", "categories", "store", "price", "features", "description"
    )
    items.collect()
    return reviews.collect().height


CONTENDERS: dict[str, Callable[[Path, Path], int]] = {
    "tables, this project": our_tables,
    "tables, script": script_tables,
    "tables, pandas": pandas_tables,
    "whole, this project": our_whole,
    "reading, json.loads": json_reading,
    "reading, polars": polars_reading,
}


def measured(name: str, raw: Path, out: Path) -> dict[str, float]:
    """Return rows, seconds and peak megabytes of one contender in a process of its own."""
    command = [sys.executable, __file__, "--only", name, "--raw", str(raw), "--out", str(out)]
    out.mkdir()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_here(name: str, raw: Path, out: Path) -> None:
    """Run one contender in this process and print what it took, as JSON."""
    with tempfile.TemporaryDirectory() as folder:  # imports done
        (Path(folder) / "out").mkdir()
        CONTENDERS[name](write_raw(Path(folder) / "raw", 300), Path(folder) / "out")
    wall, processor = time.perf_counter(), time.process_time()
    rows = CONTENDERS[name](raw, out)
    took = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
    print(json.dumps({"rows": rows, **took, "peak": _peak()}))


def _peak() -> float:
    """The most megabytes this process held, not counting what it was started from."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found is not None:
            return int(found[1]) * 1024 / 1e6
    return peak_memory_mib() * 2**20 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reviews", type=int, action="append", help="lines; default 100,000")
    parser.add_argument("--only", choices=list(CONTENDERS), action="append")
    parser.add_argument("--raw", type=Path, help="measure one of --only here, of this folder")
    parser.add_argument("--out", type=Path, help="where that writes")
    options = parser.parse_args()
    names = options.only or list(CONTENDERS)
    if options.raw is not None:
        measure_here(names[0], options.raw, options.out)
        return
    for reviews in options.reviews or [100_000]:
        with tempfile.TemporaryDirectory() as folder:
            raw = write_raw(Path(folder) / "raw", reviews)
            size = sum(path.stat().st_size for path in raw.iterdir())
            print(f"{reviews:,} reviews, {size / 1e6:,.0f} MB")
            print(f"{'':22}{'rows':>12}{'wall':>10}{'processor':>11}{'a review':>10}{'peak':>10}")
            for number, name in enumerate(names):
                took = measured(name, raw, Path(folder) / str(number))
                print(
                    f"{name:22}{took['rows']:>12,}{took['wall']:>8.1f} s{took['processor']:>9.1f} s"
                    f"{took['processor'] / reviews * 1e6:>7.1f} us{took['peak']:>7,.0f} MB"
                )


if __name__ == "__main__":
    main()
