"""What every model trained here shares: settings, reproducibility, and one loop.

Adam or, with a weight decay, AdamW; an epoch after another until the validation value has not
risen for ``patience`` epochs; the weights of the best epoch stay. With a checkpoint, a killed
training goes on behind the last epoch it holds (:mod:`.checkpoint`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from benchmark.errors import BenchError
from benchmark.host.progress import Bar, bar
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.journal import Journal

Batch = TypeVar("Batch")


class TrainingSettings(BaseModel):
    """How long and how fast; models derive their own settings from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(200, ge=1, le=100_000, description="most passes over the training data")
    patience: int = Field(
        10, ge=1, le=100_000, description="epochs without a better validation value, then stop"
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


def train(
    network: nn.Module,
    *,
    batches: Callable[[], Iterable[Batch]],
    steps: int,
    loss: Callable[[Batch], Tensor],
    settings: TrainingSettings,
    label: str,
    epochs: int | None = None,
    validate: Callable[[], float] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Journal:
    """Train ``network`` in place, ``steps`` batches an epoch, and leave the best weights in it.

    ``batches()`` gives one epoch's batches; ``loss(batch)`` is a scalar, lower is better;
    ``validate()`` is higher for better weights and is called in evaluation mode. Without it all
    ``epochs`` (default: those of ``settings``) run and the last weights stay. Among equal epochs
    the first wins. ``checkpoint`` is written after epochs and gone on from; its file is the
    caller's to remove. Raises :class:`BenchError` when the loss is no longer finite.
    """
    optimiser = _optimiser(network, settings)
    epochs = settings.epochs if epochs is None else epochs
    patience = math.inf if validate is None else settings.patience
    journal = Journal()
    best: dict[str, Tensor] = {}
    found = None if checkpoint is None else checkpoint.resume(network, optimiser)
    if found is not None:
        best, journal = found[0], Journal(**found[1])
        print(f"{label} goes on after epoch {len(journal.losses)}", file=sys.stderr)
    with bar(label, total=epochs * steps) as progress:
        progress.advance(len(journal.losses) * steps)
        while (done := len(journal.losses)) < epochs and done - journal.best_epoch < patience:
            journal.losses.append(
                _epoch(network, optimiser, batches, steps, loss, progress, number=done + 1)
            )
            network.eval()
            shown = f"epoch {done + 1}, loss {journal.losses[-1]:.4f}"
            if validate is None:
                journal.best_epoch = done + 1
            else:
                highest = max(journal.validation, default=-math.inf)
                journal.validation.append(validate())
                if journal.validation[-1] > highest:
                    journal.best_epoch = done + 1
                    best = {name: t.detach().clone() for name, t in network.state_dict().items()}
                shown += f", best on validation {max(journal.validation):.4f}"
            progress.say(shown)
            if checkpoint is not None:
                checkpoint.write_if_due(network, optimiser, best, asdict(journal))
    if best:
        network.load_state_dict(best)
    return journal


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Callable[[], Iterable[Batch]],
    steps: int,
    loss: Callable[[Batch], Tensor],
    progress: Bar,
    *,
    number: int,
) -> float:
    """The mean loss of a step."""
    network.train()
    total = torch.zeros((), device=next(network.parameters()).device)
    for batch in batches():
        optimiser.zero_grad(set_to_none=True)
        value = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
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


def _optimiser(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    arguments: dict[str, Any] = {"lr": settings.learning_rate}
    if settings.weight_decay:
        arguments["weight_decay"] = settings.weight_decay
        return torch.optim.AdamW(network.parameters(), **arguments)
    return torch.optim.Adam(network.parameters(), **arguments)
