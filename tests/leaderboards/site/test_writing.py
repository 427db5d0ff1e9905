"""Sites on disk: whole or not at all, and nothing else is replaced; served as they are."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmark.errors import BenchError, UsageError
from leaderboards.site.serving import site_server
from leaderboards.site.writing import MARKER, check_replaceable, write_site

PAGES = {"index.html": "<p>ä</p>", "boards/a.html": "a"}


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_site_replaces_its_former_self_and_leaves_nothing_beside(tmp_path):
    out = tmp_path / "site"
    write_site(PAGES, out)
    assert _tree(out).keys() == {*PAGES, MARKER}
    assert json.loads((out / MARKER).read_text())["files"] == sorted(PAGES)
    first = _tree(out)
    write_site({"index.html": "new"}, out)
    assert _tree(out).keys() == {"index.html", MARKER}
    write_site(PAGES, out)
    assert _tree(out) == first
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_an_empty_folder_may_become_a_site(tmp_path):
    out = tmp_path / "site"
    out.mkdir()
    write_site(PAGES, out)
    assert (out / "index.html").is_file()


@pytest.mark.parametrize("kind", ["folder", "file", "link", "forged", "addition"])
def test_what_is_no_former_site_stays(tmp_path, kind):
    out = tmp_path / "site"
    if kind == "file":
        out.write_text("mine")
    elif kind == "link":
        write_site(PAGES, tmp_path / "other")
        out.symlink_to(tmp_path / "other")
    elif kind == "addition":
        write_site(PAGES, out)
        (out / "mine.txt").write_text("mine")
    else:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        if kind == "forged":
            (out / MARKER).write_text('{"files": ["mine.txt"]}')
    before = _tree(tmp_path)
    with pytest.raises(UsageError):
        write_site({"index.html": "new"}, out)
    assert _tree(tmp_path) == before


def test_a_failed_build_keeps_the_former_site(tmp_path):
    out = tmp_path / "site"
    write_site(PAGES, out)
    before = _tree(tmp_path)
    with pytest.raises(BenchError, match="Cannot write"):
        write_site({"index.html": "new", "index.html/inside": "impossible"}, out)
    assert _tree(tmp_path) == before


def test_a_former_site_that_cannot_be_put_back_is_not_lost(tmp_path, monkeypatch):
    out = tmp_path / "site"
    write_site(PAGES, out)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.suffix in (".partial", ".former"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(BenchError, match="Cannot write"):
        write_site(PAGES, out)
    (former,) = tmp_path.iterdir()
    assert (former / "index.html").read_text() == PAGES["index.html"]


def test_only_the_sites_own_files_are_served(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path("site")
    write_site(PAGES, out)
    (out / "link.html").symlink_to("/etc/hostname")
    with site_server(out, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == PAGES["index.html"].encode()
            assert answer.headers["Content-Type"].startswith("text/html")
        for path in ("link.html", "boards/", "boards", "..%2f..%2fetc/hostname", MARKER):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + path)
        server.shutdown()


def test_serving_something_else_names_the_command_that_makes_a_site(tmp_path):
    with pytest.raises(UsageError, match="leaderboard build --out"):
        site_server(tmp_path, 0)


def test_a_site_that_a_killed_build_left_without_its_name_gets_it_back(tmp_path):
    out = tmp_path / "site"
    write_site(PAGES, out)
    before = _tree(out)
    out.rename(tmp_path / ".site.999999999.former")
    check_replaceable(out)
    assert _tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
