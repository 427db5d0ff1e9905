"""The extension's pointer: sentences repeat words of the asked item, drawings retrieved codes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from benchmark.instances import ExplanationInstance, History, ImageGenerationInstance
from unimp_model.network.decoding import Reader
from unimp_model.network.matching import MatchHead
from unimp_model.network.model import Asked
from unimp_model.sequence.batches import collate
from unimp_model.sequence.pointing import FIRST_CODE, NEXT_WORD, SECOND_CODE, WORD, Pointer
from unimp_model.sequence.template import Branch
from unimp_model.tasks import TASKS
from unimp_model.tasks.drawing import drawing_row
from unimp_model.training.rows import thinned

EXPLANATION, DRAWING = TASKS["explanation"], TASKS["image-generation"]
CODES = 8


class Weights(MatchHead):
    """A head that does nothing but point."""

    def __init__(self, *weights: float) -> None:
        torch.nn.Module.__init__(self)
        self.pointing = torch.nn.Parameter(torch.tensor(weights))

    def rating_scores(self, seen, reads):
        raise AssertionError("no rating is asked for")


def pointing(world, *weights):
    """A network that points with these weights, and photos of four codes each."""
    w = world(codes=CODES)
    w.template.points = True
    chance = np.random.default_rng(1)
    w.template.codes = {
        f"{i.item_id}.png": chance.integers(0, CODES, 4).astype(np.int32) for i in w.items
    }
    w.network.matching = Weights(*weights)
    return w


def about(w, item, answer=()):
    instance = ExplanationInstance("q", "u", History((w.items[0],), (None,), (0,)), item)
    return EXPLANATION.row(w.template, instance, window=5, answer=answer)


def test_a_word_is_pointed_at_anywhere_and_behind_the_word_before_it():
    pointer = Pointer(words=((7, 3, 9), (3, 5)))
    anywhere = [(token, WORD) for token in (3, 5, 7, 9)]
    assert list(pointer.at(0, None)) == anywhere
    assert list(pointer.at(4, 3)) == [*anywhere, (5, NEXT_WORD), (9, NEXT_WORD)]
    assert list(pointer.at(4, 9)) == anywhere  # a value ends there: the next one is another


def test_a_code_is_pointed_at_in_its_place_of_either_photo():
    pointer = Pointer(codes=((11, 12), (13, 14, 15)))
    assert list(pointer.at(1, 11)) == [(12, FIRST_CODE), (14, SECOND_CODE)]
    assert list(pointer.at(2, 12)) == [(15, SECOND_CODE)]
    assert list(pointer.at(3, 12)) == []


def test_each_way_of_pointing_adds_its_weight():
    scores = Weights(1.0, 10.0, 100.0, 1000.0).point(
        torch.zeros(2, 3), torch.tensor([(0, 1, WORD), (0, 1, NEXT_WORD), (1, 2, SECOND_CODE)])
    )
    assert scores.tolist() == [[0.0, 11.0, 0.0], [0.0, 0.0, 1000.0]]


def test_nothing_is_pointed_at_unless_the_setting_says_so(world):
    w = world(codes=CODES)
    row = about(w, w.items[2], answer=(1, 2))
    drawn = drawing_row(w.template, ImageGenerationInstance("q", "u", History(), "Mugs"), w.items)
    for of_nothing in (row, drawn):
        assert not len(of_nothing.pointed)
        assert of_nothing.pointer is None


def test_the_words_are_those_the_item_shows(world):
    w = pointing(world, 1.0, 1.0, 0.0, 0.0)
    item = w.items[2]
    words = {token for value in about(w, item).pointer.words for token in value}
    assert set(w.vocabulary.encode("Maddox")) <= words
    without = about(w, replace(item, brand=None)).pointer.words
    assert not set(w.vocabulary.encode("Maddox")) & {t for value in without for t in value}


def test_a_sentence_repeats_what_is_pointed_at(world):
    w = pointing(world, 0.0, 1e4, 0.0, 0.0)
    item = replace(w.items[2], title="Wool Scarf Wool Scarf")  # so either follows the other
    first, second = w.vocabulary.encode("Wool Scarf")
    reader = Reader(w.network, w.photos, slots=5, at_once=2)
    allowed = torch.zeros(w.vocabulary.size, dtype=torch.bool)
    allowed[first] = allowed[second] = True
    (found,) = reader.generate([about(w, item)], allowed, stop=None, longest=4)
    assert set(pairwise(found)) == {(first, second), (second, first)}


@pytest.mark.parametrize(("weights", "repeated"), [((1e4, 0.0), 0), ((0.0, 1e4), 1)])
def test_a_drawing_repeats_the_codes_of_the_photo_it_points_at(weights, repeated, world):
    w = pointing(world, 0.0, 0.0, *weights)
    retrieved = [w.items[0], w.items[4]]
    row = drawing_row(w.template, ImageGenerationInstance("q", "u", History(), "Mugs"), retrieved)
    allowed = torch.zeros(w.vocabulary.size, dtype=torch.bool)
    allowed[w.vocabulary.first_code : w.vocabulary.first_item] = True
    reader = Reader(w.network, w.photos, slots=5, at_once=2)
    (drawn,) = reader.generate([row], allowed, stop=None, longest=4, draws=np.full((1, 4), 0.5))
    wanted = w.template.codes[f"{retrieved[repeated].item_id}.png"]
    assert [token - w.vocabulary.first_code for token in drawn] == wanted.tolist()


def test_training_points_at_what_generation_points_at(world):
    """Each answer's token is read with the same scores as if it were generated."""
    w = pointing(world, 0.5, 2.0, 0.0, 0.0)
    answer = tuple(w.vocabulary.encode("Wool Scarf Maddox"))
    whole = about(w, w.items[2], answer=answer)
    trunk = w.template.history([w.items[1]])
    other = w.template.row(trunk, [Branch(1, w.template.instruction(["x"]), 0, (5,))], context=True)
    tables = w.network.tables()
    with torch.inference_mode():
        x_v = w.network.visual_tokens(w.photos.rows(torch.arange(len(w.photos.index))))

        def scores(*rows):
            batch = collate(rows, w.photos.index, all_photos=True, slots=5)
            states = w.network.read(w.network(batch, tables, x_v), batch)
            asked = Asked(batch, torch.arange(len(states)))
            return w.network.logits(states, tables, asked)

        together = scores(thinned(other, 0.5, np.random.default_rng(0)), whole)[-len(answer) :]
        bare = w.network.matching.point(scores(whole) * 0, collate(
            [whole], w.photos.index, all_photos=True, slots=5).pointed)  # fmt: skip
        for place, token in enumerate(answer):
            previous = answer[place - 1] if place else None
            expected = torch.zeros(w.vocabulary.size)
            for pointed, way in whole.pointer.at(place, previous):
                expected[pointed] += (0.5, 2.0)[way]
            torch.testing.assert_close(bare[place], expected)
            assert token in dict(whole.pointer.at(place, previous))
        torch.testing.assert_close(together, scores(whole), atol=1e-4, rtol=1e-4)


def test_likelihood_counts_what_is_pointed_at(world):
    answer = (3, 4)
    values = []
    for weight in (0.0, 5.0):
        w = pointing(world, weight, 0.0, 0.0, 0.0)
        item = replace(w.items[2], title=w.vocabulary.tokenizer.decode([3, 4]))
        pointed = {t for value in about(w, item).pointer.words for t in value}
        answer = tuple(sorted(pointed))[:2]
        reader = Reader(w.network, w.photos, slots=5, at_once=2)
        values.append(reader.log_likelihoods([about(w, item, answer=answer)])[0])
    assert values[1] > values[0] + 0.5
