"""Amazon 2014 and 2018: a generator of raw files with their oddities, and what must come of them.

The expected tables are worked out in plain Python from what was meant, before it was written down
in the raw formats: no code of the project takes part.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from benchmark.data.dataset import Dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources import SOURCES
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home

_DAY = 86_400
_START = 1_300_000_000 // _DAY * _DAY
BOTH = pytest.mark.parametrize("source", ["amazon2014", "amazon2018"])


@dataclass
class Said:
    """A review as it was meant: plain text, and how it stands in the file."""

    user: str
    item: str
    day: int
    stars: float | None
    text: str | None
    raw_text: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        entry: dict[str, Any] = {
            "reviewerID": self.user,
            "asin": self.item,
            "reviewerName": 'A. "B" <c>',
            "overall": self.stars,
            "summary": "Fine &amp; good",
            "unixReviewTime": _START + self.day * _DAY,
            "reviewTime": "01 2, 2012",
            **self.extra,
        }
        if self.text is not None:
            entry["reviewText"] = self.raw_text or self.text
        return json.dumps(entry)


def written(category: str, seed: int = 0, users: int = 9, items: int = 8) -> list[Said]:
    """Reviews of a category, grouped by item in the order of ids, as the files are."""
    draw = random.Random(f"{category}{seed}")
    said = []
    for i in range(items):
        item = f"{category[0]}{i}"
        for u in draw.sample(range(users), draw.randint(5, users)):
            text = f"I bought number {i} on my day {u}. This toy by Norby & Co is good."
            said.append(
                Said(
                    f"U{u}", item, draw.randint(0, 6), float(draw.randint(1, 5)), text,
                    raw_text=text.replace("&", "&amp;").replace(". ", ".<br />"),
                    extra={"vote": "1,341", "helpful": [1, 2], "style": {"Size:": " L"}},
                )
            )  # fmt: skip
            said[-1].text = text.replace(". ", ".\n")
    return said


def expected_rows(
    said: dict[str, list[Said]], *, repeats: str = "first", per_domain: bool = False
) -> dict[str, list[tuple[int, str, float | None, str | None]]]:
    """user -> (day, item, stars, text), by day: which review of a pair stays, in plain Python."""
    pairs: dict[tuple[str, str], list[tuple[int, float, str, Said]]] = defaultdict(list)
    for category, reviews in said.items():
        for one in reviews:
            user = f"{one.user}@{category}" if per_domain else one.user
            key = (one.day, -1.0 if one.stars is None else one.stars, one.text or "", one)
            pairs[user, one.item].append(key)
    rows = defaultdict(list)
    for (user, item), several in pairs.items():
        several.sort(key=lambda entry: entry[:3])
        if repeats == "same-time":
            chosen = [s for n, s in enumerate(several) if not n or several[n - 1][0] != s[0]]
        else:
            chosen = [several[0] if repeats == "first" else several[-1]]
        for day, _, _, one in chosen:
            rows[user].append((day, item, one.stars, one.text))
    return {user: sorted(rows[user], key=lambda row: row[0]) for user in rows}


def metadata_line(source: str, entry: dict[str, Any]) -> str:
    return repr(entry) if source == "amazon2014" else json.dumps(entry)


def described(source: str, item: str, category: str, **changes: Any) -> dict[str, Any]:
    """Usual metadata of an item."""
    if source == "amazon2014":
        entry = {
            "asin": item,
            "title": f'Kid\'s "{item}" &amp; more',
            "description": "Made by hand.\nOf oak.",
            "price": 9.5,
            "imUrl": f"http://example.org/I/{item}.jpg",
            "brand": "Norby",
            "related": {"also_bought": ["X1"]},
            "salesRank": {"Toys": 3},
            "categories": [["CDs & Vinyl", "Old", "Rare"], ["Toys &amp; Games", "Mugs"], ["Baby"]],
        }
    else:
        entry = {
            "asin": item,
            "title": f'Kid\'s "{item}" &amp; more',
            "description": ["Made by hand.", "Of oak."],
            "feature": [],
            "price": "$9.50",
            "imageURL": [f"https://example.org/{item}._SX38_.jpg"],
            "brand": "by\n    \n    Norby",
            "rank": ["742 in Toys ("],
            "also_buy": ["X1"],
            "main_cat": "Toys &amp; Games",
            "category": ["Toys &amp; Games", "Mugs", "</span></span>", "100% oak"],
        }
    return entry | changes


def write(path: Path, lines: list[str], *, end: str = "\n") -> None:
    data = "".join(line + end for line in lines).encode()
    path.write_bytes(
        gzip.compress(data, compresslevel=0, mtime=0) if path.suffix == ".gz" else data
    )


def review_name(source: str, category: str, kind: str = "_5") -> str:
    start = "reviews_" if source == "amazon2014" else ""
    return f"{start}{category}{kind}.json.gz"


def make(
    folder: Path,
    source: str,
    said: dict[str, list[Said]],
    metadata: dict[str, list[dict[str, Any]]],
) -> Path:
    folder.mkdir(exist_ok=True)
    for category, reviews in said.items():
        write(folder / review_name(source, category), [one.line() for one in reviews])
        lines = [metadata_line(source, entry) for entry in metadata[category]]
        write(folder / f"meta_{category}.json.gz", lines)
    return folder


def usual(source: str, categories: tuple[str, ...] = ("Toys_and_Games",)) -> Any:
    said = {name: written(name) for name in categories}
    metadata = {
        name: [described(source, item, name) for item in sorted({one.item for one in said[name]})]
        for name in categories
    }
    return said, metadata


def read(source: str, raw: Path, *, on_error: Any = "raise", **settings: Any) -> Any:
    chosen = SOURCES.get(source)
    return chosen.read(raw, chosen.params.model_validate(settings), on_error=on_error)


def rows_of(dataset: Dataset) -> dict[str, list[tuple[int, str, float | None, str | None]]]:
    found = defaultdict(list)
    for row in dataset.interactions().iter_rows(named=True):
        day = (row["timestamp"] - _START) // _DAY
        found[row["user_id"]].append((day, row["item_id"], row["rating"], row["review"]))
    return found


def check_split(dataset: Dataset, expected: Any, least: int = 3) -> None:
    """Every user has the expected rows, in time order, and training <= validation <= test."""
    found = rows_of(dataset)
    assert set(found) == {user for user, rows in expected.items() if len(rows) >= least}
    for user, rows in found.items():
        assert [day for day, *_ in rows] == sorted(day for day, *_ in rows)
        key = lambda row: (row[0], row[1])  # noqa: E731
        assert sorted(rows, key=key) == sorted(expected[user], key=key)
    parts = dataset.interactions().group_by("user_id", maintain_order=True).agg("part")
    assert all(p[:-2] == ["train"] * (len(p) - 2) for p in parts["part"].to_list())
    assert all(p[-2:] == ["valid", "test"] for p in parts["part"].to_list())


@BOTH
def test_the_dataset_is_what_plain_python_makes_of_all_oddities(tmp_path, source) -> None:
    said, metadata = usual(source)
    toys = said["Toys_and_Games"]
    toys[0].text = toys[0].raw_text = None  # no field at all
    toys[1].stars = None
    again = Said("U0", toys[-1].item, 9, 2.0, "Bought again, and again.")
    same_day = Said(toys[2].user, toys[2].item, toys[2].day, 5.0, "Written twice that day.")
    toys += [again, same_day]
    lines = [one.line() for one in toys]
    lines[4:4] = [lines[4], lines[4], ""]
    raw = make(tmp_path / "raw", source, said, metadata)
    path = raw / review_name(source, "Toys_and_Games")
    path.write_bytes(gzip.compress("\r\n".join(["\ufeff" + lines[0], *lines[1:]]).encode()))
    extra = [metadata["Toys_and_Games"][0], described(source, "unseen", "Toys_and_Games")]
    metadata["Toys_and_Games"] = metadata["Toys_and_Games"][1:] + extra + extra[:1]
    make(tmp_path / "other", source, said, metadata)
    (tmp_path / "other" / "meta_Toys_and_Games.json.gz").rename(raw / "meta_Toys_and_Games.json.gz")
    dataset = prepare(source, home=Home(tmp_path / "home"), raw=raw)
    check_split(dataset, expected_rows(said))
    notes = dataset.info["notes"]
    assert notes["reviews left out: the same as an earlier line"] == 2
    distinct = len({(one.user, one.item) for one in toys})
    assert notes["reviews left out: user and item of an earlier one"] == len(toys) - distinct
    assert notes["items left out: described already"] == 1
    assert notes["items left out: no reviews"] == 1
    assert dataset.catalogue().ids == tuple(sorted({one.item for one in toys}))
    item = dataset.catalogue().by_id("T3")
    assert (item.title, item.brand, item.price) == ('Kid\'s "T3" & more', "Norby", 9.5)
    assert (item.category, item.domain) == (("Toys & Games", "Mugs"), "Toys_and_Games")
    assert item.description == "Made by hand.\nOf oak."
    assert dataset.interactions()["summary"].unique().to_list() == ["Fine & good"]


@BOTH
@pytest.mark.parametrize("repeats", ["first", "last", "same-time"])
def test_of_repeated_pairs_the_stated_one_stays(tmp_path, source, repeats) -> None:
    said, metadata = usual(source)
    toys = said["Toys_and_Games"]
    toys += [
        Said(one.user, one.item, one.day + 1, 1.0, f"Again on {one.day + 1}.") for one in toys[:20]
    ]
    raw = make(tmp_path / "raw", source, said, metadata)
    dataset = prepare(source, home=Home(tmp_path), raw=raw, settings={"repeats": repeats})
    check_split(dataset, expected_rows(said, repeats=repeats))


@BOTH
def test_ties_of_a_day_hang_on_the_seed_and_on_no_order_of_lines_or_ids(tmp_path, source) -> None:
    said, metadata = usual(source)
    for one in said["Toys_and_Games"]:
        one.day = 3
    home = Home(tmp_path / "home")
    first = prepare(source, home=home, raw=make(tmp_path / "a", source, said, metadata), name="a")
    draw = random.Random(1)
    draw.shuffle(said["Toys_and_Games"])
    draw.shuffle(metadata["Toys_and_Games"])
    shuffled = make(tmp_path / "b", source, said, metadata)
    second = prepare(source, home=home, raw=shuffled, name="b")
    assert first.interactions().equals(second.interactions())
    assert first.catalogue().frame.equals(second.catalogue().frame)
    users = first.interactions()["user_id"].n_unique()
    told = "users whose last two interactions are of one time, ordered by a seeded hash"
    assert first.info["notes"][told] == users
    reseeded = prepare(source, home=home, raw=shuffled, name="c", settings={"seed": "1"})
    orders = [
        {u: [row[1] for row in rows] for u, rows in rows_of(d).items()} for d in (first, reseeded)
    ]
    assert orders[0] != orders[1]
    assert all(sorted(orders[0][u]) == sorted(orders[1][u]) for u in orders[0])
    assert any(order != sorted(order) for order in orders[0].values())
    in_file = prepare(source, home=home, raw=shuffled, name="d", settings={"ties": "file"})
    lines = defaultdict(list)
    for one in said["Toys_and_Games"]:
        lines[one.user].append(one.item)
    assert {u: [row[1] for row in rows] for u, rows in rows_of(in_file).items()} == lines


@BOTH
def test_copied_texts_are_counted_and_make_no_preference_and_no_explanation(
    tmp_path, source
) -> None:
    said, metadata = usual(source)
    toys = said["Toys_and_Games"]
    text = "This toy is good, my Norby & Co friends!"
    for number, one in enumerate([one for one in toys if one.user == "U1"]):
        one.day, one.text, one.raw_text = number, (text if number % 2 else text.upper()), None
    rows = expected_rows(said)
    raw = make(tmp_path / "raw", source, said, metadata)
    home = Home(tmp_path / "home")
    dataset = prepare(source, home=home, raw=raw, settings={"new_users": "0"})
    assert "U1" in dataset.instances("recommendation").users
    for task in ("preference", "explanation"):
        assert "U1" not in dataset.instances(task).users
        assert "U2" in dataset.instances(task).users
        assert "U1" not in {e.instance.user_id for e in dataset.training_view().examples(task)}
        left = dataset.info["instances_left_out"][task]["test-seen"]
        assert left == {"the review is a copy of an earlier one": 1}
    assert dataset.info["statistics"]["copied_texts"] == {
        "reviews": len(rows["U1"]) - 1,
        "users": 1,
        "users_last_review": 1,
    }
    kept = prepare(
        source, home=home, raw=raw, name="kept", settings={"copied_texts": "keep", "new_users": "0"}
    )
    assert "U1" in kept.instances("preference").users
    assert kept.info["statistics"]["copied_texts"]["reviews"] == len(rows["U1"]) - 1


@BOTH
@pytest.mark.parametrize("per_domain", [False, True])
def test_categories_merge_with_one_user_or_one_in_each_as_asked(
    tmp_path, source, per_domain
) -> None:
    said, metadata = usual(source, ("Toys_and_Games", "Baby"))
    raw = make(tmp_path / "raw", source, said, metadata)
    settings = {"users": "per-domain" if per_domain else "one"}
    dataset = prepare(source, home=Home(tmp_path), raw=raw, settings=settings)
    check_split(dataset, expected_rows(said, per_domain=per_domain))
    note = "users with reviews in several categories"
    assert (note in dataset.info["notes"]) is not per_domain


@BOTH
def test_a_reserved_category_is_the_cohort_new_domain(tmp_path, source) -> None:
    said, metadata = usual(source, ("Toys_and_Games", "Baby"))
    raw = make(tmp_path / "raw", source, said, metadata)
    settings = {"users": "per-domain", "new_domains": "Baby", "new_users": "0"}
    dataset = prepare(source, home=Home(tmp_path), raw=raw, settings=settings)
    rows = dataset.interactions()
    away = rows.filter(cohort="new-domain")
    assert set(away["domain"]) == {"Baby"}
    assert set(rows.filter(cohort="seen")["domain"]) == {"Toys_and_Games"}
    assert {item.domain for item in dataset.catalogue()} == {"Baby", "Toys_and_Games"}
    assert "test-new-domain" in dataset.info["tasks"]["recommendation"]


@BOTH
def test_a_published_core_that_is_none_becomes_one(tmp_path, source) -> None:
    pairs = [(f"U{u}", f"i{i}") for u in range(5) for i in range(5)]
    pairs += [("lone", "i0")] * 204
    said = {"Toys": [Said(u, i, n % 50, 4.0, None) for n, (u, i) in enumerate(pairs)]}
    metadata = {"Toys": [described(source, f"i{i}", "Toys") for i in range(5)]}
    raw = make(tmp_path / "raw", source, said, metadata)
    found = read(source, raw, core="5core", repeats="same-time")
    assert set(found.interactions["user_id"]) == {f"U{u}" for u in range(5)}
    with pytest.raises(BenchError, match="core='6core' leaves nothing"):
        read(source, raw, core="6")


@BOTH
def test_of_two_files_of_reviews_one_must_be_chosen(tmp_path, source) -> None:
    said, metadata = usual(source)
    raw = make(tmp_path / "raw", source, said, metadata)
    write(raw / review_name(source, "Toys_and_Games", ""), [Said("x", "T1", 1, 1.0, "a").line()])
    with pytest.raises(UsageError, match=r"has .* and .*[\s\S]*--set reviews=all or"):
        read(source, raw)
    assert read(source, raw, reviews="all").interactions["user_id"].to_list() == ["x"]
    assert len(read(source, raw, reviews="5core").interactions) > 1
    (raw / review_name(source, "Toys_and_Games")).unlink()
    with pytest.raises(BenchError, match="only"):
        read(source, raw, reviews="5core")
    assert len(read(source, raw).interactions) == 1


@BOTH
def test_without_metadata_items_have_their_id_alone_if_asked(tmp_path, source) -> None:
    said, metadata = usual(source)
    raw = make(tmp_path / "raw", source, said, metadata)
    (raw / "meta_Toys_and_Games.json.gz").unlink()
    with pytest.raises(BenchError, match=r"no file 'meta_Toys_and_Games.json'[\s\S]*metadata=no"):
        prepare(source, home=Home(tmp_path), raw=raw)
    dataset = prepare(source, home=Home(tmp_path), raw=raw, settings={"metadata": "no"})
    assert dataset.catalogue()[0].title is None
    assert {item.domain for item in dataset.catalogue()} == {"Toys_and_Games"}


@BOTH
def test_a_placeholder_is_no_photo(tmp_path, source) -> None:
    said, metadata = usual(source)
    none = "http://g-ecx.images-amazon.com/images/G/01/x-site/icons/no-img-lg._V192198896_.gif"
    entries = metadata["Toys_and_Games"]
    entries[1] |= {"imUrl": none} if source == "amazon2014" else {"imageURL": [none]}
    if source == "amazon2018":
        entries[2].pop("imageURL")  # the older vintage
        entries[2]["image"] = ["https://example.org/a.jpg"]
    raw = make(tmp_path / "raw", source, said, metadata)
    (raw / "images").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (9, 9, number)).save(raw / "images" / f"T{number}.png")
    dataset = prepare(source, home=Home(tmp_path), raw=raw)
    images = dict(dataset.catalogue().frame.select("item_id", "image").head(3).iter_rows())
    assert images == {"T0": "T0.png", "T1": None, "T2": "T2.png"}
    notes = dataset.info["notes"]
    assert notes["items whose photo is a placeholder, treated as without"] == 1


@BOTH
@pytest.mark.parametrize(
    ("time", "message"),
    [
        (_START * 1000, "not a time in seconds: in milliseconds it is 2011-03-13"),
        (_START * 1_000_000, "not a time in seconds: in microseconds it is 2011-03-13"),
        (0, "is 0, not a time in seconds"),
        (-5, "is -5, not a time in seconds"),
        ("1300000000", "is '1300000000', not a time in seconds"),
        (True, "is True, not a time in seconds"),
        (None, "is None, not a time in seconds"),
    ],
)
@pytest.mark.parametrize("share", ["one", "all"])
def test_a_time_in_another_unit_is_refused_in_one_line_and_in_all(
    tmp_path, source, time, message, share
) -> None:
    said, metadata = usual(source)
    toys = said["Toys_and_Games"]
    for one in toys if share == "all" else toys[-1:]:
        one.extra["unixReviewTime"] = time
    raw = make(tmp_path / "raw", source, said, metadata)
    number = 1 if share == "all" else len(toys)
    with pytest.raises(
        BenchError, match=rf"_5\.json\.gz, line {number}: unixReviewTime .*{message}"
    ):
        prepare(source, home=Home(tmp_path), raw=raw)
    if share == "all":
        with pytest.raises(BenchError, match=rf"left out: {len(toys)} of {len(toys)} \(100.0%\)"):
            prepare(source, home=Home(tmp_path), raw=raw, on_error="skip")
    else:
        dataset = prepare(source, home=Home(tmp_path), raw=raw, on_error="skip")
        check_split(dataset, expected_rows({"Toys_and_Games": toys[:-1]}))


@BOTH
@pytest.mark.parametrize("which", ["reviews", "metadata"])
def test_of_a_cut_file_what_was_read_counts_and_the_cut_is_told(
    tmp_path, source, which, capsys
) -> None:
    said, metadata = usual(source)
    raw = make(tmp_path / "raw", source, said, metadata)
    whole = {
        "reviews": raw / review_name(source, "Toys_and_Games"),
        "metadata": raw / "meta_Toys_and_Games.json.gz",
    }[which]
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(BenchError, match=r"cannot be read on[\s\S]*--on-error skip"):
        prepare(source, home=Home(tmp_path), raw=raw)
    dataset = prepare(source, home=Home(tmp_path), raw=raw, on_error="skip")
    lines = dataset.info["notes"][f"{whole.name} is damaged: lines before it breaks off"]
    assert f"{whole} is damaged after line {lines}" in capsys.readouterr().err
    if which == "reviews":
        assert 0 < lines < len(said["Toys_and_Games"])
        check_split(dataset, expected_rows({"Toys_and_Games": said["Toys_and_Games"][:lines]}))
    else:
        titled = dataset.catalogue().frame["title"].drop_nulls()
        assert 0 < len(titled) == lines


@BOTH
def test_a_lost_share_above_five_in_a_hundred_must_be_allowed(tmp_path, source, cli) -> None:
    said, metadata = usual(source)
    raw = make(tmp_path / "raw", source, said, metadata)
    toys = [one.line() for one in said["Toys_and_Games"]]
    bad = len(toys) // 4
    write(raw / review_name(source, "Toys_and_Games"), toys + ["{"] * bad)
    words = ("data", "prepare", source, "--raw", str(raw), "--on-error", "skip")
    home = Home(tmp_path / "home")
    status, out, err = cli(*words, home=home)
    assert (status, out) == (1, "")
    assert f"left out: {bad} of {len(toys) + bad}" in err
    assert "--allow-loss 0.2" in err
    assert not (home.datasets / source).exists()
    assert cli(*words, "--allow-loss", "0.2", home=home)[0] == 0
    status, _, err = cli(*words, "--allow-loss", "2", "--force", home=home)
    assert (status, "--allow-loss 2 is no share" in err) == (2, True)


@pytest.mark.parametrize(
    ("choice", "path"),
    [
        ("own", ["Toys & Games", "Mugs"]),
        ("first", ["CDs & Vinyl", "Old", "Rare"]),
        ("deepest", ["CDs & Vinyl", "Old", "Rare"]),
    ],
)
def test_the_category_path_is_the_one_asked_for(tmp_path, choice, path) -> None:
    said, metadata = usual("amazon2014")
    entries = metadata["Toys_and_Games"]
    entries[1]["categories"] = [["Books", "Old"], [], ["Films", "New", "Rare"]]  # none is its own
    entries[2] |= {"categories": None, "brand": "", "price": None}
    entries[3].pop("categories")
    raw = make(tmp_path / "raw", "amazon2014", said, metadata)
    items = read("amazon2014", raw, category_path=choice).items
    paths = dict(items.select("item_id", "category").iter_rows())
    assert paths["T0"] == path
    assert paths["T1"] == (["Films", "New", "Rare"] if choice == "deepest" else ["Books", "Old"])
    assert paths["T2"] == paths["T3"] == []
    assert items.filter(item_id="T2").select("brand", "price").row(0) == (None, None)


@pytest.mark.parametrize(
    ("field", "value", "column", "read_as", "counted"),
    [
        ("title", '<span class="a-size-medium a-color-secondary"', "title", None, "title"),
        ("title", ' Magazines" />', "title", None, "title"),
        ("title", "5 < 6 & <3", "title", "5 < 6 & <3", None),
        ("title", "<b>Bold</b> e\u0301", "title", "Bold \u00e9", None),
        ("brand", "by\n\n    Microsoft", "brand", "Microsoft", None),
        ("brand", "Bywater", "brand", "Bywater", None),
        ("brand", "", "brand", None, None),
        ("price", ".a-box-inner{background-color:#fff}#a{}", "price", None, "price"),
        ("price", "\n\n$1,299.00\n", "price", 1299.0, None),
        ("price", "$5.99 - $12.99", "price", None, "price"),
        ("price", "", "price", None, None),
        ("rank", "742 in Magazine Subscriptions (", "title", "T", None),
        ("rank", [], "title", "T", None),
        ("category", [], "category", ["Toys & Games"], None),
        ("category", ["A", "B\n  C", '<img src="x"', "D"], "category", ["A", "B C"], None),
    ],
)
def test_scraps_of_2018_are_cleaned_or_missing_and_counted(
    tmp_path, field, value, column, read_as, counted
) -> None:
    said, metadata = usual("amazon2018")
    metadata["Toys_and_Games"][0] |= {"title": "T", field: value}
    raw = make(tmp_path / "raw", "amazon2018", said, metadata)
    found = read("amazon2018", raw)
    value = found.items.filter(item_id="T0")[column].item()
    assert (value.to_list() if isinstance(value, pl.Series) else value) == read_as
    told = {key: n for key, n in found.notes.items() if "treated as missing" in key}
    assert list(told.values()) == ([1] if counted else [])
    assert all(f"{counted}" in key for key in told)


@pytest.mark.parametrize(
    ("source", "change", "message"),
    [
        ("amazon2014", {"categories": "Toys"}, "categories is 'Toys', not a list of lists"),
        ("amazon2014", {"categories": [["a", 1]]}, "categories holds 1, not text"),
        ("amazon2014", {"title": 3}, "title is 3, not text"),
        ("amazon2018", {"category": "Toys"}, "category is 'Toys', not a list"),
        ("amazon2018", {"asin": None}, "asin is None, not an id"),
    ],
)
def test_broken_metadata_is_named_or_skipped(tmp_path, source, change, message) -> None:
    said, metadata = usual(source)
    metadata["Toys_and_Games"][0] |= change
    raw = make(tmp_path / "raw", source, said, metadata)
    with pytest.raises(BenchError, match=rf"meta_Toys_and_Games\.json\.gz, line 1: {message}"):
        read(source, raw)
    found = read(source, raw, on_error="skip")
    assert found.notes["reviewed items without metadata"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "folder", "settings", "counts"),
    [
        ("amazon2014", "amazon-2014-digital-music", {}, (268, 206, 2480)),
        ("amazon2014", "amazon-2014-digital-music", {"core": "5core"}, (268, 206, 2480)),
        ("amazon2018", "amazon-2018-magazine-subscriptions", {}, (348, 157, 2302)),
        ("amazon2018", "amazon-2018-magazine-subscriptions", {"core": "5core"}, (294, 132, 2027)),
    ],
)
def test_the_real_files_have_their_counts(
    shared_data, tmp_path, source, folder, settings, counts
) -> None:
    dataset = prepare(source, home=Home(tmp_path), raw=shared_data / folder, settings=settings)
    counted = dataset.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == counts
    if source == "amazon2014":
        tied = "users whose last two interactions are of one time, ordered by a seeded hash"
        assert dataset.info["notes"][tied] == 23
        assert all(item.category[0] == "Digital Music" for item in dataset.catalogue())
    else:
        assert counted["copied_texts"]["users_last_review"] > 50
