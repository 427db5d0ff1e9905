"""The name that ``report --out`` is given says the format; whatever it says is written whole."""

from __future__ import annotations

import functools
import json
import os
import threading
from typing import Any

import pytest

from benchmark.host.home import Home


@pytest.fixture
def report(cli, tmp_path, monkeypatch):
    """``report(*words)``: status, standard output and error, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(cli, "report", home=Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("x.tex", "% Table 2d"),
        ("x.md", "### Table 2d"),
        ("x.html", "<!doctype html>"),
        ("x.csv", "table,"),
        ("x.json", '{"table": "2d"'),
        ("x.txt", "Table 2d"),
    ],
)
def test_the_ending_of_a_table_is_its_format(report, tmp_path, name, begin) -> None:
    status, _, err = report("--table", "search", "--out", name)
    assert status == 0, err
    text = (tmp_path / name).read_text("utf-8")
    if name.endswith("json"):
        text = json.dumps(json.loads(text))
    assert text.lower().startswith(begin.lower()), text[:60]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--table", "search", "--format", "md", "--out", "x.tex"], "contradicts --format md"),
        (["--table", "search", "--out", "x.foo"], "ends in .foo"),
        (["--table", "search", "--bare", "--out", "x.md"], "--bare belongs to --figure"),
    ],
)
def test_what_a_name_contradicts_is_refused_and_nothing_written(
    report, tmp_path, words, told
) -> None:
    status, out, err = report(*words)
    assert (status, out) == (2, "")
    assert told in err
    assert not list(tmp_path.glob("x.*"))


def test_a_figure_can_be_a_pdf_and_go_without_title_and_notes(
    cli, shelf: Any, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for model in ("unimp", "bm25"):
        shelf.ranked(model, chance=0.5)
    drawn = {}
    for name, more in (("full.svg", []), ("bare.svg", ["--bare"]), ("bare.pdf", ["--bare"])):
        words = ["--figure", "dots", "--table", "search", "--out", name, *more]
        status, _, err = cli("report", *words, home=shelf.home)
        assert status == 0, err
        drawn[name] = (tmp_path / name).read_bytes()
    assert drawn["bare.pdf"].startswith(b"%PDF-")
    for words in (b"Personalized", b"95% interval"):
        assert words in drawn["full.svg"]
        assert words not in drawn["bare.svg"]


def test_a_pipe_is_written_to_and_stays(report, tmp_path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text("utf-8")), daemon=True)
    reader.start()
    status, _, err = report("--table", "search", "--out", str(pipe))
    assert status == 0, err
    reader.join(20)
    assert found[0].startswith("Table 2d")
    assert pipe.is_fifo()


def test_a_link_is_followed_and_stays(report, tmp_path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here.md").symlink_to(tmp_path / "there" / "table.md")
    status, _, err = report("--table", "search", "--out", "here.md")
    assert status == 0, err
    assert (tmp_path / "here.md").is_symlink()
    assert (tmp_path / "there" / "table.md").read_text("utf-8").startswith("### Table 2d")
