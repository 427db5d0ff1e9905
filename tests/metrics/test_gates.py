"""Gates: true scores pass whatever the predictions, impossible ones do not."""

from __future__ import annotations

import contextlib
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchError
from benchmark.metrics import rating, selection
from benchmark.metrics.gates import problems, require_possible
from benchmark.metrics.ranking import score

CUTOFFS = (1, 2, 3, 5, 10)
FAMILIES = ("HR", "NDCG", "MRR", "Recall", "F1")


def _codes(scores: dict[str, float], **options: object) -> set[str]:
    return {violation.code for violation in problems(scores, **options)}  # type: ignore[arg-type]


def _means(scored: object) -> dict[str, float]:
    metrics, statistics = scored  # type: ignore[misc]
    return {m.name: float(m.value(statistics[m.name].mean(axis=0))) for m in metrics}


def _ranking_scores(seed: int, n: int, positives: int, catalogue: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    answers = np.stack([rng.permutation(catalogue)[:10] for _ in range(n)])
    answers[rng.random(n) < 0.1] = -1  # failed predictions
    targets = np.stack([rng.permutation(catalogue)[:positives] for _ in range(n)])
    targets[:, 1:][rng.random((n, positives - 1)) < 0.3] = -2  # fewer positives here
    names = [f"{family}@{k}" for k in CUTOFFS for family in FAMILIES]
    return _means(score(answers, targets, names))


SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40), catalogue=st.integers(10, 60), digits=st.integers(2, 5))
def test_rankings_with_one_positive_always_pass(
    seed: int, n: int, catalogue: int, digits: int
) -> None:
    scores = _ranking_scores(seed, n, 1, catalogue)
    assert problems(scores) == []
    assert problems(scores, positives_per_instance="several") == []
    rounded = {name: round(value, digits) for name, value in scores.items()}
    assert problems(rounded, decimals=digits) == []


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40), positives=st.integers(2, 9), digits=st.integers(2, 5))
def test_rankings_with_several_positives_always_pass(
    seed: int, n: int, positives: int, digits: int
) -> None:
    scores = _ranking_scores(seed, n, positives, 12)
    assert problems(scores, positives_per_instance="several") == []
    rounded = {name: round(value, digits) for name, value in scores.items()}
    assert problems(rounded, positives_per_instance="several", decimals=digits) == []


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40), width=st.floats(0.5, 100), exact=st.booleans())
def test_ratings_always_pass(seed: int, n: int, width: float, exact: bool) -> None:
    rng = np.random.default_rng(seed)
    scale = (1.0, 1.0 + width)
    truth = 1.0 + width * (rng.integers(0, 2, n) if exact else rng.random(n))
    answers = np.where(rng.random(n) < 0.2, np.nan, 1.0 + width * rng.integers(0, 2, n))
    scores = _means(rating.score(answers, truth, scale))
    assert problems(scores, scale=scale) == []
    rounded = {name: round(value, 3) for name, value in scores.items()}
    assert problems(rounded, scale=scale, decimals=3) == []


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 40), most=st.integers(1, 6))
def test_selections_always_pass(seed: int, n: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    items = [str(i) for i in range(12)]
    truth = [items[: rng.integers(1, most + 1)] for _ in range(n)]
    chosen = [[i for i in items if rng.random() < rng.random()] or None for _ in range(n)]
    scores = _means(selection.score(chosen, truth))
    positives = "one" if most == 1 else "several"
    assert problems(scores, positives_per_instance=positives) == []
    rounded = {name: round(value, 3) for name, value in scores.items()}
    assert problems(rounded, positives_per_instance=positives, decimals=3) == []


@pytest.mark.parametrize(
    ("scores", "options", "code"),
    [
        ({"HR@5": math.nan}, {}, "not-finite"),
        ({"RMSE": math.inf}, {}, "not-finite"),
        ({"HR@5": 1.01}, {}, "out-of-range"),
        ({"F1": -0.01}, {}, "out-of-range"),
        ({"MAE": 4.5}, {"scale": (1, 5)}, "out-of-range"),
        ({"BERTScore-tiny": 1.2}, {}, "out-of-range"),
        ({"HR@3": 0.3, "HR@5": 0.2}, {}, "not-monotone"),
        ({"NDCG@3": 0.3, "NDCG@5": 0.2}, {}, "not-monotone"),
        ({"HR@5": 0.2, "NDCG@5": 0.21}, {}, "ndcg-above-hr"),
        ({"HR@5": 0.2, "MRR@5": 0.21}, {}, "mrr-above-hr"),
        ({"NDCG@5": 0.2, "MRR@5": 0.21}, {}, "mrr-above-ndcg"),
        # A hit within five is worth at least 1 / log2(6) = 0.387 and 1 / 5.
        ({"HR@5": 0.2, "NDCG@5": 0.077}, {}, "ndcg-too-low"),
        ({"HR@5": 0.2, "MRR@5": 0.039}, {}, "mrr-too-low"),
        # 0.01 more hits, each at rank 4 (0.431) or 5 (0.387; 1/4 or 1/5).
        ({"HR@3": 0.1, "HR@5": 0.11, "NDCG@3": 0.08, "NDCG@5": 0.0844}, {}, "ndcg-gain-too-large"),
        ({"HR@3": 0.1, "HR@5": 0.11, "NDCG@3": 0.08, "NDCG@5": 0.0838}, {}, "ndcg-gain-too-small"),
        ({"HR@3": 0.1, "HR@5": 0.11, "MRR@3": 0.08, "MRR@5": 0.0826}, {}, "mrr-gain-too-large"),
        ({"HR@3": 0.1, "HR@5": 0.11, "MRR@3": 0.08, "MRR@5": 0.0819}, {}, "mrr-gain-too-small"),
        (
            {"NDCG@3": 0.2, "NDCG@5": 0.21, "MRR@3": 0.1, "MRR@5": 0.12},
            {},
            "mrr-gain-above-ndcg-gain",
        ),
        # NDCG / HR = 0.5: all at rank 3, or ranks 1 and 5 mixed, so MRR / HR is 0.333 to 0.348.
        ({"HR@5": 0.2, "NDCG@5": 0.1, "MRR@5": 0.075}, {}, "no-ranking"),
        ({"MAE": 1.2, "RMSE": 1.1}, {}, "mae-above-rmse"),
        ({"MAE": 0.5, "RMSE": 1.5}, {"scale": (1, 5)}, "rmse-above-scale"),
        ({"Precision": 0.5, "Recall": 0.6, "F1": 0.55}, {}, "f1-too-high"),
        ({"Precision": 0.9, "Recall": 0.9, "F1": 0.79}, {}, "f1-too-low"),
    ],
)
@pytest.mark.parametrize("positives", ["one", "several"])
def test_the_impossible_has_its_code(
    scores: dict[str, float], options: dict[str, object], code: str, positives: str
) -> None:
    single_only = code.startswith("ndcg-gain") or code in {"mrr-above-ndcg", "no-ranking"}
    single_only |= code in {"ndcg-too-low", "mrr-gain-above-ndcg-gain"}
    single_only |= code == "not-monotone" and "NDCG@3" in scores
    found = _codes(scores, positives_per_instance=positives, **options)
    assert found == (set() if single_only and positives == "several" else {code})


@pytest.mark.parametrize(("mrr", "possible"), [(0.06668, True), (0.0695, True), (0.0665, False)])
def test_the_solver_is_loaded_only_where_no_mixture_of_ranks_is_seen(
    mrr: float, possible: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"HR@5": 0.2, "NDCG@5": 0.1, "MRR@5": mrr}
    assert _codes(scores) == (set() if possible else {"no-ranking"})
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with contextlib.nullcontext() if possible else pytest.raises(ImportError):
        assert _codes(scores) == set()


def test_one_positive_bounds_precision_by_recall_and_f1() -> None:
    several = {"Precision": 0.6, "Recall": 0.5, "F1": 0.54}
    assert _codes(several, positives_per_instance="several") == set()
    assert _codes(several) == {"precision-above-recall", "f1-too-low"}


def test_ndcg_of_several_positives_has_its_own_floor() -> None:
    # At worst one of many positives at rank 2 of 2: (1 / log2 3) / (1 + 1 / log2 3) = 0.387.
    assert _codes({"HR@2": 1.0, "NDCG@2": 0.387}, positives_per_instance="several") == set()
    found = _codes({"HR@2": 1.0, "NDCG@2": 0.386}, positives_per_instance="several")
    assert found == {"ndcg-too-low"}


def test_rounding_is_allowed_for_only_when_it_is_said() -> None:
    printed = {"HR@5": 0.2, "NDCG@5": 0.2001}
    assert _codes(printed) == {"ndcg-above-hr"}
    assert _codes(printed, decimals=4) == set()  # 0.20004 and 0.20006 would print so
    assert _codes({"HR@5": 0.2, "NDCG@5": 0.2002}, decimals=4) == {"ndcg-above-hr"}


def test_f1_between_its_parts_is_no_law() -> None:
    half = 1000  # p = 1 and r = 1/1000 in one instance, the reverse in the other
    scores = _means(
        selection.score(
            [["0"], [str(i) for i in range(half)]], [[str(i) for i in range(half)], ["0"]]
        )
    )
    assert scores["F1"] < 0.01 < 0.5 < min(scores["Precision"], scores["Recall"])
    assert problems(scores, positives_per_instance="several") == []


def test_names_nobody_knows_are_only_asked_to_be_finite() -> None:
    hostile = {"BLEU": 29.1, "HR@" + "9" * 6000: 0.5, "HR@٣": 7.0, "NDCG@999999": 0.1}
    assert problems(hostile) == []
    (violation,) = problems({"x" * 10_000: math.nan})
    assert len(violation.message) < 100


@pytest.mark.parametrize(
    "value", [pytest.param(10**9000, id="huge"), math.inf, "0.5", None, True, [0.5], math.nan]
)
def test_what_is_no_number_is_named_not_raised(value: object) -> None:
    (violation,) = problems({"HR@5": value})  # type: ignore[dict-item]
    assert violation.code == "not-finite"
    assert len(violation.message) < 100
    assert problems({"HR@5": np.float32(0.5), "HR@3": 0}) == []  # type: ignore[dict-item]


def test_impossible_scores_are_an_error_that_names_them() -> None:
    require_possible({"HR@5": 0.2, "NDCG@5": 0.1, "MRR@5": 0.068})
    with pytest.raises(BenchError, match=r"mae-above-rmse: MAE \(2\) exceeds RMSE \(1\)"):
        require_possible({"MAE": 2.0, "RMSE": 1.0})


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ({"HR@5": 0.4, "Recall@5": 0.5}, "recall-above-hr"),
        ({"HR@5": 0.4, "F1@5": 0.5}, "f1-above-hr"),
        ({"Recall@5": 0.1, "F1@5": 0.3}, "f1-above-recall"),
        ({"Recall@5": 0.3, "Recall@10": 0.2}, "not-monotone"),
    ],
)
def test_recall_and_f1_of_several_positives_are_bounded(
    scores: dict[str, float], code: str
) -> None:
    assert _codes(scores, positives_per_instance="several") == {code}


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ({"HR@5": 0.4, "Recall@5": 0.5}, "recall-above-hr"),
        ({"HR@5": 0.4, "Recall@5": 0.3}, "recall-below-hr"),
        ({"HR@5": 0.6, "F1@5": 0.21}, "f1-above-hr"),  # a hit has F1@5 = 1/3
        ({"HR@5": 0.6, "F1@5": 0.19}, "f1-below-hr"),
        ({"Recall@5": 0.6, "F1@5": 0.21}, "f1-above-recall"),
        ({"Recall@5": 0.6, "F1@5": 0.19}, "f1-below-recall"),
    ],
)
def test_recall_and_f1_of_one_positive_follow_from_the_hits(
    scores: dict[str, float], code: str
) -> None:
    assert _codes(scores) == {code}
    assert _codes({"HR@5": 0.6, "Recall@5": 0.6, "F1@5": 0.2}) == set()
