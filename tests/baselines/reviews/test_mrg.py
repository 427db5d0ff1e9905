"""MRG: what is written, and what it is written from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.reviews.mrg import MRG
from baselines.reviews.mrg_network import END, START, UNKNOWN, Asked, Norm
from baselines.reviews.sentences import Words, spoken
from benchmark.errors import BenchError


def text_of(model, instance) -> str:
    (answer,) = model.predict([instance])
    return answer.text


def test_words_are_written_as_they_were_read():
    words = Words.of(["It is red, really.", "It's (nearly) red!"], most=100)
    for text in ("It is red, really.", "It's (nearly) red!"):
        assert words.text(words.numbers(text, most=20)) == text
    assert words.numbers("red green", most=20) == [START, words.numbers("red", most=1)[1],
                                                   UNKNOWN, END]  # fmt: skip
    assert len(words.numbers("red " * 50, most=20)) == 22


def test_the_most_frequent_words_are_known():
    words = Words.of(["b b a", "c a b"], most=2)
    assert words.known == ("b", "a")


def test_what_cannot_be_seen_is_no_word():
    assert spoken("a\u200b \u202e b\u2063") == ["a", "b"]


def test_sentences_and_ratings_of_what_it_learned_from_come_back(review_shop, fit):
    shop = review_shop()
    sizes = {"word_size": 16, "state_size": 16}
    model = fit(MRG, shop, epochs=40, learning_rate=0.03, l2=0.0, dropout=0.0, **sizes)
    red, blue = (shop.item(name) for name in "ac")
    assert text_of(model, shop.explain("u", red)) == "It is red, really."
    assert text_of(model, shop.explain("u", blue)) == "It is blue, really."
    liked, disliked = model.predict([shop.rate("u", red), shop.rate("u", blue)])
    assert liked.value == pytest.approx(5.0, abs=0.5)
    assert disliked.value == pytest.approx(2.0, abs=0.5)


def test_every_word_is_written_from_the_photo_that_is_shown(review_shop, fit):
    shop = review_shop()
    model = fit(MRG, shop)
    network = model.network

    def chances(item):
        row = model.regions.row(item, model.name)
        regions = model.regions.of(np.array([row]))
        vectors = network.user.weight[:1], network.item.weight[:1]
        with torch.no_grad():
            steps = network.write(Asked(*vectors, regions, torch.tensor([row > 0])), 1)
        return steps[0].logits.log_softmax(1)

    shown = {colour: chances(shop.item("a", image=shop.photo(colour))) for colour in "abcf"}
    assert torch.equal(shown["a"], shown["b"])  # two photos of red
    assert not torch.equal(shown["a"], shown["c"])
    assert not torch.equal(shown["a"], shown["f"])


def test_who_was_not_there_in_training_is_the_mean_of_all_who_were(review_shop, fit):
    shop = review_shop()
    model = fit(MRG, shop)
    network = model.network
    with torch.no_grad():
        item = network.item.weight.mean(0, keepdim=True)
        user = network.user.weight.mean(0, keepdim=True)
        wanted = float(network.offset(user, item)) + 47 / 13  # 7 red ones at 5, 6 blue ones at 2
    (rating,) = model.predict([shop.rate("new", shop.item("f"))])
    assert rating.value == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("without", "learned"), [
    ("rating", "explanation"), ("explanation", "preference"),
])  # fmt: skip
def test_half_of_it_is_learned_where_the_data_have_half(without, learned, review_shop, fit):
    shop = review_shop(without=(without,))
    model = fit(MRG, shop)
    assert model.learned == (learned,)
    instances = {"preference": shop.rate, "explanation": shop.explain}
    instance = instances.pop(learned)("u", shop.item("a"))
    assert len(list(model.predict([instance]))) == 1
    other = next(iter(instances.values()))("u", shop.item("a"))
    with pytest.raises(BenchError, match=f"it was fitted for {learned}"):
        list(model.predict([other]))


def test_no_sentence_is_empty_and_none_has_an_unknown_word(review_shop, fit):
    shop = review_shop()
    model = fit(MRG, shop, epochs=1, vocabulary=2)
    texts = [text_of(model, shop.explain(user, shop.item("a"))) for user in "uvnew"]
    assert all(texts)
    assert {word for text in texts for word in spoken(text)} <= {"It", "is", ",", ".", "really"}


def test_moments_of_a_norm_are_those_of_the_rows_that_are_real():
    norm = Norm(2).train()
    x, real = torch.randn(5, 3, 2), torch.tensor([True, False, True, True, False])
    got = norm(x, real)
    rows = x[real].flatten(0, 1)
    wanted = (x[real] - rows.mean(0)) / (rows.var(0, correction=0) + 1e-3).sqrt()
    assert torch.allclose(got[real], wanted, atol=1e-6)
    assert torch.equal(got[~real], torch.zeros(2, 3, 2))
    assert torch.allclose(norm.mean, 0.05 * rows.mean(0))
    norm(x, torch.zeros(5, dtype=torch.bool))  # nothing is real: nothing is learned, nothing breaks
    assert torch.isfinite(norm.variance).all()
