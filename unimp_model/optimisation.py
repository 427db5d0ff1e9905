"""AdamW as the paper uses it: groups, schedule, precision, deterministic kernels."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from benchmark.errors import BenchError
from unimp_model.config import UniMPConfig
from unimp_model.model import UniMPNetwork


def make_optimiser(
    network: UniMPNetwork, config: UniMPConfig, *, scale: float = 1.0
) -> torch.optim.AdamW:
    """AdamW over what trains: decay on matrices, none on vectors and gates, own rate and decay on
    item rows. ``scale`` multiplies the rates."""
    matrices, vectors, item_rows = [], [], []
    for name, parameter in sorted(network.named_parameters()):
        if not parameter.requires_grad:
            continue
        if name.startswith("items.") and name.endswith("delta"):
            item_rows.append(parameter)
        elif parameter.ndim >= 2 and not name.startswith("special"):
            matrices.append(parameter)
        else:
            vectors.append(parameter)
    rate, item_rate = config.learning_rate * scale, config.item_learning_rate * scale
    groups = [
        {"params": matrices, "lr": rate, "weight_decay": config.weight_decay},
        {"params": vectors, "lr": rate, "weight_decay": 0.0},
        {"params": item_rows, "lr": item_rate, "weight_decay": config.item_decay},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.98))


def cosine(warmup: float, steps: int) -> Callable[[int], float]:
    """Rises linearly over a share ``warmup`` of the steps, then falls along a cosine to 0."""
    rising = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return 0.5 * (1 + math.cos(math.pi * done))

    return factor


def one_cycle(
    optimiser: torch.optim.Optimizer, rate: float, steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Rises to ``rate`` over a tenth of the steps, then falls to nothing; for small encoders."""
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


@contextmanager
def deterministic() -> Iterator[None]:
    """Only deterministic kernels inside; torch's setting is put back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, if used
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def check_precision(precision: str, device: torch.device) -> None:
    """:class:`BenchError` where ``device`` does not compute in bfloat16 and is asked to."""
    if precision == "fp32":
        return
    supported = torch.amp.is_autocast_available(device.type)
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if not supported:
        raise BenchError(
            f"Precision {precision!r} is not supported on {device.type} here.",
            fix="Use --set precision=fp32.",
        )
