"""Values of the authors' MRG (d5a462a) and SANCL (dadd6b0) on small fixed cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from baselines.reviews.mrg_network import START, Asked, MRGNetwork
from baselines.reviews.sancl import SANCL
from baselines.reviews.sancl_network import (
    Predictors,
    ProductAttention,
    ReviewAttention,
    SANCLNetwork,
    TextConvolutions,
)


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def put(parameter: nn.Parameter, values) -> None:
    with torch.no_grad():
        parameter.copy_(tensor(values).reshape(parameter.shape))


#: Of a layer: the authors' kernel, which is (in, out), and their bias.
_LAYERS = {
    "features": ("features/w0", "features/b0"),
    "rating": ("rating/prediction/kernel", "rating/prediction/bias"),
    "start_h": ("review/init_lstm/w_h_ui", "review/init_lstm/b_h"),
    "start_c": ("review/init_lstm/w_c_ui", "review/init_lstm/b_c"),
    "visual": ("review/visual_projection/w", None),
    "attend": ("review/attention/w", "review/attention/b"),
    "attention": ("review/attention/w_att", "review/attention/b_att"),
    "gate_word": ("review/fusion_gate/w_x", None),
    "gate_state": ("review/fusion_gate/w_h", "review/fusion_gate/b"),
    "cell": ("review/LSTM_Cell/kernel", "review/LSTM_Cell/bias"),
    "hidden": ("review/decode_lstm/w_h", "review/decode_lstm/b_h"),
    "context": ("review/decode_lstm/w_ctx2out", None),
    "out": ("review/decode_lstm/w_out", "review/decode_lstm/b_out"),
}
_NORMS = {
    "sentiment_norm": "review/sentiment_batch_norm",
    "visual_norm": "review/visual_batch_norm",
}


def mrg(case: dict) -> MRGNetwork:
    sizes, weights = case["hyperparameters"], case["inputs"]["weights"]
    network = MRGNetwork(
        users=len(weights["user_matrix"]),
        items=len(weights["item_matrix"]),
        words=sizes["vocabulary"],
        region_size=sizes["region_dim"],
        factors=sizes["factors"],
        word_size=sizes["word_dim"],
        state_size=sizes["lstm_dim"],
        dropout=0.0,
    )
    for table in ("user", "item", "word"):
        put(getattr(network, "words" if table == "word" else table).weight,
            weights[f"{table}_matrix"])  # fmt: skip
    for ours, (kernel, bias) in _LAYERS.items():
        layer = getattr(network, ours)
        put(layer.weight, np.array(weights[kernel]).T)
        if bias is not None:
            put(layer.bias, weights[bias])
    for ours, theirs in _NORMS.items():
        norm = getattr(network, ours)
        put(norm.gamma, weights[f"{theirs}/gamma"])
        put(norm.beta, weights[f"{theirs}/beta"])
        norm.mean.copy_(tensor(weights[f"{theirs}/moving_mean"]))
        norm.variance.copy_(tensor(weights[f"{theirs}/moving_variance"]))
    return network


def asked(network: MRGNetwork, inputs: dict) -> Asked:
    users, items = torch.tensor(inputs["users"]), torch.tensor(inputs["items"])
    shown = torch.ones(len(users), dtype=torch.bool)
    return Asked(network.user(users), network.item(items), tensor(inputs["images"]), shown)


@pytest.mark.parametrize("training", [False, True])
def test_features_and_losses_of_mrg_are_the_authors(training, golden, agrees):
    case = golden("mrg")
    network, inputs = mrg(case), case["inputs"]
    wanted = case["outputs"]["training_mode"] if training else case["outputs"]
    of_case, reviews = asked(network, inputs), torch.tensor(inputs["reviews"])
    network.train(training)  # only the norms differ: the case has no dropout
    seen = network.see(of_case)
    agrees(seen.sentiment, wanted["sentiment_features"])
    agrees(seen.regions, wanted["visual_features"])
    agrees(network.review_loss(of_case, reviews), wanted["review_loss"])
    above = tensor(inputs["ratings"]) - case["hyperparameters"]["global_mean_rating"]
    agrees(network.rating_loss(of_case.user, of_case.item, above), wanted["rating_loss"])


@torch.no_grad()
def test_ratings_and_greedy_reviews_of_mrg_are_the_authors(golden, agrees):
    case = golden("mrg")
    network, outputs = mrg(case).eval(), case["outputs"]
    of_case = asked(network, case["inputs"])
    rating = case["hyperparameters"]["global_mean_rating"] + network.offset(
        of_case.user, of_case.item
    )
    agrees(rating[:, None], outputs["rating"])
    assert case["inputs"]["start"] == START
    steps = network.write(of_case, case["hyperparameters"]["max_length"])
    words = torch.stack([step.logits.argmax(1) for step in steps], 1)
    assert words.tolist() == outputs["generated"]
    agrees(torch.stack([step.attention for step in steps], 1), outputs["attention"])
    agrees(torch.stack([step.gate for step in steps], 1), outputs["gate"])


def put_layer(layer: nn.Module, weights: dict, name: str) -> None:
    put(layer.weight, weights[f"{name}.weight"])
    put(layer.bias, weights[f"{name}.bias"])


def sancl_texts(case: dict):
    """Its three parts for texts, with the authors' weights."""
    sizes, weights = case["hyperparameters"], case["inputs"]["weights"]
    convolutions = TextConvolutions(sizes["token_size"], sizes["hidden"])
    for place, layer in enumerate(convolutions.layers):
        name = f"conv_layer.{place}.0"  # (out, 1, width, in) there
        put(layer.weight, np.array(weights["conv"][f"{name}.weight"])[:, 0].transpose(0, 2, 1))
        put(layer.bias, weights["conv"][f"{name}.bias"])
    attention = ReviewAttention(sizes["hidden"])
    put_layer(attention.query, weights["self_attention"], "proj1")
    put_layer(attention.key, weights["self_attention"], "proj2")
    product = ProductAttention(sizes["hidden"])
    put(product.project.weight, np.array(weights["product_attention"]["w"]).T)
    put(product.project.bias, weights["product_attention"]["b"])
    return convolutions, attention, product


