"""What our adapter adds to an epoch of RecBole's own networks, for all seven systems.

    python speed/recbole_training.py --data sim-s --epochs 3

"direct" is the library called directly: the plainest loop there is, over batches that lie ready as
tensors, with the network's own ``calculate_loss``, a backward pass and a step of Adam. "ours" is
what ``fit`` does in an epoch, validation aside: shuffling, drawing negatives, building the batches,
our loop with its progress bar and reproducible kernels, and, where there is one, our own way to the
same loss. Both start from the same weights and take turns, an epoch each, in one process; the first
epoch of each is not counted. An epoch is cut after ``--steps`` batches. Printed are the medians and
how much more (or less) "ours" takes. Times are of this process' processor, so that a busy machine
slows none down.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import statistics
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from baselines.learning import ranker
from baselines.learning.factors import Batch
from baselines.learning.loop import train
from baselines.recbole import recbole_fixes, s3rec
from baselines.recbole.pairs import RecBolePairs
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.model import TrainingView
from benchmark.models.building import configure
from benchmark.training.journal import Journal
from benchmark.training.reproducible import reproducible

#: Of SASRec and GRU4Rec the variant whose rows the library's loss knows.
MODELS = ("mf", "lightgcn", "hgn", "gru4rec:prefixes", "sasrec:prefixes", "bert4rec", "s3rec")


def main() -> None:
    """Time training through the adapter and by direct calls, and print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    view = ensure_dataset(arguments.data, find_home(arguments.home)).training_view()
    torch.set_num_threads(1)
    print(f"{'model':16} {'stage':14} {'direct, s':>10} {'ours, s':>10} {'added':>8}")
    for name in arguments.model or MODELS:
        model = configure(name, {"threads": 1}).build()
        for stage in training_stages(model, view):
            stage = _shortened(stage, arguments.steps)
            direct, ours = _compare(model, stage, epochs=arguments.epochs + 1)
            what = stage["label"].split()[0]
            added = f"{ours / direct - 1:+.1%}"
            print(f"{name:16} {what:14} {direct:10.2f} {ours:10.2f} {added:>8}", flush=True)


def training_stages(model: Any, view: TrainingView) -> list[dict[str, Any]]:
    """Capture what ``model.fit`` hands to the training loop, stage by stage, to call it again."""
    stages: list[dict[str, Any]] = []

    def caught(network: torch.nn.Module, **arguments: Any) -> Journal:
        kept = ("batches", "steps", "loss", "settings", "label", "optimiser", "before_epoch")
        given = {name: arguments[name] for name in kept if name in arguments}
        stages.append({"network": network, **given})
        return Journal([{"stage": "training", "loss": 0.0}])

    with (
        mock.patch.object(ranker, "train", caught),
        mock.patch.object(s3rec, "train", caught),
    ):
        model.fit(view, seed=0)
    return stages


def _shortened(stage: dict[str, Any], steps: int) -> dict[str, Any]:
    batches = stage["batches"]
    steps = min(steps, stage["steps"])
    return {**stage, "steps": steps, "batches": lambda: itertools.islice(batches(), steps)}


def _tokens(batch: Batch) -> dict[str, torch.Tensor]:
    """A batch of pairs as RecBole has it: item 0 is padding."""
    return {
        recbole_fixes.USER: batch.user + 1,
        recbole_fixes.ITEM: batch.taken + 1,
        recbole_fixes.NEGATIVE: batch.other + 1,
    }


def _compare(model: Any, stage: dict[str, Any], *, epochs: int) -> tuple[float, float]:
    """Median seconds an epoch: direct, ours."""
    with reproducible(0, 1):
        ready = list(stage["batches"]())
    network = copy.deepcopy(stage["network"])
    optimiser = torch.optim.Adam(network.parameters(), lr=model.config.learning_rate)
    pretraining = stage["label"].startswith("pre-training")
    if pretraining:
        ready = [(model.attributes_of(batch["items"]), *batch.values()) for batch in ready]
    elif isinstance(model, RecBolePairs):
        ready = [_tokens(batch) for batch in ready]

    seconds: dict[str, list[float]] = {"direct": [], "ours": []}
    clock = time.process_time()

    def directs_turn() -> float:
        """Time the direct way after each of our epochs, where ``fit`` would validate."""
        nonlocal clock
        seconds["ours"].append(time.process_time() - clock)
        mode = torch.get_deterministic_debug_mode()
        torch.set_deterministic_debug_mode("default")
        clock = time.process_time()
        network.train()
        for batch in ready:
            optimiser.zero_grad(set_to_none=True)
            loss = network.pretrain(*batch) if pretraining else network.calculate_loss(batch)
            loss.backward()
            optimiser.step()
        seconds["direct"].append(time.process_time() - clock)
        torch.set_deterministic_debug_mode(mode)
        clock = time.process_time()
        return 0.0

    settings = stage["settings"].model_copy(update={"patience": epochs})
    with reproducible(0, 1):
        clock = time.process_time()
        train(**{**stage, "settings": settings}, epochs=epochs, validate=directs_turn)
    return statistics.median(seconds["direct"][1:]), statistics.median(seconds["ours"][1:])


if __name__ == "__main__":
    main()
