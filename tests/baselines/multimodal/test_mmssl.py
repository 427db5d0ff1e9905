"""MMSSL is what its authors' code computes; the variant is what their paper describes.

Values of HKUDS/MMSSL f8d8955: tests/golden/data/mmssl.json. Not aimed at: how that code fills its
learned graphs for two neighbours or more (it pairs users and items wrongly).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.learning.factors import Batch
from baselines.multimodal.bipartite import Bipartite
from baselines.multimodal.discriminator import check_memory, discriminator_loss, needed_gigabytes
from baselines.multimodal.mmssl import MMSSL, learned_graph, modal_similarity
from baselines.multimodal.mmssl_network import (
    MMSSLNetwork,
    RealRows,
    Weighed,
    bpr,
    real_rows,
    squared_norms,
)
from benchmark.errors import BenchError

NAMES = {
    "users.weight": "user_id_embedding.weight",
    "items.weight": "item_id_embedding.weight",
    "projections.image.weight": "image_trans.weight",
    "projections.image.bias": "image_trans.bias",
    "projections.text.weight": "text_trans.weight",
    "projections.text.bias": "text_trans.bias",
    "attention.query": "weight_dict.w_q",
    "attention.key": "weight_dict.w_k",
    "attention.join": "weight_dict.w_self_attention_cat",
}
#: The discriminator's layers: ours without the two that are the identity.
LAYERS = {0: 0, 1: 2, 3: 4, 4: 6, 6: 8}
KINDS = ("image", "text")
STEPS = [0, 2, 3]


@pytest.fixture
def case(golden):
    return golden("mmssl")


@pytest.fixture
def network(case):
    given, inputs = case["hyperparameters"], case["inputs"]
    config = MMSSL.Config(
        embedding_size=given["embed_size"],
        heads=given["head_num"],
        feature_dropout=given["drop_rate"],
        attention_weight=given["id_cat_rate"],
        feature_weight=given["model_cat_rate"],
        contrast_temperature=given["tau"],
    )
    features = {kind: torch.tensor(inputs[f"{kind}_features"]) for kind in KINDS}
    edges = edges_of(np.array(inputs["train"]))
    network = MMSSLNetwork(config, features, edges, torch.arange(edges.items))
    state = {ours: torch.tensor(inputs["weights"][theirs]) for ours, theirs in NAMES.items()}
    theirs = inputs["discriminator"]
    for ours, layer in LAYERS.items():
        for name in ("weight", "bias", "running_mean", "running_var"):
            if f"net.{layer}.{name}" in theirs:
                value = torch.tensor(theirs[f"net.{layer}.{name}"])
                state[f"discriminator.layers.{ours}.{name}"] = value
    counters = {n: t for n, t in network.state_dict().items() if n.endswith("batches_tracked")}
    network.load_state_dict({**state, **counters})
    for layer in network.discriminator.layers:
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    return network


def edges_of(table) -> Bipartite:
    return Bipartite.of(*np.nonzero(table), users=table.shape[0], items=table.shape[1])


def graphs_of(step):
    """The learned graphs of a step, by the weights that stand there; none where they are empty."""
    graphs = {}
    for kind in KINDS:
        for_users = np.array(step[f"{kind}_user_graph"])
        for_items = np.array(step[f"{kind}_item_graph"])
        if not for_users.any():
            return None
        edges = edges_of(for_users)
        assert np.array_equal(for_users > 0, for_items.T > 0)
        user, item = edges.user.numpy(), edges.item.numpy()
        weights = for_users[user, item], for_items[item, user]
        graphs[kind] = Weighed(edges, *(torch.tensor(w, dtype=torch.float32) for w in weights))
    return graphs


@pytest.fixture
def batch(case):
    names = ("batch_users", "batch_positive", "batch_negative")
    return Batch(*(torch.tensor(case["inputs"][name]) for name in names))


def test_both_normalised_graphs_are_the_authors(case, network, agrees):
    along = network.weighed
    agrees(
        along.edges.matrix(along.for_users, by_user=True).to_dense(), case["outputs"]["user_graph"]
    )
    agrees(
        along.edges.matrix(along.for_items, by_user=False).to_dense(), case["outputs"]["item_graph"]
    )


@pytest.mark.parametrize("n", STEPS)
def test_all_tables_are_the_authors(n, case, network, agrees):
    step = case["outputs"]["steps"][n]
    passed = network(graphs_of(step))
    agrees(passed.users.final, step["user_final"])
    agrees(passed.items.final, step["item_final"])
    for kind in KINDS:
        agrees(passed.users.features[kind], step[f"{kind}_user"])
        agrees(passed.items.features[kind], step[f"{kind}_item"])
        if passed.users.ids:
            agrees(passed.users.ids[kind], step[f"{kind}_user_id"])
            agrees(passed.items.ids[kind], step[f"{kind}_item_id"])
        else:
            assert not np.array(step[f"{kind}_user_id"]).any()


# ``scores_empty_graph`` of the file was taken at step 2, whose graph is the learned one.
@pytest.mark.parametrize(
    ("n", "name"), [(1, "scores"), (1, "scores_step1"), (2, "scores_empty_graph")]
)
def test_scores_are_the_authors(n, name, case, network, agrees):
    passed, outputs = network(graphs_of(case["outputs"]["steps"][n])), case["outputs"]
    agrees(passed.users.final @ passed.items.final.T, outputs[name])


def test_what_the_authors_evaluate_has_no_graph(case, network, agrees):
    assert not np.array(case["outputs"]["modality_graph_at_validation"]).any()
    step, passed = case["outputs"]["steps"][4], network(None)
    agrees(passed.users.final, step["user_final"])
    agrees(passed.items.final, step["item_final"])


def rows_of(case, network, passed, users):
    taken = network.taken(users)
    fake = [modal_similarity(network, passed, kind, users, taken) for kind in KINDS]
    final = network.similarity(passed.users.final[users], passed.items.final, taken)
    given = case["hyperparameters"]
    settings = RealRows(given["log_log_scale"], given["real_data_tau"], given["ui_pre_scale"])
    real = real_rows(taken, final, torch.tensor(case["inputs"]["uniform"]), settings)
    return fake, final, real


@pytest.mark.parametrize("n", STEPS)
def test_similarities_and_the_discriminators_loss_are_the_authors(n, case, network, batch, agrees):
    step = case["outputs"]["steps"][n]
    fake, final, real = rows_of(case, network, network(graphs_of(step)), batch.user)
    agrees(final, step["similarity_final"])
    agrees(real, step["real_rows"])
    for kind, rows in zip(KINDS, fake, strict=True):
        agrees(rows, step[f"similarity_{kind}"])
    both, twice = torch.cat(fake), torch.cat([real, real])
    judge = network.discriminator
    agrees(judge(both), step["discriminator_fake"])
    agrees(judge(twice), step["discriminator_real"])
    weight = case["hyperparameters"]["gradient_penalty_lambda"]
    alpha = torch.tensor(case["inputs"]["alpha"])
    loss, penalty = discriminator_loss(judge, twice, both.detach(), alpha, weight)
    agrees(penalty, step["gradient_penalty"])
    agrees(loss, step["loss_discriminator"])


def test_the_discriminator_in_evaluation_is_the_authors(case, network, batch, agrees):
    rows = torch.tensor(case["outputs"]["steps"][4]["similarity_image"])
    agrees(
        network.discriminator.eval()(rows),
        case["outputs"]["discriminator_eval_on_similarity_image"],
    )


@pytest.mark.parametrize("n", STEPS)
def test_every_term_of_the_generators_loss_is_the_authors(n, case, network, batch, agrees):
    step, given = case["outputs"]["steps"][n], case["hyperparameters"]
    passed = network(graphs_of(step))
    agrees(bpr(passed, batch), step["loss_bpr"])
    of_batch, of_features = squared_norms(passed, batch)
    agrees(1e-5 * of_batch, step["loss_embedding_reg"])
    agrees(given["feat_reg_decay"] * of_features, step["loss_feature_reg"])
    fake, _, _ = rows_of(case, network, passed, batch.user)
    agrees(-network.discriminator(torch.cat(fake)).mean(), step["loss_adversarial"])
    if passed.users.ids:
        for kind in KINDS:
            contrast = network.contrast(
                passed.users.ids[kind][batch.user], passed.users.final[batch.user]
            )
            agrees(contrast, step[f"loss_contrastive_{kind}"])


@pytest.mark.parametrize("n", [0, 3])
def test_the_loss_is_the_authors_total_up_to_the_constants_of_empty_graphs(
    n, case, network, batch, agrees
):
    step, given = case["outputs"]["steps"][n], case["hyperparameters"]
    model = MMSSL(network.config.model_copy(update={"discriminator_rate": 1e-12}))
    model.optimiser(network)
    model.graphs = graphs_of(step)
    total = model.loss(network, batch)
    if model.graphs is None:
        contrasts = step["loss_contrastive_image"] + step["loss_contrastive_text"]
        total = total + given["cl_rate"] * contrasts
    agrees(total, step["loss_generator_total"])


def test_a_step_moves_the_discriminator_first_and_then_all_else(network, batch):
    model = MMSSL(network.config.model_copy(update={"learning_rate": 0.1}))
    optimiser = model.optimiser(network)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    loss = model.loss(network, batch)
    moved = {n for n, value in network.named_parameters() if not torch.equal(value, before[n])}
    assert moved
    assert all(name.startswith("discriminator.") for name in moved)
    loss.backward()
    judged = {n: p.detach().clone() for n, p in network.discriminator.named_parameters()}
    optimiser.step()
    assert not torch.equal(network.users.weight, before["users.weight"])
    assert all(torch.equal(p, judged[n]) for n, p in network.discriminator.named_parameters())


def test_the_attention_as_released_knows_no_query_and_the_papers_does(case, network):
    graphs = graphs_of(case["outputs"]["steps"][2])  # whose modalities differ
    released = network(graphs).users.final.detach()
    for weight in (network.attention.query, network.attention.key):
        torch.nn.init.normal_(weight)
    assert torch.equal(network(graphs).users.final, released)
    network.attention.kind = "paper"
    one = network(graphs).users.final.detach()
    torch.nn.init.normal_(network.attention.query)
    assert not torch.allclose(network(graphs).users.final, one, atol=1e-4)


def test_the_papers_attention_weighs_the_values_of_both_modalities():
    from baselines.multimodal.mmssl_network import CrossModal

    attention = CrossModal(2, 2, "paper")
    with torch.no_grad():
        attention.query.copy_(torch.eye(2))
        attention.key.copy_(torch.eye(2))
        attention.join.copy_(torch.eye(2).repeat(2, 1) / 2)
    image, text = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    (got,) = attention({"image": image, "text": text}).tolist()
    # Head 1 reads dimension 1, in which text is 0: photos attend by e^1 to e^0; head 2 likewise.
    e = np.e
    heads = {
        "image": [e / (e + 1), 0.5],  # shares of image in what image asks, by head
        "text": [0.5, 1 / (1 + e**4)],
    }
    share = np.mean([np.mean(shares) for shares in heads.values()])
    assert got == pytest.approx([share, 2 * (1 - share)], rel=1e-5)


def test_learned_graphs_link_users_with_the_most_similar_items_they_did_not_take(network):
    passed = network.eval()(None)
    graph = learned_graph(network, passed, "image", 2)
    assert len(graph) == 2 * 6
    taken = network.taken(torch.arange(6)).bool()
    alike = passed.users.features["image"] @ passed.items.features["image"].T
    for user in range(6):
        mine = graph.item[graph.user == user]
        assert not taken[user][mine].any()
        others = [i for i in range(8) if not taken[user, i] and i not in mine]
        assert alike[user][mine].min() > alike[user][others].max()


def test_a_sample_of_columns_is_what_the_discriminator_sees(case, network, batch):
    columns = torch.tensor([0, 3, 6])
    features = {kind: getattr(network, f"features_{kind}") for kind in KINDS}
    fewer = MMSSLNetwork(network.config, features, network.edges, columns)
    assert fewer.discriminator.layers[0].in_features == 3
    taken = network.taken(batch.user)
    assert torch.equal(fewer.taken(batch.user), taken[:, columns])
    rows = fewer.similarity(torch.ones(4, 8), torch.ones(8, 8), taken[:, columns])
    assert rows.shape == (4, 3)


def test_memory_of_the_discriminator_is_estimated_and_refused_with_the_way_out():
    assert needed_gigabytes(100_000, 1024) == pytest.approx(16 * 2.8125 + 9.83, rel=0.01)
    check_memory(7_050, 1024, 4.0)
    with pytest.raises(BenchError, match=r"over 100,000 items takes 54\.8 GB") as refused:
        check_memory(100_000, 1024, 4.0)
    assert "--set discriminator_columns=4096" in str(refused.value)
    check_memory(4_096, 1024, 4.0)


def test_too_little_memory_is_refused_before_photos_are_read(photo_shop):
    view = photo_shop().view
    model = MMSSL(MMSSL.Config(discriminator_gb=1e-6))
    with pytest.raises(BenchError, match=r"discriminator over 6 items .* discriminator_gb=1e-06"):
        model.fit(view, seed=0)
    assert not (view.features_folder / "own-encoders").exists()


def test_the_learning_rate_of_all_but_the_discriminator_falls(network, monkeypatch):
    model = MMSSL(network.config)
    monkeypatch.setattr(MMSSL, "network", network)
    groups = model.optimiser(network).param_groups
    for done, rate in ((0, 5.5e-4), (50, 5.5e-4 * 0.96), (100, 5.5e-4 * 0.96**2)):
        model.before_epoch(done)
        assert groups[0]["lr"] == pytest.approx(rate)
        assert groups[1]["lr"] == 3e-4


def test_batches_are_distinct_users_each_with_an_item_taken_and_one_not(photo_shop):
    view = photo_shop().view
    model = MMSSL(MMSSL.Config(epochs=1, batch_size=4, encoder_steps=3, threads=1))
    seen = []
    model.negatives = lambda user, sampler, rng: seen.append(user) or sampler.draw(user, rng)
    model.fit(view, seed=0)
    assert len(seen) == 9 // 4 + 1
    assert all(len(set(users)) == 4 for users in seen)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="embedding_size 6 is no multiple of heads 4"):
        MMSSL.Config(embedding_size=6, heads=4)
