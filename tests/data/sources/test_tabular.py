"""Anyone's tables by a map of columns: what only this source has."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from benchmark.data.preparing.cleaning import clean
from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources.tabular import TabularParams, addresses, files, photo_folder, read
from benchmark.errors import BenchError
from benchmark.host.home import Home

MAP = """
rating_scale = [0, 10]
repeats = "latest"

[interactions]
file = "log.csv"
separator = ";"
time_format = "%Y-%m-%d %H:%M"

[interactions.columns]
user = "customer"
item = "sku"
time = "bought at"
rating = "points"
review = "text"
summary = "headline"
domain = "shop"

[items]
file = "things.tsv"
category_separator = " > "

[items.columns]
item = "sku"
title = "name"
category = "path"
brand = "maker"
price = "price"
description = "about"
image = "picture"

[items.attributes]
colour = "hue"
size = "size"

[photos]
folder = "pictures"
"""
LOG = """customer;sku;bought at;points;text;headline;shop
é;001;2020-01-01 10:00;7.5;"so; good";Nice;books
é;002;2020-01-02 10:00;;;;books
e\u0301;003;2020-01-03 10:00;10;fine;;music
"""
THINGS = """sku\tname\tpath\tmaker\tprice\tabout\thue\tsize\tpicture
001\tMug\tHome > Kitchen >  Mugs\tNorby\t$1,299.50\tOak.\tred\t\ta.png
002\tPlate\t\t\t9\t\tblue\tL\thttps://x.example/p.jpg
003\tLamp\tLamps\t\tcheap\t\t\t\t
004\tUnused\t\t\t\t\t\t\t
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "columns.toml").write_text(MAP)
    (folder / "log.csv").write_text(LOG, encoding="utf-8")
    (folder / "things.tsv").write_text(THINGS)
    (folder / "pictures").mkdir()
    Image.new("RGB", (5, 5)).save(folder / "pictures" / "a.png")
    Image.new("RGB", (5, 5)).save(folder / "pictures" / "003.jpg")
    return folder


def parsed(raw: Path, *, on_error: Any = "raise", **given: Any) -> Any:
    return read(raw, TabularParams(**given), on_error=on_error)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_every_column_of_the_map_arrives(raw) -> None:
    found = parsed(raw)
    first, second, third = found.items.to_dicts()
    assert first == {
        "item_id": "001",
        "domain": None,
        "title": "Mug",
        "brand": "Norby",
        "description": "Oak.",
        "category": ["Home", "Kitchen", "Mugs"],
        "price": 1299.5,
        "attributes": [{"key": "colour", "value": "red"}],
    }
    assert second["category"] == []
    assert [a["key"] for a in second["attributes"]] == ["colour", "size"]
    assert third["price"] is None
    assert found.notes["prices that are no amount, treated as missing"] == 1
    rows = found.interactions.select("user_id", "rating", "review", "summary", "domain").rows()
    assert rows == [
        ("é", 7.5, "so; good", "Nice", "books"),
        ("é", None, None, None, "books"),
        ("é", 10.0, "fine", None, "music"),
    ]
    assert found.rating_scale == (0.0, 10.0)
    assert found.interactions["timestamp"][0] == datetime(2020, 1, 1, 10, tzinfo=UTC).timestamp()


def test_the_map_itself_may_be_named_and_is_hashed_with_the_tables(raw) -> None:
    assert parsed(raw / "columns.toml").items.equals(parsed(raw).items)
    assert set(files(raw, TabularParams())) == {"columns.toml", "log.csv", "things.tsv"}


def test_photos_are_those_the_column_names_else_those_named_after_the_item(raw) -> None:
    photos = dict(parsed(raw).photos)
    assert {item: path.name for item, path in photos.items()} == {
        "001": "a.png", "002": "002.jpg", "003": "003.jpg",
    }  # fmt: skip
    assert list(addresses(raw, TabularParams())) == [("002", "https://x.example/p.jpg")]
    assert photo_folder(raw, TabularParams()) == raw / "pictures"


