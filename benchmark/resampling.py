"""Resample users: the bootstrap over clusters of instances.

One user's instances are not independent, so users are what is resampled (Davison and Hinkley,
*Bootstrap Methods and their Application*, 1997, section 3.8): statistics are summed per user,
and a resample's mean is the resampled users' sums over their counts. Users with equal sums are
interchangeable, so a resample of users is a multinomial draw over the *distinct* rows, which is
the same distribution at a fraction of the cost: a ranking metric of a million users has eleven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.errors import BenchError
from benchmark.host.progress import bar

if TYPE_CHECKING:
    import polars as pl

#: Weights held at a time, as numbers of 8 bytes.
WEIGHTS_AT_ONCE = 4_000_000
#: Users drawn at a time: many resamples of few, whose draws are those of one after another.
DRAWS_AT_ONCE = 100_000
#: A binomial draw costs about this many uniform integers.
BINOMIAL_COST = 16

_USERS = "users"


@dataclass(frozen=True, slots=True)
class UserSums:
    """Sums statistics by user, with users whose sums are equal in one group.

    ``rows`` (groups, columns + 1) has the number of instances last, ``multiplicity`` (groups,)
    is the number of users in each group. Equal users are interchangeable in a resample.
    """

    rows: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    n: int
    users: int

    @classmethod
    def of(cls, statistics: Sequence[NDArray[np.float64]], users: ArrayLike) -> UserSums:
        """Sum by user, then group equal users. Group order depends on values alone."""
        import polars as pl

        owner, number = numbered(users)
        for rows in statistics:
            if len(rows) != len(owner):
                raise BenchError(
                    f"{len(rows)} rows of statistics do not fit {len(owner)} user ids.",
                    fix="Give one user id per instance.",
                )
        if not len(owner):
            raise BenchError("There is no instance to score.", fix="Score at least one instance.")
        columns = [column for rows in statistics for column in rows.T]
        sums = [np.bincount(owner, weights=column, minlength=number) for column in columns]
        sums.append(np.bincount(owner, minlength=number).astype(np.float64))
        frame = pl.DataFrame({str(i): column for i, column in enumerate(sums)})
        return cls._grouped(frame, pl.len(), n=len(owner), users=number)

    @classmethod
    def together(cls, parts: Sequence[UserSums]) -> UserSums:
        """Return what :meth:`of` gives of all instances, from parts that share no user."""
        import polars as pl

        if len(parts) == 1:
            return parts[0]
        rows = np.concatenate([part.rows for part in parts])
        frame = pl.DataFrame({str(i): column for i, column in enumerate(rows.T)})
        many = pl.Series(_USERS, np.concatenate([part.multiplicity for part in parts]))
        return cls._grouped(
            frame.with_columns(many),
            pl.col(_USERS).sum(),
            n=sum(part.n for part in parts),
            users=sum(part.users for part in parts),
        )

    @classmethod
    def _grouped(cls, frame: pl.DataFrame, count: pl.Expr, *, n: int, users: int) -> UserSums:
        """Group equal rows of ``frame``, ``count`` being the users of a group."""
        names = [name for name in frame.columns if name != _USERS]
        groups = frame.group_by(names).agg(count.alias(_USERS)).sort(names)
        return cls(
            rows=groups.select(names).to_numpy(),
            multiplicity=groups[_USERS].to_numpy().astype(np.int64),
            n=n,
            users=users,
        )

    def resampled_means(self, resamples: int, seed: int) -> NDArray[np.float64]:
        """Draw bootstrap resamples of users; return mean statistics (resamples, columns)."""
        rng = np.random.default_rng(seed)
        blocks: list[NDArray[np.float64]] = []
        with bar("bootstrap", total=resamples) as progress:
            for weights in self._weights(resamples, rng):
                totals = weights @ self.rows
                blocks.append(totals[:, :-1] / totals[:, -1:])
                progress.advance(len(weights))
        return np.concatenate(blocks)

    def _weights(self, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
        """How often each group is drawn, (some, groups) at a time so that memory is bounded."""
        groups = len(self.multiplicity)
        few_groups = groups * BINOMIAL_COST <= self.users
        owner = None if few_groups else np.repeat(np.arange(groups), self.multiplicity)
        size = max(1, WEIGHTS_AT_ONCE // groups)
        for start in range(0, resamples, size):
            count = min(size, resamples - start)
            if owner is None:
                share = self.multiplicity / self.users
                yield rng.multinomial(self.users, share, size=count).astype(np.float64)
            else:
                weights = np.empty((count, groups))
                for first in range(0, count, some := max(1, DRAWS_AT_ONCE // self.users)):
                    rows = min(some, count - first)
                    drawn = owner[rng.integers(0, self.users, size=(rows, self.users))]
                    drawn += groups * np.arange(rows)[:, None]  # each row has places of its own
                    found = np.bincount(drawn.ravel(), minlength=rows * groups)
                    weights[first : first + rows] = found.reshape(rows, groups)
                yield weights


def numbered(users: ArrayLike | Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Number (n,) the user ids in order of appearance; return that, and how many there are."""
    ids = users.tolist() if isinstance(users, np.ndarray) else list(users)  # type: ignore[arg-type]
    numbers: dict[object, int] = {}
    codes = [numbers.setdefault(user, len(numbers)) for user in ids]
    return np.array(codes, dtype=np.int64), len(numbers)
