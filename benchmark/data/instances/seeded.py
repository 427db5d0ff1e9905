"""Draw random choices that depend on names, not on order, library versions or other rows.

A choice is keyed by what it is about (a user, an item, an instance), so changing one row of
the raw data cannot change the choice made for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


def stable_hash(*parts: str | int) -> int:
    """Return a 64-bit hash of ``parts``, equal on every machine and Python version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def splitmix(keys: NDArray[np.uint64], counter: int | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return output number ``counter`` (0, 1, ...) of the generator started at each of ``keys``.

    64 random bits each, of SplitMix64 (Steele, Lea & Flood, Fast splittable pseudorandom number
    generators, OOPSLA 2014). ``counter`` may be one number or one per key.
    """
    steps: NDArray[np.uint64] = np.atleast_1d(np.asarray(counter, np.uint64)) + np.uint64(1)
    z: NDArray[np.uint64] = keys + steps * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def below(n: int, key: int) -> int:
    """Draw an integer in [0, n) for ``key``; the bias of at most n / 2**64 is ignored."""
    (drawn,) = splitmix(np.array([key], dtype=np.uint64), 0).tolist()
    return int(drawn) % n


def chosen_share(names: Iterable[str], share: float, *key: str | int) -> set[str]:
    """Choose exactly ``share`` of ``names``, rounded down: those with the smallest hashes."""
    unique = set(names)
    # Through its decimal form, or 0.29 of 100 would be 28.
    count = int(Fraction(str(share)) * len(unique))
    if count == 0:
        return set()
    return set(sorted(unique, key=lambda name: (stable_hash(*key, name), name))[:count])