@pytest.mark.parametrize("image", ["../secret.png", "/etc/hostname", "x/../../secret.png"])
def test_an_image_outside_the_folder_of_photos_is_refused(raw, image) -> None:
    Image.new("RGB", (5, 5)).save(raw / "secret.png")
    change(raw / "things.tsv", "a.png", image)
    with pytest.raises(BenchError, match=r"item '001' lies outside"):
        parsed(raw)
    found = parsed(raw, on_error="skip")
    assert "001" not in dict(found.photos)
    assert found.notes["images outside the folder of photos, treated as missing"] == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('user = "customer"', 'usr = "customer"', r"interactions\.columns\.user: Field required"),
        ('user = "customer"', 'user = "customers"', r"no column 'customers' \(it has: customer, "),
        ("rating_scale = [0, 10]", "", "give a column of ratings and rating_scale"),
        ("[0, 10]", "[10, 0]", "from the lowest to the highest"),
        ('"%Y-%m-%d %H:%M"', '"days"', "time_format is 'days'"),
        ('"%Y-%m-%d %H:%M"', '"%Y-%m-%d %H:M"', "time_format is .* hour and minute"),
        ('"%Y-%m-%d %H:%M"', '"lines"', "and not both"),
        ('"%Y-%m-%d %H:%M"', '"%Y-%m-%d %H:%M %Z"', r"names of time zones \(%Z\) are not read"),
        ('time = "bought at"', "", "name the column of times"),
        ('"latest"', '"all"', "repeats is 'all'"),
        ('review = "text"', 'review = "headline"', "uses column 'headline' twice"),
        ('"log.csv"', '"log.xlsx"', "There is no file"),
        ('"log.csv"', f'"{"9" * 300}.csv"', "There is no file"),
        ("[photos]", "[photo]", "photo is"),
        ('separator = ";"', 'separator = "¦"', "one character of ASCII"),
        ('separator = ";"', "separator = '\"'", "one character of ASCII"),
        ('separator = ";"', 'separator = "\\r"', "one character of ASCII"),
        ('separator = ";"', 'separator = "::"', "one character of ASCII"),
        ("[0, 10]", "[0, inf]", "rating_scale.1 is inf: Input should be a finite number"),
        ("[items]", "[items", "is no TOML"),
    ],
)
def test_a_wrong_map_is_refused_with_the_key(raw, old, new, message) -> None:
    change(raw / "columns.toml", old, new)
    with pytest.raises(BenchError, match=message):
        parsed(raw)


def test_a_folder_without_a_map_says_where_one_is_shown(tmp_path) -> None:
    with pytest.raises(BenchError, match=r"no column map .*columns\.toml'[\s\S]*your-own-tables"):
        parsed(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("é;001;2020-01-01;1;;;", "line 5: bought at is '2020-01-01', not a time of the format"),
        ("é;001;1920-01-01 10:00;1;;;", "line 5: bought at is"),
        (";001;2020-01-01 10:00;1;;;", "line 5: customer is ''"),
        ("é;001;2020-01-01 10:00;1", "line 5: 4 fields, the header has 7"),
        (LOG.splitlines()[0], "line 5: the header line again"),
        (f"{'x' * 1001};001;2020-01-01 10:00;1;;;", "line 5: customer is 'xxx"),
    ],
)
def test_a_broken_line_is_named_or_skipped(raw, line, message) -> None:
    before = parsed(raw).interactions
    change(raw / "log.csv", "music\n", f"music\n{line}\n")
    with pytest.raises(BenchError, match=message):
        parsed(raw)
    assert parsed(raw, on_error="skip").interactions.equals(before)


@pytest.mark.parametrize("points", ["many", "11", "nan", "-1", "7,5", "True", "5 stars"])
def test_what_is_no_rating_of_the_scale_is_named_with_its_line_and_counted(raw, points) -> None:
    # Behind repeats, which are left out later: they must not shift the number of the line.
    change(raw / "log.csv", LOG, LOG + "é;001;2020-01-01 10:00;5;;;\n" * 3)
    change(raw / "log.csv", ";10;fine", f";{points};fine")
    with pytest.raises(BenchError, match=rf"log\.csv, line 4: points is '{points}', not a rating"):
        parsed(raw)
    found = parsed(raw, on_error="skip")
    assert found.interactions["item_id"].to_list() == ["001", "002"]
    assert found.notes["lines of log.csv left out"] == 1


@pytest.mark.parametrize(("old", "new"), [("é;001;", "é;1;"), ("é;001;", "é;001.0;")])
def test_ids_that_were_numbers_on_the_way_are_refused_with_the_cause(raw, old, new) -> None:
    change(raw / "log.csv", old, new)
    with pytest.raises(
        BenchError, match=r"is '001' in the table of items: ids were read as numbers"
    ):
        parsed(raw)


