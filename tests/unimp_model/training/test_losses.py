"""Focal re-weighting and the joint objective (Eq. 7, 8)."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from unimp_model.config import UniMPConfig
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks import ALL_TASKS
from unimp_model.training.losses import focal_loss, objective, token_weights
from unimp_model.training.step import training_loss


def test_focal_loss_by_hand():
    # p = 1/4 and 3/4 of the target
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, math.log(3.0)]])
    loss = focal_loss(logits, torch.tensor([0, 1]), gamma=2.0)
    expected = [(3 / 4) ** 2 * math.log(4), (1 / 4) ** 2 * math.log(4 / 3)]
    assert loss.tolist() == pytest.approx(expected, rel=1e-6)


def test_gamma_zero_is_cross_entropy():
    logits, targets = torch.randn(50, 9), torch.randint(0, 9, (50,))
    expected = functional.cross_entropy(logits, targets, reduction="none")
    assert torch.equal(focal_loss(logits, targets, gamma=0.0), expected)


def test_gradients_are_those_of_the_formula():
    torch.manual_seed(0)
    logits = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    focal_loss(logits, targets, gamma=2.0).sum().backward()
    p = logits.detach().softmax(-1)[torch.arange(6), targets]  # derivative by log p, chained
    by_log_p = -((1 - p) ** 2) + 2 * (1 - p) * p * p.log()
    expected = by_log_p[:, None] * (functional.one_hot(targets, 5) - logits.detach().softmax(-1))
    torch.testing.assert_close(logits.grad, expected, rtol=1e-5, atol=1e-6)


def test_a_certain_token_gives_no_loss_and_no_nan():
    logits = torch.tensor([[100.0, -100.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0]), gamma=0.5).sum()
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_objective_weighs_tasks_by_lambda_and_adds_the_context():
    task, context = torch.tensor([1.0, 3.0, 8.0]), torch.tensor([4.0, 6.0])
    weights = token_weights(torch.tensor([0, 0, 2]), [2.0, 9.0, 0.5])
    assert weights.tolist() == [1.0, 1.0, 0.5]  # two tokens share the lambda of their task
    assert objective(task, context, weights=weights, context_weight=0.5).item() == 8.0 + 2.5
    assert objective(task, context, weights=weights, context_weight=0.0).item() == 8.0
    assert objective(task, context[:0], weights=weights, context_weight=0.5).item() == 8.0


def _gradients(w, kinds, **settings):
    """Loss and gradients of one row with a branch of each of ``kinds``."""
    trunk = w.template.history(w.items[:2])
    branches = [
        Branch(1, w.template.instruction(["mug"]), kind, (w.vocabulary.first_item + kind, 7))
        for kind in kinds
    ]
    row = w.template.row(trunk, branches, context=True)
    batch = collate([row], w.photos.index, all_photos=False, slots=1)
    w.network.zero_grad()
    loss, _ = training_loss(w.network, batch, w.photos, UniMPConfig(**settings))
    loss.backward()
    found = {n: p.grad.clone() for n, p in w.network.named_parameters() if p.grad is not None}
    return loss.item(), found


@pytest.mark.parametrize("number", range(len(ALL_TASKS)), ids=ALL_TASKS)
def test_a_task_of_weight_zero_gives_no_gradient(world, number):
    w, task = world(levels=(1.0, 2.0), codes=3), ALL_TASKS[number]
    loss, gradients = _gradients(w, [number], task_weights={task: 0.0}, context_weight=0.0)
    assert loss == 0.0
    assert not any(g.any() for g in gradients.values())
    loss, gradients = _gradients(w, [number], task_weights={task: 0.1}, context_weight=0.0)
    assert loss > 0
    assert any(g.any() for g in gradients.values())


def test_a_tasks_weight_scales_its_own_part_of_the_loss(world):
    w = world()
    first, second = (_gradients(w, [0], task_weights={ALL_TASKS[0]: x})[0] for x in (0.5, 2.0))
    context = _gradients(w, [0], task_weights={ALL_TASKS[0]: 0.0})[0]
    assert second - context == pytest.approx(4 * (first - context), rel=1e-4)


def test_weights_and_shares_are_checked():
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        UniMPConfig(task_weights={"search": -1.0})
    with pytest.raises(ValueError, match="less than or equal to 1"):
        UniMPConfig(task_shares={"search": 1.5})
    with pytest.raises(ValueError, match="task_shares"):
        UniMPConfig(task_shares={"serch": 0.5})


def _ranking_losses(w, absent=None, barred=()):
    """The loss of one recommendation behind two items whose answer is c3."""
    branch = Branch(2, w.template.instruction(["mug"]), 0, (w.vocabulary.item("c3"),))
    branch.barred = tuple(barred)
    row = w.template.row(w.template.history(w.items[:2]), [branch], context=False)
    batch = collate([row], w.photos.index, all_photos=False, slots=1)
    return training_loss(w.network, batch, w.photos, UniMPConfig(gamma=0.0), absent=absent)[1]


def _alone(w, kept):
    """The same, as a softmax over the items ``kept``."""
    row = w.template.row(
        w.template.history(w.items[:2]), [Branch(2, w.template.instruction(["mug"]))], context=False
    )
    batch = collate([row], w.photos.index, all_photos=False, slots=1)
    with torch.no_grad():
        tables = w.network.tables()
        x_v = w.network.visual_tokens(w.photos.rows(batch.photos))
        states = w.network.read(w.network(batch, tables, x_v), batch)
        scores = w.network.item_scores(states, tables)[0, kept].log_softmax(-1)
    return -scores[kept.index(2)]


def test_what_the_user_had_competes_with_no_answer(world):
    w = world()
    torch.testing.assert_close(_ranking_losses(w)[0], _alone(w, [0, 1, 2, 3, 4, 5]))
    torch.testing.assert_close(_ranking_losses(w, barred=(0, 1))[0], _alone(w, [2, 3, 4, 5]))


def test_what_training_never_shows_competes_with_no_answer(world):
    w = world()
    absent = torch.tensor([False, False, False, True, False, True])
    torch.testing.assert_close(_ranking_losses(w, absent=absent)[0], _alone(w, [0, 1, 2, 4]))
