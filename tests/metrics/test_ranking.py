"""Ranking metrics: hand-worked cases, and thousands of random ones against other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.metrics import ranking
from benchmark.metrics.families import metrics_of_several

CUTOFFS = (3, 5, 10)


def _random_case(seed: int, n: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Rankings (n, 10) with failed and shortened rows; 1..``most`` positives padded with -2."""
    rng = np.random.default_rng(seed)
    predicted = np.stack([rng.permutation(40)[:10] for _ in range(n)])
    predicted[rng.random(n) < 0.05] = -1
    predicted[rng.random(n) < 0.05, 6:] = -1
    targets = np.stack([rng.permutation(40)[:most] for _ in range(n)])
    number = rng.integers(1, most + 1, size=n)
    targets[np.arange(most)[None, :] >= number[:, None]] = -2
    return predicted, targets


def _as_dicts(
    predicted: np.ndarray, targets: np.ndarray, depth: int
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    qrels = {
        f"q{row}": {f"d{item}": 1 for item in items if item >= 0}
        for row, items in enumerate(targets.tolist())
    }
    # A failed row must stay in the run: an unknown document stands for "nothing found".
    runs = {
        f"q{row}": {
            f"d{item}": float(100 - rank) for rank, item in enumerate(items[:depth]) if item >= 0
        }
        or {"nothing": 1.0}
        for row, items in enumerate(predicted.tolist())
    }
    return qrels, runs


@pytest.mark.parametrize(("seed", "most"), [(0, 1), (1, 4), (2, 15)])
def test_agrees_with_pytrec_eval_on_every_instance(seed: int, most: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    predicted, targets = _random_case(seed, 2000, most)
    _, ours = ranking.score(predicted, targets)
    for k in CUTOFFS:
        # trec_eval's reciprocal rank has no cut-off, so the run is cut instead.
        qrels, runs = _as_dicts(predicted, targets, depth=k)
        evaluator = pytrec_eval.RelevanceEvaluator(
            qrels, {f"success.{k}", f"ndcg_cut.{k}", "recip_rank"}
        )
        theirs = evaluator.evaluate(runs)
        for name, measure in (
            ("HR", f"success_{k}"),
            ("NDCG", f"ndcg_cut_{k}"),
            ("MRR", "recip_rank"),
        ):
            expected = [theirs[f"q{row}"][measure] for row in range(len(predicted))]
            np.testing.assert_allclose(ours[f"{name}@{k}"][:, 0], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("seed", "most"), [(7, 1), (8, 15)])
def test_recall_and_f1_agree_with_pytrec_eval(seed: int, most: int) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    predicted, targets = _random_case(seed, 500, most)
    names = metrics_of_several(10)
    metrics, ours = ranking.score(predicted, targets, names)
    assert [metric.name for metric in metrics] == list(names)
    qrels, runs = _as_dicts(predicted, targets, depth=10)
    asked = {f"{measure}.{k}" for k in CUTOFFS for measure in ("recall", "P")}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(runs)
    summary = ranking.summary(predicted, targets, names)
    for k in CUTOFFS:
        recall, precision = (
            np.array([theirs[f"q{row}"][f"{measure}_{k}"] for row in range(len(predicted))])
            for measure in ("recall", "P")
        )
        np.testing.assert_allclose(ours[f"Recall@{k}"][:, 0], recall, rtol=0, atol=1e-9)
        p, r = precision.mean(), recall.mean()
        assert summary[f"Recall@{k}"] == pytest.approx(r, abs=1e-9)
        assert summary[f"F1@{k}"] == pytest.approx(2 * p * r / (p + r), abs=1e-9)


def test_the_published_f1_of_ultragcn_is_that_of_mean_precision_and_mean_recall() -> None:
    # F1@20 and Recall@20 of the authors' log on Electronics (1,435 users): the precision that
    # solves F1 = 2pr / (p + r) makes whole numbers of hits, which an average of F1s would not.
    for f1, recall, hits in ((0.015845, 0.06488, 259), (0.022078, 0.09204, 360)):
        precision = f1 * recall / (2 * recall - f1)
        assert precision * 20 * 1435 == pytest.approx(hits, abs=0.05)
        mean = np.array([hits / (20 * 1435), recall])
        assert float(ranking.metric("F1@20").value(mean)) == pytest.approx(f1, abs=1e-6)


@pytest.mark.slow  # ranx compiles itself for seconds; pytrec_eval's numbers prove the same
@pytest.mark.parametrize(("seed", "most"), [(3, 1), (4, 4), (5, 15)])
def test_agrees_with_ranx_on_every_instance(seed: int, most: int) -> None:
    ranx = pytest.importorskip("ranx")
    predicted, targets = _random_case(seed, 2000, most)
    _, ours = ranking.score(predicted, targets)
    qrels, runs = _as_dicts(predicted, targets, depth=10)
    measures = [f"{m}@{k}" for k in CUTOFFS for m in ("hit_rate", "ndcg", "mrr")]
    run = ranx.Run(runs)
    ranx.evaluate(ranx.Qrels(qrels), run, measures)
    renamed = {"hit_rate": "HR", "ndcg": "NDCG", "mrr": "MRR"}
    for measure in measures:
        family, k = measure.split("@")
        expected = [run.scores[measure][f"q{row}"] for row in range(len(predicted))]
        np.testing.assert_allclose(
            ours[f"{renamed[family]}@{k}"][:, 0], expected, rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("most", [1, 3])
def test_summary_is_the_mean_of_the_instances_scores(most: int) -> None:
    predicted, targets = _random_case(6, 20_000, most)
    if most == 1:
        targets = targets[:, 0]
    metrics, statistics = ranking.score(predicted, targets)
    summary = ranking.summary(predicted, targets)
    assert list(summary) == [metric.name for metric in metrics]
    for metric in metrics:
        expected = metric.value(statistics[metric.name].mean(axis=0))
        assert summary[metric.name] == pytest.approx(float(expected), abs=1e-12)


def test_one_positive_at_rank_four_by_hand() -> None:
    predicted = np.array([[11, 12, 13, 7, 14, 15, 16, 17, 18, 19]])
    summary = ranking.summary(predicted, np.array([7]))
    assert (summary["HR@3"], summary["NDCG@3"], summary["MRR@3"]) == (0, 0, 0)
    assert (summary["HR@5"], summary["MRR@5"]) == (1, 0.25)
    assert summary["NDCG@10"] == pytest.approx(1 / math.log2(5))


def test_several_positives_by_hand() -> None:
    predicted = np.array([[4, 1, 9, 2, 8]])
    _, statistics = ranking.score(predicted, np.array([[2, 1, 3, -2]]), ("HR@5", "NDCG@5", "MRR@5"))
    dcg = 1 / math.log2(3) + 1 / math.log2(5)  # ranks 2 and 4; the third positive is absent
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert statistics["HR@5"][0, 0] == 1
    assert statistics["MRR@5"][0, 0] == 0.5
    assert statistics["NDCG@5"][0, 0] == pytest.approx(dcg / ideal)


def test_ideal_is_cut_at_k_when_there_are_more_positives() -> None:
    predicted = np.array([[1, 2, 3, 9, 8]])
    targets = np.array([[1, 2, 3, 4, 5, 6]])
    assert ranking.summary(predicted, targets, ("NDCG@3",)) == {"NDCG@3": 1.0}


def test_a_missing_prediction_scores_zero_and_padding_never_matches_padding() -> None:
    predicted = np.full((2, 10), -1)
    targets = np.array([[3, -2], [5, 6]])
    _, statistics = ranking.score(predicted, targets)
    assert all((values == 0).all() for values in statistics.values())
    _, statistics = ranking.score(predicted, np.array([[3, -1], [5, -1]]))
    assert all((values == 0).all() for values in statistics.values())


def test_ranks_are_one_based_and_zero_when_absent() -> None:
    predicted = np.array([[5, 6, 7], [5, 6, 7], [-1, -1, -1]])
    assert ranking.ranks(predicted, np.array([5, 9, 5])).tolist() == [1, 0, 0]


def test_a_tie_is_broken_by_the_order_given_and_by_nothing_else() -> None:
    # Scores play no part: whoever makes the ranking breaks ties, by catalogue index.
    first = ranking.summary(np.array([[1, 2, 3]]), np.array([1]), ("MRR@3",))
    second = ranking.summary(np.array([[2, 1, 3]]), np.array([1]), ("MRR@3",))
    assert (first["MRR@3"], second["MRR@3"]) == (1.0, 0.5)


def test_a_repeated_item_earns_its_gain_once() -> None:
    predicted = np.array([[1, 1, 1]])
    for targets in (np.array([1]), np.array([[1, -2]])):
        assert ranking.summary(predicted, targets, ("NDCG@3", "MRR@3")) == {
            "NDCG@3": 1.0,
            "MRR@3": 1.0,
        }


def test_blocks_do_not_show() -> None:
    predicted, targets = _random_case(7, 3 * ranking.BLOCK_ROWS + 17, 1)
    expected = np.zeros(len(predicted), dtype=int)
    row, column = np.nonzero(predicted == targets)
    expected[row] = column + 1
    assert (ranking.ranks(predicted, targets[:, 0]) == expected).all()


def test_a_cutoff_beyond_the_ranking_is_refused() -> None:
    with pytest.raises(UsageError, match=r"HR@10 was asked of rankings of 5 items"):
        ranking.summary(np.ones((1, 5), dtype=int), np.array([1]), ("HR@10",))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array([1, -2]), "Instance 1 has no positive"),
        (np.array([[1, 2], [-2, -2]]), "Instance 1 has no positive"),
        (np.array([[3, 3], [1, -2]]), "Instance 0 has the same positive twice"),
        (np.array([1, 2, 3]), "do not fit targets"),
    ],
)
def test_broken_targets_are_refused(targets: np.ndarray, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        ranking.summary(np.arange(20).reshape(2, 10), targets)


@pytest.mark.parametrize("name", ["HR", "HR@", "HR@0", "HR@x", "Precision@5"])
def test_an_unknown_metric_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="Unknown ranking metric"):
        ranking.metric(name)
