"""SANCL: what it reads of whom, and what it does not."""

from __future__ import annotations

import dataclasses

import torch

from baselines.reviews.sancl import SANCL
from baselines.reviews.told import probed

TRAINED = {"epochs": 40, "learning_rate": 0.01, "hidden_dropout_prob": 0.0}


def value(model, instance) -> float:
    (answer,) = model.predict([instance])
    return answer.value


def test_words_of_sentences_that_name_the_product_count_twice():
    # 0 ends a sentence.
    assert probed([[5, 6, 0, 7], [6]], frozenset({5})) == ([5, 6, 7, 6], [1.0, 1.0, 0.5, 0.5])


def test_the_review_of_a_rated_purchase_is_not_read_for_it(review_shop, fit):
    # The last training reviews of two users change places: no later purchase reads them.
    one = "A blue mug. I like it, says u. So do all."
    other = "A red mug. I like it, says x. So do all."
    before = fit(SANCL, review_shop(u2=one, x2=other))
    after = fit(SANCL, review_shop(u2=other, x2=one))
    left, right = before.tensors(), after.tensors()
    assert all(torch.equal(left[name], right[name]) for name in left)
    # An earlier one is.
    changed = fit(SANCL, review_shop(u2=one, x2=other, u0=other)).tensors()
    assert not all(torch.equal(left[name], changed[name]) for name in left)


def test_a_known_users_earlier_reviews_are_read_and_a_new_users_items(review_shop, fit):
    shop = review_shop()
    model = fit(SANCL, shop)
    past, item = shop.item("a"), shop.item("d")
    known, new = shop.rate("u", item, past), shop.rate("new", item, past)
    assert value(model, known) != value(model, new)
    nameless = dataclasses.replace(past, title=None)
    assert value(model, shop.rate("u", item, nameless)) == value(model, known)
    assert value(model, shop.rate("new", item, nameless)) != value(model, new)


def test_other_words_and_other_photos_of_the_product_change_the_rating(review_shop, fit):
    shop = review_shop()
    model = fit(SANCL, shop)
    own = value(model, shop.rate("u", shop.item("d"), shop.item("a")))
    for shown in ({"title": None}, {"image": shop.photo("a")}, {"image": None}):
        other = shop.rate("u", shop.item("d", **shown), shop.item("a"))
        assert value(model, other) != own


def test_a_wrong_photo_in_the_history_changes_the_rating(review_shop, fit):
    shop = review_shop()
    model = fit(SANCL, shop)
    wrong = shop.item("a", image=shop.photo("c"))
    item = shop.item("d")
    assert value(model, shop.rate("u", item, shop.item("a"))) != value(
        model, shop.rate("u", item, wrong)
    )


def test_ratings_that_the_photo_decides_are_learned_for_items_that_nobody_took(review_shop, fit):
    shop = review_shop()
    model = fit(SANCL, shop, **TRAINED)
    red = value(model, shop.rate("u", shop.item("e"), shop.item("a")))
    blue = value(model, shop.rate("u", shop.item("e", image=shop.photo("c")), shop.item("a")))
    assert red > blue + 1


def test_without_contrast_nothing_of_it_is_learned(review_shop, fit):
    shop = review_shop()
    started, trained = (fit(SANCL, shop, contrast=0.0, epochs=n).tensors() for n in (1, 3))
    names = [name for name in started if name.startswith("predict_")]
    assert names
    assert all(torch.equal(started[name], trained[name]) for name in names)