def test_ids_that_differ_by_zeros_within_a_table_are_counted(raw) -> None:
    change(raw / "columns.toml", MAP[MAP.index("[items]") :], "")
    change(raw / "log.csv", "é;002", "é;1")
    assert parsed(raw).notes["item ids that differ from another by leading zeros only"] == 1


def test_ids_in_digits_of_another_script_are_ordered_as_texts(raw) -> None:
    change(raw / "columns.toml", MAP[MAP.index("[items]") :], "")
    change(raw / "log.csv", "é;002", "é;\u0662")
    ids = parsed(raw).items["item_id"].to_list()
    assert "\u0662" in ids
    assert ids == sorted(ids)


def test_what_a_core_leaves_out_is_counted_and_all_of_it_refused(raw) -> None:
    rows = [f"u{u};i{i};2020-01-0{i} 10:00;;;;" for u in (1, 2) for i in (1, 2)] + ["u1;i3;"]
    whole = [row + "2020-02-01 10:00;;;;" if row == "u1;i3;" else row for row in rows]
    (raw / "log.csv").write_text("\n".join([LOG.splitlines()[0], *whole, ""]))
    found = parsed(raw, core="2core")
    assert len(found.interactions) == 4
    assert found.notes["interactions left out: not in the 2core"] == 1
    with pytest.raises(BenchError, match="core='9core' leaves nothing of 5 interactions"):
        parsed(raw, core="9core")


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ("12.50", 12.5),
        ("$1,299,000.00", 1299000.0),
        ("0", 0.0),
        ("12,50", None),
        ("inf", None),
        ("NaN", None),
        ("1e400", None),
        ("-3", None),
    ],
)
def test_a_price_is_a_finite_amount_or_missing_and_counted(raw, price, amount) -> None:
    change(raw / "things.tsv", "$1,299.50", price)
    found = parsed(raw)
    assert found.items["price"].to_list() == [amount, 9.0, None]
    missing = found.notes["prices that are no amount, treated as missing"]
    assert missing == (1 if amount is not None else 2)


def test_tables_of_one_name_in_two_folders_are_both_hashed(raw, tmp_path) -> None:
    change(raw / "columns.toml", '"things.tsv"', '"more/log.csv"\nseparator = "\\t"')
    (raw / "more").mkdir()
    (raw / "things.tsv").rename(raw / "more" / "log.csv")
    assert list(files(raw, TabularParams()).values()) == [
        raw / "columns.toml",
        raw / "log.csv",
        raw / "more" / "log.csv",
    ]
    home = Home(tmp_path / "home")
    prepare("tabular", home=home, raw=raw)
    for table in ("log.csv", "more/log.csv"):
        whole = (raw / table).read_bytes()
        (raw / table).write_bytes(whole + b"\n")
        with pytest.raises(BenchError, match="exists with another source_files"):
            prepare("tabular", home=home, raw=raw)
        (raw / table).write_bytes(whole)


@pytest.mark.parametrize("items", ["more/log.csv", "log.csv"])
def test_what_was_left_out_of_a_table_is_told_beside_that_of_one_of_its_name(
    raw, tmp_path, items
) -> None:
    change(raw / "columns.toml", MAP[MAP.index("[items]") :], ITEMS.format(file=items, item="sku"))
    change(raw / "log.csv", "music\n", "music\n;;;;;;\n;;;;;;\n")
    (raw / "more").mkdir()
    (raw / "more" / "log.csv").write_text("customer;sku\nx;001\nx;002\nx;003;4\n")
    notes = parsed(raw, on_error="skip").notes
    assert notes["lines of log.csv left out"] == 2
    other = f"lines of {items} left out" + ("" if "/" in items else " (2)")
    assert list(notes)[:2] == ["lines of log.csv left out", other]
    with pytest.raises(BenchError, match=r"lines of log\.csv left out: 2 of 6 \(33\.3%\)"):
        prepare("tabular", home=Home(tmp_path / "home"), raw=raw, on_error="skip")


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_further_row_of_an_item_is_named_by_its_line_and_counts_for_nothing(raw, ends) -> None:
    Image.new("RGB", (5, 5)).save(raw / "pictures" / "b.png")
    things = THINGS.replace("Oak.", '"Oak,\nwaxed."').replace("002\t", "\n002\t")
    things += "004\tUnused, too\t\t\t\t\t\t\t\n001\tMug 2\t\t\t\t\t\t\tb.png\n"
    things += "002\tPlate 2\t\t\t\t\t\t\thttps://x.example/2.jpg\n"
    (raw / "things.tsv").write_bytes(things.replace("\n", ends).encode())
    line = things.splitlines().index("001\tMug 2\t\t\t\t\t\t\tb.png") + 1
    with pytest.raises(BenchError, match=rf"things\.tsv, line {line}: item '001' has a row alr"):
        parsed(raw)
    found = parsed(raw, on_error="skip")
    assert dict(found.photos)["001"].name == "a.png"
    assert clean(found, on_error="skip").items["title"].to_list() == ["Mug", "Plate", "Lamp"]
    assert list(addresses(raw, TabularParams())) == [("002", "https://x.example/p.jpg")]


