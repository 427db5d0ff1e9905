"""Training speed of UniMP: shared histories beside one instance per row, and the field's modules.

python speed/unimp_training.py --data sim-s --steps 20

All train on the same instances, every next item of a user asked for by every task, with context
reconstruction, at the same width, depth, heads, visual tokens and number of cross-attentions:

* "shared" is what `fit` does: instances of one user hang as branches on one trunk.
* "separate" is the same network and losses, each instance written out with a history of its own.
* "flamingo-pytorch" is the resampler and gated blocks of that package (0.1.2) hooked into the same
  Llama, trained the usual way: one instance per row, every row's images resampled for themselves,
  all positions projected to the whole vocabulary, cross-entropy. Its blocks have a feed-forward
  that the paper's do not; "flamingo-pytorch, lean" does without. It gets the batches of "separate",
  rows of like length together, which saves it padding that a plain loop would have.

Instances per second are what counts; "written tokens" are those of the separate layout, so that all
rates are of the same text. Contenders take turns, a step each, so that a busy machine is as busy
for all. The first step of each is not timed; its operations are counted instead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from conditioned_llama import (
    ConditionedLlama,
    FlamingoModules,
    padded,
    require_flamingo,
    whole_llama,
)
from torch.utils.flop_counter import FlopCounterMode

from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.host.torch_setup import prepare_torch
from unimp_model.assembly import assemble
from unimp_model.config import UniMPConfig
from unimp_model.parts import Parts
from unimp_model.sequence.batches import bucketed, collate
from unimp_model.sequence.template import CONTEXT, Row
from unimp_model.training.optimisation import check_precision, make_optimiser
from unimp_model.training.rows import Chunk, RowBuilder, Sequences, chunks
from unimp_model.training.step import training_loss

TASKS = ("recommendation", "search")

#: Dense bfloat16 operations a second by data sheet, by a part of the device's name.
BF16_PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}

#: A training step on some rows: how many positions it computed, padding included.
Step = Callable[[Sequence[Row]], int]


@dataclass
class Contender:
    """A way to train, and what its timed steps came to."""

    step: Step
    batches: list[list[Row]]
    seconds: float = 0.0
    instances: int = 0
    positions: int = 0
    operations: float = 0.0
    """Per position, forward and backward."""

    @property
    def rate(self) -> float:
        """Return instances per second."""
        return self.instances / self.seconds

    @property
    def operation_rate(self) -> float:
        """Return floating-point operations per second."""
        return self.operations * self.positions / self.seconds


def separate(chunk: Chunk) -> list[Chunk]:
    """Split into one chunk per target, each with the history it has in the shared chunk."""
    targets = range(chunk.first, chunk.last + 1)
    return [Chunk(chunk.user, chunk.start, target, target) for target in targets]


def rows_of(builder: RowBuilder, plan: Sequence[Chunk]) -> list[Row]:
    """Return every chunk's row, sequences in their true order."""
    sequences = Sequences(builder.sequences, [True] * len(builder.sequences))
    nothing_drawn = np.random.default_rng(0)  # all rates are 1
    return [builder.row(chunk, sequences, nothing_drawn, context=1.0) for chunk in plan]


def one_task_each(row_builders: Sequence[RowBuilder], plan: Sequence[Chunk]) -> list[Row]:
    """Build a row per instance: each builder asks one task only."""
    rows = [row for chunk in plan for b in row_builders for row in rows_of(b, [chunk])]
    return [row for row in rows if (row.kinds != CONTEXT).any()]


def answers(rows: Sequence[Row]) -> int:
    """Count the instances that ``rows`` answer, context reconstruction aside."""
    return sum(int((row.kinds != CONTEXT).sum()) for row in rows)


def own_step(parts: Parts, config: UniMPConfig, device: torch.device) -> Step:
    """Return a training step of our network as `fit` trains it."""
    optimiser = make_optimiser(parts.network, config)
    photo_index = {} if parts.photos is None else parts.photos.index

    def step(rows: Sequence[Row]) -> int:
        batch = collate(rows, photo_index, all_photos=False, slots=1).to(device)
        loss, _ = training_loss(parts.network, batch, parts.photos, config)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return batch.tokens.numel()

    return step


