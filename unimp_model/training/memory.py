"""Estimate the memory training will take, before it starts.

An estimate, meant to be right within a factor of about one and a half: what it prevents is an
hour of preparation that ends in a killed process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmark.errors import BenchError
from benchmark.host.memory import available_memory, gib
from benchmark.instances import Item
from unimp_model.config import UniMPConfig
from unimp_model.network.model import UniMPNetwork
from unimp_model.sequence.template import Template
from unimp_model.tasks import TASKS

#: Values a layer keeps for the backward pass, per token, in units of its width (Korthikanti et
#: al. 2022, table 2: 34 bytes at two bytes a value), and per head and attended token.
_KEPT_BY_LAYER, _KEPT_BY_HEAD = 17, 2
#: The same for one gated cross-attention.
_KEPT_BY_FUSION = 8
#: Tables of scores over the vocabulary that exist at once: logits, log-softmax, gradient.
_SCORE_TABLES = 3
#: Share of a row's positions whose next token is asked for, with context reconstruction.
_READ_WITH_CONTEXT, _READ_WITHOUT = 0.7, 0.1
#: Copies of a trained weight beside itself: gradient, two moments, the best epoch, the joint one.
_COPIES = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimates the bytes of memory that training takes, by what needs them."""

    weights: int
    """The network as it is, which is in memory already when training starts."""
    training: int
    """Gradients, AdamW's moments and snapshots of what is trained."""
    activations: int
    """Of one batch, with the scores of its targets."""
    photos: int
    """Patch features of one batch's photos."""

    @property
    def added(self) -> int:
        """Return the bytes that training adds to the weights."""
        return self.training + self.activations + self.photos

    def __str__(self) -> str:
        return (
            f"{gib(self.weights + self.added)}: weights {gib(self.weights)}, training them "
            f"{gib(self.training)}, a batch {gib(self.activations + self.photos)}"
        )


def estimate(
    network: UniMPNetwork,
    config: UniMPConfig,
    *,
    longest_row: int,
    batch_rows: int,
    patches: tuple[int, int] | None,
) -> Estimate:
    """Estimate the memory of training ``network`` on ``batch_rows`` rows of ``longest_row`` tokens.

    ``patches`` is (P, f), the shape of one photo's features, ``None`` without vision.
    """
    language = network.language
    width, heads, depth = language.width, language.heads, language.depth
    parameters = list(network.parameters())
    value = 2 if config.precision == "bf16" else 4
    tokens = batch_rows * longest_row
    layer = tokens * value * (_KEPT_BY_LAYER * width + _KEPT_BY_HEAD * heads * longest_row)
    kept = depth * layer
    if config.gradient_checkpointing:  # each layer's input, and one layer at a time in full
        kept = layer + depth * tokens * width * value
    kept += len(network.cross_attention) * tokens * value * _KEPT_BY_FUSION * width
    share = _READ_WITH_CONTEXT if config.context_weight > 0 else _READ_WITHOUT
    vocabulary = len(language.output_rows) + network.specials + len(network.items.input_delta)
    scores = round(share * tokens) * vocabulary * 4 * _SCORE_TABLES
    images = batch_rows * config.row_items if patches is not None else 0
    numbers = 0 if patches is None else patches[0] * (patches[1] + 2 * _KEPT_BY_LAYER * width)
    return Estimate(
        weights=sum(p.numel() * p.element_size() for p in parameters),
        training=sum(p.numel() * p.element_size() for p in parameters if p.requires_grad) * _COPIES,
        activations=kept + scores,
        photos=images * numbers * 4,
    )


def check_training(
    network: UniMPNetwork,
    config: UniMPConfig,
    *,
    longest_row: int,
    patches: tuple[int, int] | None,
    available: Callable[[torch.device], int] | None = None,
) -> Estimate:
    """Return the estimate; :class:`BenchError`, saying what would fit, where memory is short."""
    device = network.special_input.device
    free = (available or available_memory)(device)

    def with_rows(rows: int) -> Estimate:
        return estimate(network, config, longest_row=longest_row, batch_rows=rows, patches=patches)

    needed = with_rows(config.batch_rows)
    if needed.added <= free:
        return needed
    rows = config.batch_rows
    while rows and with_rows(rows).added > free:
        rows //= 2
    if rows:
        fix = f"--set batch_rows={rows} would fit."
    elif not config.gradient_checkpointing:
        fix = "Try --set batch_rows=1 --set gradient_checkpointing=true, or a smaller preset."
    else:
        fix = "Choose a smaller preset, or a machine with more memory."
    raise BenchError(
        f"Training {config.preset!r} with batch_rows {config.batch_rows} takes about {needed}; "
        f"{gib(free)} are free on {device.type} beside the weights.",
        fix=fix,
    )


def typical_row_length(
    template: Template, catalogue: Sequence[Item], tasks: Sequence[str], config: UniMPConfig
) -> int:
    """Return the tokens of a long, not the longest, training row.

    Its history is of long items (19 of 20 are shorter), with as many instructions as rows carry
    on average.
    """
    lengths = [len(template.history([item]).tokens) - 1 for item in catalogue]
    history = 1 + config.row_items * int(np.quantile(lengths, 0.95))
    instructions = 0.0
    for task in tasks:
        of_task = TASKS[task]
        prompt = template.instruction(of_task.prompt(of_task.blank("?")))
        instructions += config.share(task) * (len(prompt.tokens) + of_task.answer_tokens(config))
    return history + round(config.targets_per_row * instructions)