def test_a_further_row_in_parquet_is_named_by_its_number(raw) -> None:
    change(raw / "columns.toml", "things.tsv", "things.parquet")
    things = pl.read_csv(raw / "things.tsv", separator="\t", infer_schema=False)
    pl.concat([things, things[:1]]).write_parquet(raw / "things.parquet")
    with pytest.raises(BenchError, match=r"things\.parquet, row 5: item '001' has a row already"):
        parsed(raw)


@pytest.mark.parametrize("by_column", [True, False])
def test_a_photo_may_be_a_link_whether_a_column_or_its_name_says_so(raw, by_column) -> None:
    Image.new("RGB", (5, 5)).save(raw / "elsewhere.png")
    (raw / "pictures" / "a.png").unlink()
    (raw / "pictures" / ("a.png" if by_column else "001.png")).symlink_to(raw / "elsewhere.png")
    if not by_column:
        change(raw / "things.tsv", "a.png", "")
    assert dict(parsed(raw).photos)["001"].resolve() == raw / "elsewhere.png"


@pytest.mark.parametrize("image", ["..", "out/elsewhere.png"])
def test_no_folder_that_is_a_link_leads_a_photo_out(raw, image) -> None:
    (raw / "more").mkdir()
    (raw / "pictures" / "out").symlink_to(raw / "more")
    change(raw / "things.tsv", "a.png", image)
    with pytest.raises(BenchError, match=r"item '001' lies outside"):
        parsed(raw)


def listed_things(raw: Path, **columns: list[Any]) -> None:
    """Things in Parquet, some of whose columns are lists."""
    change(raw / "columns.toml", "things.tsv", "things.parquet")
    things = pl.read_csv(raw / "things.tsv", separator="\t", infer_schema=False)
    added = [pl.Series(name, values) for name, values in columns.items()]
    things.with_columns(added).write_parquet(raw / "things.parquet")


def test_lists_are_levels_or_lines_or_parts_parted_by_commas(raw) -> None:
    parts: list[Any] = [[" a", "", "b "], ["c"], None, []]
    names = ("name", "path", "maker", "about", "hue")
    listed_things(
        raw, **dict.fromkeys(names, parts), picture=[["", "a.png", "b.png"], None, None, None]
    )
    first, second, third = parsed(raw).items.to_dicts()
    assert first["title"] == first["brand"] == "a, b"
    assert first["description"] == "a\nb"
    assert first["category"] == ["a", "b"]
    assert first["attributes"] == [{"key": "colour", "value": "a, b"}]
    assert second["title"] == "c"
    assert third["title"] is None
    assert third["category"] == third["attributes"] == []
    assert dict(parsed(raw).photos)["001"].name == "a.png"
    log = pl.read_csv(raw / "log.csv", separator=";", infer_schema=False)
    log = log.with_columns(
        text=pl.Series([["so", "good"], None, None]), headline=pl.lit(["a", "b"])
    )
    log.write_parquet(raw / "log.parquet")
    change(raw / "columns.toml", "log.csv", "log.parquet")
    found = parsed(raw).interactions
    assert found["review"].to_list() == ["so\ngood", None, None]
    assert set(found["summary"]) == {"a, b"}
    log.with_columns(sku=pl.Series([["001", "002"]] * 3)).write_parquet(raw / "log.parquet")
    with pytest.raises(BenchError, match=r"log\.parquet, row 1: sku is .* not an id \(.* no list"):
        parsed(raw)


