"""A dataset's photos, collected from addresses or out of a folder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmark.data.photos.collecting import counted, download, take
from benchmark.data.photos.fetching import Fetcher, Manners
from benchmark.data.photos.journal import JOURNAL
from benchmark.errors import BenchError
from benchmark.host.home import Home

QUICK = Manners(rate=10_000, retries=1, timeout=10, most_bytes=10**6, first_wait=0.01)


def kinds(outcomes) -> dict[str, str]:
    return {outcome.item: outcome.kind for outcome in outcomes}


@pytest.fixture
def fetcher(server) -> Fetcher:
    return Fetcher(QUICK)


def test_every_item_has_one_outcome_and_only_good_photos_stay(server, fetcher, tmp_path) -> None:
    paths = {
        "a": ["good/a"],
        "b": ["missing/b", "good/b"],
        "c": ["page/c"],
        "d": ["grey/d"],
        "e": ["cut/e"],
        "f": ["closed/f"],
        "g": [],
        "h": ["icons/no-img-lg.gif"],
        "i": ["huge/i"],
        "j": ["missing/j"],
        "k/../k": ["good/k"],
        **{f"s{n}": [f"same/{n}"] for n in range(4)},
        **{f"t{n}": ["good/shared"] for n in range(4)},
    }
    addresses = {item: [server.at(path) for path in some] for item, some in paths.items()}
    found = download(list(paths), addresses, tmp_path, fetcher, most_alike=4)
    assert kinds(found) == {
        "a": "good",
        "b": "good",
        "c": "wrong type",
        "d": "blank",
        "e": "broken",
        "f": "failed for now",
        "g": "no address",
        "h": "placeholder",
        "i": "too large",
        "j": "not there",
        "k/../k": "good",
        **{f"{kind}{n}": "placeholder" for kind in "st" for n in range(4)},
    }
    assert list(counted(found))[:2] == ["good", "placeholder"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.jpg", "b.jpg", "k%2F..%2Fk.jpg", JOURNAL}
    assert server.asked["/good/shared"] == server.asked["/icons/no-img-lg.gif"] == 0


def test_a_second_run_asks_only_for_what_failed_for_now(server, fetcher, tmp_path) -> None:
    items = ["a", "b", "c", "d"]
    paths = {"a": "good/a", "b": "missing/b", "c": "busy/c", "d": "page/d"}
    addresses = {item: [server.at(path)] for item, path in paths.items()}
    first = download(items, addresses, tmp_path, fetcher)
    server.asked.clear()
    assert download(items, addresses, tmp_path, fetcher) == first
    assert server.asked == {"/busy/c": 2}
    server.asked.clear()
    download(items, addresses, tmp_path, fetcher, again=True)
    assert set(server.asked) == {"/missing/b", "/busy/c", "/page/d"}


def test_a_placeholder_is_told_by_the_items_of_earlier_runs_too(server, fetcher, tmp_path) -> None:
    items = ["s0", "s1", "s2", "a"]
    addresses = {item: [server.at(f"same/{item}")] for item in items[:3]}
    found = download(items[:3], addresses, tmp_path, fetcher, most_alike=3)
    assert set(kinds(found).values()) == {"placeholder"}
    addresses["a"] = [server.at("same/a")]  # which failed for now, or was not asked for
    for _ in range(2):
        found = download(items, addresses, tmp_path, fetcher, most_alike=3)
        assert set(kinds(found).values()) == {"placeholder"}
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_a_photo_whose_bytes_changed_is_judged_anew_and_a_lost_one_fetched(
    server, fetcher, tmp_path
) -> None:
    items = ["a", "b"]
    addresses = {item: [server.at(f"good/{item}")] for item in items}
    before = download(items, addresses, tmp_path, fetcher)
    (tmp_path / "a.jpg").write_bytes(b"half")
    (tmp_path / "b.jpg").unlink()
    after = download(items, addresses, tmp_path, fetcher)
    assert kinds(after) == {"a": "wrong type", "b": "good"}
    assert after[1] == before[1]


def test_a_journal_that_a_killed_process_left_half_is_gone_on_with(
    server, fetcher, tmp_path
) -> None:
    addresses = {item: [server.at(f"good/{item}")] for item in "ab"}
    first = download(["a"], addresses, tmp_path, fetcher)
    with open(tmp_path / JOURNAL, "ab") as stream:
        stream.write(b'{"item": "b", "ki')
    assert kinds(download(["a", "b"], addresses, tmp_path, fetcher)) == {"a": "good", "b": "good"}
    whole = []
    for line in (tmp_path / JOURNAL).read_text().splitlines():
        try:
            whole.append(json.loads(line)["item"])
        except ValueError:
            assert line == '{"item": "b", "ki'
    assert whole == [first[0].item, "b"]


def test_a_journal_that_cannot_be_read_is_named(tmp_path, fetcher) -> None:
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(BenchError, match=rf"Cannot read '.*{JOURNAL}': Is a directory"):
        download(["a"], {}, tmp_path, fetcher)


def test_photos_of_the_users_own_are_kept_and_never_fetched(
    server, fetcher, tmp_path, photo_bytes
) -> None:
    own = photo_bytes(4, kind="PNG")
    (tmp_path / "a.png").write_bytes(own)
    addresses = {"a": [server.at("good/a")]}
    assert kinds(download(["a"], addresses, tmp_path, fetcher)) == {"a": "good"}
    assert not server.asked
    assert (tmp_path / "a.png").read_bytes() == own


def test_photos_of_the_users_own_are_judged_anew_by_how_many_may_be_alike(
    fetcher, tmp_path, photo_bytes
) -> None:
    for item in "ab":
        (tmp_path / f"{item}.jpg").write_bytes(photo_bytes(4))
    for most_alike, kind in ((2, "placeholder"), (3, "good"), (2, "placeholder")):
        found = download(["a", "b"], {}, tmp_path, fetcher, most_alike=most_alike)
        assert kinds(found) == {"a": kind, "b": kind}
    (tmp_path / "b.jpg").write_bytes(photo_bytes(5))
    assert kinds(download(["a", "b"], {}, tmp_path, fetcher, most_alike=2)) == {
        "a": "good", "b": "good",
    }  # fmt: skip


def test_a_folder_that_cannot_be_written_is_a_clear_error(server, fetcher, tmp_path) -> None:
    (tmp_path / "photos").write_text("a file")
    with pytest.raises(BenchError, match="photos"):
        download(["a"], {"a": [server.at("good/a")]}, tmp_path / "photos", fetcher)


def test_a_folder_is_judged_and_its_good_photos_copied(tmp_path, photo_bytes, one_colour) -> None:
    source = tmp_path / "own"
    source.mkdir()
    contents = {
        "a.JPG": photo_bytes(1),
        "b.png": photo_bytes(2),  # a JPEG by its bytes
        "c.jpg": one_colour,
        "d.jpg": photo_bytes(3, 100)[:900],
        "e.gif": b"<html>",
        **{f"s{n}.jpg": photo_bytes(7) for n in range(3)},
        "unused.jpg": photo_bytes(8),
    }
    for name, content in contents.items():
        (source / name).write_bytes(content)
    items = ["a", "b", "c", "d", "e", "f", "s0", "s1", "s2"]
    found = take(items, source, tmp_path / "images", most_alike=3)
    assert kinds(found) == {
        "a": "good", "b": "good", "c": "blank", "d": "broken", "e": "wrong type", "f": "not there",
        "s0": "placeholder", "s1": "placeholder", "s2": "placeholder",
    }  # fmt: skip
    assert {p.name for p in (tmp_path / "images").iterdir()} == {"a.jpg", "b.jpg", JOURNAL}
    assert take(items, source, None, most_alike=3) == found


def test_a_photo_of_another_format_takes_the_place_of_the_old_one(tmp_path, photo_bytes) -> None:
    source, folder = tmp_path / "own", tmp_path / "images"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(photo_bytes(1))
    (source / "b.jpg").mkdir(parents=True)  # no file
    (source / "a.png").write_bytes(photo_bytes(2, kind="PNG"))
    assert kinds(take(["a", "b"], source, folder)) == {"a": "good", "b": "broken"}
    assert {path.name for path in folder.iterdir()} == {"a.png", JOURNAL}


MAP = """
[interactions]
file = "log.csv"
time_format = "lines"
columns = {user = "user", item = "item"}
[items]
file = "items.csv"
columns = {item = "item", image = "photo"}
[photos]
folder = "photos"
"""


def test_the_command_fetches_and_preparing_again_has_the_photos(server, tmp_path, cli) -> None:
    raw, home = tmp_path / "raw", Home(tmp_path / "home")
    raw.mkdir()
    (raw / "columns.toml").write_text(MAP)
    lines = ["user,item", *(f"u{u},i{(u + t) % 12}" for u in range(8) for t in range(5))]
    (raw / "log.csv").write_text("\n".join(lines))
    lines = ["item,photo", *(f"i{i},{server.at(f'good/{i}')}" for i in range(11))]
    (raw / "items.csv").write_text("\n".join(lines))
    (raw / "photos").mkdir()

    def said(*words: str) -> dict[str, Any]:
        status, out, err = cli("data", *words, "--raw", str(raw), "--json", home=home)
        assert status == 0, err
        return json.loads(out)

    assert said("prepare", "tabular")["statistics"]["items_with_photo"] == 0
    told = said("images", "tabular", "--rate", "1000")
    assert told["folder"] == str(raw / "photos")
    assert told["counts"] == {"good": 11, "no address": 1}
    assert said("prepare", "tabular", "--force")["statistics"]["items_with_photo"] == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Nothing says where photos come from"),
        (["--raw", "x"], "names no addresses of photos"),
    ],
)
def test_the_command_says_what_is_missing(sim_xs, home, cli, options, message) -> None:
    status, _, err = cli("data", "images", "sim-xs", "--to", "y", *options, home=home)
    assert status == 2
    assert message in err
