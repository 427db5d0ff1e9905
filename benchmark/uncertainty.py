"""What statistics say of systems, as plain values, and the rule for few users.

:mod:`benchmark.stats` works them out; who only shows what was found needs no numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Below so many users there is no interval, no p value and no rank by tests, anywhere: a
#: bootstrap over fewer promises more than it knows.
FEWEST_USERS = 20
#: What stands wherever that rule left something out.
FEW_USERS_NOTE = f"No interval and no p value below {FEWEST_USERS} users."


@dataclass(frozen=True, slots=True)
class Score:
    """Estimates a metric over all instances, with its interval at the level asked for.

    ``n`` counts instances, ``users`` the clusters. ``low`` and ``high`` are ``None`` below
    :data:`FEWEST_USERS` users, and where all users are alike in a metric without known bounds.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    users: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Estimates ``a`` minus ``b`` on the same instances, with its interval and two-sided p value.

    Positive means ``a`` has the larger value, which is better only for metrics whose
    ``higher_is_better`` says so. The interval and the p value are ``None`` below
    :data:`FEWEST_USERS` users.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    p_value: float | None
    n: int
    users: int


@dataclass(frozen=True, slots=True)
class Share:
    """Measures how much of the gap from a floor to a ceiling a system covers, with its interval.

    0 is the floor, 1 the ceiling; a system below the one is below 0, above the other above 1.
    ``low`` and ``high`` are ``None`` below :data:`FEWEST_USERS` users.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RankInterval:
    """Bounds a system's rank: the best and the worst, 1 being first, that the data allow."""

    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Marks a significant difference from ``against``; ``better`` says in which direction."""

    against: str
    better: bool
