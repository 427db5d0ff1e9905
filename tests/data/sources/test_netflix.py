"""Netflix Prize: what only its files have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources.netflix import NetflixParams, files, read
from benchmark.errors import BenchError
from benchmark.host.home import Home

TITLES = b"1,2003,Dinosaur Planet\n2,NULL,Caf\xe9, the\n3,1997,Character\n"
RATINGS = "1:\n7,3,2004-01-05\n8,4,2004-01-06\n2:\n7,1,2004-01-05\n3:\n7,5,2004-01-04\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "movie_titles.csv").write_bytes(TITLES)
    (tmp_path / "combined_data_1.txt").write_text(RATINGS)
    return tmp_path


def parsed(raw: Path, on_error: Any = "raise", **settings: Any) -> Any:
    return read(raw, NetflixParams(**settings), on_error=on_error)


def titles(raw: Path) -> list[tuple[str, list[dict[str, str]]]]:
    return list(parsed(raw).items.select("title", "attributes").iter_rows())


def test_titles_are_latin_1_with_commas_and_a_year_or_none(raw) -> None:
    assert titles(raw) == [
        ("Dinosaur Planet", [{"key": "year", "value": "2003"}]),
        ("Café, the", []),
        ("Character", [{"key": "year", "value": "1997"}]),
    ]


def test_titles_that_were_converted_to_utf_8_read_alike(raw) -> None:
    before = titles(raw)
    text = (raw / "movie_titles.csv").read_bytes().decode("latin-1")
    (raw / "movie_titles.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert titles(raw) == before


def test_titles_in_utf_16_are_refused(raw) -> None:
    (raw / "movie_titles.csv").write_bytes(TITLES.decode("latin-1").encode("utf-16-le"))
    with pytest.raises(BenchError, match=r"movie_titles\.csv, line 1: .*UTF-16"):
        parsed(raw)


@pytest.mark.parametrize("line", ["2;", "Movie 2:", "0002:", "2"])
def test_ratings_behind_a_line_that_may_have_opened_a_movie_are_nobodys(raw, line) -> None:
    (raw / "combined_data_1.txt").write_text(RATINGS.replace("2:", line))
    with pytest.raises(BenchError, match=r"combined_data_1\.txt, line 4: "):
        parsed(raw)
    skipped = parsed(raw, on_error="skip")
    assert skipped.interactions["item_id"].to_list() == ["3", "1", "1"]
    assert skipped.notes["lines of combined_data_1.txt left out"] == 2


@pytest.mark.parametrize(
    "line", [b"2\0:", b"\xff2:", b"2:" + b" " * (1 << 24), b"8,4,20\0\0\0:", b"8,4,2004-01-062:"]
)
def test_ratings_behind_a_line_that_hides_what_movie_it_opened_are_nobodys(raw, line) -> None:
    path = raw / "combined_data_1.txt"
    path.write_bytes(RATINGS.encode().replace(b"2:", line))
    with pytest.raises(BenchError, match=r"combined_data_1\.txt, line 4: "):
        parsed(raw)
    skipped = parsed(raw, on_error="skip")
    assert skipped.interactions["item_id"].to_list() == ["3", "1", "1"]
    left_out = skipped.notes["lines of combined_data_1.txt left out"]
    assert (left_out, left_out.of) == (2, 7)


def test_a_title_that_is_no_text_is_counted_once(raw) -> None:
    # A zero byte: bytes that are no UTF-8 make the file one in Latin-1.
    (raw / "movie_titles.csv").write_bytes(TITLES.replace(b"Dinosaur", b"Dino\0saur"))
    skipped = parsed(raw, on_error="skip")
    assert skipped.notes["lines of movie_titles.csv left out"] == 1
    assert skipped.items["title"].to_list() == [None, "Café, the", "Character"]


def test_a_rating_broken_off_costs_no_other(raw) -> None:
    (raw / "combined_data_1.txt").write_text(RATINGS.replace("7,3,2004-01-05", "7,3,20"))
    assert len(parsed(raw, on_error="skip").interactions) == 3


def test_ratings_before_any_movie_are_named(raw) -> None:
    (raw / "combined_data_1.txt").write_text(RATINGS.removeprefix("1:\n"))
    with pytest.raises(BenchError, match=r"line 1: '7,3,2004-01-05'"):
        parsed(raw)


def test_rated_movies_without_a_title_stay_with_their_id(raw) -> None:
    (raw / "movie_titles.csv").write_bytes(TITLES.split(b"\n", 1)[1])
    found = parsed(raw)
    assert found.items["title"].to_list() == [None, "Café, the", "Character"]
    assert found.notes["items without a description"] == 1


def test_ratings_in_both_layouts_are_refused(raw) -> None:
    (raw / "training_set").mkdir()
    (raw / "training_set" / "mv_0000001.txt").write_text("1:\n7,3,2004-01-05\n")
    with pytest.raises(BenchError, match="has the ratings twice"):
        parsed(raw)


def test_an_empty_file_of_titles_is_told(raw) -> None:
    (raw / "movie_titles.csv").write_bytes(b"")
    with pytest.raises(BenchError, match=r"movie_titles\.csv is empty"):
        parsed(raw)


def test_what_a_core_leaves_out_is_counted_and_all_of_it_refused(raw) -> None:
    assert not [what for what in parsed(raw, core="1core").notes if "core" in what]
    found = parsed(raw, core="users1-items2")
    assert found.interactions["item_id"].to_list() == ["1", "1"]
    assert found.notes["ratings left out: not in the users1-items2"] == 2
    with pytest.raises(BenchError, match="core='9core' leaves nothing of 4 ratings"):
        parsed(raw, core="9core")


def test_a_folder_without_ratings_or_titles_says_what_is_missing(raw) -> None:
    (raw / "movie_titles.csv").rename(raw / "titles.csv")
    with pytest.raises(BenchError, match=r"has no file 'movie_titles\.csv'[\s\S]*--raw"):
        parsed(raw)
    (raw / "combined_data_1.txt").unlink()
    with pytest.raises(BenchError, match=r"holds no ratings[\s\S]*training_set"):
        parsed(raw)


def test_many_small_files_are_one_hash_that_any_of_them_changes(raw, tmp_path) -> None:
    (raw / "combined_data_1.txt").unlink()
    (raw / "training_set").mkdir()
    for movie in (1, 2, 3):
        lines = [f"{user},3,2004-01-0{movie}" for user in range(1, 5)]
        path = raw / "training_set" / f"mv_000000{movie}.txt"
        path.write_text("\n".join([f"{movie}:", *lines]) + "\n")
    home = Home(tmp_path / "home")
    first = prepare("netflix", home=home, raw=raw).info["source_files"]
    assert set(first) == {"training_set/", "movie_titles.csv"}
    assert len(files(raw, NetflixParams())) == 4
    with open(path, "a") as stream:
        stream.write("9,1,2004-01-09\n")
    with pytest.raises(BenchError, match="exists with another source_files: training_set/"):
        prepare("netflix", home=home, raw=raw)


@pytest.mark.slow
def test_the_real_sample_has_its_published_counts(shared_data, tmp_path) -> None:
    dataset = prepare("netflix", home=Home(tmp_path / "home"), raw=shared_data / "netflix-prize")
    counted = dataset.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == (5266, 684, 60527)
    assert counted["items_with_photo"] == 79
    rows = dataset.interactions()
    last = rows.filter(part="test").join(rows.filter(part="valid"), on="user_id")
    assert int((last["timestamp"] == last["timestamp_right"]).sum()) == 910
