"""Training speed of UniMP: shared histories beside one instance per row, in one run.

python benchmarks/unimp_training.py --data sim-s --steps 20

Both layouts train the same network on the same instances with the same losses: every next item
of a user, asked for by every task. "shared" is what `fit` does: instances of one user hang as
branches on one trunk. "separate" writes each instance out with a history of its own, as the
usual training loop does. Instances per second are what counts; "written tokens" are those of the
separate layout, so that both rates are of the same text.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmark.data.dataset import ensure_dataset
from benchmark.home import find_home
from benchmark.torch_setup import prepare_torch
from unimp_model.assembly import Parts, assemble
from unimp_model.batches import bucketed, collate
from unimp_model.config import UniMPConfig
from unimp_model.examples import Chunk, RowBuilder, Sequences, chunks
from unimp_model.optimisation import make_optimiser
from unimp_model.sequence import CONTEXT, Row
from unimp_model.training import training_loss

TASKS = ("recommendation", "search")


def separate(chunk: Chunk) -> list[Chunk]:
    """One chunk per target, each with the history it has in the shared chunk."""
    targets = range(chunk.first, chunk.last + 1)
    return [Chunk(chunk.user, chunk.start, target, target) for target in targets]


def rows_of(builder: RowBuilder, plan: Sequence[Chunk]) -> list[Row]:
    """Every chunk's row, sequences in their true order."""
    sequences = Sequences(builder.sequences, [True] * len(builder.sequences))
    nothing_drawn = np.random.default_rng(0)  # all rates are 1
    return [builder.row(chunk, sequences, nothing_drawn, context=1.0) for chunk in plan]


def one_task_each(row_builders: Sequence[RowBuilder], plan: Sequence[Chunk]) -> list[Row]:
    """A row per instance: each builder asks one task only."""
    rows = [row for chunk in plan for b in row_builders for row in rows_of(b, [chunk])]
    return [row for row in rows if (row.kinds != CONTEXT).any()]


def answers(rows: Sequence[Row]) -> int:
    return sum(int((row.kinds != CONTEXT).sum()) for row in rows)


def steps_per_layout(
    parts: Parts, config: UniMPConfig, batches: Sequence[Sequence[Row]]
) -> tuple[float, int, int]:
    """Seconds, instances and tokens of one optimiser step per batch; the first is not timed."""
    optimiser = make_optimiser(parts.network, config)
    seconds, instances, tokens = 0.0, 0, 0
    photo_index = {} if parts.photos is None else parts.photos.index
    for number, rows in enumerate(batches):
        started = time.perf_counter()
        batch = collate(rows, photo_index, all_photos=False, slots=1)
        loss, _ = training_loss(parts.network, batch, parts.photos, config)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if number:
            seconds += time.perf_counter() - started
            instances += answers(rows)
            tokens += sum(len(row.tokens) for row in rows)
    return seconds, instances, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20, help="timed steps of the shared layout")
    parser.add_argument("--preset", default="tiny", choices=("tiny", "smollm2"))
    parser.add_argument("--rows", type=int, default=24, help="rows a step, in both layouts")
    arguments = parser.parse_args()

    prepare_torch()
    config = UniMPConfig(preset=arguments.preset, encoder_steps=0)
    view = ensure_dataset(arguments.data, find_home(arguments.home)).training_view()
    with tempfile.TemporaryDirectory() as folder:
        view.features_folder = Path(folder)  # features of an untrained encoder cost the same
        torch.manual_seed(0)
        parts = assemble(view, TASKS, config, seed=0)
        builder, *single = (
            RowBuilder(view, parts.template, dict.fromkeys(tasks, 1.0), longest_answer=1)
            for tasks in (TASKS, *((task,) for task in TASKS))
        )
        lengths = [len(sequence) for sequence in builder.sequences]
        rng = np.random.default_rng(0)
        plan = chunks(
            lengths, window=config.history_items, targets=config.targets_per_row, generator=rng
        )
        most = min(len(plan), arguments.rows * (arguments.steps + 1))
        plan = [plan[i] for i in rng.permutation(len(plan))[:most]]
        layouts = {
            "separate": one_task_each(single, [one for chunk in plan for one in separate(chunk)]),
            "shared": rows_of(builder, plan),
        }
        written = sum(len(row.tokens) for row in layouts["separate"])
        written_each = written / answers(layouts["separate"])
        print(
            f"{arguments.data}, {arguments.preset}, {torch.get_num_threads()} threads, "
            f"{answers(layouts['shared']):,} instances, {arguments.rows} rows a step"
        )
        rates = {}
        for name, rows in layouts.items():
            order = bucketed([len(r.tokens) for r in rows], arguments.rows, rng)
            order = order[: 3 * arguments.steps + 1]
            batches = [[rows[i] for i in numbers] for numbers in order]
            seconds, instances, tokens = steps_per_layout(parts, config, batches)
            rates[name] = instances / seconds
            print(
                f"{name:9} {rates[name]:8.1f} instances/s  "
                f"{rates[name] * written_each:10,.0f} written tokens/s  "
                f"{tokens / seconds:10,.0f} computed tokens/s"
            )
        print(f"shared / separate: {rates['shared'] / rates['separate']:.2f} x")


if __name__ == "__main__":
    main()
