"""Ratings: one token a level, read as a mean that validation sharpens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.instances import History, PreferenceInstance
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader, expected_ratings
from unimp_model.sequence.tokens import Vocabulary, rating_levels
from unimp_model.tasks.base import question_row

LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.mark.parametrize(
    ("scale", "levels"),
    [
        ((1.0, 5.0), [1, 2, 3, 4, 5]),
        ((0.0, 1.0), [0, 1]),
        ((0.5, 5.0), [0.5, 1.625, 2.75, 3.875, 5]),  # 4.5 wide: four steps
        ((0.0, 0.25), [0, 0.25]),  # narrower than a step: both ends
    ],
)
def test_levels_are_whole_steps_with_both_ends(scale, levels):
    assert list(rating_levels(scale)) == levels


def test_no_scale_has_no_levels():
    assert rating_levels(None) == ()


@pytest.mark.parametrize(
    ("value", "level"),
    [(1.0, 1), (4.4, 4), (4.6, 5), (2.5, 2), (0.0, 1), (7.0, 5)],  # ties go down, beyond to ends
)
def test_a_rating_is_written_as_the_nearest_level(vocabulary, value, level):
    known = Vocabulary(
        vocabulary.tokenizer, vocabulary.text_size, vocabulary.item_ids, levels=LEVELS
    )
    assert known.show(known.rating(value)) == f"<{level}>"


def test_the_vocabulary_gives_every_token_a_place_of_its_own(vocabulary):
    known = Vocabulary(
        vocabulary.tokenizer, vocabulary.text_size, vocabulary.item_ids, levels=LEVELS, codes=3
    )
    new = [known.show(t) for t in range(known.text_size, known.size)]
    assert new == [
        "[CLS]", "[IMG]", "[EOC]", "[EOS]", "<1>", "<2>", "<3>", "<4>", "<5>",
        "<code 0>", "<code 1>", "<code 2>", "<a1>", "<b2>", "<c3>", "<d4>", "<e5>", "<f6>",
    ]  # fmt: skip


def test_expected_ratings_by_hand():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    plain = expected_ratings(p, (1.0, 2.0, 3.0), 1.0)
    assert plain.tolist() == pytest.approx([2.6, 1.75])
    # T = 1/2 squares: 1 : 4 : 49 and 4 : 1 : 1
    sharp = expected_ratings(p, (1.0, 2.0, 3.0), 0.5)
    assert sharp.tolist() == pytest.approx([(1 + 8 + 147) / 54, (4 + 2 + 3) / 6])


def test_temperature_one_is_the_plain_mean():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    np.testing.assert_allclose(expected_ratings(p, LEVELS, 1.0), p @ np.array(LEVELS))


def test_cooling_moves_towards_the_likeliest_level_and_never_off_the_scale():
    generator = np.random.default_rng(1)
    # two levels: the mean is monotone in the temperature
    p = generator.dirichlet(np.ones(2), 100)
    temperatures = [2.0, 1.0, 0.7, 0.4, 0.2, 0.1]
    path = np.array([expected_ratings(p, (0.0, 1.0), t) for t in temperatures])
    towards = np.where(p[:, 1] > 0.5, 1, -1)
    assert (np.diff(path, axis=0) * towards >= -1e-12).all()
    # five: the limit is the likeliest level
    p = generator.dirichlet(np.ones(5), 100)
    limit = expected_ratings(p, LEVELS, 0.02)
    clear = np.sort(p, axis=1)[:, -1] > 2 * np.sort(p, axis=1)[:, -2]
    np.testing.assert_allclose(limit[clear], np.array(LEVELS)[p.argmax(1)][clear], atol=1e-9)
    for t in temperatures:
        assert ((expected_ratings(p, LEVELS, t) >= 1) & (expected_ratings(p, LEVELS, t) <= 5)).all()


def test_certain_probabilities_stay_finite():
    p = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    for t in (0.1, 1.0, 2.0):
        assert expected_ratings(p, (1.0, 2.0, 3.0), t).tolist() == pytest.approx([3.0, 1.0])


def test_the_asked_items_photo_changes_its_rating(world):
    w = world(levels=LEVELS)
    reader = Reader(w.network, w.photos, slots=5)
    history = History((w.items[0],), (4.0,), (1,))
    shown = [replace(w.items[4], image=f"/photos/{name}.png") for name in ("e5", "f6")]
    rows = [
        question_row(
            w.template, "preference", PreferenceInstance("q", "u", history, item), window=5
        )
        for item in shown
    ]
    asking = rows[0].segments == 1
    assert set(rows[0].slots[asking][-3:].tolist()) == {1}  # the words behind it see its photo
    first, second = reader.rating_probabilities(rows, w.vocabulary)
    assert not np.allclose(first, second)


def test_probabilities_are_the_levels_among_themselves(world):
    w = world(levels=LEVELS, codes=3)
    history = History(tuple(w.items[:3]), (5.0, None, 2.0), (1, 2, 3))
    instance = PreferenceInstance("q", "u", history, w.items[4])
    row = question_row(w.template, "preference", instance, window=5)
    reader = Reader(w.network, w.photos, slots=5)
    p = reader.rating_probabilities([row], w.vocabulary)
    assert p.shape == (1, 5)
    assert p.sum() == pytest.approx(1.0)
    for number, states, _ in reader.states([row]):  # one batch
        with torch.inference_mode():
            logits = w.network.logits(states[: len(number)], reader.tables)
        expected = logits[:, w.vocabulary.first_rating : w.vocabulary.first_code].softmax(-1)
    np.testing.assert_allclose(p, expected.numpy(), rtol=1e-4)


def test_a_rating_in_the_history_is_read(world):
    w = world(levels=LEVELS)
    reader = Reader(w.network, w.photos, slots=5)
    rows = [
        question_row(
            w.template, "preference",
            PreferenceInstance("q", "u", History((w.items[0],), (rating,), (1,)), w.items[4]),
            window=5,
        )
        for rating in (1.0, 5.0, None)
    ]  # fmt: skip
    first, second, third = reader.rating_probabilities(rows, w.vocabulary)
    assert not np.allclose(first, second)
    assert not np.allclose(first, third)


def test_like_items_have_like_directions_and_a_changed_photo_another_one(world):
    w = world(levels=LEVELS)
    w.template.remember(w.items)
    own = [w.vocabulary.item(item.item_id) for item in w.items]
    changed = w.template.token(replace(w.items[4], image="/photos/b2.png"))
    reader = Reader(w.network, w.photos, slots=5, variants=w.template.variants)
    vectors = reader.item_vectors([*own, changed], w.vocabulary.first_item)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    rows = reader.tables.input[-7:-1].numpy()  # a1 ... f6, and the changed e5 behind them
    centred = rows - rows.mean(0)
    by_hand = centred[0] @ centred[5] / np.linalg.norm(centred[0]) / np.linalg.norm(centred[5])
    assert vectors[0] @ vectors[5] == pytest.approx(by_hand, abs=1e-5)
    assert not np.allclose(vectors[6], vectors[4])


def test_directions_in_some_dimensions_know_nothing_of_the_others(world):
    w = world(levels=LEVELS)
    own = [w.vocabulary.item(item.item_id) for item in w.items]
    reader = Reader(w.network, w.photos, slots=5)
    few = slice(0, 4)
    before = reader.item_vectors(own, w.vocabulary.first_item, few)
    assert before.shape == (len(own), 4)
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), 1.0, rtol=1e-5)
    with torch.no_grad():
        w.network.items.input_delta[0, 4:] += 3.0
    reader = Reader(w.network, w.photos, slots=5)
    assert (reader.item_vectors(own, w.vocabulary.first_item, few) == before).all()
    assert not np.allclose(
        reader.item_vectors(own, w.vocabulary.first_item, slice(4, None))[0], before[0, 0]
    )


def test_how_alike_ones_were_rated_is_told_by_photos_and_by_words(sim_xs, micro):
    """Of a network whose photos have dimensions of their own: seven numbers beside the tokens."""
    model = UniMP(UniMPConfig(**micro))
    model.fit(sim_xs.training_view(), seed=0)
    calibration = model.chosen.rating
    assert len(calibration.weights) == 1 + len(calibration.centres) == 8
    mixed = UniMP(UniMPConfig(**{**micro, "photo_dims": 0}))
    mixed.fit(sim_xs.training_view(), seed=0)
    assert len(mixed.chosen.rating.weights) == 1 + len(mixed.chosen.rating.centres) == 4
