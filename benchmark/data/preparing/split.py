"""Split leave-one-out in time order, and hold users and domains back.

Of each user the last interaction is the test part, the one before it the validation part,
the rest is training. Equal timestamps keep the order in which the source hands rows over: that of
the raw file, or a seeded one where the file is grouped by user or item. Any other tie rule (by
item id, say) would carry information that users did not have.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmark.data.instances.seeded import chosen_share
from benchmark.data.preparing.parameters import LEAST_INTERACTIONS, SplitParams
from benchmark.data.schema import COHORTS, PARTS
from benchmark.errors import BenchError, listed, unknown_name


def split(rows: pl.DataFrame, params: SplitParams) -> tuple[pl.DataFrame, dict[str, object]]:
    """Return ``rows`` (in file order) with ``part`` and ``cohort``, and what was left out.

    Users come in the order of their first row, each user's rows in time order. Users whose rows
    all lie in ``params.new_domains`` form the cohort ``new-domain``; of other users the rows
    there are left out, so nothing of these domains is trained on. Users with fewer than
    ``params.min_interactions`` rows are dropped. ``params.new_users`` of the remaining ones
    outside the new domains (rounded down, chosen by a hash of their id) form the cohort
    ``new-user``. Raises :class:`BenchError` when nobody remains, or nobody to train on, and for a
    domain without rows.
    """
    notes: dict[str, object] = {}
    rows, away = _reserve(rows, params.new_domains, notes)
    names, code = _users(rows["user_id"])
    users = code.to_numpy()
    counts = np.bincount(users, minlength=len(names))
    keep = counts >= params.min_interactions
    order = np.lexsort((rows["timestamp"].to_numpy(), users))
    if not keep.all():
        stay = keep[users[order]]
        order = order[stay]
        notes[f"users left out: fewer than {params.min_interactions} interactions"] = {
            "users": int((~keep).sum()),
            "interactions": int((~stay).sum()),
        }
    if not len(order):
        raise _nobody_left(int(counts.max(initial=0)), params.min_interactions)
    rows, users = rows[order], users[order]
    ends = np.cumsum(counts[keep]) - 1  # the last row of each kept user
    part = np.zeros(len(rows), dtype=np.uint8)
    part[ends - 1], part[ends] = 1, 2
    kept = [name for name in names.filter(pl.Series(keep)) if name not in away]
    if not kept:
        raise _nobody_to_train_on(params)
    held_back = chosen_share(kept, params.new_users, params.seed, "new-user")
    parts = pl.Series("part", PARTS, dtype=pl.Enum(PARTS)).gather(part)
    user = pl.col("user")
    of_user = (
        names.alias("user")
        .to_frame()
        .select(
            pl.when(user.is_in(list(away)))
            .then(pl.lit("new-domain"))
            .when(user.is_in(list(held_back)))
            .then(pl.lit("new-user"))
            .otherwise(pl.lit("seen"))
            .cast(pl.Enum(COHORTS))
            .alias("cohort")
        )
    )
    cohort = of_user.to_series().gather(users)
    return rows.with_columns(parts, cohort), notes


def _users(ids: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The names of users in the order of their first row, and each row's place among them."""
    names = ids.unique(maintain_order=True)
    if not isinstance(ids.dtype, pl.Enum):
        return names, ids.cast(pl.Enum(names)).to_physical()
    place = np.zeros(len(ids.dtype.categories), dtype=np.uint32)
    place[names.to_physical().to_numpy()] = np.arange(len(names), dtype=np.uint32)
    return names.cast(pl.String), pl.Series(place[ids.to_physical().to_numpy()])


def _reserve(
    rows: pl.DataFrame, domains: tuple[str, ...], notes: dict[str, object]
) -> tuple[pl.DataFrame, set[str]]:
    """``rows`` without those of other users in ``domains``, and the users of nothing else."""
    if not domains:
        return rows, set()
    known = rows["domain"].drop_nulls().unique().cast(pl.String).sort().to_list()
    for domain in domains:
        if domain not in known:
            raise unknown_name("domain in new_domains", domain, known)
    inside = pl.col("domain").is_in(list(domains)).fill_null(False)
    by_user = rows.group_by("user_id", maintain_order=True).agg(inside.all())
    away = set(by_user.filter(pl.col("domain"))["user_id"])
    stray = inside & ~pl.col("user_id").is_in(list(away))
    kept = rows.filter(~stray)
    if len(kept) < len(rows):
        notes["interactions left out: a new domain, by a user of others"] = len(rows) - len(kept)
    return kept, away


def _nobody_to_train_on(params: SplitParams) -> BenchError:
    return BenchError(
        f"Nobody is left to train on: all users with {params.min_interactions} interactions have "
        f"theirs in the new domains only ({listed(params.new_domains)}).",
        fix="Name fewer domains in --set new_domains.",
    )


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
