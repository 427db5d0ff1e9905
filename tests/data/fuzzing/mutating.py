"""Breaks raw files as disks, editors, spreadsheets and careless joins break them."""

from __future__ import annotations

import ast
import gzip
import io
import json
import random

import polars as pl

_BYTES = b"0123456789,:;\"'.\t\r\n\0 \\{}[]()-+eE\xff\xe9\xef\xbb\xbf\xc3"
#: Values that stand where another was.
_VALUES = (
    *(b"", b" ", b"0", b"-1", b"00", b"1e300", b"-1e300", b"1e19", b"nan", b"NaN", b"inf", b"-inf"),
    *(b"null", b"None", b"true", b"NULL", b"9" * 20, b"9" * 400, b"0x10", b"1_000", b"1,5", b"2.5"),
    *(b"2004-02-30", b"9999-12-31", b"0000-00-00", b"1072915200000", b"-62135596800", b'""', b'"'),
    *(b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c"),
    *(b"\x1c", b"\x1f", b"[]", b"{}", b"[[1]]", b'{"a": 1}', b"'a' 'b'", b"(1, 2)", b"1+1"),
    *("é".encode(), "e\u0301".encode(), "\u0661".encode(), b"x" * 5000, b"[" * 2000, b"=1+1"),
)
_MARKS = b",;:\t\"'[]{} "


def mutant_of(content: bytes, name: str, draw: random.Random) -> bytes:
    """Return other bytes for the file ``name``: one to three things are wrong with them."""
    packed = name.endswith(".gz")
    if name.endswith(".parquet"):
        return _table(content, draw) if draw.random() < 0.7 else _bytes(content, draw)
    if packed and draw.random() < 0.3:
        return draw.choice([_cut, _bytes, _members])(content, draw)
    text = gzip.decompress(content) if packed else content
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        kinds = [_bytes, _bytes, _value, _value, _lines, _lines, _whole]
        kinds += [_field] * 3 if "json" in name else []
        text = draw.choice(kinds)(text, draw)
    return gzip.compress(text, 1, mtime=0) if packed else text


def _bytes(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    at = draw.randrange(len(changed) + 1)
    match draw.randrange(6):
        case 0:
            changed[at : at + 1] = bytes([draw.choice(_BYTES)])
        case 1:
            changed[at:at] = bytes(draw.choices(_BYTES, k=draw.randint(1, 3)))
        case 2:
            del changed[at : at + draw.choice([1, 2, 5, 30, 300])]
        case 3:
            piece = changed[at : at + draw.randint(1, 120)]
            place = draw.randrange(len(changed) + 1)
            changed[place:place] = piece
        case 4 if at < len(changed):
            changed[at] ^= 1 << draw.randrange(8)
        case _:
            changed[at : at + 1] = bytes([draw.randrange(256)])
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _members(content: bytes, draw: random.Random) -> bytes:
    """A packed file in several pieces, as joined downloads are, or with something behind it."""
    text = gzip.decompress(content)
    at = draw.randrange(len(text) + 1)
    joined = gzip.compress(text[:at], 1) + gzip.compress(text[at:], 1)
    return draw.choice([joined, content + b"\0" * 9, content + b"junk", joined[:-5]])


def _value(content: bytes, draw: random.Random) -> bytes:
    """Another value between two marks."""
    ends = [i for i, byte in enumerate(content) if byte in _MARKS or byte == 10]
    if len(ends) < 2:
        return content + draw.choice(_VALUES)
    at = draw.randrange(len(ends) - 1)
    return content[: ends[at] + 1] + draw.choice(_VALUES) + content[ends[at + 1] :]


def _lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(9):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[other]] * draw.choice([1, 1, 3, 200])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at : at + 2] = [draw.choice([b"", b" ", b"\r", b","]).join(lines[at : at + 2])]
        case 4:
            place = draw.randrange(len(lines[at]) + 1)
            lines[at : at + 1] = [lines[at][:place], lines[at][place:]]
        case 5:
            lines[at] = b'"' + lines[at] + draw.choice([b"", b'"'])
        case 6:
            lines[at:at] = [draw.choice([b"", b"  ", b"\t", b"\r", b"\0", lines[0], b"#"])]
        case 7:
            lines = lines[: at + 1]
        case _:
            lines[at] = lines[at][: draw.randrange(len(lines[at]) + 1)]
    return b"\n".join(lines)


