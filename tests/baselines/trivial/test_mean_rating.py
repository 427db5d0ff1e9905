from __future__ import annotations

import pydantic
import pytest

from baselines.trivial.mean_rating import MeanRating, MeanRatingConfig
from benchmark.errors import BenchError
from benchmark.instances import History, Item, PreferenceInstance

ITEMS = [{"item_id": "x"}, {"item_id": "y"}, {"item_id": "z"}]
#: The mean is 3; x is rated 5 and 4, y is rated 2 and 1.
RATED = [
    {"user_id": "ann", "item_id": "x", "rating": 5.0},
    {"user_id": "ann", "item_id": "y", "rating": 2.0},
    {"user_id": "bob", "item_id": "x", "rating": 4.0},
    {"user_id": "bob", "item_id": "y", "rating": 1.0},
]


def fitted(view, **settings):
    model = MeanRating(MeanRatingConfig(**settings))
    model.fit(view, seed=0)
    return model


def rate(model, user, item, *, history=(), scale=(1.0, 5.0)):
    past = History(tuple(Item(name) for name, _ in history), tuple(r for _, r in history))
    instance = PreferenceInstance("q", user, past, Item(item), scale=scale)
    (prediction,) = model.predict([instance])
    return prediction.value


def test_global_is_the_training_mean(make_view):
    model = fitted(make_view(ITEMS, train=RATED), effects="global")
    assert rate(model, "ann", "x") == 3.0


def test_item_offset_is_the_damped_mean_of_residuals(make_view):
    model = fitted(make_view(ITEMS, train=RATED), effects="item", item_damping=1)
    assert rate(model, "ann", "x") == pytest.approx(3 + (2 + 1) / (1 + 2))
    assert rate(model, "ann", "z") == 3.0


def test_user_offset_is_estimated_after_the_item_offset(make_view):
    model = fitted(make_view(ITEMS, train=RATED), item_damping=1, user_damping=2)
    # b_x = 1, b_y = -1; ann's residuals are 5-3-1 = 1 and 2-3+1 = 0, damped by 2.
    assert rate(model, "ann", "x") == pytest.approx(3 + 1 + 1 / 4)
    assert rate(model, "bob", "y") == pytest.approx(max(1.0, 3 - 1 - 1 / 4))


def test_a_user_unknown_to_training_is_estimated_from_the_history(make_view):
    model = fitted(make_view(ITEMS, train=RATED), item_damping=1, user_damping=2)
    history = [("x", 2.0), ("z", None)]  # residual 2-3-1 = -2, one rating
    assert rate(model, "eve", "z", history=history) == pytest.approx(3 - 2 / 3)


def test_ratings_stay_within_the_scale(make_view):
    model = fitted(make_view(ITEMS, train=RATED), effects="item", item_damping=0.01)
    assert rate(model, "ann", "x", scale=(1.0, 4.0)) == 4.0


def test_damping_is_chosen_on_the_validation_part(make_view):
    sure = make_view(ITEMS, train=RATED, valid=[{"user_id": "c", "item_id": "x", "rating": 4.5}])
    unsure = make_view(ITEMS, train=RATED, valid=[{"user_id": "c", "item_id": "x", "rating": 3.0}])
    assert rate(fitted(sure, effects="item"), "ann", "x") > 4.0
    assert rate(fitted(unsure, effects="item"), "ann", "x") < 3.2


def test_a_dataset_without_ratings_is_refused(make_view):
    view = make_view(ITEMS, train=[{"user_id": "ann", "item_id": "x"}])
    with pytest.raises(BenchError, match="no training ratings"):
        fitted(view)


@pytest.mark.parametrize("settings", [{"effects": "both"}, {"user_damping": 0}, {"depth": 1}])
def test_settings_are_validated(settings):
    with pytest.raises(pydantic.ValidationError):
        MeanRatingConfig(**settings)


@pytest.mark.parametrize(("given", "answer"), [(4.0, 4.0), (2.0, 2.0)])
def test_the_level_nearest_to_a_mean_is_chosen_on_validation(make_view, tmp_path, given, answer):
    """The mean, 3, was given by nobody: 2 and 4 are as near."""
    valid = [{"user_id": user, "item_id": "x", "rating": given} for user in ("ann", "bob")]
    model = fitted(make_view(ITEMS, train=RATED, valid=valid), effects="global", answer="level")
    assert rate(model, "ann", "x") == answer
    model.save(tmp_path)
    again = MeanRating(MeanRatingConfig(effects="global", answer="level"))
    again.load(tmp_path)
    assert rate(again, "ann", "x") == answer


def test_whole_stars_have_less_mean_absolute_error_on_simulated_data(sim_xs):
    instances = list(sim_xs.instances("preference"))
    targets = sim_xs.instances("preference").targets
    error = {}
    for answer in ("mean", "level"):
        model = fitted(sim_xs.training_view(), answer=answer)
        values = [rating.value for rating in model.predict(instances)]
        error[answer] = sum(abs(v - t) for v, t in zip(values, targets, strict=True))
    assert error["level"] < error["mean"]
