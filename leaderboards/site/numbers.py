"""Formats numbers as the pages print them."""

from __future__ import annotations

from benchmark.metrics.families import family_of
from benchmark.stats import RankInterval

#: What stands where there is nothing to say.
NOTHING = "–"
#: From here on three digits say a thousand.
_ROUNDED_UP = 999.5


def score(value: float) -> str:
    """Format a metric's value."""
    return _minus(f"{value:z.4f}")


def interval(low: float | None, high: float | None) -> str:
    """Format a 95% interval."""
    return NOTHING if low is None or high is None else f"{score(low)} to {score(high)}"


def seconds(value: float) -> str:
    """Format a duration with as many digits as tell durations apart."""
    return f"{value:z.2f}" if value < 10 else f"{value:,.0f}"


def energy(value: float | None) -> str:
    """Format watt-hours to three digits."""
    if value is None:
        return NOTHING
    return f"{value:z,.3g}" if value < _ROUNDED_UP else f"{value:,.0f}"


def count(value: int) -> str:
    """Format a number of parameters, short: 12.3 M."""
    for size, unit in ((1, ""), (10**3, " k"), (10**6, " M"), (10**9, " G"), (10**12, " T")):
        if value / size < (_ROUNDED_UP if size > 1 else 1000):
            return f"{value / size:.3g}{unit}"
    return f"{value / 10**12:,.0f} T"


def rank(interval: RankInterval | None) -> str:
    """Format a rank interval: 2, or 1–3."""
    if interval is None:
        return NOTHING
    if interval.best == interval.worst:
        return str(interval.best)
    return f"{interval.best}–{interval.worst}"


def percent(share: float) -> str:
    """Format a share, 0..1, as a percentage of two decimals."""
    return f"{share:z.2%}"


def share(value: float | None) -> str:
    """Format a share of the learnable as a whole percentage."""
    if value is None:
        return NOTHING
    whole = round(100 * value)  # no minus before 0
    return _minus(f"{whole}%")


def _minus(number: str) -> str:
    """Give ``number`` the minus of its figures' width; scripts of pages read it, too."""
    return number.replace("-", "\N{MINUS SIGN}")


def short(metric: str) -> str:
    """Return a metric's name without the encoder that measured it."""
    family = family_of(metric)
    return family.name if family.by_encoder else metric
