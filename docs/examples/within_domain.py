"""Tell how well models rank the items of new domains, among all items and among themselves.

    python docs/examples/within_domain.py sim-s unimp attribute-counts informed

Of each model the fit of seed 0 is taken, or made. It is asked the recommendation instances of the
cohort ``new-domain`` twice: as they are, and with the items of all other domains excluded. Who is
far better then knows the user, and does not rank unseen items beside seen ones.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace

import benchmark as ub
from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.instances import Instance

K = 5


def among_themselves(asked: FrozenInstances, dataset: Dataset) -> list[Instance]:
    """Return the instances with all items excluded whose domain is none of the targets'."""
    domains = {item.item_id: item.domain for item in dataset.catalogue()}
    new = {domains[target] for targets in asked.targets for target in targets}
    others = frozenset(item for item, domain in domains.items() if domain not in new)
    return [replace(instance, exclude=instance.exclude | others) for instance in asked]


def scores(rankings: Sequence[Sequence[str]], targets: Sequence[str]) -> tuple[float, float]:
    """Return HR and NDCG at five, 0 to 1, of one target a ranking."""
    pairs = zip(rankings, targets, strict=True)
    places = [list(ranked[:K]).index(one) for ranked, one in pairs if one in ranked[:K]]
    gains = sum(1 / math.log2(place + 2) for place in places)
    return len(places) / len(targets), gains / len(targets)


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", help="a dataset with the cohort new-domain")
    parser.add_argument("models", nargs="+", metavar="model")
    given = parser.parse_args()
    dataset = ub.open_dataset(given.data)
    asked = dataset.instances("recommendation", cohort="new-domain")
    apart = among_themselves(asked, dataset)
    targets = [target for (target,) in asked.targets]
    print(f"{len(asked)} users           among all items   among the new domains'")
    print(f"{'':20}  HR@{K}   NDCG@{K}      HR@{K}   NDCG@{K}")
    for model in given.models:
        fitted = ub.fit(model, given.data)
        told = []
        for instances in (list(asked), apart):
            rankings = [ranking.items for ranking in ub.predict(fitted, instances)]
            told.append("  ".join(f"{value:.4f}" for value in scores(rankings, targets)))
        print(f"{model:20}  {'     '.join(told)}")


if __name__ == "__main__":
    main()
