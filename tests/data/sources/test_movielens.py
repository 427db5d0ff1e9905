"""MovieLens of any size: what only its files have."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources.ml_100k import folder as ml_100k_folder
from benchmark.data.sources.movielens import MovielensParams, files, read
from benchmark.errors import BenchError
from benchmark.host.home import Home

TIME = 1_000_000_000


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    lines = [f"1,{movie},{stars},{TIME + movie}" for movie, stars in ((1, 4), (2, 2.5), (3, 5))]
    head = "userId,movieId,rating,timestamp"
    (folder / "ratings.csv").write_text("\n".join([head, *lines]) + "\n")
    lines = [
        "movieId,title,genres",
        '1,"American President, The (1995)",Comedy|Drama',
        "2,Nameless,(no genres listed)",
        "3,2001 (a film) (1968) ,Sci-Fi",
    ]
    (folder / "movies.csv").write_text("\n".join(lines) + "\n")
    return folder


def parsed(raw: Path):
    return read(raw, MovielensParams(), on_error="raise")


def test_titles_lose_their_year_and_genres_are_one_label(raw) -> None:
    rows = parsed(raw).items.select("title", "category", "attributes").rows()
    pairs = [{a["key"]: a["value"] for a in attributes} for _, _, attributes in rows]
    assert [row[:2] for row in rows] == [
        ("American President, The", ["Comedy, Drama"]),
        ("Nameless", []),
        ("2001 (a film)", ["Sci-Fi"]),
    ]
    assert pairs == [
        {"genres": "Comedy, Drama", "year": "1995"}, {}, {"genres": "Sci-Fi", "year": "1968"},
    ]  # fmt: skip


def test_the_scale_begins_at_a_half_only_where_halves_are_given(raw) -> None:
    assert parsed(raw).rating_scale == (0.5, 5.0)
    table = raw / "ratings.csv"
    table.write_text(table.read_text().replace("2.5", "2.0"))
    assert parsed(raw).rating_scale == (1.0, 5.0)


@pytest.mark.parametrize("factor", [1000, 1_000_000])
def test_times_in_another_unit_are_refused_with_the_unit_expected(raw, factor) -> None:
    table = raw / "ratings.csv"
    table.write_text(table.read_text().replace(str(TIME + 3), str((TIME + 3) * factor)))
    with pytest.raises(BenchError, match=r"ratings\.csv, line 4: .*not a time in seconds"):
        parsed(raw)


def test_lines_that_end_in_carriage_returns_alone_are_told(raw) -> None:
    (raw / "ratings.csv").unlink()
    lines = "".join(f"1::{movie}::3::{TIME}\r" for movie in (1, 2, 3))
    (raw / "ratings.dat").write_bytes(lines.encode())
    with pytest.raises(BenchError, match=r"line 1: .*carriage returns"):
        parsed(raw)


def test_a_table_without_its_header_is_refused(raw) -> None:
    table = raw / "ratings.csv"
    table.write_text(table.read_text().split("\n", 1)[1])
    with pytest.raises(BenchError, match=r"no column 'userId' \(it has: 1, "):
        parsed(raw)


def test_both_layouts_at_once_and_none_are_refused(raw) -> None:
    (raw / "ratings.dat").write_text("1::1::3::1000000000\n")
    with pytest.raises(BenchError, match=r"both 'ratings\.csv' and 'ratings\.dat'"):
        parsed(raw)
    for path in raw.glob("ratings.*"):
        path.unlink()
    with pytest.raises(BenchError, match=r"neither 'ratings\.csv' nor 'ratings\.dat'"):
        parsed(raw)
    assert files(raw, MovielensParams()) == {}


@pytest.mark.slow
def test_ml_100k_with_posters_is_the_same_data_with_photos(shared_data, tmp_path) -> None:
    pytest.importorskip("recbole")
    ml_100k_folder()
    home = Home(tmp_path / "home")
    posters = str(shared_data / "ml-100k-posters" / "posters")
    plain = prepare("ml-100k", home=home)
    # The data that boards are about: whatever settings are added, its identity stays.
    assert plain.sha256 == "771ba131f68dbdda87cfc5effe7c8b8aaf860fd4974c820bed50331e07371e23"
    pictured = prepare("ml-100k", home=home, settings={"posters": posters})
    assert pictured.name == "ml-100k-posters"
    assert pictured.info["statistics"]["items_with_photo"] == 1419
    assert pictured.interactions().equals(plain.interactions())
