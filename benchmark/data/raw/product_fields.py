"""Read what shops' records say of a product, and count what is not the value it should be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.data.raw.json_fields import dollars, text
from benchmark.data.raw.markup import is_scrap, plain_text
from benchmark.errors import shown

#: "by", a line end and spaces, as a page shows it before a brand.
_BY = re.compile(r"\s*by\s*\n\s*", re.IGNORECASE)
#: Pictures that stand for "no picture", by their addresses.
PLACEHOLDER = re.compile(
    r"no[-_]?(?:img|image|photo|picture|poster)(?![a-z])|place[-_]?holder"
    r"|(?:image|photo|picture)[-_]?not[-_]?(?:available|found)|coming[-_]?soon"
    r"|/(?:blank|spacer|transparent[-_]?pixel)\.",
    re.IGNORECASE,
)


def price(record: Mapping[str, Any], key: str, counts: Counter[str]) -> float | None:
    """Return an amount in dollars; anything else (a range, a style sheet) is none, and counted."""
    value = record.get(key)
    amount = dollars(value)
    if amount is None and value is not None and value != "":
        counts["prices that are no amount, treated as missing"] += 1
    return amount


def name(record: Mapping[str, Any], key: str, counts: Counter[str]) -> str | None:
    """Return a title or brand in one line; one that is a scrap of markup is none, and counted."""
    value = record.get(key)
    if isinstance(value, str) and is_scrap(value):
        counts[f"values of {key} that are scraps of markup, treated as missing"] += 1
        return None
    found = text(record, key)
    return None if found is None else " ".join(found.split("\n"))


def brand(record: Mapping[str, Any], key: str, counts: Counter[str]) -> str | None:
    """Return a brand without the "by" that pages show before it."""
    value = record.get(key)
    if isinstance(value, str):
        record = {key: _BY.sub("", value, count=1) if _BY.match(value) else value}
    return name(record, key, counts)


def levels(path: Iterable[object], key: str) -> list[str]:
    """Return the plain names of a category path, as far as they are names.

    Where a page was cut wrongly, markup and what follows it stand behind the path.
    """
    found = []
    for level in path:
        if not isinstance(level, str):
            raise ValueError(f"{key} holds {shown(level)}, not text")
        if is_scrap(level) or "</" in level:
            break
        if (plain := plain_text(level)) is not None:
            found.append(" ".join(plain.split("\n")))
    return found


def is_placeholder(address: object) -> bool:
    """Return whether ``address`` is of a picture that stands for "no picture"."""
    return isinstance(address, str) and PLACEHOLDER.search(address) is not None


def photo_addresses(*values: object) -> list[str]:
    """Return the texts among ``values``, in order and once each; of a list, those in it."""
    every = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys(entry for entry in every if isinstance(entry, str) and entry.strip()))
