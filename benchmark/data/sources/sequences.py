"""``user item item ...`` text files: one user a line, items in time order.

The format of many sequential-recommendation repositories, with its companion
``{item: [attribute, ...]}`` JSON. Timestamps are positions (0, 1, 2, ...). Items are ordered
by number where all ids are whole numbers, else as text: ties in a ranking are broken by this
order, and an order of first appearance would depend on test interactions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.text_files import BadLines, lines
from benchmark.data.schema import ITEM_COLUMNS, RawDataset
from benchmark.errors import BenchError

TERMS = "As the owner of the files states; only ids and their order are kept."
_HELP = "the text file with one line 'user item item ...' per user"


class SequencesParams(BaseModel):
    """Settings of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attributes: Path | None = Field(
        None,
        description="JSON {item: [attribute, ...]}; default: STEM_item2attributes.json beside "
        "the text file, where there is one",
    )


def read(raw: Path | None, params: SequencesParams, *, on_error: OnError) -> RawDataset:
    """Parse the text file ``raw``; lines without an item are broken."""
    assert raw is not None
    if not raw.is_file():
        raise BenchError(f"{str(raw)!r} is not a file.", fix=f"Give --raw {_HELP}.")
    bad = BadLines(raw, on_error)
    users: list[str] = []
    items: list[str] = []
    positions: list[int] = []
    had: set[str] = set()
    for number, line in lines(raw, bad):
        user, *sequence = line.split() or [""]
        if not user:
            continue
        if not sequence:
            bad.report(number, f"user {user!r} has no item")
        elif user in had:
            bad.report(number, f"user {user!r} has a line already")
        else:
            had.add(user)
            users += [user] * len(sequence)
            items += sequence
            positions += range(len(sequence))
    catalogue = sorted(set(items))
    if all(item.isdecimal() for item in catalogue):
        catalogue.sort(key=int)
    path = _attribute_file(raw, params)
    attributes = {} if path is None else _attributes(path)
    table = {
        "item_id": catalogue,
        "attributes": [
            [
                {"key": f"attribute {number}", "value": value}
                for number, value in enumerate(attributes.get(item, ()), start=1)
            ]
            for item in catalogue
        ],
    }
    unused = len(attributes.keys() - set(catalogue))
    without = 0 if path is None else sum(not attributes.get(item) for item in catalogue)
    return RawDataset(
        items=pl.DataFrame(table, schema={key: ITEM_COLUMNS[key] for key in table}),
        interactions=pl.DataFrame(
            {"user_id": users, "item_id": items, "timestamp": positions},
            schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64},
        ),
        allow_repeats=False,
        rating_scale=None,
        terms=TERMS,
        notes={
            **bad.notes(),
            **({"items of the attribute file in no sequence": unused} if unused else {}),
            **({"items without an attribute": without} if without else {}),
        },
    )


def files(raw: Path | None, params: SequencesParams) -> Mapping[str, Path]:
    """The text file and the attribute file, where there is one."""
    assert raw is not None
    path = _attribute_file(raw, params)
    return {p.name: p for p in (raw, path) if p is not None}


def _attribute_file(raw: Path, params: SequencesParams) -> Path | None:
    if params.attributes is not None:
        return params.attributes
    beside = raw.with_name(f"{raw.name.split('.')[0]}_item2attributes.json")
    return beside if beside.is_file() else None


def _attributes(path: Path) -> dict[str, list[str]]:
    text = "\n".join(line for _, line in _existing_lines(path))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BenchError(
            f"{path}, line {error.lineno}: {error.msg}.", fix="Give a JSON file."
        ) from error
    if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
        raise BenchError(
            f"{path} is not of the form {{item: [attribute, ...]}}.",
            fix="Leave --set attributes out to do without attributes.",
        )
    return {str(item): [str(entry) for entry in entries] for item, entries in value.items()}


def _existing_lines(path: Path) -> list[tuple[int, str]]:
    if not path.is_file():
        raise BenchError(
            f"There is no attribute file {str(path)!r}.", fix="Correct --set attributes=PATH."
        )
    return list(lines(path))


SOURCE = Source(
    name="sequences",
    summary="text files of 'user item item ...' lines, with optional attributes",
    params=SequencesParams,
    read=read,
    files=files,
    raw_help=_HELP,
    default_name=lambda params: "sequences",
    defaults={"new_users": 0.0, "history_window": 50},
)
