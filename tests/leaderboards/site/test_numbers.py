"""Numbers as pages print them: short, and never one that rounding made a thousand."""

from __future__ import annotations

import pytest

from leaderboards.site import numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (12_345_678, "12.3 M"),
        (999_999_999, "1 G"),
        (10**15, "1,000 T"),
    ],
)
def test_a_count_of_parameters_moves_to_the_next_unit_when_it_is_rounded_up(value, words) -> None:
    assert numbers.count(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (-0.0, "0"), (0.01234, "0.0123"), (999.4, "999"), (999.6, "1,000")],
)
def test_energy_has_three_digits_or_whole_watt_hours(value, words) -> None:
    assert numbers.energy(value) == words
