"""Files whose order says nothing of time, in every layout: one plain-Python answer for all.

Each writer puts the same ratings into a raw format; what comes out of reading, cleaning and
splitting is compared with a calculation that shares no code with them.
"""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.data.preparing.cleaning import clean
from benchmark.data.preparing.parameters import parse_settings
from benchmark.data.preparing.prepare import prepare
from benchmark.data.preparing.split import split
from benchmark.data.raw.source import OnError
from benchmark.data.schema import RawDataset
from benchmark.data.sources import SOURCES
from benchmark.errors import BenchError
from benchmark.host.home import Home

START = datetime(2004, 1, 1, tzinfo=UTC)


class Rated(NamedTuple):
    user: int
    item: int
    stars: int
    day: int
    """Since START."""

    @property
    def seconds(self) -> int:
        return int((START + timedelta(days=self.day)).timestamp())

    @property
    def date(self) -> str:
        return (START + timedelta(days=self.day)).strftime("%Y-%m-%d")


def title(item: int) -> str:
    return f"A, B: Café {item}" if item % 2 else f"Movie {item}"


def by_movie(ratings: list[Rated], items: set[int] | None = None) -> dict[int, list[Rated]]:
    grouped: dict[int, list[Rated]] = {}
    for rated in sorted(ratings, key=lambda r: r.item):
        if items is None or rated.item in items:
            grouped.setdefault(rated.item, []).append(rated)
    return grouped


def netflix_movie(item: int, ratings: list[Rated]) -> str:
    return "".join([f"{item}:\n", *(f"{r.user},{r.stars},{r.date}\n" for r in ratings)])


def write_titles(folder: Path, items: set[int], name: str) -> None:
    lines = [f"{item},{'NULL' if item % 3 == 0 else 1990 + item},{title(item)}" for item in items]
    (folder / name).write_bytes(("\n".join(lines) + "\n").encode("latin-1"))


