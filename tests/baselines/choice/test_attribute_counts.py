"""What attribute-counts learns from and reads, on the simulated shop and a shop made by hand."""

from __future__ import annotations

from dataclasses import replace
from math import log1p
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest

from baselines.choice import attribute_counts
from baselines.choice.attribute_counts import (
    AttributeCounts,
    AttributeCountsConfig,
)
from baselines.choice.true_attributes import TrueAttributeCounts
from baselines.choice.votes import Rated, best_ridge, fit_ridge, predicted
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import History, PreferenceInstance
from benchmark.training.counting import count


@pytest.fixture(scope="module")
def text(sim_xs):
    model = AttributeCounts(AttributeCountsConfig(image_encoder="none"))
    model.fit(sim_xs.training_view(), seed=0)
    return model


@pytest.fixture(scope="module")
def photos(sim_xs):
    model = AttributeCounts(AttributeCountsConfig(encoder_steps=3))
    model.fit(sim_xs.training_view(), seed=0)
    return model


def asked(dataset, task, **how):
    return list(dataset.instances(task, limit=40, **how)[:])


def test_keys_are_what_the_items_show(text):
    assert text.reader.book.keys == (
        "attribute material", "brand", "category 1", "category 2", "category 3", "price"
    )  # fmt: skip
    assert not text.kinds.identity  # nothing is taken again here
    assert not text.kinds.photos


def test_photos_decide_only_where_they_are_read(text, photos, sim_xs):
    clean = asked(sim_xs, "recommendation")
    wrong = asked(sim_xs, "recommendation", perturb="nv")
    assert (text.scores(clean) == text.scores(wrong)).all()
    assert (photos.scores(clean) != photos.scores(wrong)).any()


def test_attributes_count_as_they_are_shown(text, sim_xs):
    clean, fewer = (asked(sim_xs, "recommendation", perturb=p) for p in (None, "nt"))
    assert (text.scores(clean) != text.scores(fewer)).any()


def test_candidates_and_asked_items_count_as_they_are_shown(text, sim_xs):
    selection = asked(sim_xs, "selection")[0]
    bare = replace(
        selection.candidates[0], category=(), brand=None, attributes=MappingProxyType({})
    )
    changed = replace(selection, candidates=(bare, *selection.candidates[1:]))
    (one,), (other,) = text.predict([selection]), text.predict([changed])
    assert one.scores != other.scores
    preference = asked(sim_xs, "preference")[0]
    bare = replace(preference, item=replace(preference.item, brand=None))
    one, other = text.expected_ratings([preference, bare])
    assert one != other


def test_ratings_are_answered_nearer_to_whole_stars_than_they_are_expected(text, sim_xs):
    """And not where the mean is asked for."""
    instances = asked(sim_xs, "preference")
    expected = text.expected_ratings(instances)
    answered = np.array([rating.value for rating in text.predict(instances)])
    assert np.abs(answered - np.rint(answered)).mean() < np.abs(expected - np.rint(expected)).mean()
    mean = AttributeCounts(AttributeCountsConfig(image_encoder="none", answer="mean"))
    mean.fit(sim_xs.training_view(), seed=0)
    assert [r.value for r in mean.predict(instances)] == pytest.approx(expected.tolist())


def test_a_large_catalogue_is_compared_a_stretch_at_a_time(text, sim_xs, monkeypatch):
    some = asked(sim_xs, "recommendation")[:2]
    whole = text.scores(some)
    monkeypatch.setattr(attribute_counts, "MATCHES_HELD", 64 * 50 * sim_xs.info["history_window"])
    assert len(text.reader.item_ids) > 50
    assert (text.scores(some) == whole).all()


def test_a_selection_does_not_depend_on_one_of_more_candidates(photos, sim_xs):
    one, most = asked(sim_xs, "selection")[:2]
    few = replace(one, candidates=one.candidates[:3])
    assert list(photos.predict([few, most])) == [*photos.predict([few]), *photos.predict([most])]


def test_what_answers_the_query_comes_first(text, sim_xs):
    queries = dict(zip(sim_xs.catalogue().ids, sim_xs.catalogue().queries, strict=True))
    for instance, answer in zip(
        asked(sim_xs, "search"), text.predict(asked(sim_xs, "search")), strict=True
    ):
        fits = [queries[item] == instance.query for item in answer.items]
        assert fits == sorted(fits, reverse=True)
        assert fits[0]


def test_a_brand_had_last_is_preferred_as_the_simulated_habit_has_it(text):
    latest_brand = 5 * text.reader.book.keys.index("brand")
    assert text.weights["recommendation"][latest_brand] > 0.5


def test_true_attributes_are_read_by_item_whatever_is_shown(sim_xs):
    model = TrueAttributeCounts()
    model.fit(sim_xs.training_view(), seed=0)
    assert model.reader.book.keys == (
        "brand", "colour", "leaf", "material", "pattern", "price", "shape"
    )  # fmt: skip
    clean, fewer = (asked(sim_xs, "recommendation", perturb=p) for p in (None, "nt"))
    assert model.reader.has_photos is False
    a = model.utilities(
        [i.history for i in clean], model.reader.catalogue.at(np.s_[None]), np.ones(37)
    )
    b = model.utilities(
        [i.history for i in fewer], model.reader.catalogue.at(np.s_[None]), np.ones(37)
    )
    assert (a == b).all()


