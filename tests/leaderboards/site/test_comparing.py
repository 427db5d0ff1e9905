"""Shares of the learnable and differences of rows: the numbers that reports print for the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.models.registered import ModelEntry
from benchmark.stats import paired_difference, paired_share
from leaderboards.site.comparing import MOST_PAIRED, compare_rows
from leaderboards.site.overview import FLAGSHIP, SHADES, overviews
from leaderboards.site.standing import evidence_behind, rank_entries


def _known(name, **more):
    return {name: ModelEntry(name, "nowhere:X", ("search",), "trivial", **more)}


MODELS = {**_known("system-3", blind=("",)), **_known("system-1", learnable=True)}


@pytest.fixture
def standing(board, made):
    """A ceiling that opened the truth, a rule that looks at nobody, one between, one reported."""
    ceiling = made(0.8, 1, attachments=["truth.safetensors"], badge="reproduced")
    return rank_entries(
        board,
        [
            ceiling,
            made(0.5, 2),
            made(0.1, 3, settings={}, badge="reproduced"),
            made(0.9, 9, scored=False),
        ],
    )


def test_shares_are_those_of_reports(standing):
    compared = compare_rows(standing, MODELS)
    assert (compared.floor, compared.ceiling) == ("system-3", "system-1")
    by_label = {
        row.entry.submission.label: (evidence_behind(standing, row), share)
        for row, share in zip(standing.rows, compared.shares, strict=True)
    }
    metric, floor = by_label["system-3"][0]
    _, ceiling = by_label["system-1"][0]
    for label in ("system-1", "system-2", "system-3"):
        (_, evidence), share = by_label[label]
        ends = (floor.statistics, ceiling.statistics)
        expected = paired_share(metric, evidence.statistics, *ends, evidence.users)
        assert share == pytest.approx(expected.value)
    assert by_label["system-9"] == (None, None)  # nobody computed it


@pytest.mark.parametrize(
    "models",
    [
        {},
        _known("system-1", learnable=True),
        _known("system-3", blind=("",)),
        {**_known("system-3", blind=("",)), **_known("system-2", learnable=True)},
    ],
    ids=["nobody known", "no floor", "no ceiling", "a ceiling that opened nothing"],
)
def test_without_both_ends_there_are_no_shares(standing, models):
    compared = compare_rows(standing, models)
    assert compared.ceiling is None
    assert set(compared.shares) == {None}


def test_settings_that_may_turn_a_blind_rule_to_the_user_unmake_it(board, made):
    ceiling = made(0.8, 1, attachments=["truth.safetensors"], badge="reproduced")
    tuned = made(0.1, 3, settings={"width": 9}, badge="reproduced")
    assert compare_rows(rank_entries(board, [ceiling, tuned]), MODELS).floor is None


def test_a_submission_under_a_listed_name_moves_no_share_unless_it_is_reproduced(board, made):
    ceiling = made(0.8, 1, attachments=["truth.safetensors"], badge="reproduced")
    forged = made(0.1, 3, settings={})
    assert compare_rows(rank_entries(board, [ceiling, forged]), MODELS).floor is None
    floor = made(0.1, 3, settings={}, badge="reproduced")
    opened = made(0.8, 1, attachments=["truth.safetensors"])
    assert compare_rows(rank_entries(board, [opened, floor]), MODELS).ceiling is None
    assert compare_rows(rank_entries(board, [ceiling, floor]), MODELS).floor == "system-3"


def test_differences_are_those_of_two_rows_on_the_same_users(standing):
    compared = compare_rows(standing, {})
    scored = [at for at, row in enumerate(standing.rows) if row.badge != "reported"]
    assert {(pair.a, pair.b) for pair in compared.pairs} == {
        (a, b) for a in scored for b in scored if a < b
    }
    for pair in compared.pairs:
        sides = [evidence_behind(standing, standing.rows[at]) for at in (pair.a, pair.b)]
        (metric, a), (_, b) = sides
        found = paired_difference(metric, a.statistics, b.statistics, a.users)
        assert pair.value == pytest.approx(found.value)
        # Other users are drawn for more rows: the ends agree but for the draw.
        assert pair.low == pytest.approx(found.low, abs=0.01)
        assert pair.high == pytest.approx(found.high, abs=0.01)


def test_the_page_of_a_crowd_holds_the_differences_of_its_first_rows_alone(crowded):
    compared = compare_rows(crowded, {})
    assert compared.paired == MOST_PAIRED
    assert len(compared.pairs) == MOST_PAIRED * (MOST_PAIRED - 1) // 2


def test_the_overview_marks_winners_and_shades_by_share(board, made):
    entries = [
        made(0.8, 1, attachments=["truth.safetensors"], badge="reproduced"),
        made(0.5, 2),
        made(0.1, 3, settings={}, badge="reproduced"),
    ]
    standing = rank_entries(board, entries)
    other = board.model_copy(update={"name": "another", "data": "a-dataset"})
    standings = [rank_entries(other, []), standing]
    compared = {s.board.name: compare_rows(s, MODELS) for s in standings}
    first, second = overviews(standings, compared)
    assert (first.data, second.data) == (FLAGSHIP, "a-dataset")
    assert second.lines == ()
    assert [(o.simulated, o.anybody_builds) for o in (first, second)] == [(True,) * 2, (False,) * 2]
    assert [line.entry.submission.label for line in first.models] == ["system-2", "system-3"]
    assert [line.entry.submission.label for line in first.ceilings] == ["system-1"]
    winner, floor = (line.cells[0] for line in first.models)
    assert (winner.first, floor.first) == (True, False)
    assert floor.shade == 0
    assert winner.shade == round(winner.share * (SHADES - 1))
    assert first.models[0].firsts == 1


def test_lower_is_better_where_the_metric_says_so(board, made):
    entries = [made(0.5, 1), made(0.1, 2)]
    standing = rank_entries(board, entries)
    turned = replace(standing, higher_is_better=False)
    for each, best in ((standing, "system-1"), (turned, "system-2")):
        (overview,) = overviews([each], {board.name: compare_rows(each, {})})
        deepest = max(overview.lines, key=lambda line: line.cells[0].shade)
        assert deepest.entry.submission.label == best
