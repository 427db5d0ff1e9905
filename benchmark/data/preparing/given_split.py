"""Keep a split that the raw files give: pairs to train on, and several test items a user.

Such files come with publications whose numbers are to be met, and say nothing of time: a user's
rows are a set. Only recommendation can be asked of them, with all of a user's test items as the
target of one instance.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmark.data.instances.building import Targets
from benchmark.data.preparing.parameters import SplitParams
from benchmark.data.raw.source import GIVEN_PART
from benchmark.errors import BenchError, UsageError

#: The one task of such a dataset, and why it has no other.
ONLY_TASK = "recommendation"
ABSENT = "the split is given, with several test items a user and no order among them"
_UNTRAINED = "users left out: in the test part only"


def has_given_split(rows: pl.DataFrame) -> bool:
    """Return whether the raw files say which ``rows`` are for testing."""
    return GIVEN_PART in rows.columns


def keep_split(rows: pl.DataFrame, params: SplitParams) -> tuple[pl.DataFrame, dict[str, object]]:
    """Return ``rows`` with ``part`` and ``cohort``, and what was left out.

    Users come in the order of their first row, each with training, validation and test rows
    behind each other. The last training row of a user who has two or more is the validation part:
    the order of ``rows`` within a user decides which, so it must mean nothing. Users without a
    training row are left out. Raises :class:`BenchError` when a part is empty and
    :class:`UsageError` for settings that would change what is given.
    """
    _refuse_changes(params)
    names = pl.Enum(rows["user_id"].unique(maintain_order=True))
    user = rows["user_id"].cast(names).to_physical().to_numpy()
    tested = (rows[GIVEN_PART] == "test").to_numpy()
    trained = np.bincount(user[~tested], minlength=len(names.categories))
    keep = trained[user] > 0
    order = np.lexsort((tested, user))
    order = order[keep[order]]
    rows, user, tested = rows[order], user[order], tested[order]
    part = np.where(tested, 2, 0)
    last = np.flatnonzero(~tested & np.append((user[1:] != user[:-1]) | tested[1:], True))
    part[last[trained[user[last]] > 1]] = 1
    if not ((part == 1).any() and (part == 2).any()):
        raise BenchError(
            "The given split leaves no user to validate or to test on.",
            fix="Give files in which users have two training items or more, and test items.",
        )
    parts = pl.Series(GIVEN_PART, ["train", "valid", "test"]).gather(part)
    left_out: dict[str, object] = {}
    if not keep.all():
        gone = int((trained == 0).sum())
        left_out[_UNTRAINED] = {"users": gone, "interactions": int((~keep).sum())}
    return rows.with_columns(parts, pl.lit("seen").alias("cohort")), left_out


def given_targets(rows: pl.DataFrame, part: str) -> Targets:
    """Return one target a user with rows of ``part``: all of these, behind the user's others.

    ``rows`` are the split ones, of whose users each has parts behind each other.
    """
    of_part = np.flatnonzero((rows["part"] == part).to_numpy())
    user = rows["user_id"].rle_id().to_numpy()[of_part]
    _, at, count = np.unique(user, return_index=True, return_counts=True)
    first = of_part[at].astype(np.int64)
    return Targets(part, first, count.astype(np.int64), first + count)


def _refuse_changes(params: SplitParams) -> None:
    usual = SplitParams()
    for key in ("new_users", "new_domains", "min_interactions"):
        if getattr(params, key) != getattr(usual, key):
            raise UsageError(
                f"Setting {key} would change a split that the raw files give.",
                fix=f"Leave --set {key} out, or leave the file of the test part out.",
            )
