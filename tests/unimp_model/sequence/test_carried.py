"""What ends an item carries the item's row: its rating, [EOC] and an instruction about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.instances import (
    History,
    PreferenceInstance,
    RecommendationInstance,
    SelectionInstance,
)
from unimp_model.config import UniMPConfig
from unimp_model.network.language import new_llama
from unimp_model.sequence.batches import collate
from unimp_model.tasks.base import question_row


@pytest.fixture
def w(world):
    found = world(levels=(1.0, 2.0, 3.0))
    found.template.remember(found.items)
    return found


def _row(w, task, instance):
    return question_row(w.template, task, instance, window=5)


def test_rating_and_end_of_an_item_carry_its_row_and_its_words_do_not(w):
    row = _row(w, "recommendation", RecommendationInstance("", "", History((w.items[0],), (2.0,))))
    own = w.vocabulary.item("a1")
    ends = [w.vocabulary.rating(2.0), w.vocabulary.eoc]
    assert [t for t, c in zip(row.tokens, row.carried, strict=True) if c >= 0] == ends
    assert set(row.carried) == {-1, own}


def test_an_instruction_about_one_item_carries_it_and_one_about_several_carries_none(w):
    history = History((w.items[0],), (1.0,))
    about = _row(w, "preference", PreferenceInstance("", "", history, w.items[2]))
    assert about.carried[about.reads[0]] == w.vocabulary.item("c3")
    several = _row(w, "selection", SelectionInstance("", "", history, tuple(w.items[2:4])))
    assert several.carried[several.reads[0]] == -1
    nothing = _row(w, "recommendation", RecommendationInstance("", "", history))
    assert nothing.carried[nothing.reads[0]] == -1


def test_an_instruction_of_several_tokens_carries_at_its_end_alone(w):
    instruction = w.template.instruction(["Given", w.items[2], ", is it good?"])
    behind = instruction.carried[instruction.ends[0] + 1 :]
    assert len(behind) > 1
    assert behind == [-1] * (len(behind) - 1) + [w.vocabulary.item("c3")]


def test_an_item_shown_otherwise_is_carried_as_it_is_shown(w):
    other = replace(w.items[0], title=None)
    row = _row(w, "recommendation", RecommendationInstance("", "", History((other,), (2.0,))))
    assert set(row.carried) == {-1, w.template.token(other)}
    assert w.template.token(other) >= w.vocabulary.size


def test_what_is_carried_is_added_to_the_tokens_that_carry_it(w):
    network, history = w.network, History((w.items[0],), (2.0,))
    row = _row(w, "recommendation", RecommendationInstance("", "", history))
    batch = collate([row], w.photos.index, all_photos=True, slots=1)
    with torch.no_grad():
        tables = network.tables()
        plain = network.embed(batch.tokens, tables)
        carried = network.with_carried(plain, batch, tables) - plain
    carries = (batch.carried >= 0)[0]
    own = tables.input[network.specials]  # of the first item
    torch.testing.assert_close(carried[0, carries], own.expand(int(carries.sum()), -1))
    assert not carried[0, ~carries].any()


def test_without_the_setting_and_in_a_frozen_language_model_nothing_is_carried(world):
    off = world(carried_rows=False)
    assert off.network.carry is None
    instance = RecommendationInstance("", "", History((off.items[0],), (None,)))
    assert (_row(off, "recommendation", instance).carried == -1).all()
    assert not UniMPConfig(preset="smollm2").carries_rows


def test_like_attends_to_like_from_the_start_and_without_likeness_does_not():
    def shares(likeness):
        torch.manual_seed(0)
        sizes = {"vocabulary": 50, "width": 96, "depth": 1, "heads": 4, "feed_forward": 96}
        language = new_llama(**sizes, longest=64, likeness=likeness)
        attention = language.layers[0].self_attn
        x = torch.randn(200, 96)
        with torch.no_grad():
            q, k = (x @ p.weight.T for p in (attention.q_proj, attention.k_proj))
        scores = (q @ k.T).numpy()
        return float(np.diag(scores).mean()), float(scores.std())

    of_self, spread = shares(0.7)
    assert of_self > 3 * spread
    of_self, spread = shares(0.0)
    assert abs(of_self) < spread
