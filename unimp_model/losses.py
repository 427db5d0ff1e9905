"""The training objective: task loss plus context reconstruction, both re-weighted (Eq. 5-8)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def focal_loss(logits: Tensor, targets: Tensor, *, gamma: float) -> Tensor:
    """Eq. 8 per token: ``-(1 - p)^gamma log p`` of the target token, shape (N,).

    ``logits`` (N, V), ``targets`` (N,) token ids. ``gamma = 0`` is cross-entropy. The factor is
    part of the objective: gradients flow through it, as in Lin et al. (2017).
    """
    negative_log_p = functional.cross_entropy(logits.float(), targets, reduction="none")  # (N,)
    if gamma == 0.0:
        return negative_log_p
    wrongness = -torch.expm1(-negative_log_p)  # 1 - p
    # At p = 1 the power's derivative is infinite for gamma < 1, though the loss is zero.
    return wrongness.clamp_min(1e-7) ** gamma * negative_log_p


def objective(
    task_losses: Tensor, context_losses: Tensor, *, task_weights: Tensor, context_weight: float
) -> Tensor:
    """Eq. 7: mean task loss + ``context_weight`` x mean context loss.

    ``task_losses`` and ``task_weights`` (lambda_a of Eq. 6, one per answer token) are (N,),
    ``context_losses`` (M,); M may be 0.
    """
    total = (task_losses * task_weights).sum() / task_weights.sum()
    if context_weight and len(context_losses):
        total = total + context_weight * context_losses.mean()
    return total
