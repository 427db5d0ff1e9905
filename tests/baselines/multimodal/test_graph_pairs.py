"""What all systems on the graph with photos and texts promise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from baselines.multimodal.mmgcl import MMGCL
from baselines.multimodal.mmssl import MMSSL


class PapersMMSSL(MMSSL):
    """MMSSL with learned graphs and an attention that works."""

    class Config(MMSSL.Config):
        cross_modal: str = "paper"
        neighbours: int = 2


SYSTEMS = [MMGCL, MMSSL, PapersMMSSL]
FAST = {"encoder_steps": 3, "threads": 1, "epochs": 3, "embedding_size": 4}


def fitted(system, view, **settings):
    model = system(system.Config(**{**FAST, **settings}))
    model.fit(view, seed=3)
    return model


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("photos", [True, False])
def test_sums_of_known_users_are_what_their_items_hand_on(system, photos, fitted_shop):
    model, _ = fitted_shop(system, photos=photos, **FAST)
    known = model.tables
    matrix = model.edges.matrix(torch.ones(len(model.edges)), by_user=True).to_dense()
    by_degree = model.edges.degrees()[0].rsqrt()[:, None]
    own = known["sums"] - by_degree * (matrix @ known["messages"])
    assert own.std(0).max() > 1e-3
    assert own.mean(0).tolist() == pytest.approx(known["alone"].tolist(), abs=1e-5)


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_item_that_nobody_took_and_a_user_with_one_interaction_are_scored(system, fitted_shop):
    model, shop = fitted_shop(system, **FAST)
    known, new, nobody = model.scores(
        [shop.ask("s", shop.item("a")), shop.ask("new", shop.item("e")), shop.ask("new")]
    )
    assert np.isfinite(known).all()
    assert np.isfinite(new).all()
    assert len({*new.tolist()}) > 1
    assert nobody.tolist() == [3, 2, 2, 2, 0, 0]  # training counts


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("user", ["u", "new"])
def test_a_wrong_photo_and_missing_words_move_this_user(system, user, fitted_shop):
    model, shop = fitted_shop(system, **FAST, scaling="unit")
    right = shop.item("a")
    wrong, wordless = shop.item("a", photo_of="c"), dataclasses.replace(right, title=None)
    other = dataclasses.replace(right, title="mug a mug mug")
    before, *after = model.scores(
        [shop.ask(user, each) for each in (right, wrong, wordless, other)]
    )
    for moved in after:
        assert (moved != before).any()
    assert np.array_equal(model.scores([shop.ask(user, right)])[0], before)


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_known_user_did_not_take_in_training_is_not_read(system, fitted_shop):
    model, shop = fitted_shop(system, **FAST)
    took, also = shop.item("a"), shop.item("c", photo_of="a")
    before, after = model.scores([shop.ask("u", took), shop.ask("u", took, also)])
    assert np.array_equal(before, after)


@pytest.mark.parametrize("system", SYSTEMS)
def test_words_of_another_item_are_that_items_words(system, fitted_shop):
    model, shop = fitted_shop(system, **FAST)
    changed = dataclasses.replace(shop.item("a"), title=shop.item("c").title)
    (scores,) = model.scores([shop.ask("u", changed)])
    stored = model.tables["text.projected"]
    moved = dict(model.moved(0, changed))
    rows = model.tables["text.rows"]
    assert torch.equal(moved["text"], stored[rows[2]] - stored[rows[0]])
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("scaling", ["unit", "centred"])
@pytest.mark.parametrize("photos", [True, False])
def test_a_loaded_model_reads_what_is_shown_as_the_saved_one(
    system, scaling, photos, fitted_shop, tmp_path
):
    model, shop = fitted_shop(system, photos=photos, **FAST, scaling=scaling)
    model.save(tmp_path)
    loaded = system()
    loaded.load(tmp_path)
    shown = dataclasses.replace(shop.item("a", photo_of="d"), title="mug c d b")
    asked = [shop.ask(user, shown) for user in ("u", "new")]
    assert np.array_equal(loaded.scores(asked), model.scores(asked))
    assert loaded.parameter_counts() == model.parameter_counts()


@pytest.mark.parametrize("system", SYSTEMS)
def test_nv_and_nt_change_scores_of_frozen_instances(system, sim_xs):
    model = fitted(system, sim_xs.training_view(), epochs=1, validation_users=10)
    for cohort in ("seen", "new-user"):
        before = model.scores(list(sim_xs.instances("recommendation", cohort=cohort)))
        for perturb in ("nv", "nt"):
            shown = list(sim_xs.instances("recommendation", cohort=cohort, perturb=perturb))
            assert (before != model.scores(shown)).any()


def test_buyers_of_red_things_are_offered_the_red_thing_that_nobody_took(photo_shop):
    shop = photo_shop()  # not by MMSSL, in which features come to items along edges alone
    model = fitted(
        MMGCL, shop.view, epochs=150, encoder_steps=20, learning_rate=0.01, scaling="centred"
    )
    red, blue = model.scores([shop.ask("u", shop.item("a")), shop.ask("w", shop.item("c"))])
    assert red[4] - red[5] > blue[4] - blue[5]
