"""Capital letters are learned from sentences and put back."""

from __future__ import annotations

from unimp_model.sequence.casing import apply_casing, learn_casing


def test_usual_forms_by_hand():
    sentences = [
        "The Norby mug is fine.",
        "It is a Norby, not an IKEA.",
        "Once upon a Mug.",
        "Some mug or other.",
        "A T-Shirt, don't you think?",
    ]
    assert learn_casing(sentences) == {
        "ikea": "IKEA", "norby": "Norby", "t-shirt": "T-Shirt",
    }  # fmt: skip


def test_the_first_word_does_not_count():
    assert learn_casing(["Oak is good.", "Oak lasts.", "I like oak."]) == {}
    assert learn_casing(["Oak is good."]) == {}


def test_as_many_of_either_take_the_capital():
    assert learn_casing(["a Mug", "a mug"]) == {"mug": "Mug"}


def test_casing_by_hand():
    casing = {"norby": "Norby", "t-shirt": "T-Shirt", "ikea": "IKEA"}
    text = "norbys and norby's, but norby: a t-shirt (ikea)."
    assert apply_casing(text, casing) == "Norbys and norby's, but Norby: a T-Shirt (IKEA)."


def test_a_sentence_starts_with_a_capital_and_the_rest_stays():
    assert apply_casing("oak mug", {}) == "Oak mug"
    assert apply_casing("", {}) == ""
    assert apply_casing("9 mugs", {}) == "9 mugs"
    assert apply_casing("élan", {}) == "Élan"


def test_nothing_to_learn_from():
    assert learn_casing([]) == {}
    assert learn_casing(["", "...", "Word"]) == {}


def test_training_sentences_come_back(sim_xs):
    sentences = sim_xs.training_view().interactions()["explanation"].drop_nulls().to_list()
    casing = learn_casing(sentences)
    back = [apply_casing(sentence.lower(), casing) for sentence in sentences]
    share = sum(a == b for a, b in zip(back, sentences, strict=True)) / len(sentences)
    assert len(sentences) > 500
    assert share > 0.95
