"""How often a rule that sees no user is right in selection, and what plain drawing gives away.

    python docs/examples/blind_selection.py --data ml-100k

Of each test instance of a seen user a rule takes the candidate it likes best: the most popular (by
training counts), one of the category that most candidates share, the first, or any. Candidates
that tie share the credit. "plainly" draws the negatives anew, uniformly from what other users took
at the same stage, as the task does but without its weights.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import benchmark as ub
from benchmark.instances import Item

Rule = Callable[[Sequence[Item], Counter[str]], list[float]]
RULES: dict[str, Rule] = {
    "any": lambda items, counts: [0.0] * len(items),
    "most popular": lambda items, counts: [counts[item.item_id] for item in items],
    "majority category": lambda items, counts: [
        sum(other.category == item.category for other in items) for item in items
    ],
    "first": lambda items, counts: [-place for place in range(len(items))],
}


def main() -> None:
    """Print a line a rule."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s", help="a prepared dataset")
    parser.add_argument("--draws", type=int, default=20, help="draws of plain candidates")
    asked = parser.parse_args()
    dataset = ub.open_dataset(asked.data)
    counts = Counter(dataset.training_view().interactions()["item_id"].to_list())
    instances = dataset.instances("selection")
    targets = [set(target) for target in instances.targets]
    shown = [tuple(instance.candidates) for instance in instances]
    users = [instance.user_id for instance in instances]
    of_user = dataset.interactions().group_by("user_id").agg("item_id")
    owned = {user: set(items) for user, items in of_user.iter_rows()}
    own = [owned[user] for user in users]
    plain = [
        items
        for seed in range(asked.draws)
        for items in _drawn_plainly(shown, targets, own, np.random.default_rng(seed))
    ]
    print(f"{asked.data}: {len(shown):,} instances; share in which the candidate is right")
    print(f"{'rule':20}{'as drawn':>10}{'plainly':>10}")
    for name, rule in RULES.items():
        drawn = np.mean(list(_right(rule, shown, targets, counts)))
        redrawn = np.mean(list(_right(rule, plain, targets * asked.draws, counts)))
        print(f"{name:20}{drawn:10.1%}{redrawn:10.1%}")


def _right(
    rule: Rule,
    shown: Sequence[Sequence[Item]],
    targets: Sequence[set[str]],
    counts: Counter[str],
) -> Iterator[float]:
    for items, target in zip(shown, targets, strict=True):
        scores = rule(items, counts)
        best = [item for item, s in zip(items, scores, strict=True) if s == max(scores)]
        yield sum(item.item_id in target for item in best) / len(best)


def _drawn_plainly(
    shown: Sequence[Sequence[Item]],
    targets: Sequence[set[str]],
    own: Sequence[set[str]],
    rng: np.random.Generator,
) -> Iterator[list[Item]]:
    """Each instance's positives in a random place among as many negatives as it has.

    Fewer where others took too little that the user, who has ``own``, did not.
    """
    taken = [
        item
        for items, target in zip(shown, targets, strict=True)
        for item in items
        if item.item_id in target
    ]
    different = {item.item_id for item in taken}
    for items, target, has in zip(shown, targets, own, strict=True):
        drawn = {item.item_id: item for item in items if item.item_id in target}
        most = min(len(items), len(drawn) + len(different - has))
        while len(drawn) < most:
            item = taken[int(rng.integers(len(taken)))]
            if item.item_id not in has:
                drawn[item.item_id] = item
        order = rng.permutation(len(drawn))
        yield [list(drawn.values())[place] for place in order]


if __name__ == "__main__":
    main()
