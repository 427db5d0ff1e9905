"""The best threshold is the one an exhaustive search finds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.metrics import selection
from benchmark.training.thresholds import best_threshold


def _f1(scores, positives, threshold):
    values = []
    for s, p in zip(scores, positives, strict=True):
        chosen = s >= threshold
        values.append(2 * (chosen & p).sum() / (chosen.sum() + p.sum()))
    return float(np.mean(values))


def _case(seed):
    """A few instances with one positive at least; every other case has many ties."""
    generator = np.random.default_rng(seed)
    scores, positives = [], []
    for _ in range(generator.integers(1, 6)):
        n = int(generator.integers(1, 7))
        drawn = generator.random(n)
        scores.append(np.round(drawn * 4) / 4 if seed % 2 else drawn)
        positive = generator.random(n) < 0.4
        positive[generator.integers(n)] = True
        positives.append(positive)
    return scores, positives


@pytest.mark.parametrize("block", range(4))
def test_no_other_threshold_does_better_and_the_highest_of_the_best_wins(block):
    for seed in range(100 * block, 100 * (block + 1)):
        scores, positives = _case(seed)
        tried = np.unique(np.concatenate(scores))
        outside = [tried[0] - 1, *(tried[:-1] + np.diff(tried) / 2), tried[-1] + 1]
        by_hand = {float(t): _f1(scores, positives, t) for t in [*tried, *outside]}
        best = max(by_hand.values())
        threshold, f1 = best_threshold(scores, positives)
        assert f1 == pytest.approx(best, abs=1e-12)
        assert by_hand[threshold] == pytest.approx(best, abs=1e-12)
        winners = [t for t in tried if by_hand[float(t)] >= best - 1e-12]
        assert threshold == max(winners)


def test_the_f1_is_the_benchmarks_own():
    scores, positives = _case(3)
    threshold, f1 = best_threshold(scores, positives)
    chosen = [[str(c) for c in np.flatnonzero(s >= threshold)] for s in scores]
    wanted = [[str(c) for c in np.flatnonzero(p)] for p in positives]
    assert selection.score(chosen, wanted)[1]["F1"].mean() == pytest.approx(f1, abs=1e-12)


def test_tied_candidates_are_taken_together():
    # Taking one of the two at 0.5 alone would be perfect; both or none is what can be had.
    threshold, f1 = best_threshold([np.array([0.5, 0.5, 0.1])], [np.array([True, False, False])])
    assert threshold == 0.5
    assert f1 == pytest.approx(2 / 3)


def test_one_threshold_serves_all_instances():
    scores = [np.array([0.9, 0.2]), np.array([0.4, 0.3])]
    positives = [np.array([True, False]), np.array([True, True])]
    # at 0.9: (1 + 0) / 2; at 0.4: (1 + 2/3) / 2; at 0.3: (1 + 1) / 2; at 0.2: (2/3 + 1) / 2
    assert best_threshold(scores, positives) == (0.3, 1.0)


def test_scores_of_single_precision_are_met_by_their_own_threshold():
    scores = [np.array([0.1, 0.7], np.float32)]
    threshold, f1 = best_threshold(scores, [np.array([False, True])])
    assert (scores[0] >= threshold).tolist() == [False, True]
    assert f1 == 1.0


def test_no_instances_are_refused():
    with pytest.raises(ValueError, match="no instances"):
        best_threshold([], [])
