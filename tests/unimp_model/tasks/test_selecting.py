"""Selection: candidates compete, and as many are selected as promise the best F1."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchmark.instances import History, SelectionInstance
from benchmark.tasks import TASKS
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks import ALL_TASKS
from unimp_model.tasks.base import question_row
from unimp_model.tasks.selecting import (
    best_power,
    best_temperature,
    candidate_tokens,
    joined,
    selected,
    tempered,
)
from unimp_model.training.step import choice_losses, training_loss

SELECTION = ALL_TASKS.index("selection")


@pytest.fixture
def w(world):
    found = world(levels=(1.0, 2.0, 3.0), codes=4)
    with torch.no_grad():  # states are made small, so that no candidate is certain
        found.network.language.norms[0].weight *= 0.1
    return found


def _instance(w, history=(0, 3), candidates=(1, 2, 4)):
    return SelectionInstance(
        "q", "u", History(tuple(w.items[i] for i in history)),
        tuple(w.items[i] for i in candidates),
    )  # fmt: skip


def _training_batch(w, *, taken, history=(0, 3), candidates=(1, 2, 4)):
    """One row that asks one selection; ``taken`` are the positions of positive candidates."""
    instance = _instance(w, history, candidates)
    choices = candidate_tokens(w.template, instance)
    instruction = w.template.instruction(TASKS.get("selection").prompt(instance))
    branch = Branch(len(history), instruction, SELECTION, tuple(choices[i] for i in taken), choices)
    row = w.template.row(w.template.history(instance.history.items), [branch], context=False)
    return collate([row], w.photos.index, all_photos=False, slots=1)


def _probabilities(w, batch):
    """The softmax over the candidates in float64, written out."""
    with torch.no_grad():
        tables = w.network.tables()
        visual = w.network.visual_tokens(w.photos.rows(batch.photos))
        states = w.network.read(w.network(batch, tables, visual), batch)
        rows = tables.output[batch.choices - w.vocabulary.text_size]
        return (states.double() * rows.double()).sum(-1).softmax(-1)


def test_probabilities_are_a_softmax_over_the_candidates(w):
    batch = _training_batch(w, taken=(1,))
    instance = _instance(w)
    row = question_row(w.template, "selection", instance, window=5)
    reader = Reader(w.network, w.photos, slots=5)
    (found,) = reader.choices([row], [candidate_tokens(w.template, instance)])
    np.testing.assert_allclose(found, _probabilities(w, batch).numpy(), rtol=1e-4, atol=1e-6)
    assert found.sum() == pytest.approx(1.0, abs=1e-4)
    assert len({round(float(p), 6) for p in found}) == 3


def test_selections_of_different_sizes_keep_their_places(w):
    reader = Reader(w.network, w.photos, slots=5)
    instances = [_instance(w, (0,), c) for c in ((1, 2, 4), (5,), (2, 1), (0, 3, 1, 5))]
    rows = [question_row(w.template, "selection", i, window=5) for i in instances]
    tokens = [candidate_tokens(w.template, i) for i in instances]
    together = reader.choices(rows, tokens)
    assert [len(p) for p in together] == [3, 1, 2, 4]
    for row, some, p in zip(rows, tokens, together, strict=True):
        assert reader.choices([row], [some])[0].tolist() == p.tolist()


@pytest.mark.parametrize("taken", [(), (0,), (1, 2), (0, 1, 2)])
def test_without_reweighting_the_loss_is_the_mean_of_what_is_taken(w, taken):
    batch = _training_batch(w, taken=taken)
    p = _probabilities(w, batch)
    nll = -p.log()[list(taken)]
    config = UniMPConfig(gamma=0.0, task_weights={"selection": 0.7})
    with torch.no_grad():
        loss, losses = training_loss(w.network, batch, w.photos, config)
    assert losses.nonzero().flatten().tolist() == list(taken)
    expected = nll.mean().item() if taken else 0.0
    assert losses.mean().item() == pytest.approx(expected, rel=1e-4)
    assert loss.item() == pytest.approx(0.7 * expected, rel=1e-4)


def test_with_reweighting_what_is_taken_is_weighed_by_how_wrong_it_is(w):
    batch = _training_batch(w, taken=(2,))
    p = _probabilities(w, batch).tolist()
    with torch.no_grad():
        _, losses = training_loss(w.network, batch, w.photos, UniMPConfig(gamma=2.0))
    expected = -3 * (1 - p[2]) ** 2 * math.log(p[2])  # of three candidates, one is taken
    assert losses.tolist() == pytest.approx([0, 0, expected], rel=1e-3)


def test_instances_of_a_batch_do_not_compete_with_each_other():
    logits = torch.tensor([1.0, 2.0, 3.0, 0.0, 1.0])
    places = torch.tensor([7, 7, 7, 4, 4])
    taken = torch.tensor([False, True, False, True, True])
    together = choice_losses(logits, places, taken, gamma=0.0)
    apart = [
        choice_losses(logits[part], places[part], taken[part], gamma=0.0)
        for part in (slice(0, 3), slice(3, 5))
    ]
    torch.testing.assert_close(together, torch.cat(apart))
    expected = 3 * -logits[:3].log_softmax(0)[1]
    assert together.tolist()[:3] == pytest.approx([0, expected.item(), 0])


@pytest.mark.parametrize(
    ("p", "taken", "size"),
    [
        ([0.5, 0.3, 0.2], 1.0, 2),  # 0.5 against 2/3 x 0.8
        ([0.6, 0.25, 0.15], 1.0, 1),  # 0.6 against 2/3 x 0.85
        ([0.25, 0.25, 0.25, 0.25], 1.0, 4),  # all are right once in 2/5 of F1
        ([0.4, 0.35, 0.25], 2.0, 3),
    ],
)
def test_as_many_are_selected_as_promise_the_best_f1(p, taken, size):
    p = np.array(p)
    best = selected(p, taken)
    assert best.tolist() == [True] * size + [False] * (len(p) - size)
    promised = [2 * taken * p[:s].sum() / (s + taken) for s in range(1, len(p) + 1)]
    assert int(np.argmax(promised)) + 1 == size


def test_the_best_candidates_are_selected_wherever_they_stand():
    assert selected(np.array([0.1, 0.6, 0.3]), 1.0).tolist() == [False, True, False]


def test_the_temperature_of_selection_is_the_best_of_those_tried():
    generator = np.random.default_rng(0)
    p = list(generator.dirichlet(np.full(7, 0.5), 300))
    wanted = [np.arange(7) == generator.choice(7, p=x**0.5 / (x**0.5).sum()) for x in p]
    temperature, f1 = best_temperature(p, wanted)

    def mean_f1(t):
        found = [selected(tempered(x, t), 1.0) for x in p]
        return np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in zip(found, wanted)])  # noqa: B905

    assert temperature > 1
    assert f1 == pytest.approx(mean_f1(temperature))
    assert f1 > mean_f1(0.5)


def test_the_power_of_recommendation_follows_what_it_tells():
    """Answers that are noise beside a recommendation that is true, and the other way round."""
    generator = np.random.default_rng(1)
    true, noise = (list(generator.dirichlet(np.full(7, 0.5), 100)) for _ in range(2))
    wanted = [np.arange(7) == generator.choice(7, p=x) for x in true]
    assert best_power(noise, true, wanted)[0] >= 1.5
    assert best_power(true, noise, wanted)[0] <= 0.25


def test_joined_distributions_by_hand():
    p, liking = np.array([0.2, 0.8]), np.array([0.9, 0.1])
    assert joined(p, liking, 0.0).tolist() == pytest.approx([0.2, 0.8])
    assert joined(p, liking, 1.0).tolist() == pytest.approx([0.18 / 0.26, 0.08 / 0.26])
    assert joined(p, np.array([0.0, 0.0]), 3.0).sum() == pytest.approx(1.0)


def test_no_word_and_no_other_item_competes_with_a_candidate(w):
    batch = _training_batch(w, taken=(0,))
    _, before = training_loss(w.network, batch, w.photos, UniMPConfig())
    with torch.no_grad():
        # f6 is neither candidate nor in the history: shift what only its output row has.
        w.network.items.output_delta[5] += 10.0
        w.network.special_output[0] += 10.0  # [CLS]
    _, after = training_loss(w.network, batch, w.photos, UniMPConfig())
    assert torch.equal(before, after)


def test_choices_and_next_tokens_share_a_batch(w):
    """A row with a recommendation and a selection: each read has the loss of its own kind."""
    instance = _instance(w)
    choices = candidate_tokens(w.template, instance)
    history = w.template.history(instance.history.items)
    selection = Branch(
        2, w.template.instruction(TASKS.get("selection").prompt(instance)), SELECTION,
        choices[:1], choices,
    )  # fmt: skip
    item = w.vocabulary.item("b2")
    recommendation = Branch(1, w.template.instruction(["mug"]), 0, (item,))

    def losses(*branches):
        row = w.template.row(history, branches, context=False)
        batch = collate([row], w.photos.index, all_photos=False, slots=1)
        with torch.no_grad():
            return training_loss(w.network, batch, w.photos, UniMPConfig())[1]

    mixed = losses(recommendation, selection)
    torch.testing.assert_close(mixed[:1], losses(recommendation), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(mixed[1:], losses(selection), rtol=1e-4, atol=1e-6)
