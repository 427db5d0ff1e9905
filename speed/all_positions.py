"""Is a target at every place as good as one a prefix? SASRec and GRU4Rec, on validation.

    python speed/all_positions.py --data ml-100k --data amazon-beauty-ids --seed 0 --seed 1

Each system is trained both ways until early stopping and asks the validation questions, of which
the test questions know nothing: the answer decides a default. Fits are stored as those of
``unimp-bench run`` are: a killed script goes on where it was, and what was fitted is not fitted
again. For parity a step has about as many targets both ways: a batch of B prefixes against
B / (mean targets of a row) sequences, unless ``--set batch_size`` says otherwise. Targets an epoch
are the same; a user with more items than the window becomes several rows.

Printed are both values, the mean difference (every place minus prefixes) over all questions and
seeds with its 95% bootstrap interval by user, epochs until the best and in all, and seconds of
training (of the last piece where a fit was killed).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from baselines.recbole.causal import CausalModel
from benchmark.data.dataset import Dataset
from benchmark.data.instances.timeline import Timeline
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import Home, find_home
from benchmark.instances import RecommendationInstance
from benchmark.metrics import ranking
from benchmark.metrics.base import Statistics
from benchmark.models.building import configure
from benchmark.runs.fitting import Fitted, fit_or_load
from benchmark.stats import paired_difference

MODELS = ("sasrec", "gru4rec")
METRICS = ("NDCG@5", "HR@10")
#: A batch of prefixes, where ``--set batch_size`` gives none.
PREFIXES = 2048


def main() -> None:
    """Train both ways on the same data and print scores and seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for both ways; batch_size counts targets")  # fmt: skip
    arguments = parser.parse_args()
    pairs = (setting.partition("=") for setting in arguments.set)
    settings = {key: json.loads(value) for key, _, value in pairs}
    home = find_home(arguments.home)
    for data in arguments.data:
        dataset = ensure_dataset(data, home)
        for name in arguments.model or MODELS:
            _compare(name, dataset, arguments.seed or [0, 1, 2], settings, home)


def _compare(
    name: str, dataset: Dataset, seeds: Sequence[int], settings: dict[str, Any], home: Home
) -> None:
    prefixes = {"batch_size": PREFIXES, **settings, "targets": "last"}
    rows = _rows_for(name, prefixes, dataset)
    ways = {
        "prefixes": prefixes,
        "every place": {**settings, "targets": "every", "batch_size": rows},
    }
    scored: dict[str, list[Statistics]] = {way: [] for way in ways}
    users: list[str] = []
    print(f"{name} on {dataset.name}")
    for seed in seeds:
        for way, chosen in ways.items():
            built = configure(name, chosen)
            fitted = fit_or_load(built, dataset, seed, home)
            asked, statistics = _validated(fitted, dataset)
            scored[way].append(statistics)
            _print_fit(way, seed, fitted, statistics, built.config["batch_size"])
        users += asked
    both = [
        {name: np.concatenate([one[name] for one in scored[way]]) for name in METRICS}
        for way in ("every place", "prefixes")
    ]
    for metric in METRICS:
        difference = paired_difference(ranking.metric(metric), *both, users)
        ends = (difference.low, difference.high)
        between = ", ".join("-" if end is None else f"{end:+.4f}" for end in ends)
        print(
            f"  {metric}: every place minus prefixes {difference.value:+.4f} "
            f"[{between}], {difference.users} users, {len(seeds)} seeds",
            flush=True,
        )


def _rows_for(name: str, prefixes: dict[str, Any], dataset: Dataset) -> int:
    """Sequences with about as many targets as a batch of ``prefixes`` has."""
    view = dataset.training_view()
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    rows = []
    for targets in ("last", "every"):
        model = configure(name, {**prefixes, "targets": targets}).build()
        assert isinstance(model, CausalModel)
        model._know(view.catalogue.ids, timeline.users)
        model._size(view, timeline)
        rows.append(len(model.training_rows(timeline, minimum=1)))
    return max(1, round(prefixes["batch_size"] * rows[1] / rows[0]))


def _validated(fitted: Fitted, dataset: Dataset) -> tuple[list[str], Statistics]:
    """Who was asked, and each one's values, on all validation questions."""
    view = dataset.training_view()
    index = view.catalogue.index
    examples = list(view.examples("recommendation", "valid"))
    instances = [cast(RecommendationInstance, example.instance) for example in examples]
    answers = list(fitted.model.predict(instances))
    predicted = np.array([[index[item_id] for item_id in answer.items] for answer in answers])
    target = np.array([index[cast(tuple[str, ...], example.target)[0]] for example in examples])
    _, statistics = ranking.score(predicted, target, METRICS)
    return [instance.user_id for instance in instances], statistics


def _print_fit(way: str, seed: int, fitted: Fitted, statistics: Statistics, batch: int) -> None:
    journal = cast(CausalModel, fitted.model).journal
    values = ", ".join(f"{name} {statistics[name].mean():.4f}" for name in METRICS)
    print(
        f"  seed {seed}, {way:11} {values}, best epoch {journal.best_epoch} of "
        f"{len(journal.losses)}, {fitted.record['seconds']:.0f} s, batches of {batch}",
        flush=True,
    )


if __name__ == "__main__":
    main()
