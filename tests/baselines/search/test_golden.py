"""Values of HEM's (cd089d0) and RTM's (449335b) authors' code on small fixed cases.

The project's ZAM follows the paper; ``zam.json`` is of a later re-implementation with another
attention, so that only the parts around the attention are held to it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from baselines.search.hem import HEMNetwork
from baselines.search.noise import negative_sampling_loss
from baselines.search.pre_norm import PreNormTransformer
from baselines.search.zam import ZAMNetwork


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def put(parameter: nn.Parameter, values) -> None:
    with torch.no_grad():
        parameter.copy_(tensor(values).reshape(parameter.shape))


def behind_padding(rows) -> list:
    """A table whose row 0 is padding."""
    return [np.zeros_like(rows[0]).tolist(), *rows]


def hem(case: dict) -> HEMNetwork:
    weights = case["inputs"]["weights"]
    network = HEMNetwork(
        users=len(weights["user_emb"]), items=len(weights["product_emb"]),
        words=len(weights["word_emb"]), width=4, l2=0.0, biases=True,
        query_weight=case["hyperparameters"]["query_weight"],
    )  # fmt: skip
    put(network.words.weight, behind_padding(np.array(weights["word_emb"]).tolist()))
    put(network.word_biases.weight, [0.0, *weights["word_b"]])
    put(network.users.weight, weights["user_emb"])
    put(network.items.weight, weights["product_emb"])
    put(network.item_biases.weight, weights["product_b"])
    put(network.encode_query.project.weight, np.array(weights["f_W"]).T)
    put(network.encode_query.project.bias, weights["f_b"])
    return network


@torch.no_grad()
def test_losses_and_scores_of_hem_are_the_authors(golden, agrees):
    # Ours weighs vector lengths otherwise (the whole squares of what a purchase touches), so
    # loss_total_per_example is not aimed at. By cosines nothing is ranked here; they show that
    # users and queries are theirs each, not only together.
    case = golden("hem")
    network, inputs, wanted = hem(case), case["inputs"], case["outputs"]
    users, items = torch.tensor(inputs["users"]), torch.tensor(inputs["items"])
    words = torch.tensor(inputs["words"])[:, None] + 1
    noise = {
        name: torch.tensor(numbers).expand(len(users), -1)
        for name, numbers in inputs["negatives"].items()
    }
    losses = {
        "item": network.word_loss(network.items(items), words, noise["word_item"][:, None] + 1),
        "user": network.word_loss(network.users(users), words, noise["word_user"][:, None] + 1),
    }
    for name, loss in losses.items():
        agrees(loss.sum(), wanted[f"loss_words_from_{name}"])
    batch = {
        "query": torch.tensor(inputs["queries"]) + 1, "user": users, "item": items,
        "wrong_items": noise["item"], "item_words": words,
        "wrong_item_words": noise["word_item"][:, None] + 1, "user_words": words,
        "wrong_user_words": noise["word_user"][:, None] + 1,
    }  # fmt: skip
    of_items = network.loss(batch) - sum(loss.mean() for loss in losses.values())
    agrees(of_items * len(users), wanted["loss_items_from_question"])
    scores = network.intent(batch) @ network.items.weight.T
    agrees(scores, wanted["scores_product"])
    agrees(scores + network.item_biases.weight[:, 0], wanted["scores_bias_product"])
    query = network.encode_query(batch["query"], network.words.weight)
    unit = [normalize(table) for table in (network.users(users), query, network.items.weight)]
    agrees((unit[0] + unit[1]) / 2 @ unit[2].T, wanted["scores_cosine"])


@torch.no_grad()
def test_queries_and_word_losses_of_zam_are_those_of_a_later_implementation(golden, agrees):
    case = golden("zam")
    inputs, weights, wanted = case["inputs"], case["inputs"]["weights"], case["outputs"]
    padding, items = inputs["word_padding"], inputs["item_padding"]
    network = ZAMNetwork(items=items, words=padding, width=4, units=2, l2=0.0, biases=True)
    put(network.words.weight, behind_padding(weights["word_embeddings.weight"][:padding]))
    put(network.word_biases.weight, [0.0, *weights["word_bias"][:padding]])
    put(network.items.weight, weights["product_emb.weight"][:items])
    put(network.encode_query.project.weight, weights["query_encoder.f_W.weight"])
    put(network.encode_query.project.bias, weights["query_encoder.f_W.bias"])
    query, words, noise = (
        (torch.tensor(inputs[name]) + 1) % (padding + 1)  # their padding is ours, 0
        for name in ("query", "words", "negative_words")
    )
    agrees(network.encode_query(query, network.words.weight), wanted["query_vector"])
    bought = network.items(torch.tensor(inputs["target"]))
    agrees(network.word_loss(bought, words, noise).mean(), wanted["loss_words_from_item"])


def rtm(case: dict) -> PreNormTransformer:
    sizes, weights = case["hyperparameters"], case["inputs"]["weights"]
    padding = case["inputs"]["word_padding"]
    network = PreNormTransformer(
        words=padding, width=4, layers=sizes["layers"], heads=sizes["heads"], inner=sizes["ff"],
        dropout=0.0, corruption=0.0, user_reviews=3, item_documents=3,
    )  # fmt: skip
    put(network.words.weight, behind_padding(weights["word_embeddings.weight"][:padding]))
    put(network.segments.weight, weights["seg_embeddings.weight"][:3])
    put(network.encode_query.project.weight, weights["query_encoder.f_W.weight"])
    put(network.encode_query.project.bias, weights["query_encoder.f_W.bias"])
    start = "transformer_encoder"
    for number, block in enumerate(network.blocks):
        name = f"{start}.transformer_inter.{number}"
        layers = {
            block.attend.out_proj: f"{name}.self_attn.final_linear",
            block.feed[0]: f"{name}.feed_forward.layer_norm",
            block.feed[1]: f"{name}.feed_forward.w_1",
            block.feed[4]: f"{name}.feed_forward.w_2",
        }
        if block.before is not None:
            layers[block.before] = f"{name}.layer_norm"
        for layer, theirs in layers.items():
            put(layer.weight, weights[f"{theirs}.weight"])
            put(layer.bias, weights[f"{theirs}.bias"])
        parts = [f"{name}.self_attn.linear_{part}" for part in ("query", "keys", "values")]
        put(block.attend.in_proj_weight, [weights[f"{part}.weight"] for part in parts])
        put(block.attend.in_proj_bias, [weights[f"{part}.bias"] for part in parts])
    for layer, theirs in ((network.last_norm, "layer_norm"), (network.score, "wo")):
        put(layer.weight, weights[f"{start}.{theirs}.weight"])
        put(layer.bias, weights[f"{start}.{theirs}.bias"])
    return network.eval()


def sides(reviews: list[int], segments: list[int], vectors: torch.Tensor):
    """A sequence's reviews by user and item, newest first, as ours come: vectors and what is real.

    ``segments`` begins with the query's. No item has a text of its own.
    """
    found = []
    for side, front in ((1, 0), (2, 1)):
        rows = [r for r, segment in zip(reviews, segments[1:], strict=True) if segment == side]
        rows = rows[::-1]
        real = torch.tensor([False] * front + [True] * len(rows) + [False] * (3 - len(rows)))
        some = torch.zeros(len(real), vectors.shape[1])
        some[real] = vectors[rows]
        found.append((some, real))
    return found


@torch.no_grad()
def test_reviews_scores_and_loss_of_rtm_are_the_authors(golden, agrees):
    case = golden("rtm")
    inputs, wanted = case["inputs"], case["outputs"]
    network, padding = rtm(case), inputs["word_padding"]
    numbered = (torch.tensor(inputs["reviews"]) + 1) % (padding + 1)  # their padding is ours, 0
    vectors = network.reviews(numbered)
    agrees(vectors[: inputs["review_padding"]],
           np.array(wanted["review_vectors"])[: inputs["review_padding"]])  # fmt: skip
    queries = torch.tensor(inputs["query"])
    asked = network.encode_query((queries + 1) % (padding + 1), network.words.weight)

    def score(row: int, reviews: list[int], segments: list[int]) -> torch.Tensor:
        (user, wrote), (item, about) = sides(reviews, segments, vectors)
        return network(
            asked[row : row + 1], user[None], wrote[None], item[None, None], about[None, None]
        )[0, 0]

    right = torch.stack([
        score(row, *pair)
        for row, pair in enumerate(
            zip(inputs["positive_reviews"], inputs["positive_segments"], strict=True)
        )
    ])  # fmt: skip
    wrong = torch.stack([
        torch.stack([score(row, *pair) for pair in zip(*each, strict=True)])
        for row, each in enumerate(
            zip(inputs["negative_reviews"], inputs["negative_segments"], strict=True)
        )
    ])  # fmt: skip
    agrees(right, wanted["scores_positive"])
    agrees(wrong, wanted["scores_negative"])
    agrees(negative_sampling_loss(right, wrong).mean(), wanted["loss"])


def test_the_first_place_alone_is_what_the_whole_sequence_has_there():
    torch.manual_seed(0)
    network = PreNormTransformer(
        words=5, width=4, layers=1, heads=2, inner=8, dropout=0.0, corruption=0.0,
        user_reviews=2, item_documents=2,
    ).eval()  # fmt: skip
    x, padding = torch.randn(3, 4, 4), torch.zeros(3, 4, dtype=torch.bool)
    (block,) = network.blocks
    with torch.no_grad():
        one, all_of_it = (block(x, padding, first_only=only) for only in (True, False))
    assert one[:, 0].numpy() == pytest.approx(all_of_it[:, 0].numpy(), abs=1e-6)
