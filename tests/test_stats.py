"""Bootstrap by user, paired differences, Holm: against hand work, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark import resampling, stats
from benchmark.errors import BenchError
from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric, Statistics

HR = metric_named("HR@5")
MAE = metric_named("MAE")
RMSE = metric_named("RMSE")
BERTSCORE = metric_named("BERTScore-an-encoder")


def _one(metric: Metric, values: np.ndarray) -> Statistics:
    return {metric.name: values.reshape(len(values), -1).astype(float)}


def _bernoulli(n: int, share: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < share).astype(float)


def test_an_encoders_metric_beside_them_changes_no_others_interval() -> None:
    draw, users = np.random.default_rng(0), np.arange(200)
    statistics = _one(MAE, draw.random(200)) | _one(BERTSCORE, draw.random(200))
    alone = stats.summarise([MAE], statistics, users)
    both = stats.summarise([BERTSCORE, MAE], statistics, users)
    assert list(both) == [BERTSCORE.name, MAE.name]
    assert both[MAE.name] == alone[MAE.name]
    assert both[BERTSCORE.name] == stats.summarise([BERTSCORE], statistics, users)[BERTSCORE.name]


@pytest.mark.parametrize("metric", [HR, RMSE, BERTSCORE], ids=lambda metric: metric.name)
def test_users_in_parts_are_summarised_as_all_of_them(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, size=600) if metric is HR else rng.random(600)
    users = np.repeat(np.arange(200), 3)
    statistics = _one(metric, values)
    summary = stats.Summary([metric])
    for start, stop in [(0, 3), (3, 300), (300, 600)]:
        some = {metric.name: statistics[metric.name][start:stop]}
        summary.add(some, users[start:stop])
    means = {metric.name: statistics[metric.name].mean(axis=0)}
    assert summary.scores(means) == stats.summarise([metric], statistics, users)


def test_value_is_over_instances_not_over_users() -> None:
    values = np.array([1.0, 0.0, 0.0, 0.0])
    score = stats.summarise([HR], _one(HR, values), ["a", "b", "b", "b"])["HR@5"]
    assert (score.value, score.n, score.users) == (0.25, 4, 2)


def test_a_metric_that_is_no_mean_is_taken_of_the_means() -> None:
    squared = np.tile([1.0, 4.0, 9.0, 2.0], 5)
    score = stats.summarise([RMSE], _one(RMSE, squared), np.arange(20))["RMSE"]
    assert score.value == pytest.approx(2.0)
    assert score.low < 2.0 < score.high


def test_same_seed_same_numbers_and_another_seed_others() -> None:
    statistics = _one(MAE, np.random.default_rng(0).random(300))
    users = [f"u{row // 3}" for row in range(300)]
    first = stats.summarise([MAE], statistics, users, seed=1)
    assert first == stats.summarise([MAE], statistics, users, seed=1)
    assert first != stats.summarise([MAE], statistics, users, seed=2)


def test_names_and_order_of_users_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, size=400).astype(float)
    users = rng.integers(0, 100, size=400)
    order = rng.permutation(400)
    first = stats.summarise([HR], _one(HR, values), users)
    second = stats.summarise([HR], _one(HR, values[order]), [f"u{u}" for u in users[order]])
    assert first == second


def test_interval_agrees_with_scipy_on_a_plain_mean() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).gamma(2.0, size=400)
    ours = stats.summarise([MAE], _one(MAE, values), np.arange(400), resamples=10_000)["MAE"]
    theirs = scipy_stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=1
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # Users differ in their own rate, three instances each: ignoring users would cover far less.
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(150), 3)
    covered = 0
    for trial in range(300):
        rates = rng.choice([0.1, 0.7], size=150)
        values = (rng.random(450) < rates[users]).astype(float)
        score = stats.summarise([HR], _one(HR, values), users, resamples=400, seed=trial)["HR@5"]
        covered += score.low <= 0.4 <= score.high
    assert 0.91 <= covered / 300 <= 0.985


def test_clusters_widen_the_interval() -> None:
    values = np.repeat(_bernoulli(100, 0.4, seed=0), 5)  # five equal answers a user
    statistics = _one(HR, values)
    by_user = stats.summarise([HR], statistics, np.repeat(np.arange(100), 5))["HR@5"]
    alone = stats.summarise([HR], statistics, np.arange(500))["HR@5"]
    ratio = (by_user.high - by_user.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(5**0.5, rel=0.15)


def test_drawing_groups_has_the_distribution_of_drawing_users() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    values = _bernoulli(2000, 0.1, seed=0)
    sample = resampling.UserSums.of([values[:, None]], np.arange(2000))
    assert len(sample.rows) == 2  # two distinct rows, so groups are drawn
    grouped = sample.resampled_means(4000, seed=0)[:, 0]
    rng = np.random.default_rng(1)
    plain = np.array([values[rng.integers(0, 2000, 2000)].mean() for _ in range(4000)])
    assert scipy_stats.ks_2samp(grouped, plain).pvalue > 0.01
    assert grouped.std() == pytest.approx(plain.std(), rel=0.05)


def test_both_ways_of_drawing_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 3, size=600).astype(float)
    sample = resampling.UserSums.of([values[:, None]], np.arange(600))
    groups = sample.resampled_means(4000, seed=0)[:, 0]
    monkeypatch.setattr(resampling, "BINOMIAL_COST", 10**9)
    users = sample.resampled_means(4000, seed=0)[:, 0]
    assert groups.mean() == pytest.approx(users.mean(), abs=4 * users.std() / 4000**0.5)
    assert groups.std() == pytest.approx(users.std(), rel=0.05)


def test_chunks_do_not_change_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = _one(MAE, np.random.default_rng(0).random(50))
    whole = stats.summarise([MAE], statistics, np.arange(50))
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 50 * 7)
    assert stats.summarise([MAE], statistics, np.arange(50))["MAE"].low == pytest.approx(
        whole["MAE"].low, abs=1e-12
    )


@pytest.mark.parametrize("at_once", [1, 40, 1000])
def test_resamples_drawn_together_are_those_drawn_one_by_one(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).random((30, 1))
    monkeypatch.setattr(resampling, "DRAWS_AT_ONCE", at_once)
    found = resampling.UserSums.of([values], np.arange(30)).resampled_means(7, seed=5)
    rng = np.random.default_rng(5)
    alone = [np.sort(values, 0)[rng.integers(0, 30, size=30)].mean(0) for _ in range(7)]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_all_metrics_share_one_resampling() -> None:
    values = _bernoulli(200, 0.3, seed=0)
    other = metric_named("HR@10")
    both = {"HR@5": values[:, None], "HR@10": values[:, None]}
    scores = stats.summarise([HR, other], both, np.arange(200))
    assert scores["HR@5"] == scores["HR@10"]


def test_a_clear_difference_is_found_and_signed() -> None:
    a, b = _bernoulli(1000, 0.4, seed=0), _bernoulli(1000, 0.2, seed=1)
    found = stats.paired_difference(HR, _one(HR, a), _one(HR, b), np.arange(1000), resamples=1999)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert 0 < found.low < found.value < found.high
    assert found.p_value == pytest.approx(2 / 2000)  # the smallest there is; never 0
    back = stats.paired_difference(HR, _one(HR, b), _one(HR, a), np.arange(1000))
    assert back.high < 0


def test_equal_systems_do_not_differ() -> None:
    a = _one(HR, _bernoulli(100, 0.4, seed=0))
    found = stats.paired_difference(HR, a, a, np.arange(100))
    assert (found.value, found.p_value) == (0.0, 1.0)
    # Up to 1 - 0.05 ** (1 / 100) of other users may differ as far as hits can, either way.
    assert (found.low, found.high) == pytest.approx((-0.029513, 0.029513), abs=1e-6)


def test_pairing_removes_what_both_systems_share() -> None:
    difficulty = np.random.default_rng(0).normal(3, 1, size=300)
    a = difficulty + np.random.default_rng(1).normal(0.05, 0.1, size=300)
    found = stats.paired_difference(MAE, _one(MAE, a), _one(MAE, difficulty), np.arange(300))
    assert found.p_value < 0.01


def test_p_values_are_uniform_when_nothing_differs() -> None:
    rng = np.random.default_rng(0)
    p = [
        stats.paired_difference(
            MAE,
            _one(MAE, rng.random(120)),
            _one(MAE, rng.random(120)),
            np.arange(120),
            resamples=499,
            seed=trial,
        ).p_value
        for trial in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)


def test_holm_by_hand() -> None:
    assert stats.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert stats.holm([]).tolist() == []


def test_holm_agrees_with_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 19):  # each call collects garbage, which is slow in a large process
        p = rng.random(size) ** 3
        expected = multitest.multipletests(p, method="holm")[1]
        np.testing.assert_allclose(stats.holm(p), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "users", "message"),
    [
        (np.zeros((0, 1)), [], "no instance to score"),
        (np.zeros((2, 1)), ["a"], "2 rows of statistics do not fit 1 user ids"),
        (np.zeros((2, 3)), ["a", "b"], r"have shape \(2, 3\)"),
        (np.array([[np.nan], [0.0]]), ["a", "b"], "not a finite number"),
    ],
)
def test_bad_statistics_are_refused(values: np.ndarray, users: list[str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        stats.summarise([HR], {"HR@5": values}, users)


def test_a_metric_without_statistics_is_refused() -> None:
    with pytest.raises(BenchError, match=r"no statistics of 'HR@5'"):
        stats.summarise([HR], {"HR@10": np.zeros((1, 1))}, ["a"])


@pytest.mark.parametrize("users", [1, 19])
def test_few_users_have_neither_interval_nor_p_value(users: int) -> None:
    hits = np.arange(users) % 2.0
    owners = np.arange(users)
    score = stats.summarise([HR], _one(HR, hits), owners)["HR@5"]
    assert (score.value, score.low, score.high, score.users) == (hits.mean(), None, None, users)
    found = stats.paired_difference(HR, _one(HR, hits), _one(HR, 0 * hits), owners)
    assert (found.low, found.high, found.p_value) == (None, None, None)
    better = stats.significantly_better(
        HR, {"a": _one(HR, hits * 0 + 1), "b": _one(HR, 0 * hits)}, owners
    )
    assert not better.any()


def test_twenty_users_are_enough_and_users_count_rather_than_instances() -> None:
    hits = np.arange(20) % 2.0
    enough = stats.summarise([HR], _one(HR, hits), np.arange(20))["HR@5"]
    assert enough.low is not None
    few = stats.summarise([HR], _one(HR, np.tile(hits, 5)), np.repeat(np.arange(10), 10))["HR@5"]
    assert (few.n, few.users, few.low) == (100, 10, None)


@pytest.mark.parametrize("users", [20, 468])
def test_hits_that_nobody_or_everybody_has_leave_a_share_open(users: int) -> None:
    none = stats.summarise([HR], _one(HR, np.zeros(users)), np.arange(users))["HR@5"]
    every = stats.summarise([HR], _one(HR, np.ones(users)), np.arange(users))["HR@5"]
    exact = scipy_upper_bound_of_none(users)
    assert (none.value, none.low, none.high) == (0.0, 0.0, pytest.approx(exact))
    assert (every.value, every.low, every.high) == (1.0, pytest.approx(1 - exact), 1.0)
    assert none.high == pytest.approx(3 / users, rel=0.1)


def scipy_upper_bound_of_none(n: int) -> float:
    """The one-sided exact 95% bound on a share of which n showed none."""
    binomial = pytest.importorskip("scipy.stats")
    return float(binomial.binomtest(0, n, alternative="less").proportion_ci(0.95, "exact").high)


def test_the_bound_covers_rare_hits_as_often_as_it_says() -> None:
    # Where nobody of 50 users hits, the bound must exceed the true chance 95 times in 100 draws
    # of *any* data: at the chance it just reaches, nobody hits exactly 5 times in 100.
    bound = stats.summarise([HR], _one(HR, np.zeros(50)), np.arange(50))["HR@5"].high
    assert bound is not None
    rng = np.random.default_rng(0)
    nobody = (rng.random((20_000, 50)) < bound).sum(axis=1) == 0
    assert nobody.mean() == pytest.approx(0.05, abs=0.006)


def test_users_who_all_err_alike_have_an_interval_within_the_scale_or_none() -> None:
    errors = _one(MAE, np.ones(30))
    bounded = stats.summarise([metric_named("MAE", scale=(1, 5))], errors, np.arange(30))["MAE"]
    share = 1 - 0.05 ** (1 / 30)
    assert (bounded.low, bounded.high) == pytest.approx((1 - share, 1 + 3 * share))
    unbounded = stats.summarise([MAE], errors, np.arange(30))["MAE"]
    assert (unbounded.low, unbounded.high) == (None, None)
    rooted = stats.summarise(
        [metric_named("RMSE", scale=(1, 5))], _one(RMSE, np.ones(30)), np.arange(30)
    )["RMSE"]
    assert (rooted.low, rooted.high) == pytest.approx(
        ((1 - share) ** 0.5, (1 - share + 16 * share) ** 0.5)
    )


def test_a_bleu_of_0_leaves_open_what_other_texts_of_that_length_might_match() -> None:
    bleu = metric_named("BLEU-1")
    rows = np.tile([0.0, 8.0, 8.0], (30, 1))  # no match of 8 words, 8 in the reference
    score = stats.summarise([bleu], {bleu.name: rows}, np.arange(30))[bleu.name]
    assert (score.value, score.low) == (0.0, 0.0)
    assert score.high == pytest.approx(1 - 0.05 ** (1 / 30))


def test_an_interval_over_seeds_holds_their_mean_where_all_users_have_one_value() -> None:
    perfect, failed = [8, 7, 6, 5, 8, 7, 6, 5, 8], [0] * 8 + [8]
    bleu = metric_named("BLEU-4")
    rows = np.tile([*perfect, *failed], (40, 1))
    score = stats.summarise([bleu], _one(bleu, rows), range(40))[bleu.name]
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value == 0.5 <= score.high
    alone = stats.summarise([bleu], _one(bleu, np.tile(perfect, (40, 1))), range(40))[bleu.name]
    assert alone.low is not None
    assert score.low == pytest.approx(alone.low / 2)


def test_one_difference_for_all_users_is_significant_only_where_its_interval_leaves_out_0() -> None:
    for gap in (0.01, 0.1, 0.15, 0.17, 0.5, 1.0):
        ours, theirs = np.full(20, gap), np.zeros(20)
        found = stats.paired_difference(HR, _one(HR, ours), _one(HR, theirs), np.arange(20))
        assert found.low is not None
        assert found.p_value is not None
        assert (found.low > 0) == (found.p_value < 0.05)
        assert found.low < gap <= found.high
        better = stats.significantly_better(
            HR, {"a": _one(HR, ours), "b": _one(HR, theirs)}, np.arange(20)
        )
        assert better[0, 1] == (found.p_value < 0.05)


def test_hits_that_nobody_has_leave_f1_open_as_far_as_they_leave_its_parts_open() -> None:
    f1, recall = metric_named("F1@5"), metric_named("Recall@5")
    users = np.arange(200)
    statistics = {f1.name: np.zeros((200, 2)), recall.name: np.zeros((200, 1))}
    found = stats.summarise([f1, recall], statistics, users)
    assert found[f1.name] == found[recall.name]
    assert 0 == found[f1.name].low < found[f1.name].high < 0.02


@pytest.mark.parametrize("said", [0, 1, 2], ids=["nothing", "a word", "two words"])
@pytest.mark.parametrize("order", [1, 4])
def test_texts_that_all_failed_leave_bleu_open(order: int, said: int) -> None:
    bleu = metric_named(f"BLEU-{order}")
    totals = np.maximum(said - np.arange(order), 0)  # n-grams of every length
    row = np.concatenate([np.zeros(order), totals, [8.0]])  # of references of eight words
    found = stats.summarise([bleu], {bleu.name: np.tile(row, (200, 1))}, np.arange(200))
    assert found[bleu.name].value == found[bleu.name].low == 0
    assert 0 < found[bleu.name].high < 0.02


def test_no_interval_of_bleu_where_no_text_can_have_its_n_grams() -> None:
    bleu = metric_named("BLEU-4")
    row = np.array([0.0, 0, 0, 0, 3, 2, 1, 0, 3])  # three words, as their references
    found = stats.summarise([bleu], {bleu.name: np.tile(row, (200, 1))}, np.arange(200))
    assert (found[bleu.name].low, found[bleu.name].high) == (None, None)


def test_a_share_is_of_the_gap_between_floor_and_ceiling_and_its_interval_of_all_three() -> None:
    rng = np.random.default_rng(5)
    luck, users = rng.random(600), np.arange(600)
    low, middle, high = (_one(HR, luck < share) for share in (0.2, 0.5, 0.8))
    share = stats.paired_share(HR, middle, low, high, users)
    assert share is not None
    hits = [float(each["HR@5"].mean()) for each in (low, middle, high)]
    assert share.value == pytest.approx((hits[1] - hits[0]) / (hits[2] - hits[0]))
    # The delta method for a ratio of means, whose parts are counted on the same users.
    above, gap = middle["HR@5"] - low["HR@5"], high["HR@5"] - low["HR@5"]
    error = np.std(above - share.value * gap) / gap.mean() / np.sqrt(600)
    assert share.low == pytest.approx(share.value - 1.96 * error, abs=0.015)
    assert share.high == pytest.approx(share.value + 1.96 * error, abs=0.015)


def test_the_ends_of_a_share_are_exact_and_errors_count_downwards() -> None:
    rng = np.random.default_rng(6)
    noise, users = rng.random(300), np.arange(300)
    floor, ceiling = _one(RMSE, 4 + noise), _one(RMSE, 1 + noise)
    assert stats.paired_share(RMSE, floor, floor, ceiling, users) == stats.Share(0.0, 0.0, 0.0)
    assert stats.paired_share(RMSE, ceiling, floor, ceiling, users) == stats.Share(1.0, 1.0, 1.0)
    nothing = stats.paired_share(RMSE, floor, floor, ceiling, users)
    assert f"{nothing.value:.0%} {nothing.low:.0%} {nothing.high:.0%}" == "0% 0% 0%"
    between = stats.paired_share(RMSE, _one(RMSE, 2 + noise), floor, ceiling, users)
    worse = stats.paired_share(RMSE, _one(RMSE, 6 + noise), floor, ceiling, users)
    assert 0 < between.low <= between.value <= between.high < 1
    assert worse.high < 0


def test_no_share_of_a_gap_that_may_be_none_or_is_the_wrong_way_round() -> None:
    users = np.arange(300)
    one, other = _one(HR, _bernoulli(300, 0.5, 1)), _one(HR, _bernoulli(300, 0.52, 2))
    low, high = _one(HR, _bernoulli(300, 0.1, 3)), _one(HR, _bernoulli(300, 0.9, 4))
    assert stats.paired_share(HR, high, one, other, users) is None
    assert stats.paired_share(HR, one, high, low, users) is None
    assert stats.paired_share(HR, one, one, one, users) is None


def test_a_share_of_equal_users_is_no_more_certain_than_they_are_many() -> None:
    def share(users: int) -> stats.Share | None:
        nothing, half, all_ = (_one(HR, np.full(users, value)) for value in (0.0, 0.5, 1.0))
        return stats.paired_share(HR, half, nothing, all_, np.arange(users))

    few, many = share(20), share(3000)
    assert few is not None
    assert many is not None
    assert few.value == many.value == 0.5
    unlike = 1 - 0.05 ** (1 / 20)  # so many users, at 95%, may be unlike twenty who are alike
    alike = 1 - unlike
    assert few.low == pytest.approx((0.5 * alike - unlike) / alike)
    assert few.high == pytest.approx((0.5 * alike + unlike) / alike)
    assert 0.49 < many.low < 0.5 < many.high < 0.51


def test_no_share_of_a_gap_that_too_few_equal_users_show() -> None:
    users = np.arange(20)
    low, high = _one(HR, np.full(20, 0.4)), _one(HR, np.full(20, 0.5))
    assert stats.paired_share(HR, high, low, high, users) is None
    assert stats.paired_difference(HR, high, low, users).low < 0


def test_a_share_of_few_users_has_no_interval() -> None:
    users = np.arange(stats.FEWEST_USERS - 1)
    low, middle, high = (_one(HR, users < count) for count in (2, 7, 12))
    assert stats.paired_share(HR, middle, low, high, users) == stats.Share(0.5, None, None)