@pytest.mark.parametrize("kind", ["tsv", "parquet"])
def test_every_column_of_a_category_may_hold_several_levels(raw, kind) -> None:
    change(raw / "columns.toml", 'category = "path"', 'category = ["maker", "path", "hue"]')
    if kind == "parquet":
        listed_things(raw, path=[["Home", " Kitchen > Mugs"], [], ["Lamps"], None])
    assert parsed(raw).items["category"].to_list() == [
        ["Norby", "Home", "Kitchen", "Mugs", "red"], ["blue"], ["Lamps"],
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["name", "picture", "hue", "sku", "path"])
def test_a_zero_byte_in_parquet_breaks_its_row(raw, column) -> None:
    value = ["a", "b\0c"] if column == "path" else "b\0c"
    others = ["001", "002", "004"] if column == "sku" else [None] * 3
    listed_things(raw, **{column: [*others[:2], value, *others[2:]]})
    with pytest.raises(BenchError, match=r"things\.parquet, row 3: not UTF-8 text \(a zero byte"):
        parsed(raw)
    found = parsed(raw, on_error="skip")
    assert found.notes["rows of things.parquet left out"] == 1
    assert found.notes["items without a description"] == 1


def test_repeated_purchases_stay_where_the_map_says_so(raw) -> None:
    change(raw / "log.csv", "é;002;", "é;001;")
    assert len(parsed(raw).interactions) == 2
    change(raw / "columns.toml", '"latest"', '"keep"')
    found = parsed(raw)
    assert found.allow_repeats
    assert len(found.interactions) == 3


ITEMS = """
[items]
file = "{file}"
separator = ";"
columns = {{item = "{item}"}}
"""


def test_repeats_of_one_time_are_in_order_of_what_they_say_not_of_the_file(raw) -> None:
    change(raw / "columns.toml", '"latest"', '"keep"')
    again = [f"é;001;2020-01-01 10:00;{points};;;" for points in ("9", "", "1")]
    found = []
    for rows in (again, again[::-1]):
        (raw / "log.csv").write_text("\n".join([*LOG.splitlines(), *rows, ""]), encoding="utf-8")
        found.append(parsed(raw).interactions)
    assert found[0].equals(found[1])
    assert found[0]["rating"].to_list() == [None, 1.0, 7.5, 9.0, None, 10.0]
    in_file = parsed(raw, ties="file").interactions
    assert in_file["rating"].to_list() == [7.5, 1.0, None, 9.0, None, 10.0]


SHORT = """
[interactions]
file = "log.{kind}"
time_format = "{time}"
columns = {{user = "u", item = "i"{when}}}
"""


def short(folder: Path, frame: pl.DataFrame, time: str, kind: str = "parquet") -> Any:
    when = "" if time == "lines" else ', time = "t"'
    (folder / "columns.toml").write_text(SHORT.format(kind=kind, time=time, when=when))
    if kind == "parquet":
        frame.write_parquet(folder / "log.parquet")
    else:
        frame.write_csv(folder / f"log.{kind}", separator="\t" if kind == "tsv" else ",")
    return parsed(folder, ties="file").interactions.rows()


