"""VIP5: what photos change, what is trained when, and files."""

from __future__ import annotations

import dataclasses

import pytest

from baselines.generative.vip5 import VIP5
from benchmark.errors import BenchError
from tests.baselines.same import same_tensors

PHOTO = {"encoder_steps": 3, "text_epochs": 1, "learning_rate": 0.01}
TASKS = ("recommendation", "preference", "explanation", "selection")


#: Two epochs of each stage.
LONGER = {**PHOTO, "text_epochs": 2, "epochs": 2}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The photos' features, made once; a fit leaves nothing else here."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def view(sim_xs, features, view_of):
    return view_of(sim_xs, features)


@pytest.fixture(scope="module")
def vip5(sim_xs, fit_on, features, view_of):
    return fit_on(view_of(sim_xs, features), VIP5, **PHOTO)


@pytest.fixture(scope="module")
def undisturbed(sim_xs, fit_on, features, view_of):
    """A longer fit that nothing interrupts."""
    return fit_on(view_of(sim_xs, features), VIP5, **LONGER)


def asked(dataset, task: str, most: int = 12, **which):
    return list(dataset.instances(task, limit=most, **which)[:])


@pytest.mark.parametrize("task", ["recommendation", "selection"])
def test_a_wrong_photo_changes_the_answer_and_the_right_one_brings_it_back(sim_xs, vip5, task):
    instance = asked(sim_xs, task, 1)[0]
    items = instance.candidates if task == "selection" else instance.history.items
    other = next(i for i in sim_xs.catalogue() if i.image != items[-1].image)
    wrong = (*items[:-1], dataclasses.replace(items[-1], image=other.image))
    if task == "selection":
        changed = dataclasses.replace(instance, candidates=wrong)
    else:
        changed = dataclasses.replace(
            instance, history=dataclasses.replace(instance.history, items=wrong)
        )
    before, after, again = vip5.predict([instance, changed, instance])
    assert before.scores != after.scores
    assert before == again


@pytest.mark.parametrize("task", TASKS)
def test_an_item_without_a_photo_is_read_as_one_of_no_features(sim_xs, vip5, task):
    instance = asked(sim_xs, task, 1, cohort="new-user")[0]
    blind = tuple(dataclasses.replace(item, image=None) for item in instance.history.items)
    instance = dataclasses.replace(
        instance, history=dataclasses.replace(instance.history, items=blind)
    )
    (prediction,) = vip5.predict([instance])
    assert prediction.instance_id == instance.instance_id


def test_an_unknown_photo_is_refused(sim_xs, vip5):
    instance = asked(sim_xs, "recommendation", 1)[0]
    strange = dataclasses.replace(instance.history.items[0], image="/photos/strange.png")
    history = dataclasses.replace(instance.history, items=(strange,))
    with pytest.raises(BenchError, match=r"Photo 'strange\.png' .* VIP5 was fitted on"):
        list(vip5.predict([dataclasses.replace(instance, history=history)]))


def test_photos_stand_behind_the_items_and_features_behind_the_photos(sim_xs, vip5):
    instance = asked(sim_xs, "recommendation", 1)[0]
    source = vip5.known.asker.source("recommendation", instance)
    assert source.shown == list(instance.history.items)
    assert source.tokens.count(vip5.known.pieces.slot) == 2 * len(source.shown)


def test_only_photos_adapters_and_norms_are_trained_behind_the_text(view, fit_on):
    text = fit_on(view, VIP5, **{**PHOTO, "learning_rate": 1e-12, "weight_decay": 0.0})
    both = fit_on(view, VIP5, **{**PHOTO, "text_epochs": 0})
    before, after = text.tensors(), both.tensors()
    start = {name for name in before if name.startswith(("visual.", "adapters."))}
    moved = {name for name in before if (before[name] - after[name]).abs().max() > 1e-6}
    assert moved
    assert {name for name in moved - start if "layer_norm" not in name} == set()
    assert {name for name in moved if "layer_norm" in name}
    counts = both.parameter_counts()
    frozen = sum(v.numel() for n, v in after.items() if n not in start and "layer_norm" not in n)
    assert counts == {"trainable": counts["total"] - frozen, "total": counts["total"]}


def test_all_can_be_trained_with_photos(view, fit_on):
    model = fit_on(view, VIP5, **PHOTO, train_all=True)
    counts = model.parameter_counts()
    assert counts["trainable"] == counts["total"]
    assert list(model.journal.kept) == ["text", "photos"]


def test_a_dataset_without_photos_is_answered_all_the_same(view, sim_xs, fit_on, tmp_path):
    view.features_folder = tmp_path / "features"
    frame = view.catalogue.frame.with_columns(image=None)
    view.catalogue = type(view.catalogue)(frame, images=None)
    model = fit_on(view, VIP5, **PHOTO)
    instances = [
        dataclasses.replace(
            i, history=dataclasses.replace(i.history, items=tuple(
                dataclasses.replace(item, image=None) for item in i.history.items)))
        for i in asked(sim_xs, "recommendation", 4)
    ]  # fmt: skip
    assert [len(set(r.items)) for r in model.predict(instances)] == [10] * 4
    assert not (view.features_folder / "own-encoders").exists()


@pytest.mark.parametrize("writes", [1, 3])
def test_a_fit_killed_in_either_stage_ends_with_the_same_weights(
    view, undisturbed, fit_on, killed_after, writes
):
    killed_after(writes, lambda: fit_on(view, VIP5, **LONGER))
    resumed = fit_on(view, VIP5, **LONGER)
    assert resumed.journal == undisturbed.journal
    assert same_tensors(resumed, undisturbed)


def test_a_saved_model_needs_no_photos_to_answer(sim_xs, vip5, tmp_path):
    vip5.save(tmp_path)
    loaded = VIP5()
    loaded.load(tmp_path)
    assert loaded.parameter_counts() == vip5.parameter_counts()
    for task in TASKS:
        instances = asked(sim_xs, task, 4, perturb="nv")
        assert list(loaded.predict(instances)) == list(vip5.predict(instances))