def _whole(content: bytes, draw: random.Random) -> bytes:
    """Something an editor or another system does to all of a file."""
    match draw.randrange(9):
        case 0:
            return content.replace(b"\n", b"\r\n")
        case 1:
            return content.replace(b"\n", b"\r")
        case 2:
            return b"\xef\xbb\xbf" + content
        case 3:
            return content.decode("latin-1").encode(draw.choice(["utf-16", "utf-8", "utf-16-le"]))
        case 4:
            return content + content
        case 5:
            return content.rstrip()
        case 6:
            return content[: draw.randrange(len(content) + 1)]
        case 7:
            old = bytes([draw.choice(_MARKS)])
            return content.replace(old, bytes([draw.choice(_MARKS)]), draw.choice([1, 3, -1]))
        case _:
            return content.replace(b"\n", b"\n\n", draw.choice([1, -1]))


#: Values that a field of a record may have.
_ANYTHING = (
    *(None, True, False, 0, -1, 1.5, 5, 2**31, 2**63, 2**64, 10**400, 1e308, float("nan"), -0.0),
    *(
        float("inf"),
        "",
        " ",
        "x",
        "5",
        "\x00",
        "\ud800",
        "\u2028",
        "é",
        "x" * 5000,
        "<br/>&amp;lt;",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [1],
        [["a", None]],
        ["a", ["b"]],
        {"a": {"b": []}},
        [{}],
        [{"large": 1}],
    ),
    *(1_300_000_000, 1_600_000_000_000, 1_600_000_000_000.5, "1,299.00", "$1 - $2", "</span>"),
)


def _field(content: bytes, draw: random.Random) -> bytes:
    """Another value, or none, for a field of one record."""
    lines = content.split(b"\n")
    at = draw.randrange(len(lines))
    try:
        text = lines[at].decode()
        record = json.loads(text) if text.startswith('{"') else ast.literal_eval(text)
        key = draw.choice(sorted(record))
    except (ValueError, SyntaxError, TypeError, IndexError, RecursionError, MemoryError):
        return content
    if not isinstance(record, dict):
        return content
    match draw.randrange(4):
        case 0:
            del record[key]
        case 1:
            record[draw.choice(sorted(record))] = record[key]
        case _:
            record[key] = draw.choice(_ANYTHING)
    as_json = text.startswith('{"') or draw.random() < 0.2
    text = json.dumps(record, ensure_ascii=draw.random() < 0.8) if as_json else repr(record)
    lines[at] = text.encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _table(content: bytes, draw: random.Random) -> bytes:
    """A table of Parquet whose columns have other values, or another type."""
    frame = pl.read_parquet(io.BytesIO(content))
    name = draw.choice(frame.columns)
    kinds = [pl.Int8, pl.UInt64, pl.Float32, pl.String, pl.Boolean, pl.Binary, pl.Date, pl.Null]
    kinds += [pl.Datetime("ms"), pl.Datetime("ns", "Asia/Tokyo"), pl.Time, pl.Duration, pl.Decimal]
    kinds += [pl.List(pl.String), pl.List(pl.Int64), pl.Categorical, pl.Int128, pl.Object]
    try:
        match draw.randrange(5):
            case 0:
                frame = frame.with_columns(pl.col(name).cast(draw.choice(kinds), strict=False))
            case 1:
                values = frame[name].cast(pl.String).to_list()
                for _ in range(draw.randint(1, 4)):
                    value = draw.choice(_VALUES).decode("latin-1")
                    values[draw.randrange(len(values))] = draw.choice([value, None])
                frame = frame.with_columns(pl.Series(name, values, dtype=pl.String))
            case 2:
                wrong = [float("nan"), float("inf"), -1e300, 2.0**63, 0.5, None, -0.0]
                values = frame[name].cast(pl.Float64, strict=False).to_list()
                values[draw.randrange(len(values))] = draw.choice(wrong)
                frame = frame.with_columns(pl.Series(name, values, dtype=pl.Float64))
            case 3:
                frame = frame.drop(name) if draw.random() < 0.3 else frame.clear()
            case _:
                frame = pl.concat([frame, frame.sample(draw.randint(1, 9), seed=draw.random())])
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return content
    return buffer.getvalue()
