"""MMGCL is its authors' formulas where their code follows them, and the paper's where it does not.

Values of zxy-ml84/MMGCL c867f4a: tests/golden/data/mmgcl.json. Not aimed at:
``masked_text_view_as_written`` (photos in the texts' place and the other way round) and the totals
``loss_ssl_as_written`` (view 1 counted twice) and ``loss_total_as_written``.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from baselines.learning.factors import Batch
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.mmgcl import (
    MMGCL,
    MMGCLNetwork,
    symmetric,
    without_edges,
    without_nodes,
)

NAMES = {
    "users.weight": "embedding_user.weight",
    "items.weight": "embedding_item.weight",
    "projections.image.weight": "v_dense.weight",
    "projections.image.bias": "v_dense.bias",
    "projections.text.weight": "t_dense.weight",
    "projections.text.bias": "t_dense.bias",
    **{name: name for name in ("read_user.weight", "read_user.bias")},
    **{name: name for name in ("read_item.weight", "read_item.bias")},
}


@pytest.fixture
def case(golden):
    return golden("mmgcl")


@pytest.fixture
def config(case):
    given = case["hyperparameters"]
    return MMGCL.Config(
        embedding_size=given["latent_dim"],
        layers=given["layers"],
        temperature=given["temperature"],
        ssl_weight=given["ssl_alpha"],
        hard_negatives=False,
    )


def edges_of(table) -> Bipartite:
    users, items = np.array(table).shape
    return Bipartite.of(*np.nonzero(np.array(table)), users=users, items=items)


@pytest.fixture
def network(case, config):
    inputs = case["inputs"]
    features = {
        kind: normalize(torch.tensor(inputs[f"{kind}_features"])) for kind in ("image", "text")
    }
    network = MMGCLNetwork(config, features, edges_of(inputs["train"]))
    state = {ours: torch.tensor(inputs["weights"][theirs]) for ours, theirs in NAMES.items()}
    network.load_state_dict(state)
    return network.requires_grad_(False)


@pytest.fixture
def batch(case):
    return Batch(*(torch.tensor(case["inputs"][n]) for n in ("users", "positives", "negatives")))


def test_the_adjacency_is_the_authors(case, agrees):
    edges = edges_of(case["inputs"]["train"])
    quarter = edges.matrix(symmetric(edges), by_user=True).to_dense()
    whole = torch.zeros(11, 11)
    whole[:5, 5:], whole[5:, :5] = quarter, quarter.T
    agrees(whole, case["outputs"]["adjacency"])
    turned = edges.matrix(symmetric(edges), by_user=False).to_dense()
    assert torch.equal(turned, quarter.T)


def test_users_items_scores_and_bpr_are_the_authors(case, network, batch, agrees):
    view, outputs = network.propagated(network.edges, network.start()), case["outputs"]
    users, items = network.read_user(view.users), network.read_item(view.items)
    agrees(users, outputs["user"])
    agrees(items, outputs["item"])
    agrees(users @ items.T, outputs["scores"])
    agrees(network.bpr(view, batch), outputs["loss_bpr"])


def test_view_1_and_its_loss_are_the_authors(case, network, batch, agrees):
    outputs = case["outputs"]
    view = network.propagated(edges_of(case["inputs"]["edges_kept"]), network.start())
    for got, name in zip(
        network.unit_vectors(view, batch, 2), ("user", "positive", "hard_negative"), strict=True
    ):
        agrees(got, outputs["edge_view"][name])
    agrees(network.contrast(view, batch, 2), outputs["loss_ssl_as_written"] / 2)


def test_view_2_of_photos_and_its_intended_loss_are_the_authors(case, network, batch, agrees):
    outputs, start = case["outputs"], network.start()
    whole = network.propagated(network.edges, start)
    fewer = edges_of(case["inputs"]["edges_after_node_dropout_image"])
    view = network.masked(whole, "image", fewer, start)
    for got, name in zip(
        network.unit_vectors(view, batch, 1), ("user", "positive", "hard_negative"), strict=True
    ):
        agrees(got, outputs["masked_image_view"][name])
    agrees(network.contrast(view, batch, 1), outputs["intended_infonce_view2_image"])


def test_view_2_of_texts_moves_the_texts_branch_alone(case, network, batch):
    start, width = network.start(), network.config.embedding_size
    whole = network.propagated(network.edges, start)
    fewer = edges_of(case["inputs"]["edges_after_node_dropout_text"])
    view = network.masked(whole, "text", fewer, start)
    alone = network.propagated(fewer, start)
    for masked, full, dropped in zip(view, whole, alone, strict=True):
        assert torch.equal(masked[:, : 2 * width], full[:, : 2 * width])
        assert torch.allclose(masked[:, 2 * width :], dropped[:, 2 * width :])


def test_hard_negatives_are_a_column_of_their_own(case, network, batch):
    view = network.propagated(network.edges, network.start())
    without = network.contrast(view, batch, 2)
    user, taken, hard = network.unit_vectors(view, batch, 2)
    network.config = network.config.model_copy(update={"hard_negatives": True})
    logits = torch.cat([user @ taken.T, (user * hard).sum(1)[:, None]], 1) / 0.2
    wanted = (logits.logsumexp(1) - logits.diagonal()).mean()
    assert network.contrast(view, batch, 2) == pytest.approx(wanted.item(), rel=1e-5)
    assert wanted > without


def test_drops_keep_as_many_as_the_authors():
    edges = edges_of(np.ones((10, 10)))
    assert len(without_edges(edges, 0.05)) == 95
    fewer = without_nodes(edges, 0.25)
    assert [len(side.unique()) for side in (fewer.user, fewer.item)] == [8, 8]
    assert len(fewer) == 64


def test_a_user_and_an_item_that_lose_all_edges_stay_finite():
    edges = edges_of([[1, 1], [0, 1]])
    alone = edges.kept(torch.tensor([False, True, False]))
    assert torch.isfinite(symmetric(alone)).all()
    assert alone.to_users(symmetric(alone), torch.ones(2, 1)).tolist() == [[1], [0]]
    assert alone.to_items(symmetric(alone), torch.ones(2, 1)).tolist() == [[0], [1]]


def test_sums_over_edges_have_the_gradients_of_a_product_of_matrices():
    edges = edges_of([[1, 0, 1], [0, 1, 1]])
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    dense = edges.matrix(weights, by_user=True).to_dense()
    for way, matrix in ((edges.to_users, dense), (edges.to_items, dense.T)):
        x = torch.randn(matrix.shape[1], 2, requires_grad=True)
        scale = torch.randn(matrix.shape[0], 2)
        (way(weights, x) * scale).sum().backward()
        assert torch.allclose(x.grad, matrix.T @ scale)


def test_the_whole_loss_is_its_parts(case, config, network, batch, monkeypatch):
    model = MMGCL(config.model_copy(update={"dropped": 0.0, "norm_weight": 0.1}))
    start = network.start()
    view = network.propagated(network.edges, start)
    norm = sum(weight.square().sum() for weight in network.parameters())
    both = network.contrast(view, batch, 2) + network.contrast(view, batch, 1)
    wanted = network.bpr(view, batch) + 0.4 * both + 0.05 * norm
    assert model.loss(network, batch).item() == pytest.approx(wanted.item(), rel=1e-5)
