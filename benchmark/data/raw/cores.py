"""Keep dense cores: users and items that meet often enough, by a rule of a published name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from benchmark.errors import BenchError

_LEAST = 5
_MOST = 1_000_000
_CONVERGED = re.compile(
    r"(\d{1,7})core|(\d{1,7})|users(\d{1,7})-items(\d{1,7})|(\d{1,7}),(\d{1,7})"
)
#: What a core may be called, for messages.
FORMS = "none, table5, 5core, users8-items5, or numbers: 5 (both) or 8,5 (users, items)"


#: What a setting of this kind means.
CORE_HELP = f"which users and items stay, counted in distinct pairs: {FORMS}"


@dataclass(frozen=True)
class CoreRule:
    """Says how many distinct items a user, and distinct users an item, has at least.

    ``name`` is how settings and ``dataset.json`` spell it. A rule that is not ``converged`` looks
    at items once, then at users once, and may leave items with too few.
    """

    name: str
    users: int
    items: int
    converged: bool = True


#: Keeps everything.
NO_CORE = CoreRule("none", 0, 0)
#: Items once, then users once, and stop: of the rules tried, the closest to the statistics in the
#: paper's Table 5.
TABLE5 = CoreRule("table5", _LEAST, _LEAST, converged=False)


def core_rule(name: object) -> CoreRule:
    """Return the rule called ``name``, one of :data:`FORMS`; raises ``ValueError`` for another."""
    if isinstance(name, CoreRule):
        return name
    text = str(name).replace(" ", "")
    for rule in (NO_CORE, TABLE5):
        if text == rule.name:
            return rule
    match = _CONVERGED.fullmatch(text)
    if match is None:
        raise ValueError(f"known are {FORMS}")
    both, number, users, items, first, second = match.groups()
    least = (
        int(users or first or both or number),
        int(items or second or both or number),
    )
    if not all(1 <= count <= _MOST for count in least):
        raise ValueError(f"a core asks for 1 to {_MOST:,}")
    name = f"{least[0]}core" if least[0] == least[1] else f"users{least[0]}-items{least[1]}"
    return CoreRule(name, *least)


#: A setting's type: its text becomes the rule, and the rule's name is recorded.
CoreSetting = Annotated[
    CoreRule,
    BeforeValidator(core_rule),
    PlainSerializer(lambda rule: rule.name, return_type=str),
    WithJsonSchema({"type": "string"}),
]


def keep_core(rows: pl.DataFrame, rule: CoreRule) -> pl.DataFrame:
    """Return the rows of ``rows`` (``user_id``, ``item_id``, ...) in the core, in their order.

    Repeated rows of a pair count once: a user who rates one item five times has one item.
    """
    if rule == NO_CORE or rows.is_empty():
        return rows
    codes = rows.select(_code(rows, "user_id"), _code(rows, "item_id"))
    pairs = codes.unique(maintain_order=True)
    users, items = (pairs[name].to_numpy() for name in ("user_id", "item_id"))
    kept = np.arange(len(pairs), dtype=np.int64)
    while True:
        before = len(kept)
        kept = kept[_frequent(items[kept], rule.items)]
        kept = kept[_frequent(users[kept], rule.users)]
        if not rule.converged or len(kept) == before:
            break
    core = codes.with_row_index("row").join(pairs[kept], on=["user_id", "item_id"], how="semi")
    return rows[core["row"].sort()]


def counted_core(
    rows: pl.DataFrame, rule: CoreRule, notes: dict[str, object], *, what: str
) -> pl.DataFrame:
    """Return what :func:`keep_core` keeps of ``rows``; ``notes`` counts the others as ``what``.

    Raises :class:`BenchError` where nothing is left.
    """
    kept = keep_core(rows, rule)
    if len(rows) and kept.is_empty():
        raise BenchError(
            f"core={rule.name!r} leaves nothing of {len(rows):,} {what}: too few users have "
            f"{rule.users} items, or items {rule.items} users.",
            fix="Keep all of them with --set core=none, or ask for less.",
        )
    if len(kept) < len(rows):
        notes[f"{what} left out: not in the {rule.name}"] = len(rows) - len(kept)
    return kept


def _frequent(codes: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    return np.asarray(np.bincount(codes)[codes] >= least)


def _code(rows: pl.DataFrame, column: str) -> pl.Expr:
    if isinstance(rows.schema[column], pl.Enum):
        return pl.col(column).to_physical().cast(pl.Int64)
    return (pl.col(column).rank("dense") - 1).cast(pl.Int64)
