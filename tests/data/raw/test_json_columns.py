"""Lines of JSON read in columns are what they are read one by one, whatever is odd about them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.raw import json_columns, text_files
from benchmark.data.raw.json_columns import read_columns
from benchmark.data.raw.json_lines import collect, json_objects, objects_of
from benchmark.data.raw.markup import plain_text, plain_texts
from benchmark.data.raw.review_columns import ReviewFields, review_columns
from benchmark.data.raw.text_files import BadLines
from benchmark.errors import BenchError

WANTED = review_columns(ReviewFields("user", "item", "time", "stars", "text", "title"), "seconds")
GOOD = {"user": "u", "item": "i", "time": 1_400_000_000, "stars": 5.0, "text": "Fine.", "title": ""}


def line(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def with_raw(field: str, value: bytes) -> bytes:
    return line(**{field: 0}).replace(f'"{field}": 0'.encode(), f'"{field}": '.encode() + value)


PLAIN = [line(), line(stars=None), line(title="Grüße “dort”"), line(extra=[{"user": 1, "a": []}])]
ODD = [
    *(line(user=user) for user in (1, None, "", "x" * 1_001, ["u"], "\0", "\ud800")),
    *(line(time=time) for time in (1.4e9, 1_400_000_000_000, 5, "1400000000", True, 10**30)),
    *(line(stars=stars) for stars in (5, 0, 6, "5", True, [5], float("nan"), float("inf"))),
    *(
        line(text=text)
        for text in (["a", "b"], 3, {}, " a  b ", "a<br />b&amp;c", "e\u0301", "\x7f")
    ),
    *(with_raw("stars", raw) for raw in (b"-NaN", b"Inf", b"01", b"1.", b"1e0", b"1e999", b"")),
    *(with_raw("x", raw) for raw in (b"-Infinity", b"Inf", b"-NaN", b"1e999", b"9" * 4_301)),
    *(with_raw("x", b"[" * n + b"]" * n) for n in (100, 250, 100_000)),
    *(with_raw("text", raw) for raw in (rb'"\ud83d\ude00"', rb'"\udc00"', rb'"\q"', b'"\t"')),
    *(with_raw("text", raw) for raw in (b'"\xff"', b'"\0"', rb'"\u0000"', b'"' + b"y" * 70_000)),
    *(
        with_raw("text", b'"' + raw + b'"')
        for raw in (b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82")
    ),
    *(line(text=text) + b"\n" + with_raw("x", b"Inf") for text in ("Inf ", '"', "\\", '\\"Inf,')),
    *(line() + end for end in (b"\r", b"\r\r", b" ", b"\xc2\xa0", b",", b"}", line())),
    *(b"", b"  ", b"{}", b"{", b"[1]", b"null", b"\xef\xbb\xbf" + line(), line()[:-9], b"\r"),
    *(
        line()[:-1] + b', "user": "twice"}',
        b'{"user": {}',
        b'{"us\\u0065r": "u"}',
        b'{"a":1,',
        b"1}",
    ),
]


def one_by_one(path: Path, bad: BadLines) -> pl.DataFrame:
    return collect(WANTED.rows(json_objects(path, bad), bad), WANTED.schema)


def in_columns(path: Path, bad: BadLines) -> pl.DataFrame:
    return read_columns(path, bad, WANTED, label="reviews", block_size=1_000)


def outcome(read: Any, path: Path, on_error: Any) -> object:
    """The frame and what was counted, or the message."""
    bad = BadLines(path, on_error)
    try:
        frame = read(path, bad)
    except BenchError as error:
        return str(error)
    return frame.to_dicts(), frame.schema, bad.notes(), bad.read


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_line_is_told_of_as_if_lines_were_read_one_by_one(
    odd, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(json_columns, "FEW", 1)
    path = tmp_path / "reviews.json"
    path.write_bytes(b"\n".join([*PLAIN, odd, *PLAIN[:2]]))
    for on_error in ("raise", "skip"):
        assert outcome(in_columns, path, on_error) == outcome(one_by_one, path, on_error)


@settings(deadline=None, max_examples=30)
@given(
    lines=st.lists(st.sampled_from(PLAIN) | st.sampled_from(ODD), max_size=40),
    end=st.sampled_from([b"", b"\n", b"\n\n", b"\r\n"]),
    cut=st.none() | st.integers(0, 400),
)
def test_any_mix_of_lines_is_read_as_one_by_one(lines, end, cut, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("mix") / ("reviews.json" if cut is None else "reviews.json.gz")
    content = b"\n".join(lines) + end
    path.write_bytes(content if cut is None else gzip.compress(content)[: cut or None])
    for on_error in ("raise", "skip"):
        assert outcome(in_columns, path, on_error) == outcome(one_by_one, path, on_error)


@pytest.fixture
def read_one_by_one(monkeypatch) -> list[int]:
    """The numbers of lines that are read one by one."""
    seen: list[int] = []

    def objects(numbered: Iterable[tuple[int, str]], bad: BadLines) -> Iterator[Any]:
        for number, value in objects_of(numbered, bad):
            seen.append(number)
            yield number, value

    monkeypatch.setattr(json_columns, "objects_of", objects)
    return seen


def test_what_only_a_number_could_be_is_no_odd_line_in_a_text(tmp_path, read_one_by_one) -> None:
    texts = ["Inf ", "-NaN", 'They say "Inf, -NaN"', "\\", '\\" Inf]', "more than Inf"]
    path = tmp_path / "reviews.json"
    path.write_bytes(b"\n".join(line(text=text) for text in texts))
    frame = read_columns(path, BadLines(path, "raise"), WANTED, label="reviews")
    assert frame["review"].to_list() == [plain_text(text) for text in texts]
    assert not read_one_by_one


def test_only_lines_about_an_odd_one_are_read_one_by_one(tmp_path, read_one_by_one) -> None:
    path = tmp_path / "reviews.json"
    path.write_bytes(b"\n".join([line()] * 1_500 + [line(stars=9)] + [line()] * 1_500))
    bad = BadLines(path, "skip")
    frame = read_columns(path, bad, WANTED, label="reviews")
    assert (len(frame), bad.skipped, bad.read) == (3_000, 1, 3_001)
    assert 1_501 in read_one_by_one
    assert len(read_one_by_one) <= 64


def test_a_line_without_end_is_not_held_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(text_files, "LONGEST_LINE", 2_000)
    monkeypatch.setattr(json_columns, "LONGEST_LINE", 2_000)
    path = tmp_path / "reviews.json"
    path.write_bytes(b"\n".join([line(), b"x" * 1_000_000, line(text="y" * 1_950), line()]))
    bad = BadLines(path, "skip")
    held = [len(block) for _, block in text_files.blocks(path, bad, size=1_000)]
    assert max(held) < 6_000
    assert len(in_columns(path, bad)) == 2
    assert bad.skipped == 2


def test_texts_are_plain_as_each_by_itself() -> None:
    steady = "".join(map(chr, (*range(1, 0xD800), *range(0x1F2F0, 0x1FB10))))
    texts = [
        *steady,
        *(f"a{c}b {c}" for c in steady[:9_000]),
        "a  b",
        "[[ASIN:B1 x]]",
        "",
        " a",
        None,
    ]
    expected = [None if text is None else plain_text(text) for text in texts]
    assert plain_texts(pl.Series(texts)).to_list() == expected
