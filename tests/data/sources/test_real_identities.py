"""Every folder of real Amazon files gives the bytes it gave: a change of code must not change them.

A dataset's hash covers that of each of its files. Change one here only with what it should change.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.preparing.prepare import prepare
from benchmark.host.home import Home

_2014, _2018 = "amazon-2014-digital-music", "amazon-2018-magazine-subscriptions"
_ALL_OTHER = {
    **{"category_path": "deepest", "ties": "file", "repeats": "last", "copied_texts": "keep"},
    **{"core": "table5", "history_window": "10", "k": "20"},
}
_BARE = {"metadata": "no"}
_DOMAINS = {
    **{"users": "per-domain", "new_domains": "Gift_Cards", "repeats": "first", "core": "2"},
    "min_interactions": "3",
}
#: Source, folder, settings -> the first digits of the dataset's hash.
IDENTITIES = [
    ("amazon2014", _2014, {}, "181bf62db04893b1"),
    ("amazon2014", f"{_2014}/not-core", _BARE, "c26b725f2d3e47ce"),
    ("amazon2014", f"{_2014}/not-core", {**_BARE, "core": "5core"}, "cd666650ce2deede"),
    ("amazon2014", _2014, _ALL_OTHER, "0015476a72627ed7"),
    ("amazon2018", _2018, {}, "3520b792ae6f0862"),
    ("amazon2018", f"{_2018}/older-vintage", {}, "03838d4d00ab0260"),
    ("amazon2018", _2018, {"core": "5core"}, "1a3d17feb1efd498"),
    ("amazon2018", _2018, {"copied_texts": "keep"}, "e0d585ab751637b9"),
    (
        "amazon2018",
        _2018,
        {"repeats": "same-time", "ties": "file", "new_users": "0"},
        "a52c44f90d4729ab",
    ),
    (
        "amazon2018",
        "amazon-2018-reviews-only",
        {**_BARE, "users": "per-domain"},
        "a14d4f62bad5a9d7",
    ),
    (
        "amazon2018",
        "amazon-2018-reviews-only",
        {**_BARE, "users": "one", "new_domains": "Appliances"},
        "db6c8c8b3a698cf4",
    ),
    ("amazon2023", "amazon-2023-sample", {}, "b0d5257e110151cc"),
    ("amazon2023", "amazon-2023-sample", _DOMAINS, "8fb6ecc1f615a7bd"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "folder", "settings", "identity"), IDENTITIES)
def test_a_real_folder_gives_the_bytes_it_gave(
    source, folder, settings, identity, shared_data, tmp_path
) -> None:
    raw = shared_data / folder
    if raw.name == "older-vintage":  # metadata alone: the reviews lie above
        raw = _with_reviews(raw, tmp_path / "raw")
    dataset = prepare(source, home=Home(tmp_path / "home"), raw=raw, settings=settings)
    assert dataset.sha256.startswith(identity)


def _with_reviews(vintage: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in (*vintage.iterdir(), *vintage.parent.glob("*_5.json.gz")):
        (folder / path.name).symlink_to(path)
    return folder
