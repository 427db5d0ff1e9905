"""The numbers the paper prints, Tables 1 to 10, from ``paper.csv``.

They are landmarks, not targets: their data, splits and candidate sets are not ours.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.metrics.gates import Violation

PAPER_CSV = Path(__file__).parent / "paper.csv"

#: table, task, dataset, system, metric - all as the paper's tables spell them.
PaperKey = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """Keeps one printed number: ``printed`` has its digits, ``value`` is a float (89% -> 0.89)."""

    value: float
    printed: str


@cache
def paper_numbers() -> Mapping[PaperKey, PaperNumber]:
    """Return every printed number by (table, task, dataset, system, metric)."""
    numbers: dict[PaperKey, PaperNumber] = {}
    with open(PAPER_CSV, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            key = (row["table"], row["task"], row["dataset"], row["system"], row["metric"])
            numbers[key] = PaperNumber(_value(row["value"]), row["value"])
    return MappingProxyType(numbers)


def printed_row(table: str, task: str, dataset: str, system: str) -> Mapping[str, PaperNumber]:
    """Return the numbers of one printed row, by metric."""
    place = [table, task, dataset, system]
    return {metric: number for (*at, metric), number in paper_numbers().items() if at == place}


@cache
def violations(table: str, task: str, dataset: str, system: str) -> tuple[Violation, ...]:
    """Return the gates that one printed row cannot have passed, whatever was rounded away.

    Taken as the paper defines its tasks: the next item is the one positive of a ranking, a
    selection has one to three, ratings are 1 to 5.
    """
    from benchmark.metrics.gates import problems  # numpy, which kept findings do without

    row = printed_row(table, task, dataset, system)
    return tuple(
        problems(
            {metric: number.value for metric, number in row.items()},
            positives_per_instance="several" if task == "selection" else "one",
            scale=(1.0, 5.0),
            decimals=min(map(_decimals, row.values()), default=None),
        )
    )


def _decimals(number: PaperNumber) -> int:
    digits = number.printed.rstrip("%").partition(".")[2]
    return len(digits) + (2 if number.printed.endswith("%") else 0)


def _value(printed: str) -> float:
    if printed.endswith("%"):
        # Rounded because 99.89 / 100 is 0.9989000000000001 in floating point.
        return round(float(printed[:-1]) / 100, 6)
    return float(printed)
