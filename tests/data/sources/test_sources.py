"""Raw formats: what is read, and what is said about files that are not as they should be."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest

from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources import SOURCES, ml_100k
from benchmark.errors import BenchError
from benchmark.host.home import Home


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def test_hm_keeps_leading_zeros_repeats_and_time_order(hm_raw, home) -> None:
    dataset = prepare("hm", home=home, raw=hm_raw)
    item = dataset.catalogue().by_id("0100000003")
    assert item.category == ("Menswear", "Shoes", "Boots")
    assert item.title == "Name 3"
    assert item.description == "a, b"
    assert item.price is None
    assert item.attributes["colour"] == "Black"
    assert item.image is not None
    assert dataset.catalogue().by_id("0100000000").image is None
    rows = dataset.interactions()
    assert len(rows) == 24
    first = rows.filter(user_id="c1")
    assert first["item_id"].to_list() == [f"010000000{i}" for i in (1, 1, 2, 2, 3, 3)]
    assert first["timestamp"][0] == 1_598_918_400  # 2020-09-01
    assert dataset.info["allow_repeats"] is True
    assert set(dataset.info["tasks_absent"]) == {"preference", "explanation"}


def test_hm_reads_gzipped_tables_alike(hm_raw, home) -> None:
    plain = prepare("hm", home=home, raw=hm_raw)
    for name in ("articles.csv", "transactions_train.csv"):
        data = (hm_raw / name).read_bytes()
        (hm_raw / f"{name}.gz").write_bytes(gzip.compress(data))
        (hm_raw / name).unlink()
    packed = prepare("hm", home=home, raw=hm_raw, name="packed")
    assert packed.interactions().equals(plain.interactions())
    assert packed.catalogue().frame.equals(plain.catalogue().frame)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2020-09-07,c1,0100000001", r"line 26: 3 fields, the header has 5"),
        ("2020-09-07,c1,0100000001,1,1,1", r"line 26: 6 fields, the header has 5"),
        ("2020-13-07,c1,0100000001,1,1", r"line 26: t_dat is '2020-13-07', not a day"),
        ("9020-09-07,c1,0100000001,1,1", r"line 26: t_dat is '9020-09-07', .*1990 and 2100"),
        ("0020-09-07,c1,0100000001,1,1", r"line 26: t_dat is '0020-09-07', .*1990 and 2100"),
        ("2020-09-07,,0100000001,1,1", r"line 26: customer_id is '', not a customer id"),
        ("2020-09-07,c1,0100000001,1,x", r"line 26: sales_channel_id is 'x'"),
        ("2020-09-07,c1,0999999999,1,1", r"row 25 is about an item the catalogue lacks"),
    ],
)
def test_hm_names_a_broken_line_or_skips_and_counts_it(hm_raw, home, line, message) -> None:
    with open(hm_raw / "transactions_train.csv", "a") as stream:
        stream.write(line + "\n")
    with pytest.raises(BenchError, match=message):
        prepare("hm", home=home, raw=hm_raw)
    dataset = prepare("hm", home=home, raw=hm_raw, on_error="skip")
    assert dataset.info["statistics"]["interactions"] == 24
    assert [n for key, n in dataset.info["notes"].items() if "left out" in key] == [1]


_NETFLIX = b"1:\n7,3,2004-01-05\n"
_MOVIELENS = {
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,3.0,1500000000\n",
    "movies.csv": b"movieId,title,genres\n1,One (1999),A\n",
}
_PLAIN = [
    ("hm", {}),
    ("movielens", _MOVIELENS),
    ("movielens", {"ratings.dat": b"1::1::3::1500000000\n", "movies.dat": b"1::One::A\n"}),
    ("netflix", {"combined_data_1.txt": _NETFLIX, "movie_titles.csv": b"1,2003,One\n"}),
    ("netflix", {"training_set/mv_0000001.txt": _NETFLIX, "movie_titles.txt": b"1,2003,One\n"}),
]


@pytest.mark.parametrize(("name", "contents"), _PLAIN)
def test_of_a_table_packed_and_unpacked_the_unpacked_one_is_read_and_hashed(
    hm_raw, tmp_path, name, contents
) -> None:
    raw = tmp_path / "raw" if contents else hm_raw
    for table, content in contents.items():
        (raw / table).parent.mkdir(parents=True, exist_ok=True)
        (raw / table).write_bytes(content)
    source = SOURCES.get(name)
    params = source.params()
    files = dict(source.files(raw, params))
    before = source.read(raw, params, on_error="raise").interactions
    assert len(files) == 2
    for path in files.values():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(b"of another time"))
    assert source.files(raw, params) == files
    assert source.read(raw, params, on_error="raise").interactions.equals(before)


@pytest.mark.parametrize("table", ["articles.csv", "transactions_train.csv"])
def test_hm_refuses_ids_that_lost_their_leading_zero_with_the_cause(hm_raw, home, table) -> None:
    path = hm_raw / table
    path.write_text(path.read_text().replace("01000", "1000"))
    with pytest.raises(BenchError, match=rf"{table}, line 2: article_id is '1.*leading zero"):
        prepare("hm", home=home, raw=hm_raw)


def test_hm_names_a_missing_file_and_a_missing_column(hm_raw, home) -> None:
    table = hm_raw / "articles.csv"
    text = table.read_text()
    table.write_text(text.replace("detail_desc", "details"))
    with pytest.raises(BenchError, match=r"articles\.csv has no column 'detail_desc'"):
        prepare("hm", home=home, raw=hm_raw)
    table.unlink()
    with pytest.raises(BenchError, match=r"has no file 'articles\.csv'[\s\S]*--raw"):
        prepare("hm", home=home, raw=hm_raw)


def test_a_damaged_gzip_file_is_named_with_the_line(hm_raw, home) -> None:
    table = hm_raw / "transactions_train.csv"
    lines = table.read_text().splitlines(keepends=True)
    packed = gzip.compress("".join(lines[:1] + lines[1:] * 50).encode())
    table.with_name(table.name + ".gz").write_bytes(packed[: len(packed) * 2 // 3])
    table.unlink()
    with pytest.raises(BenchError, match=r"transactions_train\.csv\.gz, after line \d+"):
        prepare("hm", home=home, raw=hm_raw)


def test_a_file_that_is_no_text_is_named(hm_raw, home) -> None:
    with open(hm_raw / "articles.csv", "ab") as stream:
        stream.write(b"\xff\xfe\x00garbage\n")
    with pytest.raises(BenchError, match=r"articles\.csv, line 10: not UTF-8 text"):
        prepare("hm", home=home, raw=hm_raw)


def test_a_line_that_is_no_text_can_be_skipped(hm_raw, home) -> None:
    with open(hm_raw / "articles.csv", "ab") as stream:
        stream.write(b"\xff\xfe\x00garbage\n")
    dataset = prepare("hm", home=home, raw=hm_raw, on_error="skip", allow_loss=0.1)
    assert dataset.info["notes"]["lines of articles.csv left out"] == 1


def test_lines_that_are_no_text_and_broken_lines_are_counted_together(hm_raw, home) -> None:
    table = hm_raw / "transactions_train.csv"
    lines = table.read_bytes().split(b"\n")
    lines[2:2] = [b"\xe9", b"short"]
    table.write_bytes(b"\n".join(lines))
    dataset = prepare("hm", home=home, raw=hm_raw, on_error="skip", allow_loss=0.1)
    assert dataset.info["notes"]["lines of transactions_train.csv left out"] == 2


@pytest.mark.parametrize(
    ("header", "message"),
    [("t_dat,t_dat,", "several columns 't_dat'"), ("t_dat\rx,", "the header cannot be read")],
)
def test_a_broken_header_is_named(hm_raw, home, header, message) -> None:
    table = hm_raw / "transactions_train.csv"
    table.write_bytes(table.read_bytes().replace(b"t_dat,", header.encode(), 1))
    with pytest.raises(BenchError, match=message):
        prepare("hm", home=home, raw=hm_raw)


def test_a_quote_left_open_is_reported_where_it_was_opened(hm_raw, home) -> None:
    table = hm_raw / "transactions_train.csv"
    first, second, *rest = table.read_text().splitlines()
    opened = second.replace(",", ',"', 1)
    table.write_text("\n".join([first, opened, *rest * 3000]) + "\n")
    with pytest.raises(BenchError, match=r"transactions_train\.csv, line 2: "):
        prepare("hm", home=home, raw=hm_raw)


def test_articles_without_a_photo_are_counted_and_named(hm_raw, home, capsys) -> None:
    shutil.rmtree(hm_raw / "images", ignore_errors=True)
    dataset = prepare("hm", home=home, raw=hm_raw)
    notes = dataset.info["notes"]
    assert notes["items without a photo"] == dataset.info["statistics"]["items"]
    assert notes["items without a photo, the first"][0] in capsys.readouterr().err


@pytest.mark.parametrize("place", ["010", "100", "elsewhere"])
def test_hm_refuses_photos_whose_names_lost_their_leading_zero(hm_raw, home, place) -> None:
    (hm_raw / "images" / place).mkdir(exist_ok=True)
    for path in sorted((hm_raw / "images" / "010").glob("*.jpg")):
        path.rename(hm_raw / "images" / place / path.name.removeprefix("0"))
    with pytest.raises(
        BenchError,
        match=r"Item '0100000001' has no photo, but .*'100000001\.jpg': they differ by leading "
        r"zeros only \(7 such items\)",
    ):
        prepare("hm", home=home, raw=hm_raw)
    dataset = prepare("hm", home=home, raw=hm_raw, on_error="skip")
    notes = dataset.info["notes"]
    assert notes["items without a photo: names differ by leading zeros"] == 7
    assert dataset.info["statistics"]["items_with_photo"] == 0


def test_hm_finds_photos_of_any_kind_in_the_folder_of_their_article(hm_raw, home) -> None:
    folder = hm_raw / "images" / "010"
    (folder / "0100000001.jpg").rename(folder / "0100000001.JPG")
    (folder / "0100000002.jpg").rename(folder / "0100000002.jpeg")
    (hm_raw / "images" / "011").mkdir()
    (folder / "0100000003.jpg").rename(hm_raw / "images" / "011" / "0100000003.jpg")
    dataset = prepare("hm", home=home, raw=hm_raw)
    assert dataset.info["statistics"]["items_with_photo"] == 6
    lacking = dataset.info["notes"]["items without a photo, the first"]
    assert lacking == ["0100000000", "0100000003"]


def test_ml_100k_names_a_time_that_is_none(tmp_path, home, monkeypatch) -> None:
    monkeypatch.setattr(ml_100k, "folder", lambda: tmp_path)
    (tmp_path / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tA\t\t\n"
    )
    (tmp_path / "ml-100k.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t1\t3\t881250949000\n"
    )
    with pytest.raises(BenchError, match=r"line 2: .*'881250949000', not a time in seconds"):
        prepare("ml-100k", home=home)


def test_sequences_read_users_items_and_attributes(tmp_path, home) -> None:
    raw = tmp_path / "Toys.txt"
    raw.write_text("u1 10 2 33 4\nu2 4 2 10\n\nu3 2 10\n")
    (tmp_path / "Toys_item2attributes.json").write_text(
        json.dumps({"2": [7, 8], "4": [7], "99": [1]})
    )
    dataset = prepare("sequences", home=home, raw=raw)
    assert dataset.catalogue().ids == ("2", "4", "10", "33")  # by number
    assert dict(dataset.catalogue().by_id("2").attributes) == {
        "attribute 1": "7",
        "attribute 2": "8",
    }
    assert dataset.interactions()["timestamp"].to_list() == [0, 1, 2, 3, 0, 1, 2]
    assert dataset.info["notes"]["items of the attribute file in no sequence"] == 1
    assert dataset.info["notes"]["items without an attribute"] == 2  # 10 and 33
    assert set(dataset.info["source_files"]) == {"Toys.txt", "Toys_item2attributes.json"}
    assert dataset.tasks == ("recommendation", "selection")


def test_sequences_order_other_ids_as_text(tmp_path, home) -> None:
    raw = tmp_path / "events.txt"
    raw.write_text("u1 z b a\nu2 b c z\n")
    dataset = prepare("sequences", home=home, raw=raw)
    assert dataset.catalogue().ids == ("a", "b", "c", "z")
    assert "items without an attribute" not in dataset.info["notes"]  # no file was given


def test_sequences_name_broken_lines_and_attribute_files(tmp_path, home) -> None:
    raw = tmp_path / "events.txt"
    raw.write_text("u1 1 2 3\nu2\nu1 3 4 5\n")
    with pytest.raises(BenchError, match=r"events\.txt, line 2: user 'u2' has no item"):
        prepare("sequences", home=home, raw=raw)
    dataset = prepare("sequences", home=home, raw=raw, on_error="skip", allow_loss=0.7)
    assert dataset.info["notes"]["lines of events.txt left out"] == 2
    broken = tmp_path / "attributes.json"
    broken.write_text('{"1": [2],\n "2": [3}\n')
    settings = {"attributes": str(broken)}
    with pytest.raises(BenchError, match=r"attributes\.json, line 2"):
        prepare("sequences", home=home, raw=raw, settings=settings, name="x", on_error="skip")
    broken.write_text('{"1": ["\\ud800"]}')  # half a pair, which no table can hold
    with pytest.raises(BenchError, match=r"attributes\.json cannot be read as JSON: .*surrogates"):
        prepare("sequences", home=home, raw=raw, settings=settings, name="x", on_error="skip")
    for entry in ("null", '["x"]', '{"a": 1}'):
        broken.write_text(f'{{"2": ["b", 1.5, true], "1": ["a", {entry}]}}')
        with pytest.raises(BenchError, match=r"json: attribute .* of item '1' is neither text nor"):
            prepare("sequences", home=home, raw=raw, settings=settings, name="x", on_error="skip")
    settings = {"attributes": str(tmp_path / "none.json")}
    with pytest.raises(BenchError, match=r"no attribute file '.*none\.json'"):
        prepare("sequences", home=home, raw=raw, settings=settings, name="x", on_error="skip")


def test_ml_100k_comes_from_the_recbole_package_without_importing_it(home) -> None:
    pytest.importorskip("recbole")
    dataset = prepare("ml-100k", home=home)
    counted = dataset.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == (943, 1682, 100_000)
    assert dataset.tasks == ("recommendation", "preference", "selection")
    assert "two levels" in dataset.info["tasks_absent"]["search"]
    movie = dataset.catalogue().by_id("1")
    assert movie.title == "Toy Story"
    assert movie.attributes["genres"] == "Animation, Children's, Comedy"


def test_ml_100k_without_recbole_says_what_to_install(home, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"pip install 'unimp-bench\[recbole\]'"):
        prepare("ml-100k", home=home)


def test_the_real_hm_sample_has_all_its_photos(shared_data, home, tmp_path) -> None:
    raw = shared_data / "hm"
    if not raw.is_dir():
        pytest.skip("no H&M sample beside the repository")
    dataset = prepare("hm", home=home, raw=raw)
    counted = dataset.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == (468, 1904, 7177)
    assert counted["items_with_photo"] == 1904
    assert len(dataset.instances("search")) == 468
    assert dataset.instances("search")[0].query
    shutil.rmtree(dataset.folder)


@pytest.mark.parametrize("header", ["user_id item_ids", "user item", "\ufeffuser_id item_id x"])
def test_a_header_line_of_sequences_is_no_user_and_no_item(tmp_path, home, header) -> None:
    lines = [f"{u} {u} {u + 1} {u + 2} {u + 3}" for u in range(1, 30)]
    raw = tmp_path / "events.txt"
    raw.write_text("\n".join([header, *lines]) + "\n")
    with pytest.raises(BenchError, match=r"line 1: '.*' looks like a header"):
        prepare("sequences", home=home, raw=raw)
    dataset = prepare("sequences", home=home, raw=raw, on_error="skip")
    assert dataset.info["notes"]["lines of events.txt left out"] == 1
    assert dataset.catalogue().ids == tuple(str(i) for i in range(1, 33))  # by number


def test_ids_that_are_words_have_no_header(tmp_path, home) -> None:
    raw = tmp_path / "events.txt"
    raw.write_text("ann a b c\nbob b c d\n7 a c d\n")
    assert prepare("sequences", home=home, raw=raw).info["statistics"]["users"] == 3


def test_the_order_mark_of_sequences_is_no_part_of_a_user(tmp_path, home) -> None:
    raw = tmp_path / "events.txt"
    # Files put together keep their marks.
    raw.write_bytes(b"\xef\xbb\xbf1 1 2 3\r\n2 2 3 4\r\n\xef\xbb\xbf3 2 3 4\r\n")
    users = prepare("sequences", home=home, raw=raw).interactions()["user_id"]
    assert users.unique().sort().to_list() == ["1", "2", "3"]
