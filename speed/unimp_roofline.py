"""Where a training step of UniMP goes, layer by layer, beside what a matrix product would take.

    python speed/unimp_roofline.py --data sim-s

A real step is taken once and what enters every layer is kept; then each layer alone goes forward
and backward over that several times. "Gflop" are its products, counted. "product" is the rate of a
plain float32 product of the layer's own largest shape, on this machine; the share is the layer's
rate of that. "the rest" is the step's time that no layer accounts for. Times are of the processor,
all threads together, so that other work on the machine disturbs them little. Then, of each layer,
the operations that take most of it and how often they are called, as torch's profiler tells them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from unimp_training import TASKS, rows_of

from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.host.torch_setup import prepare_torch
from unimp_model.assembly import assemble
from unimp_model.config import UniMPConfig
from unimp_model.network.model import Asked, UniMPNetwork
from unimp_model.parts import Parts
from unimp_model.sequence.batches import Batch, collate
from unimp_model.sequence.template import CONTEXT
from unimp_model.training.losses import focal_loss
from unimp_model.training.optimisation import make_optimiser
from unimp_model.training.rows import RowBuilder, chunks
from unimp_model.training.step import training_loss

#: Rows, inner size and columns of a product.
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """One kind of layer: ``run`` goes forward and backward through all that a step has of it."""

    name: str
    run: Callable[[], None]
    shape: Shape | None
    """Its largest product; ``None`` where it has none."""


def entering(modules: Mapping[str, Iterable[nn.Module]], step: Callable[[], Any]) -> dict[str, Any]:
    """Return, by kind, ``(module, args, kwargs)`` of each of ``modules`` in one ``step``."""
    seen: dict[str, Any] = {kind: [] for kind in modules}

    def keep(kind: str) -> Callable[..., None]:
        return lambda module, args, kwargs: seen[kind].append((module, args, kwargs))

    hooks = [
        module.register_forward_pre_hook(keep(kind), with_kwargs=True)
        for kind, several in modules.items()
        for module in several
    ]
    step()
    for hook in hooks:
        hook.remove()
    return seen


def forth_and_back(calls: list[Any]) -> Callable[[], None]:
    """Return a pass through every call, as :func:`entering` keeps them, and back."""

    def alone(value: Any) -> Any:
        """``value`` without what led to it: the way back ends here."""
        if isinstance(value, Tensor):
            return value.detach().requires_grad_(value.is_floating_point())
        if isinstance(value, tuple):
            return tuple(alone(each) for each in value)
        return value

    def run() -> None:
        for module, args, kwargs in calls:
            given = {name: alone(value) for name, value in kwargs.items()}
            out = module(*map(alone, args), **given)
            (out if isinstance(out, Tensor) else out[0]).sum().backward()

    return run


def layers_of(
    parts: Parts, batch: Batch, config: UniMPConfig, step: Callable[[], Any]
) -> list[Layer]:
    """Return the layers of a step on ``batch``."""
    network, photos = parts.network, parts.photos
    decoder = network.language.layers
    seen = entering(
        {
            "cross-attention": network.cross_attention.values(),
            "self-attention": [layer.self_attn for layer in decoder],
            "feed-forward": [layer.mlp for layer in decoder],
            "resampler": [] if network.resampler is None else [network.resampler],
        },
        step,
    )
    tokens, width = batch.tokens.numel(), network.language.width
    inner = decoder[0].mlp.up_proj.out_features
    found = [
        Layer("self-attention", forth_and_back(seen["self-attention"]), (tokens, width, width)),
        Layer("feed-forward", forth_and_back(seen["feed-forward"]), (tokens, width, inner)),
    ]
    if photos is not None:
        patches = len(batch.photos) * photos.shape[0]
        shape = (patches, photos.shape[1], width)
        found[:0] = [
            Layer("resampler", forth_and_back(seen["resampler"]), shape),
            Layer(
                "cross-attention", forth_and_back(seen["cross-attention"]), (tokens, width, width)
            ),
        ]
    states = torch.randn(len(batch.reads), width)
    words = len(network.language.output_rows) + network.specials + len(network.items.input_delta)
    head = Layer(
        "head, softmax", head_of(network, batch, states, config), (len(states), width, words)
    )
    return [Layer("rows, embedding", embedding_of(network, batch), None), *found, head]


def embedding_of(network: UniMPNetwork, batch: Batch) -> Callable[[], None]:
    """Return the making of all item rows and the look-up of the batch's, and back."""

    def run() -> None:
        network.embed(batch.tokens, network.tables()).sum().backward()

    return run


