"""``user item item ...`` text files: one user a line, items in time order.

The format of many sequential-recommendation repositories, with its companion
``{item: [attribute, ...]}`` JSON. Timestamps are positions (0, 1, 2, ...). Items are ordered
by number where all ids are whole numbers, else as text: ties in a ranking are broken by this
order, and an order of first appearance would depend on test interactions.

Publications of collaborative systems come with two files of this form, one to train on and one
with several test items a user, in an order that means nothing. ``--set test=FILE`` reads such a
pair; a seeded hash then orders each user's items and so chooses one of those of training for
validation (:mod:`benchmark.data.preparing.given_split`).
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.raw.json_lines import check_encodable
from benchmark.data.raw.notes import add_notes
from benchmark.data.raw.source import GIVEN_PART, OnError, Source
from benchmark.data.raw.text_files import BadLines, is_file, lines
from benchmark.data.schema import ITEM_COLUMNS, LONGEST_ID, RawDataset
from benchmark.data.sources.unordered import in_time_order
from benchmark.errors import BenchError, shown

TERMS = "As the owner of the files states; only ids and their order are kept."
_LINE = "user item item ..."
_HELP = f"the text file with one line {_LINE!r} per user"
#: A line of one interaction: user, item, rating, time.
_MOST_FIELDS = 4
#: Turns lines of one interaction into lines of one user, in the order of the file.
_JOIN = (
    'awk \'NF {if (!($1 in s)) u[++n] = $1; s[$1] = s[$1] " " $2} '
    "END {for (i = 1; i <= n; i++) print u[i] s[u[i]]}' > sequences.txt"
)


class SequencesParams(BaseModel):
    """Validates the settings of the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attributes: Path | None = Field(
        None,
        description="JSON {item: [attribute, ...]}; default: STEM_item2attributes.json beside "
        "the text file, where there is one",
    )
    test: Path | None = Field(
        None,
        description="a second file of such lines: the test items of a given split, several a "
        "user and in no order; --raw is then what to train on, in no order either",
    )
    seed: int = Field(0, ge=0, description="of the order of items in a given split")


def read(raw: Path | None, params: SequencesParams, *, on_error: OnError) -> RawDataset:
    """Parse the text file ``raw``; broken lines are named by their number.

    Broken is a line without an item, of a user who had one, or with an id of more than
    :data:`~benchmark.data.schema.LONGEST_ID` characters, and a header line. A file of one
    interaction a line is refused as a whole, whatever ``on_error`` says.
    """
    assert raw is not None
    if not is_file(raw):
        raise BenchError(f"{str(raw)!r} is not a file.", fix=f"Give --raw {_HELP}.")
    bad = BadLines(raw, on_error)
    users, items, positions = _rows(raw, bad)
    notes = bad.notes()
    interactions = pl.DataFrame(
        {"user_id": users, "item_id": items, "timestamp": positions},
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64},
    )
    if params.test is not None:
        interactions = _with_test_part(interactions, params.test, params.seed, notes, on_error)
    catalogue = interactions["item_id"].unique().sort().to_list()
    if all(item.isdecimal() for item in catalogue):
        catalogue.sort(key=int)
    path = _attribute_file(raw, params)
    attributes = {} if path is None else _attributes(path, chosen=params.attributes is not None)
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
        interactions=interactions,
        allow_repeats=False,
        rating_scale=None,
        terms=TERMS,
        notes={
            **notes,
            **({"items of the attribute file in no sequence": unused} if unused else {}),
            **({"items without an attribute": without} if without else {}),
        },
    )


def _with_test_part(
    train: pl.DataFrame, test: Path, seed: int, notes: dict[str, object], on_error: OnError
) -> pl.DataFrame:
    """``train`` and the rows of the file ``test``, with their ``part``, hashed into an order."""
    if not is_file(test):
        raise BenchError(f"{str(test)!r} is not a file.", fix="Correct --set test=PATH.")
    bad = BadLines(test, on_error)
    users, items, _ = _rows(test, bad)
    add_notes(notes, bad.notes(), test.name, f"test/{test.name}")
    tested = pl.DataFrame(
        {"user_id": users, "item_id": items},
        schema={"user_id": pl.String, "item_id": pl.String},
    )
    both = pl.concat(
        [
            train.select("user_id", "item_id", pl.lit("train").alias(GIVEN_PART)),
            tested.with_columns(pl.lit("test").alias(GIVEN_PART)),
        ]
    )
    once = both.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    if len(once) < len(both):
        notes["pairs left out: the user has the item already"] = len(both) - len(once)
    late = (pl.col(GIVEN_PART) == "test").cast(pl.Int64).alias("timestamp")
    hashed = in_time_order(once.with_columns(late), seed, {})  # ties are all there is
    position = pl.int_range(pl.len()).over("user_id").cast(pl.Int64).alias("timestamp")
    return hashed.with_columns(position)


