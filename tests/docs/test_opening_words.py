"""Forms of explanations are told by the first word, the commonest first."""

from __future__ import annotations


def test_each_form_has_its_share_and_its_mean_score(example):
    found = example.forms(
        ["I like it.", "The lid fits.", "I do not.", "I", ""], [1, 0.5, 0, 0.5, 0]
    )
    assert found == [("I", 0.6, 0.5), ("", 0.2, 0.0), ("The", 0.2, 0.5)]


def test_no_sentences_have_no_forms(example):
    assert example.forms([], []) == []
