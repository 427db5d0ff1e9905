"""Selection candidates: the held-out positives among items the user never took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.seeded import Draws

#: Random probes of a pool before all that is left of it is listed.
_PROBES = 20


class CandidateSampler:
    """Draws the candidates of one instance from its key alone.

    Half of the negatives (rounded down) share the category of a positive: its full path,
    else the longest shorter prefix of it with items left; the other half come from anywhere.
    None is an item of the user, as far as the instance's part may know the user's items.
    """

    def __init__(self, catalogue: Catalogue, *, negatives: int) -> None:
        self.negatives = negatives
        self._items = range(len(catalogue))
        self._paths: list[tuple[str, ...]] = [
            tuple(path or ()) for path in catalogue.frame["category"].to_list()
        ]
        self._pools: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, path in enumerate(self._paths):
            for depth in range(1, len(path) + 1):
                self._pools[path[:depth]].append(index)

    def candidates(self, key: int, positives: Sequence[int], own: Collection[int]) -> list[int]:
        """Return ``positives`` and up to ``negatives`` others: catalogue indices, shuffled.

        Fewer than ``negatives`` only where the catalogue has no more items to offer.
        """
        draws = Draws(key)
        taken = set(own).union(positives)
        chosen = list(dict.fromkeys(positives))
        for slot in range(self.negatives):
            if slot < self.negatives // 2:
                negative = self._from_category(positives[slot % len(positives)], taken, draws)
            else:
                negative = _from_pool(self._items, taken, draws)
            if negative is None:
                break
            taken.add(negative)
            chosen.append(negative)
        draws.shuffle(chosen)
        return chosen

    def _from_category(self, positive: int, taken: set[int], draws: Draws) -> int | None:
        path = self._paths[positive]
        for depth in range(len(path), 0, -1):
            negative = _from_pool(self._pools[path[:depth]], taken, draws)
            if negative is not None:
                return negative
        return _from_pool(self._items, taken, draws)


def _from_pool(pool: Sequence[int], taken: set[int], draws: Draws) -> int | None:
    """Draw an item of ``pool`` outside ``taken``, all equally likely; ``None`` if there is none."""
    for _ in range(_PROBES if pool else 0):
        item = pool[draws.below(len(pool))]
        if item not in taken:
            return item
    rest = [item for item in pool if item not in taken]
    return rest[draws.below(len(rest))] if rest else None