def flamingo_step(
    parts: Parts, config: UniMPConfig, device: torch.device, *, feed_forward: bool
) -> Step:
    """Return a training step of the package's modules around the same Llama, with AdamW."""
    photos, network = parts.photos, parts.network
    assert photos is not None, "the presets of this script see photos"
    with torch.no_grad():
        llama = whole_llama(
            network, network.tables(), tied=True, frozen=config.freezes_language_model
        )
    modules = FlamingoModules(network, config, photos.shape[1], feed_forward=feed_forward)
    model = ConditionedLlama(llama, modules).to(device).train()
    tuned = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(tuned, lr=config.learning_rate)
    bf16 = config.precision == "bf16"

    def step(rows: Sequence[Row]) -> int:
        batch = padded(rows, photos, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = model.loss(batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return batch.tokens.numel()

    return step


def race(contenders: Sequence[Contender], device: torch.device) -> None:
    """Take a step of each in turn until a contender is out of batches."""

    def wait() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    turns = min(len(contender.batches) for contender in contenders)
    if turns < 2:
        sys.exit("The data make a single batch.\nFix: fewer --rows, or larger --data.")
    for contender in contenders:
        with FlopCounterMode(display=False) as counter:
            positions = contender.step(contender.batches[0])
        contender.operations = counter.get_total_flops() / positions
    for turn in range(1, turns):
        for contender in contenders:
            rows = contender.batches[turn]
            started = wait()
            contender.positions += contender.step(rows)
            contender.seconds += wait() - started
            contender.instances += answers(rows)


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure operations per second of a large matrix product: what there is to be had."""
    n = 8192 if device.type == "cuda" else 1024
    a = torch.randn(n, n, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(6):
        started = time.perf_counter()
        product = a @ a
        product[0, 0].item()  # waits for an accelerator
        best = min(best, time.perf_counter() - started)
    return 2 * n**3 / best


def main() -> None:
    """Time the ways to train and print their rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20, help="timed steps of each contender")
    parser.add_argument("--preset", default="tiny", choices=("tiny", "smollm2"))
    parser.add_argument("--rows", type=int, default=24, help="rows a step, for all")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    require_flamingo()
    prepare_torch()
    device = torch.device(arguments.device)
    check_precision(arguments.precision, device)
    config = UniMPConfig(preset=arguments.preset, precision=arguments.precision, encoder_steps=0)
    view = ensure_dataset(arguments.data, find_home(arguments.home)).training_view()
    with tempfile.TemporaryDirectory() as folder:
        view.features_folder = Path(folder)  # features of an untrained encoder cost the same
        torch.manual_seed(0)
        parts = assemble(view, TASKS, config, seed=0)
        parts.network.to(device).train()
        builder, *single = (
            RowBuilder(view, parts.template, dict.fromkeys(tasks, 1.0), window=5, longest_answer=1)
            for tasks in (TASKS, *((task,) for task in TASKS))
        )
        lengths = [len(sequence) for sequence in builder.sequences]
        rng = np.random.default_rng(0)
        plan = chunks(
            lengths, window=config.history_items, targets=config.targets_per_row, generator=rng
        )
        most = min(len(plan), arguments.rows * (arguments.steps + 1))
        plan = [plan[i] for i in rng.permutation(len(plan))[:most]]
        shared = rows_of(builder, plan)
        alone = one_task_each(single, [one for chunk in plan for one in separate(chunk)])

        def batches(rows: Sequence[Row]) -> list[list[Row]]:
            order = bucketed([len(row.tokens) for row in rows], arguments.rows, rng)
            whole = [numbers for numbers in order if len(numbers) == min(arguments.rows, len(rows))]
            return [[rows[i] for i in numbers] for numbers in whole[: arguments.steps + 1]]

        one_each = batches(alone)
        contenders = {
            "shared": Contender(own_step(parts, config, device), batches(shared)),
            "separate": Contender(own_step(parts, config, device), one_each),
            "flamingo-pytorch": Contender(
                flamingo_step(parts, config, device, feed_forward=True), one_each
            ),
            "flamingo-pytorch, lean": Contender(
                flamingo_step(parts, config, device, feed_forward=False), one_each
            ),
        }
        race(list(contenders.values()), device)

    written = sum(len(row.tokens) for row in alone) / answers(alone)
    dtype = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    reachable = product_rate(device, dtype)
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    threads = f"{torch.get_num_threads()} threads" if device.type == "cpu" else named
    print(
        f"{arguments.data}, {arguments.preset}, {arguments.precision}, {threads}, "
        f"{arguments.rows} rows a step, {written:.0f} written tokens an instance"
    )
    ours = contenders["shared"]
    for name, contender in contenders.items():
        print(
            f"{name:22} {contender.rate:8.1f} instances/s "
            f"{contender.rate * written:9,.0f} written tokens/s "
            f"{contender.operation_rate / 1e9:9,.1f} Gflop/s "
            f"({contender.operation_rate / reachable:4.0%} of a matrix product)   "
            f"shared is {ours.rate / contender.rate:5.2f} x"
        )
    peak = next((rate for part, rate in BF16_PEAKS.items() if part in named), None)
    if peak is not None:
        print(f"shared: model flops utilisation {ours.operation_rate / peak:.1%} of bf16 peak")


if __name__ == "__main__":
    main()
