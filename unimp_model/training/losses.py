"""The training objective: task loss plus context reconstruction, both re-weighted (Eq. 5-8)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def focal_loss(logits: Tensor, targets: Tensor, *, gamma: float) -> Tensor:
    """Return Eq. 8 per token: ``-(1 - p)^gamma log p`` of the target token, shape (N,).

    ``logits`` (N, V), ``targets`` (N,) token ids. ``gamma = 0`` is cross-entropy. The factor is
    part of the objective: gradients flow through it, as in Lin et al. (2017).
    """
    negative_log_p = functional.cross_entropy(logits.float(), targets, reduction="none")  # (N,)
    if gamma == 0.0:
        return negative_log_p
    wrongness = -torch.expm1(-negative_log_p)  # 1 - p
    # At p = 1 the power's derivative is infinite for gamma < 1, though the loss is zero.
    return wrongness.clamp_min(1e-7) ** gamma * negative_log_p


def token_weights(
    kinds: Tensor, task_weights: Sequence[float], among: Tensor | None = None
) -> Tensor:
    """Return what each answer token counts: ``lambda_a`` / (tokens of task a here), shape (N,).

    ``kinds`` (N,) are task numbers, ``task_weights`` the lambda_a of Eq. 6 by number. A task then
    counts by its lambda, however long its answers are. Where these tokens are one process' share
    of a batch, ``among`` (N',) are the task numbers of all of it, and their tokens are counted.
    """
    counted = kinds if among is None else among
    count = torch.bincount(counted, minlength=len(task_weights)).clamp_min(1)
    lambdas = torch.tensor(task_weights, dtype=torch.float32, device=kinds.device)
    return (lambdas / count)[kinds]


def objective(
    task_losses: Tensor,
    context_losses: Tensor,
    *,
    weights: Tensor,
    context_weight: float,
    context_tokens: int | None = None,
) -> Tensor:
    """Return Eq. 6 and 7: the sum of lambda_a x mean loss of task a, and the context's.

    The mean context loss counts ``context_weight``.

    ``task_losses`` and ``weights`` (of :func:`token_weights`) are (N,), ``context_losses`` (M,);
    N and M may be 0. ``context_tokens`` is what the mean divides by where M is only a share.
    """
    total = (task_losses * weights).sum()
    if context_weight and len(context_losses):
        if context_tokens is None:
            context = context_losses.mean()
        else:
            context = context_losses.sum() / context_tokens
        total = total + context_weight * context
    return total