def netflix_combined(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    write_titles(folder, items, "movie_titles.csv")
    low = {item for item in items if item % 2}
    for number, chosen in ((1, low), (2, items - low)):
        text = "".join(netflix_movie(i, r) for i, r in by_movie(ratings, chosen).items())
        (folder / f"combined_data_{number}.txt").write_text(text)


def netflix_single(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    write_titles(folder, items, "movie_titles.txt")
    (folder / "training_set").mkdir(exist_ok=True)
    for item, rated in by_movie(ratings).items():
        path = folder / "training_set" / f"mv_{item:07d}.txt"
        path.write_bytes(netflix_movie(item, rated).replace("\n", "\r\n").encode())


def movielens_csv(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    lines = ["userId,movieId,rating,timestamp"]
    lines += [f"{r.user},{r.item},{r.stars}.0,{r.seconds}" for r in ratings]
    (folder / "ratings.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    lines = ["movieId,title,genres"]
    lines += [f'{item},"{title(item)} ({1990 + item})",Drama|War' for item in items]
    (folder / "movies.csv").write_text("\n".join(lines) + "\n\n")


def movielens_dat(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    lines = [f"{r.user}::{r.item}::{r.stars}::{r.seconds}" for r in ratings]
    with gzip.open(folder / "ratings.dat.gz", "wb") as stream:
        stream.write("\n".join(lines).encode())
    lines = [f"{item}::{title(item)} ({1990 + item})::Drama|War" for item in items]
    (folder / "movies.dat").write_bytes("\n".join(lines).encode("latin-1"))


MAP = """
rating_scale = [1, 5]
[interactions]
file = "{file}"
time_format = "{time}"
columns = {{user = "who", item = "what", time = "when", rating = "stars"}}
[items]
file = "things.tsv"
columns = {{item = "id", title = "name"}}
"""


def tabular_items(folder: Path, items: set[int]) -> None:
    lines = ["name\tid", *(f"{title(item)}\t{item}" for item in items)]
    (folder / "things.tsv").write_text("\n".join(lines) + "\n")


def tabular_csv(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    (folder / "columns.toml").write_text(MAP.format(file="log.csv.gz", time="%d.%m.%Y"))
    tabular_items(folder, items)
    dates = [(START + timedelta(days=r.day)).strftime("%d.%m.%Y") for r in ratings]
    lines = ["when,extra,stars,what,who"]
    lines += [f"{d},x,{r.stars},{r.item}, {r.user} " for d, r in zip(dates, ratings, strict=True)]
    with gzip.open(folder / "log.csv.gz", "wb") as stream:
        stream.write(b"\xef\xbb\xbf" + "\n".join(lines).encode())


def tabular_parquet(folder: Path, ratings: list[Rated], items: set[int]) -> None:
    (folder / "columns.toml").write_text(MAP.format(file="log.parquet", time="milliseconds"))
    tabular_items(folder, items)
    pl.DataFrame(
        {
            "who": [r.user for r in ratings],
            "what": [str(r.item) for r in ratings],
            "stars": [float(r.stars) for r in ratings],
            "when": [r.seconds * 1000 for r in ratings],
        },
        schema={"who": pl.Int32, "what": pl.String, "stars": pl.Float32, "when": pl.Int64},
    ).write_parquet(folder / "log.parquet")


Writer = Callable[[Path, list[Rated], set[int]], None]
LAYOUTS: dict[str, tuple[str, Writer]] = {
    "netflix-combined": ("netflix", netflix_combined),
    "netflix-training-set": ("netflix", netflix_single),
    "movielens-csv": ("movielens", movielens_csv),
    "movielens-dat": ("movielens", movielens_dat),
    "tabular-csv": ("tabular", tabular_csv),
    "tabular-parquet": ("tabular", tabular_parquet),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def parsed(layout: str, folder: Path, *, on_error: OnError = "raise", **given: str) -> RawDataset:
    source = SOURCES.get(LAYOUTS[layout][0])
    own, _ = parse_settings(source, given)
    return source.read(folder, own, on_error=on_error)


def rows_of(layout: str, folder: Path, **given: str) -> list[tuple[Any, ...]]:
    """Users in a row, each in time order, as a dataset holds them."""
    _, common = parse_settings(SOURCES.get(LAYOUTS[layout][0]), given)
    raw = clean(parsed(layout, folder, **given), on_error="raise")
    rows, _ = split(raw.interactions, common)
    columns = ("user_id", "item_id", "timestamp", "rating", "part")
    return list(rows.select(columns).iter_rows())


# What the rows must be, in plain Python.

_MASK = (1 << 64) - 1


def blake(*parts: object) -> int:
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def tie(user: int, item: int, seed: int = 0) -> int:
    z = blake("tie", seed, "user", user)
    z = (z + (blake("tie", seed, "item", item) + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def expected(ratings: list[Rated], seed: int = 0) -> dict[str, list[tuple[str, int, float]]]:
    latest: dict[tuple[int, int], Rated] = {}
    for rated in ratings:
        key = (rated.user, rated.item)
        if key not in latest or (rated.day, rated.stars) > (latest[key].day, latest[key].stars):
            latest[key] = rated
    users: dict[str, list[Rated]] = {}
    for rated in latest.values():
        users.setdefault(str(rated.user), []).append(rated)
    return {
        user: [
            (str(r.item), r.seconds, float(r.stars))
            for r in sorted(rows, key=lambda r: (r.day, tie(r.user, r.item, seed)))
        ]
        for user, rows in users.items()
        if len(rows) >= 3
    }


def answers(rows: list[tuple[Any, ...]]) -> dict[str, list[tuple[str, int, float]]]:
    found: dict[str, list[tuple[str, int, float]]] = {}
    for user, item, time, stars, _ in rows:
        found.setdefault(user, []).append((item, time, stars))
    return found


def drawn(seed: int, users: int = 12, items: int = 30, days: int = 4) -> list[Rated]:
    """Many ties, and users with few ratings; no pair twice."""
    generator = random.Random(seed)
    pairs = [(u, i) for u in range(1, users + 1) for i in range(1, items + 1)]
    return [
        Rated(u, i, generator.randint(1, 5), generator.randrange(days))
        for u, i in generator.sample(pairs, len(pairs) // 3)
    ]


@every_layout
def test_every_layout_gives_what_plain_python_gives(layout, tmp_path) -> None:
    ratings = [*drawn(7), Rated(1, 99, 2, 0), Rated(1, 99, 4, 3), Rated(1, 99, 5, 1)]
    items = {r.item for r in ratings} | {200}
    LAYOUTS[layout][1](tmp_path, ratings, items)
    assert answers(rows_of(layout, tmp_path)) == expected(ratings)
    raw = parsed(layout, tmp_path)
    titles = dict(raw.items.select("item_id", "title").iter_rows())
    assert titles == {str(item): title(item) for item in items - {200}}
    assert list(titles) == [str(item) for item in sorted(items - {200})]
    assert raw.notes["items left out: no interactions"] == 1
    (repeats,) = (n for what, n in raw.notes.items() if "a later one" in what)
    assert repeats == 2


rated = st.builds(Rated, st.integers(1, 5), st.integers(1, 9), st.integers(1, 5), st.integers(0, 3))


@every_layout
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ratings=st.lists(rated, min_size=12, max_size=60), seed=st.integers(0, 3))
def test_training_is_before_validation_and_that_before_test(
    layout, ratings, seed, tmp_path_factory
) -> None:
    ratings = ratings + [Rated(6, i, 3, i % 2) for i in (1, 2, 3)]  # somebody always stays
    folder = tmp_path_factory.mktemp("raw")
    LAYOUTS[layout][1](folder, ratings, {r.item for r in ratings})
    rows = rows_of(layout, folder, seed=str(seed))
    assert answers(rows) == expected(ratings, seed)
    parts: dict[str, dict[str, list[int]]] = {}
    for user, _, time, _, part in rows:
        parts.setdefault(user, {}).setdefault(part, []).append(time)
    for times in parts.values():
        (valid,), (test,) = times["valid"], times["test"]
        assert max(times["train"]) <= valid <= test


@every_layout
def test_the_order_of_lines_changes_nothing(layout, tmp_path) -> None:
    ratings = drawn(3)
    items = {r.item for r in ratings}
    answers_of = []
    for name, order in (("a", ratings), ("b", random.Random(1).sample(ratings, len(ratings)))):
        folder = tmp_path / name
        folder.mkdir()
        LAYOUTS[layout][1](folder, order, items)
        raw = parsed(layout, folder)
        answers_of.append((raw.interactions.to_dicts(), raw.items.to_dicts()))
    assert answers_of[0] == answers_of[1]


@every_layout
def test_the_seed_decides_ties_and_nothing_else(layout, tmp_path) -> None:
    ratings = drawn(5)
    LAYOUTS[layout][1](tmp_path, ratings, {r.item for r in ratings})
    zero, one = (rows_of(layout, tmp_path, seed=seed) for seed in "01")
    assert answers(one) == expected(ratings, 1) != answers(zero)
    assert sorted(row[:4] for row in zero) == sorted(row[:4] for row in one)


def test_ties_follow_neither_ids_nor_lines() -> None:
    """Among users with two ratings of one day, each order is as likely."""
    first = sum(tie(user, 1) < tie(user, 2) for user in range(1, 2001))
    assert abs(first - 1000) < 150


@every_layout
def test_a_core_is_what_brute_force_leaves(layout, tmp_path) -> None:
    ratings = drawn(11, users=25, items=25)
    LAYOUTS[layout][1](tmp_path, ratings, {r.item for r in ratings})
    left = {(r.user, r.item) for r in ratings}
    while True:
        users = [u for u, _ in left]
        items = [i for _, i in left]
        kept = {(u, i) for u, i in left if users.count(u) >= 5 and items.count(i) >= 5}
        if kept == left:
            break
        left = kept
    found = parsed(layout, tmp_path, core="5core").interactions
    assert {(int(u), int(i)) for u, i in found.select("user_id", "item_id").iter_rows()} == left
    assert 0 < len(left) < len(ratings)


BROKEN = {
    "netflix-combined": ("combined_data_2.txt", [
        "5", "7,6,2004-01-02", "7,3,2004-02-30", "7,3,1904-01-02", "7,3",
        "CustomerID,Rating,Date", "007,3,2004-01-02", "7;3;2004-01-02", "1,7,3,2004-01-02",
    ]),
    "netflix-training-set": ("training_set/mv_0000002.txt", [
        "7,3,2004-1-2", "7,0,2004-01-02", "3:", "7,3,2024-01-02", ",3,2004-01-02",
    ]),
    "movielens-csv": ("ratings.csv", [
        "userId,movieId,rating,timestamp", "7,2,3", "7,2,3.2,1072915200", "7,2,0,1072915200",
        "7,2,5.5,1072915200", "7,2,3,1072915200000", "7,2,3,12", "07,2,3,1072915200",
        ",2,3,1072915200", "7,2,3,1072915200,9", "7,2,nan,1072915200",
    ]),
    "movielens-dat": ("ratings.dat.gz", [
        "7::2::3", "7::2::3.2::1072915200", "7::2::3::1072915200000", "7:2:3:1072915200",
        "UserID::MovieID::Rating::Timestamp", "7::2::3::1072915200::1", "7::02::3::1072915200",
    ]),
    "tabular-csv": ("log.csv.gz", [
        "when,extra,stars,what,who", "01.01.2004,x,3,2", "32.01.2004,x,3,2,7", "01.01.1004,x,3,2,7",
        "01.01.2004,x,3,,7", "01.01.2004,x,3,2,   ", "2004-01-01,x,3,2,7",
    ]),
}  # fmt: skip


def append(path: Path, line: bytes) -> None:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    content = content.rstrip() + b"\n" + line + b"\n"
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(
    ("layout", "line"),
    [(layout, line) for layout, (_, lines) in BROKEN.items() for line in lines],
)
def test_a_broken_line_is_named_or_skipped_and_counted(layout, line, tmp_path) -> None:
    ratings = drawn(2)
    LAYOUTS[layout][1](tmp_path, ratings, {r.item for r in ratings})
    name = BROKEN[layout][0]
    whole = parsed(layout, tmp_path).interactions
    append(tmp_path / name, line.encode())
    with pytest.raises(BenchError, match=rf"{Path(name).name}, line \d+: "):
        parsed(layout, tmp_path)
    skipped = parsed(layout, tmp_path, on_error="skip")
    assert skipped.interactions.equals(whole)
    assert skipped.notes[f"lines of {Path(name).name} left out"] == 1


@pytest.mark.parametrize("layout", BROKEN)
@pytest.mark.parametrize(
    "line", [b"\xe9,\xff", "7,3,2004".encode("utf-16"), b"\0\0"], ids=["latin", "utf-16", "zeros"]
)
def test_bytes_that_are_no_text_are_named_or_skipped(layout, line, tmp_path) -> None:
    ratings = drawn(2)
    LAYOUTS[layout][1](tmp_path, ratings, {r.item for r in ratings})
    name = BROKEN[layout][0]
    whole = parsed(layout, tmp_path).interactions
    append(tmp_path / name, line)
    with pytest.raises(BenchError, match="not UTF-8 text"):
        parsed(layout, tmp_path)
    assert parsed(layout, tmp_path, on_error="skip").interactions.equals(whole)


@every_layout
def test_a_user_with_fewer_items_left_than_a_ranking_holds_is_left_out(layout, tmp_path) -> None:
    ratings = [r for r in drawn(4, items=14) if r.user != 3]
    ratings += [Rated(3, item, 4, item % 4) for item in range(1, 13)]
    raw = tmp_path / "raw"
    raw.mkdir()
    LAYOUTS[layout][1](raw, ratings, {r.item for r in ratings})
    dataset = prepare(LAYOUTS[layout][0], home=Home(tmp_path / "home"), raw=raw)
    asked = {instance.user_id for instance in dataset.instances("recommendation")}
    kept = expected(ratings)
    left_out = {user for user, rows in kept.items() if 14 - (len(rows) - 1) < 10}
    assert "3" in left_out
    assert asked == kept.keys() - left_out
    (reason,) = dataset.info["instances_left_out"]["recommendation"]["test-seen"].items()
    assert reason == (
        "the user had so many items that fewer are left than a ranking holds", len(left_out)
    )  # fmt: skip


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 9), (shade, 90, 9)).save(path)


POSTERS = {"netflix": "posters", "movielens": "posters", "tabular": "photos"}


def with_photos(layout: str, folder: Path) -> Path:
    """Ratings of movies 1 to 4, and where their photos lie."""
    ratings = [Rated(u, i, 3, i) for u in range(1, 5) for i in range(1, 5)]
    LAYOUTS[layout][1](folder, ratings, {1, 2, 3, 4})
    place = POSTERS[LAYOUTS[layout][0]]
    if (folder / "columns.toml").exists():
        with open(folder / "columns.toml", "a") as stream:
            stream.write(f'[photos]\nfolder = "{place}"\n')
    return folder / place


@every_layout
def test_photos_are_found_by_the_item_and_missing_ones_counted(layout, tmp_path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    photos = with_photos(layout, raw)
    picture(photos / "1.jpg", 10)
    picture(photos / "2.PNG", 20)
    picture(photos / "4.jpeg", 40)
    dataset = prepare(LAYOUTS[layout][0], home=Home(tmp_path / "home"), raw=raw)
    images = [item.image is not None for item in dataset.catalogue()]
    assert images == [True, True, False, True]
    assert dataset.info["notes"]["items without a photo"] == 1


@every_layout
def test_photos_are_laid_where_preparing_looks_for_them(layout, tmp_path, cli) -> None:
    raw, own, home = tmp_path / "raw", tmp_path / "own", Home(tmp_path / "home")
    raw.mkdir()
    place = with_photos(layout, raw)
    place.mkdir()
    source = LAYOUTS[layout][0]
    prepare(source, home=home, raw=raw)
    own.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(own / "1.jpg")
    words = ("data", "images", source, "--raw", str(raw), "--from", str(own))
    status, _, err = cli(*words, home=home)
    assert status == 0, err
    assert (place / "1.jpg").read_bytes() == (own / "1.jpg").read_bytes()
    again = prepare(source, home=home, raw=raw, force=True)
    assert again.info["statistics"]["items_with_photo"] == 1


@pytest.mark.parametrize(
    ("layout", "settings", "message"),
    [
        ("movielens-csv", {"posters": "own"}, "came from a folder 'own' of your own"),
        ("tabular-csv", {}, "names no folder of photos, so preparing looks for none"),
    ],
)
def test_photos_are_laid_nowhere_that_preparing_does_not_look(
    layout, settings, message, tmp_path, cli
) -> None:
    raw, own, home = tmp_path / "raw", tmp_path / "own", Home(tmp_path / "home")
    raw.mkdir()
    picture(own / "1.jpg", 10)
    with_photos(layout, raw)
    columns = raw / "columns.toml"
    if columns.exists():
        columns.write_text(columns.read_text().partition("[photos]")[0])
    source = LAYOUTS[layout][0]
    settings = {key: str(tmp_path / value) for key, value in settings.items()}
    prepare(source, home=home, raw=raw, settings=settings)
    words = ("data", "images", source, "--raw", str(raw), "--from", str(own))
    status, _, err = cli(*words, home=home)
    assert (status, message in err) == (2, True)


@every_layout
def test_photos_whose_names_have_other_zeros_are_refused_with_the_cause(layout, tmp_path) -> None:
    photos = with_photos(layout, tmp_path)
    picture(photos / "1.jpg", 10)
    picture(photos / "0000002.jpg", 20)
    with pytest.raises(BenchError, match=r"'2' has no photo.*'0000002\.jpg'.*leading zeros"):
        parsed(layout, tmp_path)
    raw = parsed(layout, tmp_path, on_error="skip")
    assert raw.notes["items without a photo: names differ by leading zeros"] == 1
