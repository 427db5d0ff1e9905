"""Reads a mutant as preparing does, and says what no mutant may do.

None may end in anything but a dataset or a :class:`BenchError`, and of one that is accepted every
line is accounted for: what is used, left out as broken, and left out by a rule add up.
"""

from __future__ import annotations

import random
import tomllib
import traceback
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pyarrow as pa
import pyarrow.json
from pyarrow import parquet

from benchmark.data.preparing.cleaning import clean
from benchmark.data.preparing.given_split import has_given_split, keep_split
from benchmark.data.preparing.losses import check_losses
from benchmark.data.preparing.parameters import parse_settings
from benchmark.data.preparing.split import split
from benchmark.data.raw.kept_texts import NUMBER, RawReviews
from benchmark.data.raw.source import OnError, Source
from benchmark.data.schema import RawDataset
from benchmark.data.sources import SOURCES, ml_100k
from benchmark.errors import BenchError
from tests.data.fuzzing.formats import FORMATS, Format
from tests.data.fuzzing.mutating import mutant_of

_DROPPED = ("reviews left out", "ratings left out", "interactions left out", "pairs left out")
_DAMAGED = "is damaged: lines before it breaks off"


class Wrong(Exception):
    """Says what a mutant did that none may do."""


class Fuzz:
    """Reads mutants of one format's folder by number, and counts how they end."""

    def __init__(self, name: str, folder: Path, *, source: Source | None = None) -> None:
        self.name = name
        self.format: Format = FORMATS[name]
        self.source = SOURCES.get(self.format.source) if source is None else source
        self.folder = folder
        folder.mkdir(parents=True)
        self.format.write(folder)
        paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".jpg"]
        self.whole = {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}
        self.ends: Counter[str] = Counter()
        self.wrong: list[tuple[int, str]] = []

    def run(self, number: int) -> None:
        """Read the mutant ``number``; what is wrong with that is kept."""
        files, on_error = self.mutant(number)
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        try:
            end = self._outcome(on_error, careful=number % 4 == 0)
        except Wrong as wrong:
            end = f"wrong: {wrong}"
        except BaseException as error:  # polars' panics are no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)
            ours = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in where]
            end = f"wrong: {type(error).__name__} at {ours[-1]} ({ours[2:]}): {error!s:.120}"
        finally:
            for name in files:
                (self.folder / name).write_bytes(self.whole[name])
        if end.startswith("wrong"):
            self.wrong.append((number, f"{on_error}, {', '.join(files)}: {end[7:]}"))
        self.ends[end.partition(":")[0]] += 1

    def mutant(self, number: int) -> tuple[dict[str, bytes], OnError]:
        """Return the files that the mutant ``number`` has in place of the sound ones."""
        draw = random.Random(f"{self.name} {number}")
        names = draw.sample(sorted(self.whole), draw.choice([1, 1, 1, 2]))
        files = {name: mutant_of(self.whole[name], name, draw) for name in names}
        return files, draw.choice(["raise", "skip", "skip"])

    def _outcome(self, on_error: OnError, *, careful: bool) -> str:
        source = self.source
        settings = {**self.format.settings}
        if self.name == "given-split":
            settings["test"] = str(self.folder / "test.txt")
        own, common = parse_settings(source, settings)
        raw = None if not source.needs_raw else self.folder / self.format.raw
        try:
            with patch.object(ml_100k, "folder", lambda: self.folder):
                source.files(raw, own)
                found = source.read(raw, own, on_error=on_error)
                if careful:
                    with _by_lines():
                        _compare_readings(found, source.read(raw, own, on_error=on_error))
            check_losses(found.notes, 1.0)
            self._account(found, on_error)
            cleaned = clean(found, on_error=on_error)
            check_losses(cleaned.notes, 1.0)
            _account_cleaning(found, cleaned)
            given = has_given_split(cleaned.interactions)
            rows, dropped = (keep_split if given else split)(cleaned.interactions, common)
        except BenchError as error:
            if len(str(error).split("\n")) > 2 or not str(error).strip():
                raise Wrong(f"a message of more than two lines: {error}") from error
            return "refused"
        _account_split(cleaned, rows, dropped)
        return "accepted"

    def _account(self, found: RawDataset, on_error: OnError) -> None:
        notes = found.notes
        if on_error == "raise" and any(_is_loss(what) for what in notes):
            raise Wrong(f"left out without being asked to: {dict(notes)}")
        for what, n in notes.items():
            if hasattr(n, "of") and not 0 < int(n) <= n.of:  # type: ignore[call-overload]
                raise Wrong(f"{what}: {n} of {n.of}")
        dropped = sum(_whole(n) for what, n in notes.items() if what.startswith(_DROPPED))
        if self.format.several:
            self._compare_pairs(len(found.interactions) + dropped, notes)
        else:
            self._compare(self.format.interactions, len(found.interactions) + dropped, notes)
        self._check_ids(found)
        if self.format.items and self._has_items():
            bare = sum(
                _whole(notes.get(what, 0))
                for what in ("reviewed items without metadata", "items without a description")
            )
            left = sum(_whole(n) for w, n in notes.items() if w.startswith("items left out"))
            self._compare(self.format.items, len(found.items) - bare + left, notes)

    def _has_items(self) -> bool:
        """Whether a map of columns, which is mutated too, still names the table of items."""
        path = self.folder / "columns.toml"
        return not path.exists() or "items" in tomllib.loads(path.read_bytes().decode("utf-8-sig"))

    def _check_ids(self, found: RawDataset) -> None:
        """Raise :class:`Wrong` where a user or item stands in none of the files."""
        texts = [
            (_unpacked(content)[0] if path.suffix == ".gz" else content).decode("utf-8", "replace")
            for path in sorted(self.folder.rglob("*.*"))
            if path.is_file() and path.suffix not in (".parquet", ".jpg")
            for content in [path.read_bytes()]
        ]
        text = unicodedata.normalize("NFC", "\n".join(texts))
        text += text.replace('""', '"')  # a quote within quotes
        if self.name == "tabular-parquet" or "\\" in text:
            return
        for column in ("user_id", "item_id"):
            for name in found.interactions[column].cast(pl.String).unique():
                if unicodedata.normalize("NFC", name) not in text:
                    raise Wrong(f"{column} {name!r} stands nowhere")

    def _compare_pairs(self, used: int, notes: Mapping[str, Any]) -> None:
        """Raise :class:`Wrong` where the items of lines that were not skipped are not ``used``."""
        sizes = []
        for name in self.format.interactions:
            text = (self.folder / name).read_bytes().decode("utf-8", "replace")
            lines = [line.split() for line in text.removeprefix("\ufeff").split("\n")]
            sizes += [len(fields) - 1 for fields in lines if fields]
        skipped = sum(_whole(n) for what, n in notes.items() if _is_loss(what))
        sizes.sort()
        least, most = sum(sizes[: len(sizes) - skipped]), sum(sizes[skipped:])
        if not least <= used <= most:
            raise Wrong(f"{used} of {least} to {most} pairs accounted for: {dict(notes)}")

    def _compare(self, names: tuple[str, ...], used: int, notes: Mapping[str, Any]) -> None:
        """Raise :class:`Wrong` where the lines of files are not those used and left out."""
        least = most = 0
        for name in names:
            short = name.rpartition("/")[2]
            used += sum(
                _whole(n)
                for what, n in notes.items()
                if what in (f"lines of {short} left out", f"rows of {short} left out")
                or what.startswith(f"line breaks within fields of {short}")
            )
            broken = notes.get(f"{short} {_DAMAGED}")
            if (self.folder / name).is_file():
                few, many = self._lines(self.folder / name, broken)
            else:
                few = many = 0
            least, most = least + few, most + many
        if not least <= used <= most:
            raise Wrong(
                f"{used} of {least} to {most} lines of {names[0]} accounted for: {dict(notes)}"
            )

    def _lines(self, path: Path, broken: int | None) -> tuple[int, int]:
        """The lines that say something, without blank ones and with them."""
        content = path.read_bytes()
        if path.suffix == ".parquet":
            rows = parquet.ParquetFile(path).metadata.num_rows
            return rows, rows
        if path.suffix == ".gz":
            content, whole = _unpacked(content)
            if not whole and broken is None:
                raise Wrong(f"the damage of {path.name} is not told")
        elif broken is not None:
            raise Wrong(f"{path.name} is said to be damaged")
        text = content.decode("utf-8", "replace").removeprefix("\ufeff")
        lines = text.split("\n")
        if broken is not None:
            lines = lines[:broken]
        others = self.format.others(path.name, "\n".join(lines))
        said = sum(bool(line.strip()) for line in lines)
        return said - others, max(0, len(lines) - others)


