"""What every model trained here shares: settings, reproducibility, and one loop.

Adam or, with a weight decay, AdamW; an epoch after another until the validation value has not
risen for ``patience`` epochs, and at least ``min_epochs``; the weights of the best epoch stay.
With a checkpoint, a killed training goes on behind the last epoch it holds
(:mod:`benchmark.training.checkpoint`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from benchmark.errors import BenchError
from benchmark.host.console import note
from benchmark.host.progress import Bar, bar
from benchmark.training.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser
from benchmark.training.journal import Journal

Batch = TypeVar("Batch")


class TrainingSettings(BaseModel):
    """Sets how long and how fast a network is trained; models derive their own settings from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(200, ge=1, le=100_000, description="most passes over the training data")
    patience: int = Field(
        10, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    min_epochs: int = Field(
        0, ge=0, le=100_000, description="passes before patience may stop training"
    )
    batch_size: int = Field(2048, ge=1, le=1_000_000, description="training rows a step")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="of Adam")
    weight_decay: float = Field(0.0, ge=0, le=10, description="of AdamW; 0 is plain Adam")
    validation_users: int = Field(
        10_000, ge=1, description="most validation users asked after an epoch, evenly spaced"
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="processor threads; not given: torch's own choice"
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """Sets how steps are sized beside the learning rate; by default as torch's Adam does."""

    factor: Callable[[int], float] | None = None
    """Of the learning rate, by the number of the step from 0."""
    clip: float | None = None
    """Largest norm of a step's gradient."""
    eps: float = 1e-8
    """Of Adam."""


def train(
    network: nn.Module,
    *,
    batches: Callable[[], Iterable[Batch]],
    steps: int,
    loss: Callable[[Batch], Tensor],
    settings: TrainingSettings,
    label: str,
    stage: str = "training",
    epochs: int | None = None,
    validate: Callable[[], float] | None = None,
    measure: str = "",
    checkpoint: Checkpoint | None = None,
    pace: Pace | None = None,
    more: Callable[[], Mapping[str, float]] | None = None,
    optimiser: torch.optim.Optimizer | None = None,
    before_epoch: Callable[[int], None] | None = None,
) -> Journal:
    """Train ``network`` in place, ``steps`` batches an epoch, and leave the best weights in it.

    ``batches()`` gives one epoch's batches; ``loss(batch)`` is a scalar, lower is better;
    ``validate()`` is higher for better weights, is called in evaluation mode and goes into the
    journal as ``valid`` and ``measure``, its task and metric. Without it all ``epochs`` (default:
    those of ``settings``) run and the last weights stay. Among equal epochs the first wins. The
    journal's epochs are of the stage ``stage``. ``checkpoint`` is written after epochs and gone
    on from; its file is the caller's to remove. ``optimiser`` is :func:`adam` where none is given;
    ``before_epoch`` is told how many epochs are over, also those that were gone on from. Steps are
    sized by ``pace``; ``more()`` is asked behind ``validate()`` for further values of the journal's
    epoch. Raises :class:`BenchError` when the loss is no longer finite.
    """
    pace = pace or Pace()
    optimiser = adam(network, settings, eps=pace.eps) if optimiser is None else optimiser
    epochs = settings.epochs if epochs is None else epochs
    patience = math.inf if validate is None else settings.patience
    journal, best = Journal(kept={stage: -1}), dict[str, Tensor]()
    found = None if checkpoint is None else _resume(checkpoint, network, optimiser)
    if found is not None:
        journal, best = found
        note(f"{label} goes on after epoch {len(journal.epochs)}")
    with bar(label, total=epochs * steps) as progress:
        progress.advance(len(journal.epochs) * steps)
        while (done := len(journal.epochs)) < epochs and (
            done < settings.min_epochs or done - 1 - journal.kept[stage] < patience
        ):
            if before_epoch is not None:
                before_epoch(done)
            mean = _epoch(network, optimiser, batches, steps, loss, progress, pace, number=done + 1)
            record: dict[str, Any] = {"stage": stage, "loss": mean}
            network.eval()
            shown = f"epoch {done + 1}, loss {mean:.4f}"
            if validate is None:
                journal.kept[stage] = done
            else:
                scores = journal.values(f"valid {measure}")
                record[f"valid {measure}"] = score = validate()
                if score > max(scores, default=-math.inf):
                    journal.kept[stage] = done
                    best = {name: t.detach().clone() for name, t in network.state_dict().items()}
                shown += f", best on validation {max([*scores, score]):.4f}"
            journal.epochs.append(record | dict(more() if more is not None else {}))
            progress.say(shown)
            if checkpoint is not None and checkpoint.is_due():
                weights = {"now": network.state_dict(), "best": best}
                checkpoint.write(weights, optimiser_tensors(optimiser), journal, {})
    if best:
        network.load_state_dict(best)
    return journal


def _resume(
    checkpoint: Checkpoint, network: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Journal, dict[str, Tensor]] | None:
    """Put everything back as it was written: the journal and the best weights.

    ``None``, and nothing is changed, where there is no file or not a whole one.
    """
    saved = checkpoint.read()
    if saved is None:
        return None
    device = next(network.parameters()).device
    network.load_state_dict(saved.weights["now"])
    restore_optimiser(optimiser, saved.optimiser)
    checkpoint.restore_chance(saved)
    best = saved.weights.get("best", {})
    return saved.journal, {name: value.to(device) for name, value in best.items()}


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Callable[[], Iterable[Batch]],
    steps: int,
    loss: Callable[[Batch], Tensor],
    progress: Bar,
    pace: Pace,
    *,
    number: int,
) -> float:
    """Train for one epoch and return the mean loss of a step."""
    network.train()
    total = torch.zeros((), device=next(network.parameters()).device)
    for step, batch in enumerate(batches(), start=(number - 1) * steps):
        optimiser.zero_grad(set_to_none=True)
        value = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        if pace.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), pace.clip)
        if pace.factor is not None:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * pace.factor(step)
        optimiser.step()
        total += value.detach().squeeze()
        progress.advance()
    mean = float(total) / max(steps, 1)
    if not math.isfinite(mean):
        raise BenchError(
            f"The training loss of epoch {number} is {mean}.",
            fix="Use a lower --set learning_rate=...",
        )
    return mean


def adam(
    network: nn.Module, settings: TrainingSettings, *, eps: float = 1e-8
) -> torch.optim.Optimizer:
    """Return Adam over all weights, or with a weight decay AdamW."""
    rate = settings.learning_rate
    groups = [{"params": list(network.parameters()), "initial_lr": rate}]
    arguments: dict[str, Any] = {"lr": rate, "eps": eps}
    if settings.weight_decay:
        arguments["weight_decay"] = settings.weight_decay
        return torch.optim.AdamW(groups, **arguments)
    return torch.optim.Adam(groups, **arguments)