@pytest.mark.parametrize(
    ("times", "form"),
    [
        ([datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)], "seconds"),
        ([date(2020, 1, 1), date(2020, 1, 2)], "seconds"),
        ([1577836800, 1577923200], "seconds"),
        ([1577836800.25, 1577923200.5], "seconds"),
        ([1577836800_000, 1577923200_999], "milliseconds"),
        (["2020-01-01", "2020-01-02"], "%Y-%m-%d"),
    ],
)
@pytest.mark.parametrize("ids", [["7", "8"], [7, 8], [7.0, 8.0]])
def test_parquet_columns_of_any_fitting_type_read_alike(tmp_path, times, form, ids) -> None:
    frame = pl.DataFrame({"u": ids, "i": ["x", "y"], "t": times})
    assert short(tmp_path, frame, form) == [("7", "x", 1577836800), ("8", "y", 1577923200)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("zone", ["", "%z"])
def test_fractions_of_a_second_are_read_as_python_writes_them(tmp_path, zone) -> None:
    times = ["2020-01-01 00:00:00.999999", "2020-01-02 00:00:01.000001"]
    frame = pl.DataFrame({"u": ["a", "a"], "i": ["x", "y"]})
    frame = frame.with_columns(t=pl.Series([t + ("+0100" if zone else "") for t in times]))
    read = [row[2] for row in short(tmp_path, frame, f"%Y-%m-%d %H:%M:%S.%f{zone}", "csv")]
    assert read == [time - (3600 if zone else 0) for time in (1577836800, 1577923201)]


@pytest.mark.parametrize("times", [[1577836800_000], [1577836800, 1577836800_000], [12]])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_times_in_another_unit_or_mixed_are_refused(tmp_path, times, kind) -> None:
    frame = pl.DataFrame({"u": ["a"] * len(times), "i": ["x"] * len(times), "t": times})
    with pytest.raises(BenchError, match=r"(row|line) \d: t is .*, not a time in seconds"):
        short(tmp_path, frame, "seconds", kind)


def test_an_order_needs_no_clock_and_lines_need_no_column(tmp_path) -> None:
    frame = pl.DataFrame({"u": ["a"] * 3, "i": ["x", "y", "z"], "t": [2, 1, 7]})
    assert [row[1] for row in short(tmp_path, frame, "order")] == ["y", "x", "z"]
    assert short(tmp_path, frame, "lines", "tsv") == [("a", i, n) for n, i in enumerate("xyz")]


def test_file_order_breaks_ties_only_where_asked(tmp_path) -> None:
    items = [f"i{n}" for n in range(30)]
    frame = pl.DataFrame({"u": ["a"] * 30, "i": items, "t": [1] * 30})
    assert [row[1] for row in short(tmp_path, frame, "order")] == items
    dataset = prepare("tabular", home=Home(tmp_path / "home"), raw=tmp_path)
    hashed = dataset.interactions()["item_id"].to_list()
    assert hashed != items
    assert sorted(hashed) == sorted(items)


@pytest.mark.parametrize("content", [b"", b"PAR1 cut", b"a,b\n1,2\n"])
def test_a_damaged_parquet_file_is_named(tmp_path, content) -> None:
    (tmp_path / "columns.toml").write_text(SHORT.format(kind="parquet", time="lines", when=""))
    (tmp_path / "log.parquet").write_bytes(content)
    with pytest.raises(BenchError, match=r"log\.parquet cannot be read as Parquet"):
        parsed(tmp_path)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_numbers_of_any_width_keep_their_halves_and_gaps(tmp_path, kind) -> None:
    numbers = np.array([4.5, np.nan, 0.25, 3], dtype=kind.to_pandas_dtype())
    rated = {"u": list("aaaa"), "i": list("wxyz"), "r": pa.array(numbers, kind)}
    parquet.write_table(pa.table(rated), tmp_path / "log.parquet")
    text = SHORT.format(kind="parquet", time="lines", when=', rating = "r"')
    (tmp_path / "columns.toml").write_text("rating_scale = [0, 5]\n" + text)
    assert parsed(tmp_path).interactions["rating"].to_list() == [4.5, None, 0.25, 3.0]


@pytest.mark.parametrize(
    "ids",
    [
        pl.Series(["1.23457E+12", "a"]),
        pl.Series(["1e+17", "a"]),
        pl.Series([2.0**53, 7.0]),
        pl.Series([2.0**24, 7.0], dtype=pl.Float32),
        pl.Series([1e300, 7.0]),
    ],
)
@pytest.mark.parametrize("column", ["u", "i"])
def test_an_id_that_was_rounded_on_the_way_is_refused(tmp_path, ids, column) -> None:
    frame = pl.DataFrame({"u": ["a", "b"], "i": ["x", "y"]}).with_columns(ids.alias(column))
    with pytest.raises(BenchError, match=rf"row 1: {column} is '.*no number that was rounded"):
        short(tmp_path, frame, "lines")


def test_a_missing_number_is_no_id(tmp_path) -> None:
    frame = pl.DataFrame({"u": [7.0, float("nan")], "i": ["x", "y"]})
    with pytest.raises(BenchError, match="row 2: u is None, not an id"):
        short(tmp_path, frame, "lines")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("times", "form", "read"),
    [
        (["1577836800000.0", "1577923200999.9"], "milliseconds", [1577836800, 1577923200]),
        (["3.0", "12.0"], "order", [3, 12]),
    ],
)
def test_whole_numbers_with_a_decimal_point_are_times(tmp_path, kind, times, form, read) -> None:
    frame = pl.DataFrame({"u": ["a", "a"], "i": ["x", "y"], "t": times})
    assert [row[2] for row in short(tmp_path, frame, form, kind)] == read


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_without_rows_is_said_to_have_none(tmp_path, kind) -> None:
    frame = pl.DataFrame({"u": [], "i": []}, schema={"u": pl.String, "i": pl.String})
    with pytest.raises(BenchError, match=rf"log\.{kind} holds no usable interaction\."):
        short(tmp_path, frame, "lines", kind)


