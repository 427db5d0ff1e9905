"""A sentence's value is exchanged for each of its kind, where it names exactly one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


def test_the_value_named_is_exchanged_for_each(example):
    found = example.exchanged("I like the star shape.", ["heart shape", "star shape"])
    assert found == (["I like the heart shape.", "I like the star shape."], 1)


@pytest.mark.parametrize(
    "sentence", ["I like it.", "Two oak mugs of oak.", "A roak, or a woollen one.", "oak and wool"]
)
def test_a_sentence_that_names_none_or_several_is_left_out(example, sentence):
    assert example.exchanged(sentence, ["oak", "wool"]) is None


def test_the_likeliest_sentence_of_each_instance_is_found(example, monkeypatch):
    reader = SimpleNamespace(
        log_likelihoods=lambda rows: example.np.array([-len(tokens) for tokens in rows], float)
    )
    answerer = SimpleNamespace(
        parts=SimpleNamespace(template=None),
        config=SimpleNamespace(history_items=5, answer_tokens=40),
        reader=reader,
        turn_to=lambda task: None,
    )

    class Task:
        name = "explanation"

        def row(self, template, instance, *, window, answer):
            assert window == 5
            return answer

    monkeypatch.setattr(example, "ExplanationTask", Task)
    monkeypatch.setattr(example, "sentence_tokens", lambda template, text, most: text.split())
    asked = [("a", ["one two", "one", "one two three"]), ("b", ["one", "one two"])]
    # The stand-in's mean log-probability is the negative length: the shortest is the likeliest.
    assert example.likeliest(SimpleNamespace(answerer=answerer), asked) == [1, 0]