def _rows(raw: Path, bad: BadLines) -> tuple[list[str], list[str], list[int]]:
    """Users, items and positions in the user's sequence, an entry an interaction."""
    users: list[str] = []
    items: list[str] = []
    positions: list[int] = []
    had: dict[str, int] = {}
    layout_is_right = False
    for number, line in lines(raw, bad):
        fields = _fields(line)
        if not fields:
            continue
        user, *sequence = fields
        endless = next((name for name in fields if len(name) > LONGEST_ID), None)
        if endless is not None:
            bad.report(number, f"{shown(endless)} is no id: one has at most {LONGEST_ID:,}")
        elif not sequence:
            bad.report(number, f"user {shown(user)} has no item (a line is {_LINE!r})")
        elif user in had:
            if not layout_is_right:
                _refuse_one_interaction_a_line(raw, f"lines {had[user]} and {number}")
                layout_is_right = True
            bad.report(number, f"user {shown(user)} has a line already")
        else:
            had[user] = number
            users += [user] * len(sequence)
            items += sequence
            positions += range(len(sequence))
    header = _header_length(users, items)
    if header:
        names = " ".join([users[0], *items[:header]])
        bad.report(had[users[0]], f"{shown(names)} looks like a header, not like the other lines")
    return users[header:], items[header:], positions[header:]


def _header_length(users: list[str], items: list[str]) -> int:
    """How many items the first line has, if it is a header: alone without a number as an id."""
    length = users.count(users[0]) if users else 0
    first, others = [users[0], *items[:length]] if users else [], (users[length:], items[length:])
    if not others[0] or any(name.isdecimal() for name in first):
        return 0
    return length if all(name.isdecimal() for names in others for name in set(names)) else 0


def _refuse_one_interaction_a_line(raw: Path, where: str) -> None:
    """Raise :class:`BenchError` for a file of 'user item' pairs, or with a rating and a time too.

    Such a file has equally many fields in every line, up to four, and users on many lines; two
    of its lines for one user, ``where``, are known.
    """
    users: Counter[str] = Counter()
    width = 0
    for fields in filter(None, _all_fields(raw)):
        width = width or len(fields)
        if len(fields) != width or width > _MOST_FIELDS:
            return
        users[fields[0]] += 1
    if width > 2 and users.total() < 2 * len(users):
        return
    pair = "'user item' pair" if width == 2 else f"interaction of {width} fields"
    read = f"{'zcat' if raw.suffix == '.gz' else 'cat'} {shlex.quote(str(raw))}"
    raise BenchError(
        f"{raw} has one {pair} a line ({where} are of one user); this source reads one line a "
        f"user, {_LINE!r}, items in time order.",
        fix=f"Join each user's lines, oldest first, and give that file to --raw: {read} | {_JOIN}",
    )


def _all_fields(raw: Path) -> Iterator[list[str]]:
    return (_fields(line) for _, line in lines(raw, BadLines(raw, "skip")))


def _fields(line: str) -> list[str]:
    """The ids of a line; files put together keep their byte order marks within."""
    return line.removeprefix("\ufeff").split()


def files(raw: Path | None, params: SequencesParams) -> Mapping[str, Path]:
    """Return the text file, that of the test part and that of attributes, where there are."""
    assert raw is not None
    found = {raw.name: raw}
    for role, path in (("test", params.test), ("attributes", _attribute_file(raw, params))):
        if path is not None:
            # Files of one name in several folders are told apart by what they are for.
            found[f"{role}/{path.name}" if path.name in found else path.name] = path
    return found


def _attribute_file(raw: Path, params: SequencesParams) -> Path | None:
    if params.attributes is not None:
        return params.attributes
    beside = raw.with_name(f"{raw.name.split('.')[0]}_item2attributes.json")
    return beside if beside.is_file() else None


def _attributes(path: Path, *, chosen: bool) -> dict[str, list[str]]:
    """``chosen``: the file was named in a setting, not found beside the sequences."""
    without = "leave --set attributes out" if chosen else "move it away"
    if not is_file(path):
        raise BenchError(
            f"There is no attribute file {str(path)!r}.", fix="Correct --set attributes=PATH."
        )
    fix = f"Correct it, or {without} to do without attributes."
    try:
        text = "\n".join(line for _, line in lines(path))
        value = json.loads(text)
        check_encodable(text, value)
    except json.JSONDecodeError as error:
        raise BenchError(f"{path}, line {error.lineno}: {error.msg}.", fix=fix) from error
    except (ValueError, RecursionError) as error:  # a number or a nesting without end, half a pair
        raise BenchError(f"{path} cannot be read as JSON: {error}.", fix=fix) from error
    if not isinstance(value, dict) or not all(isinstance(v, list) for v in value.values()):
        raise BenchError(f"{path} is not of the form {{item: [attribute, ...]}}.", fix=fix)
    for item, entries in value.items():
        odd = [entry for entry in entries if not isinstance(entry, str | int | float)]
        if odd:
            raise BenchError(
                f"{path}: attribute {shown(odd[0])} of item {shown(item)} is neither text nor a "
                "number.",
                fix=fix,
            )
    return {item: [str(entry) for entry in entries] for item, entries in value.items()}


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