def test_two_parquet_columns_of_one_name_are_told(tmp_path) -> None:
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["x"])]
    parquet.write_table(pa.Table.from_arrays(columns, ["u", "u", "i"]), tmp_path / "log.parquet")
    (tmp_path / "columns.toml").write_text(SHORT.format(kind="parquet", time="lines", when=""))
    with pytest.raises(BenchError, match="several columns 'u'"):
        parsed(tmp_path)


def test_a_column_of_another_type_is_refused(tmp_path) -> None:
    frame = pl.DataFrame({"u": [b"a"], "i": ["x"]})
    with pytest.raises(BenchError, match="column 'u' is of type Binary"):
        short(tmp_path, frame, "lines")


def seconds(raw: Path) -> Path:
    """The same log with times in seconds."""
    change(raw / "columns.toml", 'time_format = "%Y-%m-%d %H:%M"', 'time_format = "seconds"')
    for day, time in ((1, 1577872800), (2, 1577959200), (3, 1578045600)):
        change(raw / "log.csv", f"2020-01-0{day} 10:00", str(time))
    return raw / "log.csv"


@pytest.mark.parametrize("time", ["1e300", "-1e300", "nan", "inf", "1e19"])
def test_a_number_beyond_all_times_is_a_broken_line(raw, time) -> None:
    change(seconds(raw), "1577959200", time)
    with pytest.raises(
        BenchError, match=r"log\.csv, line 3: bought at is .* not a time in seconds"
    ):
        parsed(raw)
    assert parsed(raw, on_error="skip").notes["lines of log.csv left out"] == 1


def test_a_map_nested_without_end_is_no_map(raw) -> None:
    (raw / "columns.toml").write_text("a = " + "[" * 5_000)
    with pytest.raises(BenchError, match=r"columns\.toml is no TOML"):
        parsed(raw)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:58] + bytes([whole[58] ^ 0x41]) + whole[59:],  # ended polars' process
        lambda whole: whole.replace(b"name", b"\xefame"),  # a column's name is no UTF-8
    ],
    ids=["page", "name"],
)
def test_a_damaged_parquet_file_is_named_without_a_panic(raw, capfd, damage) -> None:
    change(raw / "columns.toml", "things.tsv", "things.parquet")
    path = raw / "things.parquet"
    pl.read_csv(raw / "things.tsv", separator="\t", infer_schema=False).write_parquet(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BenchError, match=r"things\.parquet cannot be read as Parquet"):
        parsed(raw, on_error="skip")
    assert "panicked" not in capfd.readouterr().err


def test_parquet_texts_that_are_no_utf_8_are_refused_and_such_notes_beside_them_ignored(
    tmp_path, capfd
) -> None:
    (tmp_path / "columns.toml").write_text(SHORT.format(kind="parquet", time="lines", when=""))
    table = pa.table({"u": ["ab", "ab"], "i": ["x", "y"]})
    noted = table.replace_schema_metadata({b"\xff": b"\xff"})
    parquet.write_table(noted, tmp_path / "log.parquet", compression="none")
    assert [row[0] for row in parsed(tmp_path, ties="file").interactions.rows()] == ["ab", "ab"]
    parquet.write_table(table, tmp_path / "log.parquet", compression="none")
    content = (tmp_path / "log.parquet").read_bytes()
    (tmp_path / "log.parquet").write_bytes(content.replace(b"ab", b"a\xff"))
    with pytest.raises(BenchError, match=r"log\.parquet cannot be read as Parquet"):
        parsed(tmp_path, on_error="skip")
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(LOG.encode()), r"compressed by gzip\.\nLet its name end in '\.gz'"),
        (b"PK\x03\x04...", "a zip archive or a spreadsheet"),
        (b"PAR1....", "a Parquet file"),
        (LOG.encode("utf-16"), r"UTF-16 text\.\nSave it as UTF-8"),
        (LOG.replace("\n", "\r").encode(), "the header cannot be read"),
    ],
)
def test_a_file_that_holds_no_lines_of_text_is_told_by_what_it_is(raw, content, what) -> None:
    (raw / "log.csv").write_bytes(content)
    for on_error in ("raise", "skip"):
        with pytest.raises(BenchError, match=rf"log\.csv.*{what}"):
            parsed(raw, on_error=on_error)


