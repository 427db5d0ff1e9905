"""The attacks of shared/cases/hostile, each made in the present format, and how it must end.

The files that lie there are of format 1, packed by deflate, over an earlier ``sim-xs``: they are
refused for that before their own fault is met. Here each fault is in a submission that is sound
apart from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.leaderboards.hostile import archives, manifests, predictions, semantics
from tests.leaderboards.hostile.kinds import Kind
from tests.leaderboards.hostile.predictions import Rows

Want = Literal["reject", "flag", "accept"]
#: How each ends: refused by every ``verify``; told, and refused by ``verify --strict``; accepted.
REFUSED, TOLD, ACCEPTED = "refused", "told", "accepted"
#: The ends that do what is wanted: what shall be flagged may be refused as well.
ENDS: Mapping[Want, tuple[str, ...]] = {
    "reject": (REFUSED,),
    "flag": (TOLD, REFUSED),
    "accept": (ACCEPTED,),
}
#: Characters of each user id in a page that says it were small: together more than 2**27 bytes.
_LONG = 1_300_000


@dataclass(frozen=True)
class Given:
    """A case: what ``expected.json`` wants of it, its attack, and how that ends here."""

    want: Want
    end: str
    kind: Kind


def _wrapped_size(good: pa.Table) -> bytes:
    """A page of 140 MB in a few kilobytes, whose size has a bit that 32-bit readers drop."""
    users = pa.array(["u" * _LONG] * len(good))
    content = bytearray(predictions.parquet(good.set_column(1, "user_id", users)))
    with pq.ParquetFile(pa.BufferReader(bytes(content))) as file:
        page = file.metadata.row_group(0).column(1).data_page_offset
    # Thrift, compact: field 1 (the kind of page), field 2 (its size) as a varint of five bytes.
    assert content[page : page + 3] == b"\x15\x00\x15"
    assert all(byte & 0x80 for byte in content[page + 3 : page + 7])
    content[page + 7] |= 0x10
    return bytes(content)


def _unseen(rows: Rows) -> None:
    for row in rows:
        row["text"] = "\u200b\u2060\ufeff"


def _said(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], Path]:
    """A submission whose manifest says what ``change`` makes of it."""
    return lambda forge: forge.manifest(change)


def _case(
    file: str, want: Want, end: str, make: Callable[[Any], Path], codes: str, word: str = ""
) -> tuple[str, Given]:
    name = f"given-{file.removesuffix('.zip')}"
    return file, Given(want, end, Kind(name, make, tuple(codes.split()), word))


CASES: Mapping[str, Given] = dict(
    [
        # a local entry that the directory does not list
        _case(
            "z01.zip", "reject", REFUSED, archives.of_bytes(archives.hidden_member), "zip-layout"
        ),
        # bytes behind the end of a deflate stream: members are stored, whatever is behind it
        _case("z04.zip", "reject", REFUSED, archives.deflated(b"<script>" * 2_000), "zip-method"),
        # a 45 kB comment on a member
        _case(
            "z14.zip",
            "reject",
            REFUSED,
            archives.member("runs/a.parquet", comment=b"x" * 45_000),
            "zip-layout",
        ),
        # a page that unpacks to more than a guard reads in its header
        _case("p02.zip", "reject", REFUSED, predictions.of_file(_wrapped_size), "id-length"),
        # one row of millions of empty ids
        _case(
            "p06.zip", "reject", REFUSED, predictions.of_file(predictions.long_row), "answer-length"
        ),
        # a writer for whose files readers skip bytes
        _case(
            "p10.zip",
            "reject",
            REFUSED,
            predictions.of_file(predictions.of_another_writer),
            "parquet-encoding",
        ),
        # row groups of a negative number of rows
        _case(
            "p24.zip",
            "reject",
            REFUSED,
            predictions.of_file(predictions.negative_groups),
            "parquet-rows parquet-damaged",
        ),
        # the oracle's answers under a model's name, without its attachments
        _case(
            "s01.zip",
            "flag",
            TOLD,
            semantics.borrowed("oracle", "search"),
            "ceiling-reached answers-known",
        ),
        # every answer is the target
        _case(
            "s02rec.zip",
            "flag",
            TOLD,
            semantics.targets("recommendation"),
            "perfect-score ceiling-reached",
        ),
        # bm25's answers under another name
        _case(
            "s03.zip", "flag", TOLD, semantics.borrowed("bm25", "search"), "answers-known", "bm25"
        ),
        # a run on sim-xs that calls its data ml-100k, which is not here
        _case(
            "s06.zip",
            "flag",
            REFUSED,
            semantics.other_data("recommendation", "ml-100k"),
            "dataset-name",
            "sim-xs",
        ),
        # a claim of another metric first, on a board of errors
        _case(
            "s07c.zip", "flag", REFUSED, semantics.turned_around, "metric-unknown", "MAE-official"
        ),
        # explanations that show nothing
        _case(
            "s13.zip",
            "reject",
            REFUSED,
            lambda forge: forge.rows(_unseen, "explanation"),
            "answer-empty",
        ),
        # 60 MB of text chunks in every picture: dropped, in bounded time and memory
        _case("s16.zip", "accept", ACCEPTED, semantics.heavy_pictures, ""),
        # a declaration that shows nothing
        _case(
            "j21.zip",
            "reject",
            REFUSED,
            _said(lambda m: m["declaration"].update(training_data="\u3164" * 20)),
            "text-control",
            "U+3164",
        ),
        # a date that does not exist
        _case(
            "j33.zip",
            "reject",
            REFUSED,
            _said(lambda m: m["runs"][0].update(created="9999-99-99T99:99:99+00:00")),
            "date",
            "does not exist",
        ),
        # a path that leads out
        _case(
            "j35.zip",
            "reject",
            REFUSED,
            _said(lambda m: m["runs"][0].update(settings={"weights": "../../../../etc/passwd"})),
            "path",
            "leads out",
        ),
        # 40 invented variants of a metric
        _case(
            "j43.zip",
            "reject",
            REFUSED,
            manifests.claims("search", manifests.invent_variants),
            "metric-unknown",
            "NDCG@5-0",
        ),
    ]
)


def ending(end: str) -> list[Kind]:
    """Return the attacks that end so."""
    return [case.kind for case in CASES.values() if case.end == end]
