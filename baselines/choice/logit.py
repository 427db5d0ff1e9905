"""Conditional logit: P(a) = exp(x_a . w) / sum over the alternatives (McFadden, 1974).

With few weights the log-likelihood, which is concave, is climbed by Newton's method in a handful
of steps. Of a large catalogue a uniform sample beside the one taken is enough: the estimate stays
consistent (McFadden, "Modelling the choice of residential location", 1978).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS, _TOLERANCE = 50, 1e-10
#: Weights of the penalty that are tried, in units of the mean log-likelihood.
PENALTIES = (1e-4, 1e-3, 1e-2)


class Choices(NamedTuple):
    """Holds what n users chose among A alternatives described by D numbers."""

    x: NDArray[np.float32]
    """(n, A, D)"""
    allowed: NDArray[np.bool_]
    """(n, A): false where there is no alternative."""
    taken: NDArray[np.float32]
    """(n, A): shares that sum to one; several where several were taken."""


def fit_logit(choices: Choices, penalty: float) -> Floats:
    """Return the weights (D,) that maximise the mean log-likelihood less the penalty.

    The penalty is ``penalty`` / 2 times the sum of squares of the weights, each in units of its
    column's standard deviation among the alternatives of a choice.
    """
    scale = _spread(choices)
    x = np.asarray(choices.x / scale.astype(np.float32), np.float32)
    scaled = choices._replace(x=x)
    weights = np.zeros(len(scale))
    value = _objective(scaled, weights, penalty)
    for _ in range(_STEPS):
        slope, curvature = _derivatives(scaled, weights, penalty)
        step = np.linalg.solve(curvature, slope)
        factor = 1.0
        while _objective(scaled, weights + factor * step, penalty) < value and factor > 1e-4:
            factor /= 2
        weights = weights + factor * step
        before, value = value, _objective(scaled, weights, penalty)
        if value - before < _TOLERANCE * (1 + abs(value)):
            break
    return np.asarray(weights / scale)


def best_fit(train: Choices, valid: Choices, penalties: Sequence[float] = PENALTIES) -> Floats:
    """Return the weights under that of ``penalties`` with the best likelihood on ``valid``.

    Without validation choices the first counts.
    """
    fits = [fit_logit(train, penalty) for penalty in penalties]
    if not len(valid.x):
        return fits[0]
    return max(fits, key=lambda weights: log_likelihood(valid, weights))


def log_likelihood(choices: Choices, weights: Floats) -> float:
    """Return the mean logarithm of the probability of what was taken."""
    logs = _log_probabilities(choices, weights)
    return float((choices.taken * np.where(choices.taken > 0, logs, 0.0)).sum() / len(logs))


def _objective(choices: Choices, weights: Floats, penalty: float) -> float:
    return log_likelihood(choices, weights) - penalty / 2 * float(weights @ weights)


def _log_probabilities(choices: Choices, weights: Floats) -> Floats:
    utility = (choices.x @ weights.astype(np.float32)).astype(np.float64)
    utility = np.where(choices.allowed, utility, -np.inf)
    utility = utility - utility.max(1, keepdims=True)
    logs: Floats = utility - np.log(np.exp(utility).sum(1, keepdims=True))
    return logs


def _derivatives(choices: Choices, weights: Floats, penalty: float) -> tuple[Floats, Floats]:
    """The gradient (D,) of the objective, and minus its Hessian (D, D)."""
    x, n = choices.x, len(choices.x)
    p = np.exp(_log_probabilities(choices, weights)).astype(np.float32)  # (n, A)
    slope = (choices.taken - p).reshape(-1) @ x.reshape(-1, x.shape[2]) / n
    mean = np.einsum("na,nad->nd", p, x)
    flat = (x * np.sqrt(p)[..., None]).reshape(-1, x.shape[2])
    curvature = (flat.T @ flat - mean.T @ mean).astype(np.float64) / n
    identity = np.eye(len(weights))
    # Rounding in the difference of two products may leave a direction slightly below zero.
    return slope - penalty * weights, curvature + (penalty + 1e-7) * identity


def _spread(choices: Choices) -> Floats:
    """Standard deviation (D,) of each column among the alternatives; 1 where it never varies."""
    allowed = choices.allowed[..., None]
    counts = choices.allowed.sum(1, keepdims=True)
    means = np.where(allowed, choices.x, 0).sum(1) / counts  # (n, D)
    squares = np.square(np.where(allowed, choices.x - means[:, None], 0)).sum(1) / counts
    spread = np.sqrt(squares.mean(0, dtype=np.float64))
    return np.where(spread > 1e-4, spread, 1.0)