def test_a_compressed_table_may_have_its_name_in_capitals(raw) -> None:
    before = parsed(raw).interactions
    (raw / "LOG.CSV.GZ").write_bytes(gzip.compress(LOG.encode()))
    change(raw / "columns.toml", '"log.csv"\nseparator = ";"', '"LOG.CSV.GZ"\nseparator = ";"')
    assert parsed(raw).interactions.equals(before)


@pytest.mark.parametrize("header", ["", "customer,sku\n"])
def test_a_wrong_header_is_to_be_corrected_in_the_file_or_the_map(raw, header) -> None:
    (raw / "log.csv").write_text(header)
    with pytest.raises(BenchError, match=r"\nCorrect the file or the map: .*separator = ';'"):
        parsed(raw)


@pytest.mark.parametrize("broken", ["", "one field\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_within_a_quoted_text_are_counted_and_end_alike(raw, end, broken) -> None:
    change(raw / "log.csv", '"so; good"', '"so;\ngood\n\n"')
    log = (raw / "log.csv").read_text(encoding="utf-8") + broken
    (raw / "log.csv").write_bytes(log.replace("\n", end).encode())
    found = parsed(raw, on_error="skip")
    assert found.interactions["review"].to_list() == ["so;\ngood", None, "fine"]
    assert found.notes["line breaks within fields of log.csv"] == 3
    assert found.notes.get("lines of log.csv left out", 0) == bool(broken)


def test_a_quote_in_the_wrong_place_costs_no_other_field(raw) -> None:
    change(raw / "log.csv", ';"so; good";Nice;books', ';"so";good";Nice";books')
    change(raw / "log.csv", "points;text;headline;shop", "points;text;more;headline;shop")
    change(raw / "log.csv", "10:00;;;;books", "10:00;;;;;books")
    change(raw / "log.csv", "10;fine;;music", "10;fine;;;music")
    row = parsed(raw).interactions.row(0, named=True)
    assert (row["review"], row["summary"], row["domain"]) == ("so", 'Nice"', "books")


@pytest.mark.parametrize("ends", [True, False], ids=["at another", "at the end"])
def test_a_quote_left_open_that_ends_by_chance_costs_its_lines_and_is_told(raw, ends) -> None:
    path = raw / "log.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    width = header.count(";")
    other = '"x' + ";" * width if ends else ""
    stray = ['"' + ";" * width, "lost", other] if ends else [";" * width + '"', "lost"]
    path.write_text("\n".join([header, *lines, *stray]) + "\n", encoding="utf-8")
    found = parsed(raw, on_error="skip")
    assert len(found.interactions) == len(lines)
    assert found.notes["lines of log.csv left out"] == len(stray)
    with pytest.raises(BenchError, match=rf"log\.csv, line {len(lines) + 2}: a quote is left open"):
        parsed(raw)


def test_a_quote_left_open_in_the_header_costs_no_table_in_silence(raw) -> None:
    change(raw / "things.tsv", "size\tpicture", 'size\tpicture\t"')
    with pytest.raises(BenchError, match=r"things\.tsv, line 1: the header cannot be read"):
        parsed(raw, on_error="skip")


def test_a_zero_byte_is_told_in_a_column_of_any_text(raw) -> None:
    change(raw / "things.tsv", "Plate", "Pl\0te")
    with pytest.raises(BenchError, match=r"things\.tsv, line 3: not UTF-8 text \(a zero byte"):
        parsed(raw)


def test_a_quoted_text_may_be_long(raw) -> None:
    change(raw / "log.csv", '"so; good"', '"' + "so; good " * 20_000 + '"')
    assert len(parsed(raw).interactions["review"][0]) == 9 * 20_000 - 1


def test_the_smallest_map_of_the_guide_gives_recommendation_and_selection(tmp_path: Path) -> None:
    guide = Path(__file__).parents[3] / "docs" / "your-own-tables.md"
    smallest, *_ = re.findall(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "columns.toml").write_text(smallest)
    rows = [f"u{u},i{(3 * u + k) % 17},{1_600_000_000 + k}" for u in range(25) for k in range(5)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    dataset = prepare("tabular", home=Home(tmp_path / "home"), name="shop", raw=tmp_path)
    assert set(dataset.info["tasks"]) == {"recommendation", "selection"}
