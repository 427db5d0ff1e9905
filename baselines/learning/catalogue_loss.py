"""Cross-entropy over a whole catalogue without its table of scores.

Scores of 2,048 rows for 12,101 items are 99 MB, and their softmax and its gradient as much again:
writing and reading them back takes most of a step on a processor. Here a few rows at a time are
scored, and turned into their share of the loss and of both gradients while they are in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

#: Scores held at once: 3 MB, which a core's cache keeps.
SCORES_AT_ONCE = 800_000


def catalogue_cross_entropy(
    states: Tensor, table: Tensor, target: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Return the mean of -log softmax(states @ table.T + bias)[target], a scalar.

    ``states`` (n, d), ``table`` (items, d), ``target`` (n,) item numbers, ``bias`` (items,). The
    value and the gradients are torch's ``cross_entropy`` up to rounding; there is no second
    derivative. Off the processor it is torch's: a GPU has the memory and the bandwidth.
    """
    if states.device.type != "cpu":
        scores = states @ table.T
        return cross_entropy(scores if bias is None else scores + bias, target)
    loss: Tensor = _Blockwise.apply(states, table, target, bias)  # type: ignore[no-untyped-call]
    return loss


class _Blockwise(torch.autograd.Function):
    """Gradients are computed with the value, when a block's scores are at hand."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, table: Tensor, target: Tensor, bias: Tensor | None
    ) -> Tensor:
        n, items = len(states), len(table)
        rows = max(1, SCORES_AT_ONCE // items)
        block = states.new_empty(min(rows, n), items)
        losses = states.new_empty(n)
        to_states, to_table = torch.empty_like(states), torch.zeros_like(table)
        to_bias = None if bias is None else torch.zeros_like(bias)
        for start in range(0, n, rows):
            here = slice(start, start + rows)
            part = states[here]  # (B, d)
            scores = torch.mm(part, table.T, out=block[: len(part)])  # (B, items)
            if bias is not None:
                scores += bias
            right = scores.gather(1, target[here, None])  # (B, 1)
            highest = scores.amax(1, keepdim=True)
            powers = scores.sub_(highest).exp_()
            total = powers.sum(1, keepdim=True)  # (B, 1)
            losses[here] = (total.log() + highest - right)[:, 0]
            # softmax / n is powers * share; the target's own -1 / n comes at the end, for all rows.
            share = 1 / (n * total)
            torch.mm(powers, table, out=to_states[here]).mul_(share)
            to_table.addmm_(powers.T, part * share)
            if to_bias is not None:
                to_bias.addmv_(powers.T, share[:, 0])
        to_states.sub_(table[target], alpha=1 / n)
        to_table.index_add_(0, target, states, alpha=-1 / n)
        if to_bias is not None:
            to_bias.index_add_(0, target, torch.ones_like(losses), alpha=-1 / n)
        ctx.save_for_backward(to_states, to_table, to_bias)
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, None, Tensor | None]:
        to_states, to_table, to_bias = ctx.saved_tensors
        (by,) = outer
        return to_states * by, to_table * by, None, None if to_bias is None else to_bias * by
