"""A dataset as a person asks for it: options without use are refused, what stays is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import benchmark as ub
from benchmark.errors import UsageError
from benchmark.host.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    for place, shade in (("posters", 1), ("more/posters", 2)):
        (folder / place).mkdir(parents=True)
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(folder / place / "1.png")
    movies = "".join(f"{item},M{item} (1999),A\n" for item in range(1, 9))
    (folder / "movies.csv").write_text(f"movieId,title,genres\n{movies}")
    rows = "".join(
        f"{user},{item},3,{1_500_000_000 + item}\n" for user in range(1, 4) for item in range(1, 5)
    )
    (folder / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{rows}")
    return folder


def test_a_dataset_that_is_there_is_said_to_keep_its_photos(raw, home, cli) -> None:
    def said(place: str, *words: str) -> str:
        asked = ("--raw", str(raw), "--set", f"posters={raw / place}", *words)
        status, _, err = cli("data", "prepare", "movielens", *asked, home=home)
        assert status == 0, err
        return err

    def kept() -> bytes:
        return (home.datasets / "movielens" / "images" / "1.png").read_bytes()

    assert "was there already" not in said("posters")
    assert "was there already, with the photos it was made with" in said("more/posters")
    assert kept() == (raw / "posters" / "1.png").read_bytes()
    assert "was there already" not in said("more/posters", "--force")
    assert kept() == (raw / "more/posters" / "1.png").read_bytes()


def test_a_share_to_lose_without_leave_to_skip_is_refused(raw, home, cli) -> None:
    words = ("data", "prepare", "movielens", "--raw", str(raw), "--allow-loss", "0.5")
    status, _, err = cli(*words, home=home)
    assert (status, "of no use: nothing is left out without --on-error skip" in err) == (2, True)
    with pytest.raises(UsageError, match="of no use"):
        ub.prepare("movielens", raw=raw, allow_loss=0.5, home=home.root)
    assert cli(*words, "--on-error", "skip", home=home)[0] == 0
