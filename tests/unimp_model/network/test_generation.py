"""Generation from cached keys and values is what rereading everything would give."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.instances import ExplanationInstance, History, ImageGenerationInstance
from benchmark.tasks import TASKS
from unimp_model.network.decoding import Reader
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks.base import question_row
from unimp_model.tasks.drawing import drawing_row

FUSIONS = {
    "default": {},
    "last image": {"attend_last_image": True},
    "no exclusive attention": {"exclusive_attention": False},
    "concatenation": {"fusion": "concatenation"},
    "early": {"fusion": "early"},
    "late": {"fusion": "late"},
}
LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)
LONGEST = 4


@pytest.fixture(params=FUSIONS)
def w(request, world):
    return world(levels=LEVELS, codes=8, **FUSIONS[request.param])


@pytest.fixture
def plain(world):
    return world(levels=LEVELS, codes=8)


def _reader(w):
    return Reader(w.network, w.photos, slots=5)


#: Histories of items and the item asked about; number 3 has no photo.
ASKED = [((0, 3, 1, 2), 4), ((), 5), ((3,), 3), ((1, 1), 0)]


def _instances(w):
    for numbers, item in ASKED:
        history = History(
            tuple(w.items[i] for i in numbers), tuple(1.0 + i % 5 for i in numbers),
            tuple(range(len(numbers))),
        )  # fmt: skip
        yield ExplanationInstance("q", "u", history, w.items[item])


def _drawing():
    return ImageGenerationInstance("q", "u", History(), "Mugs")


def _rows(w):
    """Four explanations and a drawing, as they are asked."""
    rows = [question_row(w.template, "explanation", i, window=5) for i in _instances(w)]
    return [*rows, drawing_row(w.template, _drawing(), w.items[:2])]


def _grown_rows(w, answers):
    """The same with answers begun: the last read asks for the next token."""
    for instance, answer in zip(_instances(w), answers, strict=False):
        items, ratings = instance.history.items, instance.history.ratings
        instruction = w.template.instruction(TASKS.get("explanation").prompt(instance))
        branch = Branch(len(items), instruction, 4, (*answer, -1))
        yield w.template.row(w.template.history(items, ratings), [branch], context=False)
    yield drawing_row(w.template, _drawing(), w.items[:2], answer=(*answers[-1], -1))


def _reread(w, allowed, *, steps):
    """Greedy continuations without a cache, and the logits (V,) of every step of each row."""
    reader = _reader(w)
    answers: list[list[int]] = [[] for _ in _rows(w)]
    logits: list[list[torch.Tensor]] = [[] for _ in answers]
    for _ in range(steps):
        for number, row in enumerate(list(_grown_rows(w, answers))):
            batch = collate([row], w.photos.index, all_photos=True, slots=5)
            with torch.inference_mode():
                hidden = w.network(batch, reader.tables, reader.x_v)
                state = w.network.read(hidden, batch)[-1:]
                found = w.network.logits(state, reader.tables)[0]
            logits[number].append(found)
            answers[number].append(int(found.masked_fill(~allowed, -torch.inf).argmax()))
    return answers, logits


def _all_tokens(w):
    return torch.ones(w.vocabulary.size, dtype=torch.bool)


def _words(w):
    allowed = torch.zeros(w.vocabulary.size, dtype=torch.bool)
    allowed[: w.vocabulary.text_size] = True
    return allowed


def test_cached_steps_give_what_rereading_gives(w, monkeypatch):
    seen = []
    plain = w.network.logits
    monkeypatch.setattr(
        w.network, "logits", lambda *args: seen.append(plain(*args)) or seen[-1]
    )  # fmt: skip
    rows, reader = _rows(w), _reader(w)
    for allowed in (_all_tokens(w), _words(w)):
        found, steps = [], []
        for row in rows:
            seen.clear()
            found += reader.generate([row], allowed, stop=None, longest=LONGEST)
            steps.append([logits[0] for logits in seen])
        expected, logits = _reread(w, allowed, steps=LONGEST)
        assert found == expected
        assert [len(s) for s in steps] == [LONGEST] * len(rows)
        for cached, reread in zip(steps, logits, strict=True):
            torch.testing.assert_close(
                torch.stack(cached), torch.stack(reread), rtol=1e-3, atol=1e-3
            )
    # Of all tokens one may be the likeliest everywhere; words differ by row and from step to step.
    assert len({tuple(tokens) for tokens in found}) > 1
    assert any(len(set(tokens)) > 1 for tokens in found)


def test_what_is_generated_comes_from_photos_too(w):
    found = _reread(w, _all_tokens(w), steps=3)[1]
    table = w.photos.table
    table.patches[:] = table.patches[::-1].copy()
    other = _reread(w, _all_tokens(w), steps=3)[1]
    for number, (before, after) in enumerate(zip(found, other, strict=True)):
        shows_photos = number != 2  # the third question's only items have none
        assert torch.allclose(before[0], after[0], atol=1e-6) is not shows_photos


def test_company_and_order_change_no_token(w):
    rows = _rows(w)
    reader = _reader(w)
    alone = [reader.generate([r], _all_tokens(w), stop=None, longest=4)[0] for r in rows]
    many = rows * 8  # more than one group
    together = reader.generate(many, _all_tokens(w), stop=None, longest=4)
    assert together == alone * 8
    assert reader.generate(many[::-1], _all_tokens(w), stop=None, longest=4) == together[::-1]


def test_no_token_outside_the_allowed_ones(plain):
    vocabulary = plain.vocabulary
    allowed = torch.zeros(vocabulary.size, dtype=torch.bool)
    allowed[vocabulary.first_code : vocabulary.first_item] = True
    for tokens in _reader(plain).generate(_rows(plain), allowed, stop=None, longest=16):
        assert len(tokens) == 16
        assert all(vocabulary.first_code <= t < vocabulary.first_item for t in tokens)


def test_a_row_ends_before_its_stop_token_and_the_others_go_on(plain):
    rows, reader = _rows(plain), _reader(plain)
    free = reader.generate(rows, _all_tokens(plain), stop=None, longest=LONGEST)
    for stop in {token for tokens in free for token in tokens}:
        ended = reader.generate(rows, _all_tokens(plain), stop=stop, longest=LONGEST)
        assert ended == [
            tokens[: tokens.index(stop)] if stop in tokens else tokens for tokens in free
        ]


def test_an_answer_of_no_words_is_empty(plain):
    allowed = torch.zeros(plain.vocabulary.size, dtype=torch.bool)
    allowed[plain.vocabulary.eos] = True
    found = _reader(plain).generate(_rows(plain), allowed, stop=plain.vocabulary.eos, longest=4)
    assert found == [[]] * len(_rows(plain))


def test_the_likelihood_of_a_sentence_is_that_of_its_tokens_one_by_one(w):
    reader, answer = _reader(w), (5, 9, w.vocabulary.eos)
    rows = [
        question_row(w.template, "explanation", i, window=5, answer=answer) for i in _instances(w)
    ]
    found = reader.log_likelihoods(rows * 9)
    for number, instance in enumerate(_instances(w)):
        total = 0.0
        for cut, token in enumerate(answer):
            row = question_row(
                w.template, "explanation", instance, window=5, answer=(*answer[:cut], token)
            )
            batch = collate([row], w.photos.index, all_photos=True, slots=5)
            with torch.inference_mode():
                state = w.network.read(w.network(batch, reader.tables, reader.x_v), batch)[-1:]
                total += float(w.network.logits(state, reader.tables).log_softmax(-1)[0, token])
        assert found[number] == pytest.approx(total / 3, rel=1e-4)
    assert found.tolist() == found[:4].tolist() * 9
    assert reader.log_likelihoods(rows[1:2]).tolist() == found[1:2].tolist()


def test_tokens_are_sampled_as_often_as_they_are_probable(plain):
    row, reader, allowed = _rows(plain)[-1], _reader(plain), _all_tokens(plain)
    allowed[: plain.vocabulary.first_code] = False
    logits = _reread(plain, allowed, steps=1)[1][-1][0]
    n = 500
    draws = ((np.arange(n) + 0.5) / n)[:, None]
    for temperature in (1.0, 0.5):
        expected = (logits.masked_fill(~allowed, -torch.inf).double() / temperature).softmax(-1)
        found = reader.generate(
            [row] * n, allowed, stop=None, longest=1, draws=draws, temperature=temperature
        )
        counts = np.bincount([tokens[0] for tokens in found], minlength=plain.vocabulary.size)
        np.testing.assert_allclose(counts / n, expected.numpy(), atol=2 / n)


def test_company_and_order_change_no_sampled_token(plain):
    rows, reader, allowed = _rows(plain), _reader(plain), _all_tokens(plain)
    draws = np.random.default_rng(0).random((len(rows), LONGEST))
    alone = [
        reader.generate([row], allowed, stop=None, longest=LONGEST, draws=draw[None])[0]
        for row, draw in zip(rows, draws, strict=True)
    ]
    together = reader.generate(rows[::-1], allowed, stop=None, longest=LONGEST, draws=draws[::-1])
    assert together == alone[::-1]
    assert alone != reader.generate(rows, allowed, stop=None, longest=LONGEST)
