"""Learning-rate schedules, and going on in the middle of one."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch


def cosine(warmup: float, steps: int) -> Callable[[int], float]:
    """Return a factor that rises linearly over ``warmup`` of the steps, then falls as a cosine."""
    rising = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return 0.5 * (1 + math.cos(math.pi * done))

    return factor


def linear(warmup: float, steps: int) -> Callable[[int], float]:
    """Return a factor that rises linearly over ``warmup`` of the steps, then falls so to 0."""
    rising = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return factor


def one_cycle(
    optimiser: torch.optim.Optimizer, rate: float, steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Return a schedule that rises to ``rate`` over a tenth of the steps, then falls to 0."""
    steps = max(steps, 2)
    # A rise of exactly one step would be divided by its length less one.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=rate, total_steps=steps, pct_start=0.2 if steps == 10 else 0.1
    )


def resume_schedule(schedule: torch.optim.lr_scheduler.LambdaLR, steps: int) -> None:
    """Set rates as they are after ``steps`` steps."""
    schedule.load_state_dict(
        {**schedule.state_dict(), "last_epoch": steps, "_step_count": steps + 1}
    )
    for group, base, factor in zip(
        schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
    ):
        group["lr"] = base * factor(steps)
