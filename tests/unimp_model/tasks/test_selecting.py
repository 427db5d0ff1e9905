"""Selection: every candidate is decided on by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmark.instances import History, SelectionInstance
from benchmark.tasks import TASKS
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks import ALL_TASKS
from unimp_model.tasks.base import question_row
from unimp_model.tasks.selecting import candidate_tokens
from unimp_model.training.step import training_loss

SELECTION = ALL_TASKS.index("selection")


@pytest.fixture
def w(world):
    return world(levels=(1.0, 2.0, 3.0), codes=4)


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
    """sigma(h . (o_c - o_none)) of each choice in float64: the two-way softmax written out."""
    with torch.no_grad():
        tables = w.network.tables()
        visual = w.network.visual_tokens(w.photos.rows(batch.photos))
        states = w.network.read(w.network(batch, tables, visual), batch)
        first = w.vocabulary.text_size
        rows = tables.output[batch.choices - first] - tables.output[w.vocabulary.none - first]
        return torch.sigmoid((states.double() * rows.double()).sum(-1))


def test_a_candidates_probability_does_not_depend_on_which_others_are_read(w):
    reader = Reader(w.network, w.photos, slots=5)
    instance = _instance(w)
    row = question_row(w.template, "selection", instance, window=5)
    tokens = candidate_tokens(w.template, instance)
    (together,) = reader.choices([row], [tokens])
    for i, token in enumerate(tokens):
        (alone,) = reader.choices([row], [(token,)])
        assert alone.tolist() == [together[i]]
    (backwards,) = reader.choices([row], [tokens[::-1]])
    assert backwards.tolist() == together[::-1].tolist()


def test_probabilities_are_a_choice_between_the_candidate_and_none(w):
    batch = _training_batch(w, taken=(1,))
    expected = _probabilities(w, batch)
    instance = _instance(w)
    row = question_row(w.template, "selection", instance, window=5)
    reader = Reader(w.network, w.photos, slots=5)
    (found,) = reader.choices([row], [candidate_tokens(w.template, instance)])
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4)
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
def test_without_reweighting_the_loss_is_binary_cross_entropy(w, taken):
    batch = _training_batch(w, taken=taken)
    p = _probabilities(w, batch)
    y = torch.tensor([float(i in taken) for i in range(3)])
    expected = functional.binary_cross_entropy(p, y.double(), reduction="none")
    config = UniMPConfig(gamma=0.0, task_weights={"selection": 0.7})
    with torch.no_grad():
        loss, losses = training_loss(w.network, batch, w.photos, config)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-6)
    assert loss.item() == pytest.approx(0.7 * expected.mean().item(), rel=1e-4)


def test_with_reweighting_each_choice_is_weighed_by_how_wrong_it_is(w):
    batch = _training_batch(w, taken=(2,))
    p = _probabilities(w, batch).tolist()
    right = [1 - p[0], 1 - p[1], p[2]]
    expected = [-((1 - r) ** 2) * math.log(r) for r in right]
    with torch.no_grad():
        _, losses = training_loss(w.network, batch, w.photos, UniMPConfig(gamma=2.0))
    assert losses.tolist() == pytest.approx(expected, rel=1e-3)


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
