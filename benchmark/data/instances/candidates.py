"""Draw selection candidates: a user's next items among what others took at the same stage.

The negatives of an instance are targets of other users' instances of the same file (part and
cohort) and size, drawn with repetition between instances and never within one. Positives and
negatives of a file are then draws from one distribution, so whoever does not look at the user
cannot tell them apart by category, popularity or anything else an item shows.

The user's own items are no negatives, and that alone would make negatives rarer than positives:
popular items are those that users have already. A row is therefore drawn in proportion to a
weight by which every item is expected among the negatives as often as among the positives, times
the negatives per positive; :func:`_balancing_weights` finds it by iterative proportional fitting
(Deming & Stephan, 1940).

What is left of a difference is of second order:

- items within an instance are distinct, which favours rare ones among the negatives by about the
  chance that an item would be drawn twice: half the negatives times its share;
- the weights equal the shares over all users together, not among users with equally long
  histories (``docs/examples/blind_selection.py`` measures what a rule gains by that, and what it
  would gain without the weights);
- several positives come as a block of one user's consecutive items. So do the negatives, but
  a last block that does not fit is cut, and the weight of a block is the product of its items'.

Validation candidates come from validation rows of seen users, training ones from training rows:
no test row has a part in them. Candidates of a test instance hold items of other users' test
rows. A model sees them at prediction time only, a few at a time and without their users, and may
not let an answer depend on other instances of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.instances.ragged import Ragged
from benchmark.data.instances.seeded import splitmix

Ints = NDArray[np.int64]

#: Draws from one pool before an instance gives up on it.
_PROBES = 128
#: Counters of the generator from which the order of the candidates is drawn.
_SHUFFLE = 1 << 20
#: Rounds of proportional fitting; five leave a total difference of 5e-9 on ``ml-100k``.
_ROUNDS = 10
#: Largest weight, for items that nearly everyone has. Also the resolution: weights are whole
#: multiples of 1 / _RESOLUTION, so that draws do not depend on a machine's last digit.
_MOST_WEIGHT = 50.0
_RESOLUTION = 1 << 16


@dataclass(frozen=True)
class Blocks:
    """Holds the targets of one file: whose they are and which distinct items, in time order."""

    user: Ints
    """Any numbering of users, (n,)."""
    items: Ragged
    """Catalogue indices, n rows of one or more."""
    keys: NDArray[np.uint64]
    """What each instance's draws depend on, (n,)."""


class Owned:
    """Knows which user has which items."""

    def __init__(self, user: Ints, item: Ints, *, catalogue: int) -> None:
        self.catalogue = catalogue
        """Number of items."""
        self._codes = np.unique(user * catalogue + item)

    @property
    def pairs(self) -> tuple[Ints, Ints]:
        """Return users and items of all pairs, each once."""
        return self._codes // self.catalogue, self._codes % self.catalogue

    def has(self, user: Ints, item: Ints) -> NDArray[np.bool_]:
        """Return whether each user has the item beside it; shapes broadcast."""
        wanted = user * self.catalogue + item
        at = np.minimum(np.searchsorted(self._codes, wanted), len(self._codes) - 1)
        return np.asarray(self._codes[at] == wanted)


def draw_candidates(blocks: Blocks, owned: Owned, *, negatives: int) -> tuple[Ragged, int]:
    """Return every instance's candidates, shuffled, and how many the catalogue had to fill.

    ``owned`` has all items of a user that the part may know, those of its blocks among them. An
    instance gets ``negatives`` items beside its own: other users' blocks of its size, then,
    where these do not suffice, any item of the file, then any of the catalogue (all equally
    likely; such instances are counted), and fewer only where the catalogue has no more.
    """
    flat, offsets = blocks.items.flat()
    size = np.diff(offsets)
    starts = offsets[:-1]
    width = int(size.max(initial=0)) + negatives
    table = np.full((len(size), width), -1, dtype=np.int64)
    of_item = _balancing_weights(blocks.user.repeat(size), flat, owned)
    for k in np.unique(size).tolist():
        rows = np.flatnonzero(size == k)
        own = flat[starts[rows, None] + np.arange(k)]  # (rows, k)
        table[rows, :k] = own
        drawing = _Drawing(blocks.user[rows], blocks.keys[rows], owned, table[rows], k + negatives)
        drawing.fill(own, np.prod(of_item[own], axis=1))
        drawing.fill(flat[:, None], of_item[flat])
        table[rows] = drawing.table
    return _finish(table, size + negatives, blocks, owned)


