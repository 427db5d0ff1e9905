"""Tell seconds from milliseconds: a time outside the years a log can be of is no time.

Seconds read as milliseconds fall into January 1970, milliseconds read as seconds into the year
30,000 and later, so a range of years tells both apart, line by line: mixed units are found too.
"""

from __future__ import annotations

import polars as pl

#: 1990-01-01 and 2100-01-01 in seconds since 1970.
EARLIEST, LATEST = 631_152_000, 4_102_444_800
#: What a value must be, for messages.
SECONDS = "a time in seconds since 1970 (between the years 1990 and 2100)"
MILLISECONDS = "a time in milliseconds since 1970 (between the years 1990 and 2100)"


def plausible(seconds: pl.Expr) -> pl.Expr:
    """Return ``seconds`` since 1970 where they lie between 1990 and 2100, else null."""
    return pl.when(seconds.is_between(EARLIEST, LATEST, closed="left")).then(seconds)
