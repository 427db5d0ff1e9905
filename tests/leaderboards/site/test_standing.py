"""Ranks, tie groups and order on a board, against what the made-up users decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark import stats
from benchmark.compare.evidence import better_pairs
from benchmark.metrics import metric_named
from benchmark.stats import RankInterval, summarise
from leaderboards.site.pages import Site
from leaderboards.site.standing import evidence_behind, rank_entries


def _names(standing):
    return [row.entry.submission.model for row in standing.rows]


def test_equals_share_a_tie_group_and_claims_have_no_rank(board, entries):
    standing = rank_entries(board, entries)
    by_name = {row.entry.submission.model: row for row in standing.rows}
    assert by_name["system-1"].rank == by_name["system-2"].rank == RankInterval(1, 2)
    assert by_name["system-3"].rank == RankInterval(3, 3)
    assert by_name["system-4"].rank == RankInterval(4, 4)
    groups = [by_name[f"system-{i}"].group for i in (1, 2, 3, 4)]
    assert groups == [1, 1, 2, 3]
    assert (by_name["system-9"].rank, by_name["system-9"].group) == (None, None)
    assert _names(standing)[-1] == "system-9"
    assert {row.entry.submission.model for row in standing.leaders} == {"system-1", "system-2"}


def test_a_metric_where_less_is_better_puts_the_least_first(board, entries):
    errors = board.model_copy(update={"task": "preference", "primary": "MAE"})

    def as_errors(entry):
        (entered,) = entry.runs
        scores = {"MAE": entered.run.scores["NDCG@5"]}
        run = entered.run.model_copy(update={"task": "preference", "scores": scores})
        return replace(entry, runs=(replace(entered, run=run, evidence=None),))

    standing = rank_entries(errors, [as_errors(entry) for entry in entries])
    assert not standing.higher_is_better
    assert _names(standing)[0] == "system-4"
    assert _names(standing)[-1] == "system-9"


def test_a_claim_by_another_encoder_does_not_name_the_boards_metric(board, made):
    drawn = board.model_copy(update={"task": "image-generation", "primary": "target similarity"})

    def judged(entry, encoder):
        (entered,) = entry.runs
        name = f"target similarity-{encoder}"
        scores = {name: entered.run.scores["NDCG@5"]}
        run = entered.run.model_copy(update={"task": "image-generation", "scores": scores})
        found = entered.evidence and replace(
            entered.evidence,
            scores={name: entered.evidence.scores["NDCG@5"]},
            metrics={name: metric_named(name)},
            statistics={name: entered.evidence.statistics["NDCG@5"]},
        )
        return replace(entry, runs=(replace(entered, run=run, evidence=found),))

    claimed = judged(made(0.9, 1, scored=False), "mine")
    scored = [judged(made(0.5, number), "ours") for number in (2, 3)]
    standing = rank_entries(drawn, [claimed, *scored])
    assert standing.metric == "target similarity-ours"
    assert all(evidence_behind(standing, row) for row in standing.rows[:2])


def test_runs_of_other_questions_stay_off_the_board(board, made):
    others = [
        made(0.5, 1, task="recommendation"),
        made(0.5, 2, data="ml-100k"),
        made(0.5, 3, cohort="new-user"),
        made(0.5, 4, perturb="nt"),
        made(0.5, 5, task_version=2),
    ]
    assert rank_entries(board, others).rows == ()


def test_seeds_are_one_row_of_averaged_statistics(board, made):
    first, second = made(0.2, 1), made(0.6, 2, seed=1)
    both = replace(first, runs=(*second.runs, *first.runs))
    (row,) = rank_entries(board, [both]).rows
    assert row.seeds == (0, 1)
    means = [run.evidence.statistics["NDCG@5"].mean() for run in both.runs]
    assert row.primary.value == pytest.approx(np.mean(means))
    assert row.primary.low < row.primary.value < row.primary.high
    assert row.fit_seconds == pytest.approx((1.5 + 3.0) / 2)
    claims = [run.run.scores["HR@5"].value for run in both.runs]
    assert row.values["HR@5"] == pytest.approx(np.mean(claims))


def test_rows_over_other_instances_are_not_ranked_with_the_rest(board, made):
    entries = [made(0.5, 1), made(0.7, 2), made(0.9, 3, instances_sha256="f" * 64)]
    standing = rank_entries(board, entries)
    assert _names(standing)[-1] == "system-3"
    assert [row.rank is None for row in standing.rows] == [False, False, True]


def test_a_claimed_metric_makes_no_column_where_rows_were_scored_here(board, entries, made):
    claim = made(0.5, 20, scored=False)
    claim.runs[0].run.scores["BERTScore-odd"] = claim.runs[0].run.scores["HR@5"]
    assert "BERTScore-odd" not in rank_entries(board, [*entries, claim]).metrics


def test_a_privileged_row_is_marked_and_takes_no_rank_from_others(board, made):
    oracle = made(0.9, 1, attachments=["truth.parquet"])
    standing = rank_entries(board, [oracle, made(0.4, 2)])
    assert _names(standing) == ["system-2", "system-1"]
    assert [row.privileged for row in standing.rows] == [False, True]
    assert [row.rank for row in standing.rows] == [RankInterval(1, 1), None]
    assert [row.entry.submission.model for row in standing.leaders] == ["system-2"]
    assert rank_entries(board, [oracle]).leaders == ()


def test_an_empty_board_knows_which_way_its_metric_goes(board):
    for primary, higher in (("MAE", False), ("NDCG@5", True), ("target similarity", True)):
        empty = rank_entries(board.model_copy(update={"primary": primary}), [])
        assert empty.higher_is_better == higher


def _over(entry, users):
    """``entry`` over its first ``users`` users, scored again."""
    (entered,) = entry.runs
    kept = entered.evidence
    statistics = {name: rows[:users] for name, rows in kept.statistics.items()}
    scores = summarise(list(kept.metrics.values()), statistics, kept.users[:users])
    evidence = replace(
        kept, statistics=statistics, users=kept.users[:users], scores={**kept.scores, **scores}
    )
    return replace(entry, runs=(replace(entered, evidence=evidence),))


def test_below_20_users_no_row_is_ranked_and_the_page_says_so(board, made):
    entries = [made(1.0, 1), made(0.01, 2)]
    few = rank_entries(board, [_over(entry, 19) for entry in entries])
    assert [(row.rank, row.group, row.few_users) for row in few.rows] == [(None, None, True)] * 2
    assert [(row.primary.low, row.primary.high) for row in few.rows] == [(None, None)] * 2
    page = Site([few], []).board_page(few)
    assert "fewer than 20 users" in page
    assert "<small>" not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    enough = rank_entries(board, [_over(entry, 20) for entry in entries])
    assert [row.rank for row in enough.rows] == [RankInterval(1, 1), RankInterval(2, 2)]
    assert "fewer than 20 users" not in Site([enough], []).board_page(enough)


def test_a_claim_over_few_users_shows_no_interval(board, made):
    claim = made(0.5, 1, scored=False)
    (entered,) = claim.runs
    scores = {
        name: score.model_copy(update={"users": 19}) for name, score in entered.run.scores.items()
    }
    run = entered.run.model_copy(update={"scores": scores})
    (row,) = rank_entries(board, [replace(claim, runs=(replace(entered, run=run),))]).rows
    assert (row.primary.low, row.primary.high) == (None, None)


def test_a_metric_with_an_unknown_ending_does_not_turn_a_board_around(board, made):
    errors = board.model_copy(update={"task": "preference", "primary": "MAE"})

    def claiming(number, name):
        entry = made(number / 10, number, scored=False)
        (entered,) = entry.runs
        scores = {name: entered.run.scores["NDCG@5"]}
        run = entered.run.model_copy(update={"task": "preference", "scores": scores})
        return replace(entry, runs=(replace(entered, run=run),))

    standing = rank_entries(errors, [claiming(1, "MAE-x"), claiming(5, "MAE"), claiming(3, "MAE")])
    assert not standing.higher_is_better
    assert _names(standing) == ["system-3", "system-5"]
    assert standing.metric == "MAE"


def test_claimed_seeds_of_two_encoders_are_not_averaged(board, made):
    images = board.model_copy(update={"task": "image-generation", "primary": "target similarity"})
    entry = made(0.5, 1, scored=False)
    (entered,) = entry.runs
    claim = entered.run.scores["NDCG@5"]
    runs = [
        replace(
            entered,
            run=entered.run.model_copy(
                update={"task": "image-generation", "seed": seed, "scores": {name: claim}}
            ),
        )
        for seed, name in enumerate(["target similarity-a", "target similarity-b"])
    ]
    standing = rank_entries(images, [replace(entry, runs=tuple(runs))])
    (row,) = standing.rows
    assert row.seeds == (0,)
    assert row.primary.value == claim.value
    assert standing.metric == "target similarity-a"


def _random_board(board, made, seed):
    """The standing of 2 to 8 systems of random strength over the first 20 to 200 users."""
    draw = np.random.default_rng(seed)
    users = int(draw.integers(20, 201))
    strengths = draw.choice([0.2, 0.5, 0.5, 0.8], size=int(draw.integers(2, 9)))
    strengths = np.clip(strengths + draw.normal(0, 0.05, len(strengths)), 0, 1)
    entries = [_first(made(s, seed * 10 + i), users) for i, s in enumerate(strengths)]
    return rank_entries(board, entries)


def _first(entry, users):
    """``entry`` over its first ``users`` users, without intervals, which take time."""
    (entered,) = entry.runs
    rows = entered.evidence.statistics["NDCG@5"][:users]
    score = replace(entered.scores["NDCG@5"], value=float(rows.mean()), low=None, high=None)
    evidence = replace(
        entered.evidence,
        statistics={"NDCG@5": rows},
        users=entered.evidence.users[:users],
        scores={**entered.scores, "NDCG@5": replace(score, n=users, users=users)},
    )
    return replace(entry, runs=(replace(entered, evidence=evidence),))


@pytest.mark.parametrize("boards", [60, pytest.param(1_000, marks=pytest.mark.slow)])
def test_on_simulated_boards_no_row_stands_above_one_that_is_significantly_better(
    board, made, monkeypatch, boards
):
    monkeypatch.setattr(stats, "RANK_RESAMPLES", 100)
    for seed in range(boards):
        standing = _random_board(board, made, seed)
        rows = standing.rows
        as_entered = sorted(rows, key=lambda row: row.entry.runs[0].run.parameters.trainable)
        evidence = [row.entry.runs[0].evidence for row in as_entered]
        statistics = {str(i): of_row.statistics for i, of_row in enumerate(evidence)}
        above = better_pairs(evidence[0].metrics["NDCG@5"], statistics, evidence[0].users)
        place = [as_entered.index(row) for row in rows]
        above = above[np.ix_(place, place)]  # in the order of the board
        assert not np.tril(above).any(), seed
        assert [row.primary.value for row in rows] == sorted(
            (row.primary.value for row in rows), reverse=True
        )
        groups = np.array([row.group for row in rows])
        assert groups[0] == 1
        assert set(np.diff(groups)) <= {0, 1}
        assert not above[groups[:, None] == groups].any(), seed
        first_of = np.searchsorted(groups, groups)
        for at in np.flatnonzero(np.diff(groups)) + 1:  # a group ends where a test decided
            members = range(first_of[at - 1], at)
            assert above[members, at].any(), seed
