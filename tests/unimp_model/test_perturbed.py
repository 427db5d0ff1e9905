"""Missing attributes and wrong images reach the model: in the words, the photos and item rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.instances import History, RecommendationInstance, SelectionInstance
from unimp_model.network.decoding import Reader
from unimp_model.tasks.base import question_row
from unimp_model.tasks.selecting import candidate_tokens


@pytest.fixture
def w(world):
    found = world()
    found.template.remember(found.items)
    return found


def test_the_row_of_an_item_as_the_catalogue_has_it_is_its_own(fitted, sim_xs):
    network = fitted.parts.network
    item = sim_xs.catalogue()[3]
    shown = fitted.parts.template.shown(item)
    with torch.no_grad():
        tables = network.tables()
        rows = network.extended(tables, 3, shown.words, network.items.photos[3])
    for table in rows[:2]:
        torch.testing.assert_close(table[-1], table[network.specials + 3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("perturb", ["nt", "nv"])
@pytest.mark.parametrize("task", ["recommendation", "selection"])
def test_perturbed_items_have_rows_of_what_is_shown(fitted, sim_xs, task, perturb):
    plain = list(sim_xs.instances(task, limit=20))
    shown = list(sim_xs.instances(task, limit=20, perturb=perturb))
    before, after = list(fitted.predict(plain)), list(fitted.predict(shown))
    changed = [a.history != b.history for a, b in zip(plain, shown, strict=True)]
    assert any(changed)
    variants = fitted.parts.template.variants
    assert variants
    tables = fitted.answerer.reader.tables
    assert 0 < len(tables.shown) <= len(variants)
    own = tables.output[fitted.parts.network.specials + tables.shown]
    rows = tables.output[-len(tables.shown) :]
    assert (rows != own).any(1).all()
    differ = [a.scores != b.scores for a, b in zip(before, after, strict=True)]
    assert any(d for d, c in zip(differ, changed, strict=True) if c)
    again = list(fitted.predict(shown[5:6]))
    assert again == after[5:6]  # whatever was shown before, and with it
    assert list(fitted.predict(plain)) == before


@pytest.mark.parametrize("change", [{"title": None}, {"image": "/photos/b2.png"}])
def test_a_history_item_shown_otherwise_is_read_otherwise(w, change):
    reader = Reader(w.network, w.photos, slots=5, variants=w.template.variants)
    histories = [(w.items[0], w.items[2]), (replace(w.items[0], **change), w.items[2])]
    rows = [
        question_row(
            w.template, "recommendation", RecommendationInstance("q", "u", History(h)), window=5
        )
        for h in histories
    ]
    (own,) = [t for t in rows[0].tokens if t == w.vocabulary.item("a1")]
    assert own not in rows[1].tokens
    assert w.vocabulary.size in rows[1].tokens
    first, second = reader.item_scores(rows)
    assert len(first) == len(w.items)
    assert not np.allclose(first, second)


def test_a_candidate_shown_otherwise_is_scored_by_what_is_shown(w):
    reader = Reader(w.network, w.photos, slots=5, variants=w.template.variants)
    history = History((w.items[0],))
    plain = SelectionInstance("q", "u", history, (w.items[1], w.items[2]))
    row = question_row(w.template, "selection", plain, window=5)
    other = replace(w.items[2], image="/photos/f6.png")
    tokens = candidate_tokens(w.template, replace(plain, candidates=(w.items[1], other)))
    assert tokens == (w.vocabulary.item("b2"), w.vocabulary.size)
    # the same question, so that the output rows alone differ
    (first,), (second,) = (
        reader.choices([row], [some]) for some in (candidate_tokens(w.template, plain), tokens)
    )
    assert not np.allclose(first, second)


def test_items_are_known_by_their_number_however_they_are_shown(w):
    network, tables = w.network, w.network.tables()
    tables = network.extended(tables, 2, (1,), None)
    first = w.vocabulary.first_item
    tokens = torch.tensor([[3, first, first + 5, w.vocabulary.size, w.vocabulary.cls]])
    assert network.item_numbers(tokens, tables).tolist() == [[-1, 0, 5, 2, -1]]
