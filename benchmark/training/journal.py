"""What happened in training, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Journal:
    """What happened in training, epoch by epoch."""

    losses: list[float] = field(default_factory=list)
    """Mean loss of a step."""
    validation: list[float] = field(default_factory=list)
    """Empty where nothing was validated on."""
    best_epoch: int = 0
    """The epoch, counted from 1, whose weights stayed."""
