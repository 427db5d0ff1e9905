"""What is computed ahead comes in order, and what goes wrong is told where it happened."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from benchmark.host.ahead import mapped_ahead


def test_results_come_in_the_order_of_the_values() -> None:
    def late(value: int) -> int:
        time.sleep(0.002 if value % 3 == 0 else 0)
        return value * value

    assert list(mapped_ahead(late, range(30))) == [(n, n * n) for n in range(30)]
    assert list(mapped_ahead(late, [])) == []


def test_a_failing_source_is_told_of_behind_all_that_came_before() -> None:
    def values() -> Iterator[int]:
        yield from range(3)
        raise ValueError("broken off")

    seen = []
    with pytest.raises(ValueError, match="broken off"):
        seen.extend(value for value, _ in mapped_ahead(str, values()))
    assert seen == [0, 1, 2]


def test_of_two_failures_the_first_in_order_is_raised() -> None:
    def values() -> Iterator[int]:
        yield from (1, 0)
        raise ValueError("later")

    with pytest.raises(ZeroDivisionError):
        list(mapped_ahead(lambda value: 1 // value, values()))


def test_few_values_are_taken_ahead() -> None:
    taken: list[int] = []

    def values() -> Iterator[int]:
        for value in range(100):
            taken.append(value)
            yield value

    for value, _ in mapped_ahead(abs, values()):
        assert taken[-1] - value <= 5