def test_a_rating_lies_within_the_scale_and_counts_the_users_level(text, sim_xs):
    preference = asked(sim_xs, "preference")[0]

    def rated(value):
        ratings = tuple(value for _ in preference.history.items)
        instance = replace(preference, history=replace(preference.history, ratings=ratings))
        return next(iter(text.predict([instance]))).value

    assert 1.0 <= rated(1.0) < rated(3.0) < rated(5.0) <= 5.0


def test_an_empty_history_and_unknown_items_are_answered(text, sim_xs):
    instance = asked(sim_xs, "preference")[0]
    stranger = replace(instance.item, item_id="never seen", category=("new",))
    found = list(
        text.predict(
            [
                replace(instance, history=History()),
                replace(instance, item=stranger),
                PreferenceInstance("q", "u", History((stranger,), (2.0,), (0,)), stranger),
            ]
        )
    )
    assert all(1 <= rating.value <= 5 for rating in found)


def test_unfitted_and_untrainable_models_say_so(make_view):
    with pytest.raises(BenchError, match="not fitted"):
        AttributeCounts().reader.shown([])
    with pytest.raises(BenchError, match="no training interactions"):
        AttributeCounts().fit(make_view([{"item_id": "a"}]), seed=0)


def test_a_task_without_examples_is_said_and_one_without_validation_is_learnt(sim_xs):
    view = sim_xs.training_view()
    lacking, examples = {("recommendation", "train"), ("preference", "valid")}, view.examples
    view.examples = lambda task, part="train": (
        [] if (task, part) in lacking else examples(task, part)
    )
    few = AttributeCountsConfig(image_encoder="none", examples=40, validation_users=20)
    model = AttributeCounts(few)
    model.fit(view, seed=0)
    assert [*model.weights] == ["preference", "search", "selection"]
    with pytest.raises(BenchError, match="without a training example of 'recommendation'"):
        list(model.predict(asked(sim_xs, "recommendation")[:1]))


LOG = [("u", "a", 5.0), ("u", "b", 1.0), ("v", "a", 3.0), ("v", "c", 3.0), ("w", "a", 4.0)]


def counted(make_view):
    view = make_view([{"item_id": name} for name in "abcd"])
    rows = [{"user_id": u, "item_id": i, "rating": r, "timestamp": 0} for u, i, r in LOG]
    frame = pl.DataFrame(rows, schema_overrides={"rating": pl.Float64}).with_columns(
        explanation=pl.lit(None, pl.String), review=pl.lit(None, pl.String)
    )
    timeline = Timeline.of_frame(frame, view.catalogue)
    return count(timeline, np.array([1, 2, 1, 2]), [("mugs",), ("pans",)])


def test_popularity_of_an_example_is_counted_without_its_users_half(make_view):
    # u and w are the first half, v the second; fold 1 is without u and w, scaled to all five rows.
    # Nobody took the last item; its category was taken.
    counts = counted(make_view)
    assert counts.popularity[0].tolist() == pytest.approx([log1p(3), log1p(1), log1p(1), log1p(1)])
    scale = 5 / 2
    assert counts.popularity[1].tolist() == pytest.approx(
        [log1p(scale), log1p(1), log1p(scale), log1p(1)]
    )


def test_what_follows_is_relative_to_what_is_taken_anyway_and_shrunk(make_view):
    follows = counted(make_view).follows[0]
    # Behind category 1 came 2 (u) and 1 (v): anywhere (with one more each, 0 included) 2, 2 of 5.
    # One choice of the same category, .8 by chance; one of another, 1.2 by chance.
    same, other = 2 / 1.8, 2 / 2.2
    total = 0.4 * same + 0.6 * other
    expected = [np.log((1 + 20 * 0.4 * x / total) / (2 + 20) / 0.4) for x in (same, other)]
    assert follows[1, 1:].tolist() == pytest.approx(expected)
    assert (follows[0] == 0).all()
    assert (follows[:, 0] == 0).all()


def test_an_items_rating_is_drawn_towards_the_mean(make_view):
    rating = counted(make_view).rating[0]
    mean = 16 / 5
    assert rating.tolist() == pytest.approx(
        [mean + (12 - 3 * mean) / 13, mean + (1 - mean) / 11, mean + (3 - mean) / 11, mean]
    )


def test_the_ridge_regression_recovers_what_was_planted_and_its_penalty_is_validated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4)).astype(np.float32) * np.array([1, 10, 1, 1], np.float32)
    deviation = x @ np.array([0.5, 0.02, 0, -0.3]) + 0.25 + rng.normal(size=3000) * 0.1
    found = fit_ridge(Rated(x, deviation), 0.1)
    assert found == pytest.approx([0.5, 0.02, 0, -0.3, 0.25], abs=0.02)
    assert predicted(x[:2], found) == pytest.approx(deviation[:2], abs=0.4)
    few = Rated(x[:8], deviation[:8] + rng.normal(size=8))
    fits = {penalty: fit_ridge(few, penalty) for penalty in (1e-6, 5.0)}
    errors = {p: np.abs(predicted(x, w) - deviation).mean() for p, w in fits.items()}
    chosen = best_ridge(few, Rated(x, deviation), tuple(fits))
    assert (chosen == fits[min(errors, key=errors.__getitem__)]).all()
