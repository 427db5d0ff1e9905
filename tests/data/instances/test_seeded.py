"""Draws are those of the published generator, for one key and for many."""

from __future__ import annotations

import numpy as np

from benchmark.data.instances.seeded import below, splitmix

#: The first outputs of SplitMix64 started at 1234567, as its reference implementation prints them.
REFERENCE = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_outputs_are_those_of_splitmix64() -> None:
    key = np.array([1234567], dtype=np.uint64)
    assert [int(splitmix(key, n)[0]) for n in range(5)] == REFERENCE
    assert splitmix(np.repeat(key, 5), np.arange(5, dtype=np.uint64)).tolist() == REFERENCE
    assert below(1000, 1234567) == REFERENCE[0] % 1000