def head_of(
    network: UniMPNetwork, batch: Batch, states: Tensor, config: UniMPConfig
) -> Callable[[], None]:
    """Return scores and loss: of answers among items, of context over the whole vocabulary."""
    first_item = len(network.language.output_rows) + network.specials
    context = (batch.kinds == CONTEXT).nonzero().flatten()
    answers = (batch.kinds != CONTEXT).nonzero().flatten()
    with torch.no_grad():
        tables = network.tables()

    def run() -> None:
        given = states.detach().requires_grad_(True)
        words = network.logits(given[context], tables, Asked(batch, context))
        items = network.item_logits(given[answers], tables, Asked(batch, answers))
        loss = focal_loss(words, batch.targets[context], gamma=config.gamma).sum()
        targets = batch.targets[answers] - first_item
        (loss + focal_loss(items, targets, gamma=config.gamma).sum()).backward()

    return run


def seconds_of(run: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of several passes, after one that is not timed."""
    run()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def product_rate(shape: Shape, repeats: int) -> float:
    """Return operations a second of a product of ``shape``."""
    rows, inner, columns = shape
    a, b = torch.randn(rows, inner), torch.randn(inner, columns)
    return 2 * rows * inner * columns / seconds_of(lambda: a @ b, repeats)


def largest(run: Callable[[], Any], number: int) -> str:
    """Return the ``number`` operations in which ``run`` spends most time, with share and calls."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        run()
    found = sorted(seen.key_averages(), key=lambda each: -each.self_cpu_time_total)
    whole = sum(each.self_cpu_time_total for each in found)
    return ", ".join(
        f"{each.key.removeprefix('aten::')} {each.self_cpu_time_total / whole:.0%} ({each.count})"
        for each in found[:number]
    )


def operations(run: Callable[[], Any]) -> int:
    """Count the operations of all products in ``run``."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def main() -> None:
    """Take a step apart and print its layers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--rows", type=int, default=24, help="rows a step")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--operations", type=int, default=6, help="a layer's that are printed")
    options = parser.parse_args()
    prepare_torch()
    torch.set_num_threads(options.threads)
    config = UniMPConfig(preset="tiny", encoder_steps=0)
    view = ensure_dataset(options.data, find_home(options.home)).training_view()
    with tempfile.TemporaryDirectory() as folder:
        view.features_folder = Path(folder)  # features of an untrained encoder cost the same
        torch.manual_seed(0)
        parts = assemble(view, TASKS, config, seed=0)
    network = parts.network.train()
    builder = RowBuilder(
        view, parts.template, dict.fromkeys(TASKS, 1.0), window=5, longest_answer=1
    )
    lengths = [len(sequence) for sequence in builder.sequences]
    rng = np.random.default_rng(0)
    plan = chunks(
        lengths, window=config.history_items, targets=config.targets_per_row, generator=rng
    )
    rows = rows_of(builder, plan[: options.rows])
    photo_index = {} if parts.photos is None else parts.photos.index
    batch = collate(rows, photo_index, all_photos=False, slots=1)
    optimiser = make_optimiser(network, config)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        training_loss(network, batch, parts.photos, config)[0].backward()

    whole = seconds_of(step, options.repeats)
    counted = operations(step)
    layers = layers_of(parts, batch, config, step)
    print(
        f"{options.data}, tiny, {torch.get_num_threads()} threads: {len(rows)} rows, "
        f"{batch.tokens.numel():,} tokens (padding included), {len(batch.reads):,} reads, "
        f"{len(batch.photos)} photos"
    )
    print(
        f"{'layer':18}{'ms':>8}{'of step':>9}{'Gflop':>8}{'Gflop/s':>9}{'product':>9}{'share':>7}"
    )
    told = 0.0
    for layer in layers:
        taken, flops = seconds_of(layer.run, options.repeats), operations(layer.run)
        told += taken
        line = f"{layer.name:18}{taken * 1e3:8.1f}{taken / whole:9.0%}{flops / 1e9:8.2f}"
        if layer.shape is not None:
            rate = product_rate(layer.shape, options.repeats)
            line += f"{flops / taken / 1e9:9.1f}{rate / 1e9:9.1f}{flops / taken / rate:7.0%}"
        print(line)
    print(f"{'the rest':18}{(whole - told) * 1e3:8.1f}{(whole - told) / whole:9.0%}")
    print(
        f"{'forward, backward':18}{whole * 1e3:8.1f}{1:9.0%}{counted / 1e9:8.2f}"
        f"{counted / whole / 1e9:9.1f}"
    )
    update = seconds_of(optimiser.step, options.repeats)
    print(f"{'optimiser':18}{update * 1e3:8.1f}{update / whole:9.0%}  (beside)")
    for layer in layers:
        if layer.shape is not None:
            print(f"{layer.name:18}{largest(layer.run, options.operations)}")


if __name__ == "__main__":
    main()
