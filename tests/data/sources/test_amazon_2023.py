"""Amazon Reviews 2023: what is read of each field, what is dropped and counted, what is broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from benchmark.data.preparing.prepare import prepare
from benchmark.data.raw.kept_texts import NUMBER
from benchmark.data.sources.amazon_2023 import Amazon2023Params, files, read
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home

_START = 1_600_000_000_000  # ms


def review(user: str, item: str, when: object, **changes: Any) -> dict[str, Any]:
    """``when``: seconds after the start, or whatever the timestamp shall be."""
    entry = {
        "rating": 5.0,
        "title": "Nice",
        "text": f"I like this {item} mug.",
        "images": [],
        "asin": f"{item}-red",
        "parent_asin": item,
        "user_id": user,
        "timestamp": _START + int(1000 * when) if isinstance(when, (int, float)) else when,
        "helpful_vote": 0,
        "verified_purchase": True,
    }
    return entry | changes


def meta(item: str, **changes: Any) -> dict[str, Any]:
    entry = {
        "main_category": "Home",
        "title": f"Mug {item}",
        "average_rating": 4.5,
        "rating_number": 120,
        "features": ["Oak handle", "Holds 0.3 l"],
        "description": ["Made by hand."],
        "price": 9.5,
        "images": [{"large": "https://example.org/a.jpg", "variant": "MAIN"}],
        "store": "Norby",
        "categories": ["Home & Kitchen", "Kitchen", "Mugs"],
        "details": {"Best Sellers Rank": {"Mugs": 3}},
        "parent_asin": item,
    }
    return entry | changes


def write(path: Path, entries: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def grid(users: int = 4, items: int = 4, prefix: str = "") -> list[dict[str, Any]]:
    """Every user reviews every item, each starting with another one."""
    return [
        review(f"{prefix}u{u}", f"{prefix}i{(u + t) % items}", 10 * t + u)
        for u in range(users)
        for t in range(items)
    ]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    write(folder / "Mugs.jsonl", grid())
    write(folder / "meta_Mugs.jsonl", [meta(f"i{i}") for i in range(4)])
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def parsed(raw: Path, *, on_error: Any = "raise", **settings: Any) -> Any:
    return read(raw, Amazon2023Params.model_validate(settings), on_error=on_error)


def with_texts(data: Any) -> pl.DataFrame:
    """The interactions with their reviews and summaries in place of numbers."""
    rows = data.interactions
    texts = data.texts.of(rows[NUMBER].to_numpy())
    return rows.drop("review", NUMBER).hstack(texts)


def append(path: Path, *entries: dict[str, Any] | bytes) -> None:
    with open(path, "ab") as stream:
        for entry in entries:
            line = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
            stream.write(line + b"\n")


def item_row(raw: Path, item: str) -> dict[str, Any]:
    (row,) = parsed(raw).items.filter(item_id=item).to_dicts()
    return row


def test_every_field_of_an_item_has_its_column(raw) -> None:
    assert item_row(raw, "i0") == {
        "item_id": "i0",
        "title": "Mug i0",
        "category": ["Home & Kitchen", "Kitchen", "Mugs"],
        "brand": "Norby",
        "price": 9.5,
        "description": "Oak handle\nHolds 0.3 l\nMade by hand.",
        "domain": "Mugs",
    }


def test_a_review_joins_its_item_by_parent_asin_and_keeps_seconds(raw) -> None:
    first = with_texts(parsed(raw)).row(0, named=True)
    assert first == {
        "user_id": "u0",
        "item_id": "i0",
        "timestamp": 1_600_000_000,
        "rating": 5.0,
        "review": "I like this i0 mug.",
        "summary": "Nice",
        "domain": "Mugs",
    }


def test_prepared_with_everything_it_supports_all_tasks_but_those_with_photos(raw, home) -> None:
    dataset = prepare("amazon2023", home=home, raw=raw)
    assert dataset.tasks == ("recommendation", "preference", "explanation", "selection", "search")
    assert dataset.info["tasks_absent"] == {"image-generation": "the data has no photos"}
    assert "items without a photo" not in dataset.info["notes"]
    assert dataset.catalogue().by_id("i0").image is None
    question = dataset.instances("preference")[0]
    assert (question.user_id, question.item.item_id) == ("u0", "i3")
    assert dataset.info["parameters"]["new_users"] == 0.1
    assert set(dataset.info["source_files"]) == {"Mugs.jsonl", "meta_Mugs.jsonl"}
    last = dataset.interactions().filter(user_id="u0")["explanation"][-1]
    assert last == "I like this i3 mug."


def test_gzipped_and_plain_files_give_the_same_tables(raw) -> None:
    plain = parsed(raw)
    for name in ("Mugs.jsonl", "meta_Mugs.jsonl"):
        path = raw / name
        path.with_name(name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = parsed(raw)
    assert packed.items.equals(plain.items)
    assert packed.interactions.equals(plain.interactions)
    assert set(files(raw, Amazon2023Params())) == {"Mugs.jsonl.gz", "meta_Mugs.jsonl.gz"}


def test_photos_are_found_by_parent_asin_as_jpg_or_png(raw, home) -> None:
    (raw / "images").mkdir()
    for name in ("i0.jpg", "i1.png"):
        Image.new("RGB", (8, 8), (9, 9, 200)).save(raw / "images" / name)
    dataset = prepare("amazon2023", home=home, raw=raw)
    images = dict(dataset.catalogue().frame.select("item_id", "image").iter_rows())
    assert images == {"i0": "i0.jpg", "i1": "i1.png", "i2": None, "i3": None}
    assert dataset.info["notes"]["items without a photo"] == 2


def test_an_item_id_does_not_lead_out_of_the_photo_folder(raw) -> None:
    append(raw / "Mugs.jsonl", review("u0", "../secret", 99))
    (raw / "images").mkdir()
    Image.new("RGB", (8, 8)).save(raw / "secret.jpg")
    places = dict(parsed(raw).photos)
    assert places["../secret"].parent == raw / "images"


def test_all_categories_are_read_unless_some_are_named(raw) -> None:
    write(raw / "Lamps.jsonl.gz", grid(prefix="l"))
    write(raw / "meta_Lamps.jsonl.gz", [meta(f"li{i}") for i in range(4)])
    both = parsed(raw)
    assert both.interactions["domain"].unique().sort().to_list() == ["Lamps", "Mugs"]
    assert both.items["item_id"].to_list() == [f"{p}{i}" for p in ("i", "li") for i in range(4)]
    assert both.items["domain"].to_list() == ["Mugs"] * 4 + ["Lamps"] * 4
    one = parsed(raw, categories="Lamps")
    assert one.interactions["domain"].unique().to_list() == ["Lamps"]
    assert set(files(raw, Amazon2023Params(categories=("Lamps",)))) == {
        "Lamps.jsonl.gz",
        "meta_Lamps.jsonl.gz",
    }


def test_the_order_of_named_categories_says_nothing(raw) -> None:
    assert Amazon2023Params.model_validate({"categories": " B, A,B"}).categories == ("A", "B")


def test_an_unknown_category_is_named_with_the_nearest_one(raw, home) -> None:
    with pytest.raises(UsageError, match=r"'Mug'[\s\S]*Did you mean 'Mugs'"):
        prepare("amazon2023", home=home, raw=raw, settings={"categories": "Mug"})


def test_a_folder_without_reviews_and_a_category_without_metadata_are_named(raw, home) -> None:
    (raw / "meta_Mugs.jsonl").unlink()
    with pytest.raises(BenchError, match=r"no file 'meta_Mugs\.jsonl'[\s\S]*--set categories"):
        prepare("amazon2023", home=home, raw=raw)
    (raw / "Mugs.jsonl").unlink()
    with pytest.raises(BenchError, match=r"holds no reviews[\s\S]*meta_X\.jsonl\.gz"):
        prepare("amazon2023", home=home, raw=raw)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"user_id": "u0"', "line 17: not JSON"),
        (b'["u0", "i0"]', "line 17: a JSON list, not an object"),
        (b'{"user_id": "u\xe9"}', "line 17: not UTF-8 text"),
        (json.dumps(review("u0", "i0", 1, text="\ud800")).encode(), "line 17: not usable as JSON"),
        pytest.param(b"[" * 100_000, "line 17: not usable as JSON", id="too deep"),
        (review("", "i0", 1), "line 17: user_id is '', not an id"),
        (review("u0", "i0", 1, parent_asin=None), "line 17: parent_asin is None, not an id"),
        (
            review("u0", "i0", 1, timestamp=1_600_000_001),
            "line 17: timestamp is 1600000001, not a time in milliseconds: in seconds it is 2020",
        ),
        (review("u0", "i0", None), "line 17: timestamp is None, not a time in milliseconds"),
        (review("u0", "i0", "2020"), "line 17: timestamp is '2020', not a time"),
        (review("u0", "i0", 1, timestamp=float("nan")), "line 17: timestamp is nan, not a time"),
        (review("u0", "i0", 1, timestamp=10**300), "line 17: timestamp is 10+[.]{3}, not a time"),
        (review("u0", "i0", 1, rating=float("nan")), "line 17: rating is nan, not a number from 1"),
        (review("u0", "i0", 1, rating=0), "line 17: rating is 0, not a number from 1 to 5"),
        (review("u0", "i0", 1, rating=5.5), "line 17: rating is 5.5, not a number from 1 to 5"),
        (review("u0", "i0", 1, rating="5"), "line 17: rating is '5', not a number from 1 to 5"),
        (review("u0", "i0", 1, rating=True), "line 17: rating is True, not a number from 1 to 5"),
        (review("u0", "i0", 1, text=7), "line 17: text is 7, not text"),
    ],
)
def test_a_broken_review_is_named_or_skipped_and_counted(raw, home, line, message) -> None:
    append(raw / "Mugs.jsonl", line)
    with pytest.raises(BenchError, match=rf"Mugs\.jsonl, {message}"):
        parsed(raw)
    skipped = parsed(raw, on_error="skip")
    assert len(skipped.interactions) == 16
    assert skipped.notes == {"lines of Mugs.jsonl left out": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 5: not JSON"),
        (meta("i9", parent_asin=3), "line 5: parent_asin is 3, not an id"),
        (meta("i9", title=["a", 1]), r"line 5: title is \['a', 1\], not text"),
        (meta("i9", categories={"a": 1}), r"line 5: categories is \{'a': 1\}, not text"),
    ],
)
def test_a_broken_item_is_named_or_skipped_and_counted(raw, line, message) -> None:
    append(raw / "Mugs.jsonl", review("u0", "i9", 99))
    append(raw / "meta_Mugs.jsonl", line)
    with pytest.raises(BenchError, match=rf"meta_Mugs\.jsonl, {message}"):
        parsed(raw)
    skipped = parsed(raw, on_error="skip")
    assert skipped.notes == {
        "lines of meta_Mugs.jsonl left out": 1,
        "reviewed items without metadata": 1,
    }


def test_a_file_in_seconds_is_refused_whatever_is_skipped(raw, home) -> None:
    entries = [entry | {"timestamp": entry["timestamp"] // 1000} for entry in grid()]
    write(raw / "Mugs.jsonl", entries)
    with pytest.raises(BenchError, match=r"line 1: timestamp .* in seconds it is 2020-09-13"):
        prepare("amazon2023", home=home, raw=raw)
    with pytest.raises(BenchError, match=r"lines of Mugs\.jsonl left out: 16 of 16"):
        prepare("amazon2023", home=home, raw=raw, on_error="skip")


def test_a_missing_rating_keeps_the_review(raw, home) -> None:
    entries = grid()
    entries[3]["rating"] = None  # u0's last
    del entries[7]["rating"]  # u1's last
    write(raw / "Mugs.jsonl", entries)
    dataset = prepare("amazon2023", home=home, raw=raw)
    assert dataset.info["statistics"]["ratings"]["given"] == 14
    assert dataset.info["tasks"]["preference"]["test-seen"] == 2
    assert dataset.info["instances_left_out"]["preference"]["test-seen"] == {"no rating": 2}


def test_a_review_of_the_same_user_item_and_time_is_left_out_the_first_stays(raw) -> None:
    append(raw / "Mugs.jsonl", review("u0", "i0", 0, rating=1.0, text="Again."))
    append(raw / "Mugs.jsonl", review("u0", "i0", 0.001, text="A millisecond later."))
    data = parsed(raw)
    assert data.notes == {"reviews left out: user, item and time of an earlier one": 1}
    texts = with_texts(data).filter(user_id="u0", item_id="i0")["review"].to_list()
    assert texts == ["I like this i0 mug.", "A millisecond later."]


def test_milliseconds_order_what_seconds_do_not_and_ties_keep_file_order(raw) -> None:
    entries = [
        review("u", "c", 1.002),
        review("u", "b", 1.001),
        review("u", "a", 0.5),
        review("u", "e", 1.003),
        review("u", "d", 1.003),
    ]
    write(raw / "Mugs.jsonl", entries)
    rows = parsed(raw).interactions
    assert rows["item_id"].to_list() == ["a", "b", "c", "e", "d"]
    assert (rows["timestamp"] - 1_600_000_000).to_list() == [0, 1, 1, 1, 1]


def test_markup_of_reviews_ends_sentences_and_vanishes(raw, home) -> None:
    entries = grid()
    entries[3] |= {
        "text": "It came today.<br /><br />This <b>oak</b> mug is from Norby &amp;#34;R&D&#34; <3"
        "<br />[[VIDEOID:abc0]]Like the [[ASIN:B000000001 blue one]]",
        "title": "<br>",
    }
    write(raw / "Mugs.jsonl", entries)
    rows = prepare("amazon2023", home=home, raw=raw).interactions().filter(user_id="u0")
    assert rows["review"][3] == (
        'It came today.\nThis oak mug is from Norby "R&D" <3\nLike the blue one'
    )
    assert rows["summary"][3] is None
    assert rows["explanation"][3] == 'This oak mug is from Norby "R&D" <3'


@pytest.mark.parametrize(
    ("price", "amount", "counted"),
    [
        (12, 12.0, False),
        (0.0, 0.0, False),
        (None, None, False),
        ("", None, False),
        ("$1,299.50", 1299.5, False),
        ("19.99", 19.99, False),
        ("from $5.99", None, True),
        ("1,29", None, True),
        ("—", None, True),
        (-1, None, True),
        (float("nan"), None, True),
        pytest.param(10**400, None, True, id="huge number"),
        pytest.param("9" * 400, None, True, id="huge text"),
        (True, None, True),
        ([9.5], None, True),
    ],
)
def test_a_price_is_an_amount_or_missing(raw, price, amount, counted) -> None:
    write(raw / "meta_Mugs.jsonl", [meta("i0", price=price), *(meta(f"i{i}") for i in (1, 2, 3))])
    data = parsed(raw)
    assert data.items.filter(item_id="i0")["price"].item() == amount
    expected = {"prices that are no amount, treated as missing": 1} if counted else {}
    assert data.notes == expected


def test_absent_fields_of_an_item_stay_absent(raw) -> None:
    bare = {"parent_asin": "i0", "title": None, "main_category": "Home &amp; Garden"}
    write(raw / "meta_Mugs.jsonl", [bare, *(meta(f"i{i}", categories=[]) for i in (1, 2, 3))])
    row = item_row(raw, "i0")
    assert row["category"] == ["Home & Garden"]  # in place of a path
    assert [row[key] for key in ("title", "brand", "price", "description")] == [None] * 4
    assert item_row(raw, "i1")["category"] == ["Home"]


def test_items_without_metadata_stay_and_items_without_reviews_do_not(raw, home) -> None:
    write(raw / "meta_Mugs.jsonl", [meta(f"i{i}") for i in (7, 3, 8, 1, 0)])
    dataset = prepare("amazon2023", home=home, raw=raw)
    assert dataset.catalogue().ids == ("i0", "i1", "i2", "i3")  # by id, whatever the file's order
    bare = dataset.catalogue().by_id("i2")
    assert (bare.title, bare.category, bare.domain) == (None, (), "Mugs")
    notes = dataset.info["notes"]
    assert notes["items left out: no reviews"] == 2
    assert notes["reviewed items without metadata"] == 1


def test_an_item_described_twice_keeps_the_first_description(raw) -> None:
    append(raw / "meta_Mugs.jsonl", meta("i0", title="Another"))
    data = parsed(raw)
    assert data.items.filter(item_id="i0")["title"].to_list() == ["Mug i0"]
    assert data.notes == {"items left out: described already": 1}


def test_the_5core_converges_and_table5_stops_after_one_pass(raw) -> None:
    # Five users with five items each, all shared; a sixth has four of them and item "rare",
    # which nobody else has. Without "rare" the sixth has four: dropped, and nothing else is.
    entries = grid(5, 5)
    entries += [review("u5", f"i{i}", i) for i in range(4)] + [review("u5", "rare", 9)]
    # Items "x0" to "x4" have five reviews each, but of users with these five and users with one
    # each: dropping the latter leaves the items with four, so the former go as well.
    entries += [review(f"v{v}", f"x{x}", v + x) for v in range(4) for x in range(5)]
    entries += [review(f"w{x}", f"x{x}", 50) for x in range(5)]
    write(raw / "Mugs.jsonl", entries)
    converged = parsed(raw, core="5core")
    assert set(converged.interactions["user_id"]) == {f"u{u}" for u in range(5)}
    assert set(converged.items["item_id"]) == {f"i{i}" for i in range(5)}
    assert converged.notes["reviews left out: not in the 5core"] == 5 + 20 + 5
    once = parsed(raw, core="table5")
    assert set(once.interactions["user_id"]) == {
        *(f"u{u}" for u in range(5)),
        "v0",
        "v1",
        "v2",
        "v3",
    }
    assert len(once.interactions) == 25 + 20
    assert len(parsed(raw).interactions) == len(entries)


def test_each_category_has_its_own_core(raw) -> None:
    write(raw / "Mugs.jsonl", grid(5, 5))
    # The same five users, one item of another category: five reviews, but one a user there.
    write(raw / "Lamps.jsonl", [review(f"u{u}", "lamp", 99) for u in range(5)])
    write(raw / "meta_Lamps.jsonl", [meta("lamp")])
    rows = parsed(raw, core="5core").interactions
    assert rows["domain"].unique().to_list() == ["Mugs"]


def test_a_core_that_is_empty_or_unknown_is_refused(raw, home) -> None:
    with pytest.raises(BenchError, match=r"core='5core' leaves nothing of 16[\s\S]*core=none"):
        prepare("amazon2023", home=home, raw=raw, settings={"core": "5core"})
    with pytest.raises(
        UsageError, match=r"core='dense'[\s\S]*known are none, table5, 5core, users8-items5"
    ):
        prepare("amazon2023", home=home, raw=raw, settings={"core": "dense"})


def test_an_empty_file_of_reviews_is_no_dataset(raw, home) -> None:
    (raw / "Mugs.jsonl").write_bytes(b"")
    with pytest.raises(BenchError, match="no usable interaction"):
        prepare("amazon2023", home=home, raw=raw)


def test_the_real_sample_supports_rating_and_text_tasks(shared_data, home) -> None:
    raw = shared_data / "amazon-2023-sample"
    if not raw.is_dir():
        pytest.skip("no Amazon 2023 sample beside the repository")
    dataset = prepare("amazon2023", home=home, raw=raw)
    counted = dataset.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == (354, 2610, 2764)
    assert counted["cohorts"]["new-user"]["users"] == 35
    assert dataset.info["notes"] == {"users with reviews in several categories": 123}
    assert counted["copied_texts"]["users_last_review"] == 21
    assert {"preference", "explanation"} <= set(dataset.tasks)
    assert dataset.info["tasks"]["preference"]["test-seen"] == 301
    assert dataset.info["tasks"]["explanation"]["test-seen"] == 174
    assert set(dataset.info["tasks_absent"]) == {"search", "image-generation"}
    reviews = dataset.interactions()["review"].drop_nulls()
    assert not reviews.str.contains("<br|&#|VIDEOID").any()
    assert len(dataset.catalogue().frame["domain"].unique()) == 24
