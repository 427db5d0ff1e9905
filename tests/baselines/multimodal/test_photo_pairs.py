"""What all systems on pairs and photos promise: missing photos, cold items, wrong photos, files."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.multimodal.causalrec import CausalRec
from baselines.multimodal.vbpr import VBPR

SYSTEMS = [VBPR, CausalRec]
FAST = {"encoder_steps": 3, "threads": 1, "epochs": 3}


def fitted(system, view, **settings):
    model = system(system.Config(**{**FAST, **settings}))
    model.fit(view, seed=3)
    return model


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_item_that_nobody_took_is_told_by_its_photo_alone(system, fitted_shop):
    model, _ = fitted_shop(system, **FAST)
    cold = [model.item_ids.index(item) for item in "ef"]
    assert not model.tables["item.g"][cold].any()
    assert not model.tables["item.bias"][cold].any()
    photos = model.tables["photo.q"][model.tensors()["row_of_item"][cold]]
    assert photos[0].any()
    assert not photos[1].any()  # f has no photo: zero, not the mean of nothing


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_user_with_one_interaction_is_known_and_a_new_one_is_the_items_shown(system, fitted_shop):
    model, shop = fitted_shop(system, **FAST)
    known, new, nobody = model.scores(
        [shop.ask("s", shop.item("a")), shop.ask("new", shop.item("a")), shop.ask("new")]
    )
    assert np.isfinite(known).all()
    assert not np.array_equal(known, new)
    assert nobody.tolist() == [3, 2, 2, 2, 0, 0]  # training counts


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_wrong_photo_moves_the_item_of_a_known_user_and_all_items_of_a_new_one(
    system, fitted_shop
):
    model, shop = fitted_shop(system, **FAST)
    right, wrong = shop.item("a"), shop.item("a", photo_of="c")
    for user, moved in (("u", [True, False, False, False, False, False]), ("new", [True] * 5)):
        before, after = model.scores([shop.ask(user, right), shop.ask(user, wrong)])
        assert (before != after)[: len(moved)].tolist() == moved
    gone = shop.item("a")
    taken_away = model.scores([shop.ask("u", type(gone)("a"))])[0]
    assert taken_away[0] != model.scores([shop.ask("u", gone)])[0][0]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_perturbation_nv_changes_scores_of_frozen_instances(system, sim_xs):
    model = fitted(system, sim_xs.training_view(), epochs=1, validation_users=10)
    for cohort in ("seen", "new-user"):
        plain = list(sim_xs.instances("recommendation", cohort=cohort))
        wrong = list(sim_xs.instances("recommendation", cohort=cohort, perturb="nv"))
        before, after = model.scores(plain), model.scores(wrong)
        assert (before != after).any()
        if cohort == "seen":  # whose taste is learned: only what the instance shows is read anew
            for instance, row in zip(plain, before != after, strict=True):
                changed = {model.item_ids[i] for i in np.flatnonzero(row)}
                assert changed <= {item.item_id for item in instance.history.items}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_loaded_model_reads_wrong_photos_as_the_saved_one(system, fitted_shop, tmp_path):
    model, shop = fitted_shop(system, **FAST)
    folder = tmp_path / "state"
    folder.mkdir()
    model.save(folder)
    loaded = system()
    loaded.load(folder)
    asked = [shop.ask(user, shop.item("a", photo_of="d")) for user in ("u", "new")]
    assert np.array_equal(loaded.scores(asked), model.scores(asked))
    assert loaded.parameter_counts() == model.parameter_counts()


@pytest.mark.parametrize("system", SYSTEMS)
def test_buyers_of_red_things_are_offered_the_red_thing_that_nobody_took(system, photo_shop):
    shop = photo_shop()
    model = fitted(system, shop.view, epochs=150, encoder_steps=20, vector_l2=0.0)
    red, blue = model.scores([shop.ask("u", shop.item("a")), shop.ask("w", shop.item("c"))])
    assert red[4] > red[5]  # against the item without a photo
    assert red[4] > blue[4]
