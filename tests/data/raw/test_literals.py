"""Python literals a line: read as Python reads them, without evaluating anything."""

from __future__ import annotations

import ast
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmark.data.raw import literals, text_files
from benchmark.data.raw.literals import LONGEST_LITERAL, literal, literal_objects
from benchmark.data.raw.text_files import BadLines
from benchmark.errors import BenchError

_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)  # fmt: skip
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)
#: What a line may be made of where it breaks: quotes, escapes, names, brackets.
_PIECES = st.lists(
    st.sampled_from(
        ["'", '"', "\\", "\\'", "\\x41", "\\u00e9", "\\N{DASH}", "\\101", "{", "}", "[", "]", "(",
         ")", ",", ":", "a", "None", "True", "null", "1", "1e5", "-", ".", " ", "'a'", '"b"',
         "u'c'", "#", "NaN", "\t", "\x00", "é", "1_0", "007", "0x1F", "\\n", "+", "j"]
    ),
    max_size=9,
).map("".join)  # fmt: skip


def python(line: str) -> object:
    """What Python reads; ``ValueError`` for no literal."""
    try:
        return ast.literal_eval(line.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise ValueError(line) from None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=6), _VALUES, max_size=5))
@example({"title": 'Don\'t "stop"\n\t\\', "brand": "\x7f\u2028é", "price": 1e-07})
def test_what_python_prints_is_read_back(value) -> None:
    assert repr(literal(repr(value))) == repr(value)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=250, deadline=None)
@given(_PIECES)
@example("'a\\u0041'")
@example("['\\'', \"\\\"\", '\"']")
def test_a_literal_is_what_python_reads_or_json_or_nothing(line) -> None:
    try:
        value = literal(line)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            python(line)
        return
    try:
        expected = python(line)
    except ValueError:
        expected = json.loads(line)  # the only other thing that a line may be
    assert repr(value) == repr(expected)


@pytest.mark.parametrize(
    "line",
    [
        "{'asin': __import__('os').system('true')}",
        "{'asin': open('x')}",
        "{'a': [x for x in (1, 2)]}",
        "{'a': f'{1}'}",
        "{'a': 1}; import os",
        "{'a'",
        "{'a': 'b",
        "{'a': NaN}",
        "lambda: 1",
        "",
    ],
)
def test_what_is_no_literal_is_refused_and_run_by_nobody(line) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        literal(line)


def test_usual_lines_need_no_python_parser(monkeypatch) -> None:
    monkeypatch.setattr(literals.ast, "literal_eval", None)
    line = (
        r"""{'asin': 'B0', 'title': "Don't \"go\" \\ \x41\u00e9\n", 'price': 9.5, 'x': None, """
        r"""'y': True, 'categories': [['A & B', 'It\'s']], 'imUrl': '"'}"""
    )
    assert literal(line) == {
        "asin": "B0",
        "title": 'Don\'t "go" \\ Aé\n',
        "price": 9.5,
        "x": None,
        "y": True,
        "categories": [["A & B", "It's"]],
        "imUrl": '"',
    }


def test_json_lines_are_read_as_well() -> None:
    assert literal('{"a": null, "b": [true, "\\ud83d\\ude00"]}') == {"a": None, "b": [True, "😀"]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{'a': \n", r"not a Python dictionary \(.+\)"),
        (b"['a']\n", "a Python list, not a dictionary"),
        (b"{'a': '\\ud800'}\n", r"not a Python dictionary"),
        (b"{'a': u'\\U0000d800'}\n", r"not a Python dictionary"),
        (b"[" * 200_000, r"not a Python dictionary"),
        (b"{'a': ('" + b"x" * LONGEST_LITERAL + b"',)}\n", r".+of 1,000,000 at most"),
        (b"\xff\n", "not UTF-8"),
    ],
)
def test_a_broken_line_is_named_or_skipped_and_counted(tmp_path, line, message) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(b"{'a': 1}\n\n" + line)
    with pytest.raises(BenchError, match=rf"meta\.json, line 3: {message}"):
        list(literal_objects(path, BadLines(path, "raise")))
    bad = BadLines(path, "skip")
    assert [value for _, value in literal_objects(path, bad)] == [{"a": 1}]
    assert bad.notes() == {"lines of meta.json left out": 1}


def test_a_line_without_end_takes_bounded_memory(tmp_path, monkeypatch) -> None:
    longest = 1 << 16
    monkeypatch.setattr(text_files, "LONGEST_LINE", longest)
    path = tmp_path / "meta.json"
    path.write_bytes(b"{'a': 1}\n" + b" " * 100 * longest + b"\n{'a': 2}\n")
    bad = BadLines(path, "skip")
    tracemalloc.start()
    try:
        found = list(literal_objects(path, bad))
        assert tracemalloc.get_traced_memory()[1] < 10 * longest
    finally:
        tracemalloc.stop()
    assert found == [(1, {"a": 1}), (3, {"a": 2})]
    assert bad.skipped == 1
    with pytest.raises(BenchError, match="line 2: longer than 65,536 bytes"):
        list(literal_objects(path, BadLines(path, "raise")))


def test_the_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(b"\xef\xbb\xbf{'a': 1}\r\n")
    assert list(literal_objects(path, BadLines(path, "raise"))) == [(1, {"a": 1})]
