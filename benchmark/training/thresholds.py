"""From scores to subsets: the threshold that serves a selection best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def best_threshold(
    scores: Sequence[NDArray[np.floating]], positives: Sequence[NDArray[np.bool_]]
) -> tuple[float, float]:
    """Return the threshold with the highest mean F1 per instance, and that F1.

    ``scores[i]`` and ``positives[i]`` run over the candidates of instance i; a candidate is
    chosen when its score is at least the threshold. Thresholds tried are the scores that occur,
    so the answer is exact; among equals the highest wins. Scores are to be rounded
    (:mod:`benchmark.rounding`), here and where the threshold is applied: its last digits are
    those of one of them. Choose it on validation data. Raises
    :class:`ValueError` without any instance.
    """
    if not scores:
        raise ValueError("a threshold cannot be chosen from no instances")
    value = np.concatenate(scores).astype(np.float64)
    instance = np.repeat(np.arange(len(scores)), [len(s) for s in scores])
    positive = np.concatenate(positives)
    order = np.argsort(-value, kind="stable")
    # Lowering the threshold takes in one candidate after another; each changes the F1 of its
    # own instance, 2 tp / (chosen + positives), and nothing else.
    wanted = np.bincount(instance, weights=positive, minlength=len(scores))
    hits = np.zeros(len(scores))
    chosen = np.zeros(len(scores))
    f1 = np.zeros(len(scores))
    total, best, threshold = 0.0, -1.0, float(value[order[0]])
    for place, candidate in enumerate(order):
        i = instance[candidate]
        chosen[i] += 1
        hits[i] += positive[candidate]
        now = 2 * hits[i] / (chosen[i] + wanted[i])
        total += now - f1[i]
        f1[i] = now
        is_last_of_ties = place + 1 == len(order) or value[order[place + 1]] < value[candidate]
        if is_last_of_ties and total > best + 1e-12:
            best, threshold = total, float(value[candidate])
    return threshold, float(best / len(scores))
