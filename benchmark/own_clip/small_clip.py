"""Trains the small CLIP of a dataset: photos against texts, and two views of one photo.

Radford et al., "CLIP" (ICML 2021) and Chen et al., "SimCLR" (ICML 2020); both together: Mu et
al., "SLIP" (ECCV 2022). What is drawn for a step, photos, views and texts, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.host.progress import bar
from benchmark.training.schedules import one_cycle
from benchmark.training.stepwise import Steps
from benchmark.vision.clip import contrastive_loss

_RATE, _DECAY, _CLIP = 2e-3, 0.05, 1.0
#: Inverse temperature between two views, which is fixed (CLIP's own is learned).
_VIEW_SCALE = 10.0
#: Largest logarithm of CLIP's own inverse temperature.
_MOST_SCALE = 4.6


@dataclass(frozen=True, slots=True)
class Pairs:
    """Holds what one contrastive step learns from: views of photos, second views, and texts."""

    views: Tensor
    """(b, 3, s, s), standardised."""
    again: Tensor
    """(a, 3, s, s): second views of the first a photos."""
    texts: Tensor
    """(b, T) text ids."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sets how many steps the small CLIP is trained for, and what counts how much."""

    steps: int
    view_weight: float
    """Of the loss between two views of a photo; that between photo and text has weight 1."""


def train_small_clip(
    model: Any,
    draw: Callable[[int], Pairs],
    recipe: Recipe,
    *,
    label: str,
    file: Path | None = None,
) -> None:
    """Train ``model`` (:func:`benchmark.vision.clip.build_small`) in place.

    ``draw(step)`` makes the pairs of a step, counted from 0, and is called for one after another;
    ``label`` names the progress bar. The optimiser is AdamW, its rates one cycle; gradients are
    clipped to norm 1. ``file`` keeps where a training that is killed can go on: it is the caller's
    to delete when the weights are saved.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    rates = one_cycle(optimiser, _RATE, recipe.steps)
    kept = None if file is None else Steps(file, model, optimiser, rates, label=label)
    done = kept.resume() if kept else 0
    for step in range(done):
        draw(step)  # what is random goes on behind them
    model.train()
    with bar(label, recipe.steps) as progress:
        progress.advance(done)
        for step in range(done, recipe.steps):
            loss = _loss(model, draw(step), recipe)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimiser.step()
            rates.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0.0, _MOST_SCALE)
            progress.note = f"contrastive loss {loss.item():.3f}"
            progress.advance()
            if kept:
                kept.keep(step + 1)


def _loss(model: Any, pairs: Pairs, recipe: Recipe) -> Tensor:
    """The weighted sum of the two contrastive losses."""
    one, other = _encoded(model, pairs.views), _encoded(model, pairs.again)  # (b, e), (a, e)
    told = model.encode_text(pairs.texts, normalize=True)  # (b, e)
    by_text = contrastive_loss(one, told, model.logit_scale.exp())
    by_view = contrastive_loss(one[: len(other)], other, torch.tensor(_VIEW_SCALE))
    return by_text + recipe.view_weight * by_view


def _encoded(model: Any, images: Tensor) -> Tensor:
    fast = images.contiguous(memory_format=torch.channels_last)
    vectors: Tensor = model.encode_image(fast, normalize=True)
    return vectors


def rounds(count: int, size: int, shuffled: Callable[[int], list[int]]) -> Iterator[list[int]]:
    """Yield batches of ``size`` photo numbers below ``count`` without end, each once a round.

    ``shuffled(count)`` draws the order of a round; it is called only when numbers run out.
    """
    order: list[int] = []
    while True:
        while len(order) < size:
            order += shuffled(count)
        yield order[:size]
        order = order[size:]
