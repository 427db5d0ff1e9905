"""What both systems promise: what they need of the data, whom they can answer, and their files."""

from __future__ import annotations

import shutil

import pytest

from baselines.reviews.mrg import MRG
from baselines.reviews.sancl import SANCL
from benchmark.errors import BenchError, UsageError
from tests.baselines.same import same_tensors

BOTH = [MRG, SANCL]


def asked(shop):
    """Known and new users, taken and cold items, with histories and without, with no photo."""
    a, e, f = (shop.item(name) for name in "aef")
    bare = shop.item("a", image=None, title=None, category=())
    return [
        shop.rate("u", a),
        shop.rate("new", a, e, f),
        shop.rate("s", e, a),
        shop.rate("new", f),
        shop.rate("v", bare, bare),
        shop.rate("w", a, f, scale=(0.0, 10.0)),
    ]


@pytest.mark.parametrize("model_class", BOTH)
@pytest.mark.parametrize("photos", [True, False])
def test_anybody_is_answered_about_anything_within_the_scale(model_class, photos, review_shop, fit):
    shop = review_shop(photos=photos)
    instances = asked(shop)
    model = fit(model_class, shop)
    together = list(model.predict(instances))
    assert [rating.instance_id for rating in together] == [i.instance_id for i in instances]
    for instance, rating in zip(instances, together, strict=True):
        assert instance.scale[0] <= rating.value <= instance.scale[1]
    alone = [rating for instance in instances for rating in model.predict([instance])]
    assert alone == together
    assert list(model.predict(instances[::-1])) == together[::-1]


@pytest.mark.parametrize(
    ("model_class", "without"), [(MRG, ("rating", "explanation")), (SANCL, ("rating",))]
)
def test_data_that_teach_none_of_its_tasks_are_refused(model_class, without, review_shop, fit):
    with pytest.raises(UsageError, match=r"learns from .* 'by-hand' has none"):
        fit(model_class, review_shop(without=without))


@pytest.mark.parametrize("model_class", BOTH)
def test_data_without_reviews_teach_it_all_the_same(model_class, review_shop, fit):
    shop = review_shop(without=("review",))
    assert len(list(fit(model_class, shop).predict(asked(shop)))) == 6


@pytest.mark.parametrize("model_class", BOTH)
def test_a_fit_killed_after_an_epoch_ends_with_the_same_weights(
    model_class, review_shop, fit, killed_after
):
    shop = review_shop()
    settings = {"epochs": 4, "batch_size": 5, "weight_decay": 0.01}
    expected = fit(model_class, shop, **settings)
    killed_after(2, lambda: fit(model_class, shop, **settings))
    resumed = fit(model_class, shop, **settings)
    assert resumed.journal == expected.journal
    assert same_tensors(resumed, expected)


@pytest.mark.parametrize("model_class", BOTH)
def test_a_saved_model_needs_neither_photos_nor_the_features_of_the_dataset(
    model_class, review_shop, fit, tmp_path
):
    shop = review_shop()
    model = fit(model_class, shop)
    before = list(model.predict(asked(shop)))
    folder = tmp_path / "saved"
    folder.mkdir()
    model.save(folder)
    shutil.rmtree(shop.view.features_folder)
    shutil.rmtree(tmp_path / "images")
    loaded = model_class()
    loaded.load(folder)
    assert list(loaded.predict(asked(shop))) == before
    assert loaded.parameter_counts() == model.parameter_counts()


@pytest.mark.parametrize("model_class", BOTH)
def test_files_that_do_not_fit_together_are_refused(model_class, review_shop, fit, tmp_path):
    model = fit(model_class, review_shop())
    model.save(tmp_path)
    text = (tmp_path / "reviews.json").read_text()
    (tmp_path / "reviews.json").write_text(text.replace('"a.png"', '"a.png", "g.png"', 1))
    with pytest.raises(BenchError, match=f"holds no {model.name}"):
        model_class().load(tmp_path)


@pytest.mark.parametrize("model_class", BOTH)
def test_a_model_that_is_not_fitted_says_so(model_class, review_shop):
    shop = review_shop()
    with pytest.raises(BenchError, match="is not fitted"):
        list(model_class().predict(asked(shop)))


@pytest.mark.parametrize("model_class", BOTH)
def test_a_photo_that_the_catalogue_had_not_is_refused(model_class, review_shop, fit):
    shop = review_shop()
    model = fit(model_class, shop)
    strange = shop.item("a", image="/photos/strange.png")
    # What MRG reads of a photo goes into its sentence, not into its rating.
    ask = shop.explain if model_class is MRG else shop.rate
    with pytest.raises(BenchError, match=r"Photo 'strange\.png'"):
        list(model.predict([ask("u", strange)]))
