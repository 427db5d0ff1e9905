"""Split leave-one-out in time order, and hold users back.

Of each user the last interaction is the test part, the one before it the validation part,
the rest is training. Equal timestamps keep the order of the raw file: any other tie rule
(by item id, say) would carry information that users did not have.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmark.data.instances.seeded import chosen_share
from benchmark.data.preparing.parameters import LEAST_INTERACTIONS, SplitParams
from benchmark.errors import BenchError


def split(rows: pl.DataFrame, params: SplitParams) -> tuple[pl.DataFrame, dict[str, object]]:
    """Return ``rows`` (in file order) with ``part`` and ``cohort``, and what was left out.

    Users come in the order of their first row, each user's rows in time order. Users with
    fewer than ``params.min_interactions`` rows are dropped. ``params.new_users`` of the
    remaining ones (rounded down, chosen by a hash of their id) form the cohort ``new-user``.
    Raises :class:`BenchError` when nobody remains.
    """
    names = pl.Enum(rows["user_id"].unique(maintain_order=True))
    code = pl.col("user_id").cast(names).to_physical().alias("_user")
    rows = rows.with_columns(code)
    rows = rows.sort("_user", "timestamp", maintain_order=True)
    users = rows["_user"].to_numpy()
    counts = np.bincount(users, minlength=len(names.categories))
    keep = counts >= params.min_interactions
    notes: dict[str, object] = {}
    if not keep.all():
        gone = keep[users]
        rows = rows.filter(pl.Series(gone))
        notes[f"users left out: fewer than {params.min_interactions} interactions"] = {
            "users": int((~keep).sum()),
            "interactions": int((~gone).sum()),
        }
    if rows.is_empty():
        raise _nobody_left(int(counts.max(initial=0)), params.min_interactions)
    ends = np.cumsum(counts[keep]) - 1  # the last row of each kept user
    part = np.zeros(len(rows), dtype=np.uint8)
    part[ends - 1], part[ends] = 1, 2
    kept = names.categories.filter(pl.Series(keep))
    held_back = chosen_share(kept.to_list(), params.new_users, params.seed, "new-user")
    parts = pl.Series("part", ["train", "valid", "test"]).gather(part)
    cohort = (
        pl.when(pl.col("user_id").is_in(list(held_back)))
        .then(pl.lit("new-user"))
        .otherwise(pl.lit("seen"))
        .alias("cohort")
    )
    return rows.drop("_user").with_columns(parts, cohort), notes


def _nobody_left(longest: int, asked: int) -> BenchError:
    """``longest``: interactions of the user who has most, fewer than the ``asked``."""
    if longest >= LEAST_INTERACTIONS:
        fix = f"Give --set min_interactions from {LEAST_INTERACTIONS} to {longest}."
    else:
        fix = (
            f"Use data in which users have {LEAST_INTERACTIONS} or more: one interaction each for "
            "training, validation and test."
        )
    return BenchError(
        f"No user has {asked} interactions; the longest history has {longest}.", fix=fix
    )
