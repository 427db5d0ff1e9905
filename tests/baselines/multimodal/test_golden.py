"""Values of Cornac's VBPR and CausalRec (4db147d) on a small fixed case: tests/golden/data.

The files' ``_as_written`` values are what that code gives because of its faults; nothing here aims
at them. ``loss_batch_as_written`` sums the loss over all B x B combinations of a batch, because
the visual bias has another shape than the rest: ours is the mean over its B pairs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from baselines.learning.factors import Batch
from baselines.multimodal.causalrec import CausalRec, CausalRecNetwork, debiased
from baselines.multimodal.photo_network import Items, Users, all_with_all, item_vectors, parts
from baselines.multimodal.vbpr import VBPR, VBPRNetwork

DATA = Path(__file__).parents[2] / "golden" / "data"
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def case(name: str) -> dict:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def put(network, weights: dict, **further: str) -> None:
    """Load the case's weights, by their names there."""
    names = {
        "user": "Gu", "taste": "Tu", "item": "Gi", "item_bias": "Bi", "projection": "E",
        "visual_bias": "Bp", **further,
    }  # fmt: skip
    with torch.no_grad():
        for ours, theirs in names.items():
            parameter = getattr(network, ours)
            parameter.copy_(tensor(weights[theirs]).reshape(parameter.shape))


def settings(system, numbers: dict, **further: object):
    return system.Config(
        embedding_size=numbers["k"],
        visual_size=numbers["k2"],
        vector_l2=numbers["lambda_w"],
        bias_l2=numbers["lambda_b"],
        projection_l2=numbers["lambda_e"],
        **further,
    )


def losses(network, inputs: dict) -> list[float]:
    features = tensor(inputs["features"])
    found = []
    for row in zip(inputs["users"], inputs["positives"], inputs["negatives"], strict=True):
        batch = Batch(*(torch.tensor([number]) for number in row))
        found.append(network.pair_loss(batch, features[batch.taken], features[batch.other]).item())
    return found


def tables(network, inputs: dict):
    photos = network.photos(tensor(inputs["features"]))
    users = Users(network.user, network.taste)
    return users, Items(network.item, network.item_bias), photos


def vbpr(golden: dict) -> VBPRNetwork:
    config = settings(VBPR, golden["hyperparameters"])
    network = VBPRNetwork(config, users=4, cold=np.zeros(6, bool), width=5)
    put(network, golden["inputs"]["weights"])
    return network


@torch.no_grad()
def test_scores_of_vbpr_are_cornacs():
    golden = case("vbpr")
    m, n = parts(*tables(vbpr(golden), golden["inputs"]), all_with_all)
    scores = VBPR().combined(Users(m, n), m, n)
    assert_allclose(scores, golden["outputs"]["scores"], **CLOSE)


@torch.no_grad()
def test_losses_of_single_pairs_of_vbpr_are_cornacs():
    golden = case("vbpr")
    assert_allclose(
        losses(vbpr(golden), golden["inputs"]), golden["outputs"]["loss_single_pairs"], **CLOSE
    )


@torch.no_grad()
def test_a_batch_is_the_mean_of_its_pairs_and_not_of_all_combinations():
    golden = case("vbpr")
    golden["hyperparameters"]["lambda_e"] = 0.0
    network, inputs = vbpr(golden), golden["inputs"]
    batch = Batch(*(torch.tensor(inputs[key]) for key in ("users", "positives", "negatives")))
    features = tensor(inputs["features"])
    together = network.pair_loss(batch, features[batch.taken], features[batch.other]).item()
    assert together == pytest.approx(np.mean(losses(network, inputs)), rel=1e-6)


TANH = [0, 1, 2]


def causalrec(golden: dict, layers: int) -> CausalRecNetwork:
    config = settings(CausalRec, golden["hyperparameters"], layers=layers)
    network = CausalRecNetwork(config, users=4, cold=np.zeros(6, bool), width=5)
    further = {"projection2": "E2", "acting2": "E_ind2"} if layers == 2 else {}
    put(network, golden["inputs"]["weights"], acting="E_ind", **further)
    return network


@torch.no_grad()
@pytest.mark.parametrize("layers", TANH)
def test_scores_of_causalrec_are_those_of_a_fresh_model_of_cornacs(layers):
    # scores_one_model_users_in_order holds the scores of earlier users too: not ours.
    golden = case("causalrec")
    network, inputs = causalrec(golden, layers), golden["inputs"]
    users, items, photos = tables(network, inputs)
    m, n = parts(users, items, photos, all_with_all)
    mean = Items(items.g.mean(0, True), items.bias.mean(0, True))
    average_photo = network.photos(tensor(inputs["mean_feature"])[None])
    average = users.g @ item_vectors(mean, average_photo)[0] + mean.bias
    scores = debiased(m, n, average[:, None], golden["hyperparameters"]["lambda_2"])
    wanted = golden["outputs"][f"tanh_{layers}"]["scores_fresh_model"]
    assert_allclose(scores, wanted, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("layers", TANH)
def test_losses_of_single_pairs_of_causalrec_are_cornacs(layers):
    golden = case("causalrec")
    wanted = golden["outputs"][f"tanh_{layers}"]["loss_single_pairs"]
    assert_allclose(losses(causalrec(golden, layers), golden["inputs"]), wanted, **CLOSE)


def test_a_fitted_causalrec_scores_by_the_formula_with_the_mean_item_and_photo(photo_shop):
    shop = photo_shop()
    model = CausalRec(CausalRec.Config(encoder_steps=3, epochs=3, threads=1, scaling="unit"))
    model.fit(shop.view, seed=3)
    known, rows = model.tables, model.tensors()["row_of_item"]
    g, bias = known["item.g"], known["item.bias"]
    p, q, visual = known["photo.p"][rows], known["photo.q"][rows], known["photo.bias"][rows]
    warm = [0, 1, 2, 3]  # e and f were taken by nobody
    mean_p = p[warm].mean(0)  # of a projection: the projection of the mean
    user, taste = known["user.g"][0], known["user.t"][0]
    m = bias + (g * (1 + p)) @ user
    n = q @ taste + visual
    star = bias[warm].mean() + (g[warm].mean(0) * (1 + mean_p)) @ user
    s = torch.sigmoid
    wanted = s(m + n) * s(m) * s(n) - 0.8 * s(star + n) * s(star) * s(n)
    asked = shop.ask("u", shop.item("a"))
    assert_allclose(model.scores([asked])[0], wanted, **CLOSE)