@torch.no_grad()
def test_texts_of_sancl_are_read_as_by_the_authors(golden, agrees):
    # self_attention_as_written masks the wrong places: each text is masked by its own length here.
    case = golden("sancl")
    inputs, wanted = case["inputs"], case["outputs"]
    convolutions, attention, product_aware = sancl_texts(case)
    probe = tensor(inputs["probe_mask"])
    said = probe > 0
    told = torch.arange(4) < torch.tensor(inputs["product_lengths"])[:, None]
    review = convolutions(tensor(inputs["review_tokens"]), said)
    product = convolutions(tensor(inputs["product_tokens"]), told)
    agrees(review, wanted["review_tokens"])
    agrees(product, wanted["product_tokens"])
    probed = attention(review, probe)
    agrees(probed, wanted["self_attention_one_at_a_time"])
    aware = product_aware(probed, product, said, told)
    agrees(aware, wanted["product_attention"])
    network = SANCLNetwork(SANCL.Config(), words=2, region_size=1)
    network.absent = nn.Parameter(torch.zeros(2, case["hyperparameters"]["hidden"]))
    agrees(network.mean_of(aware, probe, 0), wanted["review_vector"])
    agrees(network.mean_of(product, told.float(), 0), wanted["product_vector"])


@torch.no_grad()
def test_contrasts_of_sancl_are_the_authors(golden, agrees):
    # There, photos are handed over in the place of texts; the case's numbers are of that.
    case = golden("sancl")
    inputs, weights = case["inputs"], case["inputs"]["weights"]
    product, review = (tensor(inputs[f"common_{side}_image"]) for side in ("product", "review"))
    likes = tensor(inputs["labels"])[:, 0] >= 3
    for name, contrast in {
        "contrast_txt_img": lambda p: p.of_photos((product, product), (review, review), likes),
        "contrast_rvw_prd": lambda p: p.of_reviews(product, review, likes),
    }.items():
        predictors = Predictors(case["hyperparameters"]["common"])
        for ours, theirs in ((predictors.product, "prd_pred"), (predictors.review, "rvw_pred")):
            put_layer(ours[0], weights[name], f"{theirs}.0")
            put_layer(ours[2], weights[name], f"{theirs}.2")
        agrees(contrast(predictors), case["outputs"][name])
