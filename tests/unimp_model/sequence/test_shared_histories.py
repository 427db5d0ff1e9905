"""Several instances on one history cost one history and change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.instances import History, RecommendationInstance, SearchInstance
from benchmark.tasks import TASKS
from unimp_model.sequence.batches import attention_mask, bucketed, collate
from unimp_model.sequence.template import Branch
from unimp_model.training.rows import chunks


def _instruction(template, task, query=None):
    instance = (
        SearchInstance("", "", History(), query)
        if task == "search"
        else RecommendationInstance("", "", History())
    )
    return template.instruction(TASKS.get(task).prompt(instance))


def _read(world, rows):
    batch = collate(rows, world.photos.index, all_photos=False, slots=1)
    with torch.no_grad():
        tables = world.network.tables()
        visual = world.network.visual_tokens(world.photos.rows(batch.photos))
        hidden = world.network(batch, tables, visual)
        return world.network.logits(world.network.read(hidden, batch), tables)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"attend_last_image": True},
        {"exclusive_attention": False},
        {"fusion": "concatenation"},
        {"fusion": "early"},
        {"fusion": "late"},
    ],
    ids=str,
)
def test_a_branch_scores_exactly_as_its_own_sequence(world, settings):
    w = world(**settings)
    history = [w.items[i] for i in (0, 3, 1, 2)]
    asked = [
        (after, _instruction(w.template, task, query))
        for after in (1, 2, 3, 4)
        for task, query in (("recommendation", None), ("search", "kitchen mugs"))
    ]
    packed = w.template.row(
        w.template.history(history), [Branch(after, i) for after, i in asked], context=False
    )
    separate = [
        w.template.row(w.template.history(history[:after]), [Branch(after, i)], context=False)
        for after, i in asked
    ]
    together = _read(w, [packed])
    apart = torch.cat([_read(w, [row]) for row in separate])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


def test_the_mask_of_a_trunk_with_two_branches():
    # trunk of 4 tokens; branch 1 (2 tokens) hangs on token 1, branch 2 (1 token) on token 3
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 2, -1]])
    reach = torch.tensor([[0, 1, 2, 3, 1, 1, 3, -1]])
    expected = [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]
    assert attention_mask(segments, reach)[0].int().tolist() == expected


def test_a_window_hides_what_came_before_it_and_keeps_the_opening_token():
    # [CLS], three items of one token each, a window of two; a branch behind the third item
    segments = torch.tensor([[0, 0, 0, 0, 1]])
    reach = torch.tensor([[0, 1, 2, 3, 3]])
    since = torch.tensor([[0, 1, 1, 2, 2]])
    expected = [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 0, 1, 1, 0],
        [1, 0, 1, 1, 1],
    ]
    assert attention_mask(segments, reach, since)[0].int().tolist() == expected


def test_a_branch_of_a_long_trunk_sees_the_window_before_it(world):
    template = world().template
    items = [world().items[i] for i in (0, 3, 1, 2)]
    trunk = template.history(items)
    asked = [Branch(after, _instruction(template, "recommendation")) for after in (1, 2, 4)]
    row = template.row(trunk, asked, context=False, window=2)
    begins = [1, *(end + 1 for end in trunk.ends)]
    for number, branch in enumerate(asked, start=1):
        since = set(row.since[row.segments == number].tolist())
        assert since == {begins[max(0, branch.after - 2)]}
    whole = template.row(trunk, asked, context=False)
    assert whole.since.tolist() == [0] * len(whole.tokens)
    assert whole.tokens.tolist() == row.tokens.tolist()


def test_every_target_is_covered_once_with_a_history_within_the_window():
    lengths = [1, 2, 5, 6, 14, 30]
    for seed in range(20):
        found = chunks(lengths, window=5, targets=4, generator=np.random.default_rng(seed))
        covered = [(c.user, t) for c in found for t in range(c.first, c.last + 1)]
        assert sorted(covered) == [(u, t) for u, n in enumerate(lengths) for t in range(1, n)]
        for c in found:
            assert 0 <= c.start < c.first <= c.last
            assert c.first - c.start == min(5, c.first)


def test_batches_hold_every_row_once_and_depend_on_the_seed_alone():
    lengths = np.random.default_rng(0).integers(5, 100, 500).tolist()
    first, again, other = (bucketed(lengths, 16, np.random.default_rng(s)) for s in (1, 1, 2))
    assert sorted(np.concatenate(first).tolist()) == list(range(500))
    assert [b.tolist() for b in first] == [b.tolist() for b in again]
    assert [b.tolist() for b in first] != [b.tolist() for b in other]
