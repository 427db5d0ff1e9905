"""Read files of one Python dictionary a line, as some collections were printed, without ``eval``.

Most lines need no Python parser: their string literals are written anew as JSON, and the JSON
parser checks all the rest. What JSON cannot say (tuples, joined literals, rare escapes) goes to
``ast.literal_eval``, which builds values and calls nothing.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmark.data.raw.json_lines import check_encodable
from benchmark.data.raw.text_files import BadLines, lines

#: Most characters of a line for ``ast.literal_eval``, which takes a hundred times their memory.
LONGEST_LITERAL = 1_000_000

_STRING = re.compile(r"""'([^'\\\n]*(?:\\.[^'\\\n]*)*)'|"([^"\\\n]*(?:\\.[^"\\\n]*)*)\"""")
#: What JSON may have between strings, each of which is a bar, and Python's names for its three.
_MARKS = re.compile(r"[\s{}\[\],:0-9.eE+|-]*")
_BETWEEN = re.compile(rf"{_MARKS.pattern}(?:(?:True|False|None)\b{_MARKS.pattern})*")
_NAMES = {"True": "true", "False": "false", "None": "null"}
_TOKEN = re.compile(rf"{_STRING.pattern}|{'|'.join(_NAMES)}")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u((?![dD][89a-fA-F])[0-9a-fA-F]{4})|([\\'\"nrtbf]))")
#: The escapes both have, and those JSON lacks.
_SAME = frozenset('\\"nrtbf')
_CONTROL = re.compile(r"[\x00-\x1f]")


class _NotJson(ValueError):
    """The line says something that JSON cannot."""


def literal_objects(path: Path, bad: BadLines) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of every line that is not blank, JSON objects as well.

    ``bad`` decides about lines that are no text, no dictionary, or have a text that no table holds.
    """
    return literals_of(lines(path, bad), bad)


def literals_of(
    numbered: Iterable[tuple[int, str]], bad: BadLines
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of ``numbered`` lines as :func:`literal_objects`."""
    for number, line in numbered:
        if not line or line.isspace():
            continue
        try:
            value = literal(line)
            check_encodable(line, value)
        except ValueError as error:
            bad.report(number, f"not a Python dictionary ({str(error).splitlines()[0]})")
            continue
        if not isinstance(value, dict):
            bad.report(number, f"a Python {type(value).__name__}, not a dictionary")
            continue
        yield number, value


def literal(line: str) -> object:
    """Return the value of a Python literal or of JSON; raises ``ValueError`` for anything else."""
    line = line.strip()
    if line.startswith('{"'):
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            pass  # strings in double quotes are Python's as well
    try:
        return json.loads(_as_json(line))
    except (ValueError, RecursionError):
        return _evaluated(line)


def json_of_block(block: bytes) -> bytes | None:
    """Return a block of lines as lines of JSON of the same values.

    ``None`` where a line is no text, or may say something that JSON cannot. Whether the others are
    JSON is left to a parser, as is whether a line that begins like JSON is.
    """
    try:
        lines = [line.strip() for line in block.decode().split("\n")]
        json_lines = [line if line.startswith('{"') else _as_json(line) for line in lines]
    except ValueError:  # an error of decoding is one
        return None
    return "\n".join(json_lines).encode()


def _as_json(line: str) -> str:
    """The literal as JSON of the same value; raises :class:`_NotJson` where there may be none."""
    if _CONTROL.search(line) is not None:
        raise _NotJson
    if '"' not in line and "\\" not in line:
        parts = line.split("'")  # every second one is a string
        if _MARKS.fullmatch("|".join(parts[::2])) is not None:
            return '"'.join(parts)
    if _BETWEEN.fullmatch(_STRING.sub("|", line)) is None:
        raise _NotJson
    return _TOKEN.sub(_json_token, line)


def _json_token(match: re.Match[str]) -> str:
    text = match[1] if match[2] is None else match[2]
    if text is None:
        return _NAMES[match.group()]
    if "\\" not in text:
        return '"' + text.replace('"', '\\"') + '"'
    pieces: list[str] = []
    end = 0
    for escape in _ESCAPE.finditer(text):
        pieces += (_unescaped(text[end : escape.start()]), _json_escape(escape))
        end = escape.end()
    return '"' + "".join(pieces) + _unescaped(text[end:]) + '"'


def _unescaped(text: str) -> str:
    """A text between escapes; a backslash in it begins one that JSON lacks."""
    if "\\" in text:
        raise _NotJson
    return text.replace('"', '\\"')


def _json_escape(match: re.Match[str]) -> str:
    if match[1]:
        return f"\\u00{match[1]}"
    if match[2]:
        return f"\\u{match[2]}"
    return match.group() if match[3] in _SAME else match[3]


def _evaluated(line: str) -> object:
    if len(line) > LONGEST_LITERAL:
        raise ValueError(f"{len(line):,} characters, of {LONGEST_LITERAL:,} at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of unknown escapes, which stay
            return ast.literal_eval(line)
    except SyntaxError as error:
        where = f", column {error.offset}" if error.offset else ""
        raise ValueError(f"{error.msg}{where}") from error
    except (TypeError, ValueError, MemoryError, RecursionError) as error:
        # ``literal_eval`` says what it met by the address of a node: not the same twice.
        raise ValueError("it is no literal, or nested too deep") from error