@contextmanager
def _by_lines() -> Iterator[None]:
    """Keep files from being parsed as a whole: the careful way reads every line."""
    with (
        patch.object(pl, "read_csv", side_effect=OSError),
        patch.object(pyarrow.json, "read_json", side_effect=pa.ArrowInvalid),
    ):
        yield


def _compare_readings(fast: RawDataset, careful: RawDataset) -> None:
    """Raise :class:`Wrong` where both ways of reading see different things."""
    if not fast.items.equals(careful.items):
        raise Wrong("the careful way reads other items")
    if not fast.interactions.equals(careful.interactions):
        raise Wrong("the careful way reads other interactions")
    if isinstance(fast, RawReviews) and fast.texts is not None:
        assert isinstance(careful, RawReviews)
        assert careful.texts is not None
        numbers = fast.interactions[NUMBER].cast(pl.Int64).to_numpy()
        if not fast.texts.of(numbers).equals(careful.texts.of(numbers)):
            raise Wrong("the careful way reads other texts")
    if dict(fast.notes) != dict(careful.notes):
        raise Wrong(f"the careful way notes {dict(careful.notes)}, not {dict(fast.notes)}")


def _unpacked(content: bytes) -> tuple[bytes, bool]:
    """What a packed file holds up to where it is damaged, and whether that is all of it."""
    out = bytearray()
    while content.strip(b"\0"):
        piece = zlib.decompressobj(wbits=31)
        try:
            for at in range(len(content)):
                out += piece.decompress(content[at : at + 1])
                if piece.eof:
                    break
        except zlib.error:
            return bytes(out), False
        if not piece.eof:
            return bytes(out), False
        content = content[at + 1 :].lstrip(b"\0")
    return bytes(out), True


