"""Forward passes of one size: then no row's arithmetic depends on its company.

A matrix product's last bits hang on how many rows it has. Where always as many are computed, an
instance gets the same bits whatever it is asked beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Each = TypeVar("Each")

#: Instances of a forward pass.
ROWS = 64


def filled(block: Sequence[Each], rows: int = ROWS) -> list[Each]:
    """Return ``rows`` entries: those of ``block``, then its last one again and again."""
    return [*block, *[block[-1]] * (rows - len(block))]
