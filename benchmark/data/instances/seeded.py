"""Draw random choices that depend on names, not on order, library versions or other rows.

A choice is keyed by what it is about (a user, an item, an instance), so changing one row of
the raw data cannot change the choice made for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, MutableSequence
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1


def stable_hash(*parts: str | int) -> int:
    """Return a 64-bit hash of ``parts``, equal on every machine and Python version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Draws:
    """Generates random integers by SplitMix64 (Steele, Lea & Flood, 2014).

    It is cheap to start for each key.
    """

    __slots__ = ("_state",)

    def __init__(self, key: int) -> None:
        self._state = key & _MASK

    def below(self, n: int) -> int:
        """Draw an integer in [0, n); the bias of at most n / 2**64 is ignored."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (z ^ (z >> 31)) % n

    def shuffle(self, values: MutableSequence[T]) -> None:
        """Shuffle ``values`` in place (Fisher-Yates)."""
        for i in range(len(values) - 1, 0, -1):
            j = self.below(i + 1)
            values[i], values[j] = values[j], values[i]


def chosen_share(names: Iterable[str], share: float, *key: str | int) -> set[str]:
    """Choose exactly ``share`` of ``names``, rounded down: those with the smallest hashes."""
    unique = set(names)
    # Through its decimal form, or 0.29 of 100 would be 28.
    count = int(Fraction(str(share)) * len(unique))
    if count == 0:
        return set()
    return set(sorted(unique, key=lambda name: (stable_hash(*key, name), name))[:count])