def _whole(count: object) -> int:
    return int(count) if isinstance(count, int) else 0


def _is_loss(what: str) -> bool:
    return what.startswith(("lines of", "rows of")) or _DAMAGED in what


def _account_cleaning(before: RawDataset, after: RawDataset) -> None:
    new = {what: n for what, n in after.notes.items() if what not in before.notes}
    rows = sum(_whole(n) for w, n in new.items() if w.startswith(("rows left", "duplicate rows")))
    items = sum(_whole(n) for what, n in new.items() if what.startswith("item rows left out"))
    if len(before.interactions) != len(after.interactions) + rows:
        raise Wrong(f"cleaning lost rows: {new}")
    if len(before.items) != len(after.items) + items:
        raise Wrong(f"cleaning lost items: {new}")


def _account_split(cleaned: RawDataset, rows: pl.DataFrame, dropped: Mapping[str, object]) -> None:
    gone = sum(n["interactions"] if isinstance(n, dict) else _whole(n) for n in dropped.values())
    if len(cleaned.interactions) != len(rows) + gone:
        raise Wrong(f"splitting lost rows: {dict(dropped)}")
    if has_given_split(cleaned.interactions):
        return
    order = {"train": 0, "valid": 1, "test": 2}
    parts: dict[str, list[int]] = {}
    times: dict[str, list[int]] = {}
    for user, time, part in rows.select("user_id", "timestamp", "part").iter_rows():
        parts.setdefault(user, []).append(order[part])
        times.setdefault(user, []).append(time)
    for user in parts:
        in_order = all(found == sorted(found) for found in (parts[user], times[user]))
        if not in_order or parts[user][-2:] != [1, 2]:
            raise Wrong(f"out of order: {user!r}")


def rounds(names: list[str], start: int, number: int) -> Iterator[tuple[str, int]]:
    """Yield (format, number of a mutant), the formats in turn."""
    for at in range(start, start + number):
        yield names[at % len(names)], at // len(names)
