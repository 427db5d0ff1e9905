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
from baselines.multimodal.photo_pairs import Items, Users, all_with_all, parts
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