def _balancing_weights(user: Ints, item: Ints, owned: Owned) -> NDArray[np.float64]:
    """Weights of items, (catalogue,), under which negatives are as frequent as positives.

    A negative of user u is item i with probability ``q[i] * w[i] / Z[u]`` unless u has i, where q
    is the share of i among the targets (``user``, ``item``) and Z[u] the sum over what u has not.
    Its mean over the targets' users is q[i] where ``w[i]`` is one over the mean of ``1 / Z[u]``
    with 0 for those who have i.
    """
    share = np.bincount(item, minlength=owned.catalogue) / max(len(item), 1)
    has_user, has_item = owned.pairs
    users = int(max(user.max(initial=0), has_user.max(initial=0))) + 1
    often = np.bincount(user, minlength=users) / max(len(user), 1)
    weights = np.ones(owned.catalogue)
    for _ in range(_ROUNDS):
        mass = share * weights
        had = np.bincount(has_user, mass[has_item], minlength=users)
        per_user = often / np.maximum(mass.sum() - had, 1.0 / _MOST_WEIGHT)
        missed = np.bincount(has_item, per_user[has_user], minlength=owned.catalogue)
        weights = 1.0 / np.maximum(per_user.sum() - missed, 1.0 / _MOST_WEIGHT)
    return weights


class _Drawing:
    """Fills rows of candidates, all instances at a time; ``table`` (n, width), -1 = empty."""

    def __init__(
        self, user: Ints, keys: NDArray[np.uint64], owned: Owned, table: Ints, wanted: int
    ) -> None:
        self.table = table
        self._user, self._keys, self._owned, self._wanted = user, keys, owned, wanted
        self._counter = 0

    def fill(self, pool: Ints, weights: NDArray[np.float64]) -> None:
        """Draw rows of ``pool`` (m, k) in proportion to ``weights`` (m,) until none is missing.

        A row with an item that the user has or that was drawn before is drawn again.
        """
        whole = np.maximum(np.rint(weights * _RESOLUTION), 1).astype(np.int64)
        ends = np.cumsum(whole)
        held = (self.table >= 0).sum(axis=1)
        for _ in range(_PROBES):
            rows = np.flatnonzero(held < self._wanted)
            if not len(rows):
                return
            point = splitmix(self._keys[rows], self._counter) % np.uint64(ends[-1])
            self._counter += 1
            drawn = pool[np.searchsorted(ends, point.astype(np.int64), side="right")]  # (rows, k)
            had = self._owned.has(self._user[rows, None], drawn).any(axis=1)
            again = (drawn[:, :, None] == self.table[rows][:, None, :]).any(axis=(1, 2))
            new = ~(had | again)
            for column in drawn[new].T:
                into = rows[new]
                room = held[into] < self._wanted
                self.table[into[room], held[into[room]]] = column[room]
                held[into[room]] += 1


def _finish(table: Ints, wanted: Ints, blocks: Blocks, owned: Owned) -> tuple[Ragged, int]:
    """Fill what is missing from the catalogue, and shuffle each row."""
    held = (table >= 0).sum(axis=1)
    short = np.flatnonzero(held < wanted)
    everything = np.arange(owned.catalogue)
    for row in short.tolist():
        free = ~owned.has(blocks.user[row], everything)
        free[table[row, : held[row]]] = False
        rest = everything[free]
        order = splitmix(blocks.keys[row] ^ rest.astype(np.uint64), _SHUFFLE)
        more = rest[np.argsort(order, kind="stable")][: wanted[row] - held[row]]
        table[row, held[row] : held[row] + len(more)] = more
        held[row] += len(more)
    columns = np.arange(table.shape[1], dtype=np.uint64)
    order = splitmix(blocks.keys[:, None] ^ columns, _SHUFFLE)
    order[table < 0] = np.iinfo(np.uint64).max
    shuffled = np.take_along_axis(table, np.argsort(order, axis=1, kind="stable"), axis=1)
    low = np.arange(len(table), dtype=np.int64) * table.shape[1]
    return Ragged(shuffled.ravel(), low, low + held), len(short)
