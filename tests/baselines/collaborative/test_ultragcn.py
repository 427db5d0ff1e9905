"""UltraGCN is its authors' formulas, stands its long plateau out, and is asked in any order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.nn import Parameter

from baselines.collaborative.item_graph import item_graph
from baselines.collaborative.ultragcn import UltraGCN, UltraGCNNetwork
from baselines.learning.factors import Batch
from baselines.learning.loop import train
from baselines.learning.negatives import NegativeSampler
from benchmark.models.building import configure
from tests.baselines.same import same_tensors

SMALL = {"epochs": 4, "min_epochs": 0, "threads": 1, "embedding_size": 4, "negatives": 3}


@pytest.fixture
def case(golden):
    return golden("ultragcn")


@pytest.fixture
def model(case):
    """The system with the settings of the golden case."""
    given = case["hyperparameters"]
    return UltraGCN(
        UltraGCN.Config(
            embedding_size=given["embedding_dim"],
            **{name: given[name] for name in ("w1", "w2", "w3", "w4", "negative_weight")},
            negatives=len(case["inputs"]["negatives"][0]),
            norm_weight=given["gamma"],
            graph_weight=given["lambda"],
            neighbours=given["top_k"],
        )
    )


@pytest.fixture
def network(case, model):
    """Its network with the weights of the golden case."""
    inputs = case["inputs"]
    user, item = np.nonzero(np.array(inputs["train"]))
    network = UltraGCNNetwork(user, item, users=5, items=7, settings=model.config)
    network.users.weight = Parameter(torch.tensor(inputs["user_embeddings"]))
    network.items.weight = Parameter(torch.tensor(inputs["item_embeddings"]))
    return network


@pytest.fixture
def batch(case):
    return Batch(*(torch.tensor(case["inputs"][n]) for n in ("users", "positives", "negatives")))


def test_betas_and_weights_are_the_authors(case, network, batch, agrees):
    outputs = case["outputs"]
    agrees(network.beta_user, outputs["beta_user"])
    agrees(network.beta_item, outputs["beta_item"])
    right, wrong = network.pair_weights(batch)
    agrees(right, outputs["weight_positive"])
    agrees(wrong, outputs["weight_negative"])


def test_the_item_graph_has_the_authors_weights(case, network, agrees):
    # The diagonal is kept, as in the code that gave the published numbers, not the
    # item_omega_without_diagonal beside it. Equal neighbours may stand in another order.
    agrees(network.weights, case["outputs"]["item_omega"])


def test_every_loss_is_the_authors(case, model, network, batch, agrees):
    outputs = case["outputs"]
    # Item 5 has 2, 3 and 6 for an equal third neighbour: ours is the first, theirs the last.
    network.neighbours = torch.tensor(outputs["item_neighbours"])
    main, graph, norm = network.losses(batch)
    agrees(main, outputs["loss_main"])
    agrees(graph, outputs["loss_item_graph"])
    agrees(norm, outputs["norm"])
    agrees(model.loss(network, batch), outputs["loss"])


def test_scores_are_the_authors_for_users_in_any_order(case, model, ask, loaded_with, agrees):
    inputs, users = case["inputs"], "uvwxy"
    tables = {name: torch.tensor(inputs[f"{name[:-1]}_embeddings"]) for name in ("users", "items")}
    loaded = loaded_with(model, users, "abcdefg", tables)
    asked = [ask(user) for user in users]
    forwards, backwards = loaded.scores(asked), loaded.scores(asked[::-1])
    agrees(torch.from_numpy(forwards), case["outputs"]["scores"])
    assert forwards.tolist() == backwards[::-1].tolist()


def test_few_items_and_many_are_scored_alike():
    """Both ways to score drawn items give the same losses and the same gradients."""
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((9, 200)) < 0.1)
    rows = rng.integers(len(user), size=16)
    found = {}
    for more in (0, 10_000):  # items that nobody took, which only choose the way
        settings = UltraGCN.Config(embedding_size=4, negatives=3)
        network = UltraGCNNetwork(user, item, users=9, items=200 + more, settings=settings)
        network.users.weight.data = torch.linspace(-2, 1, 36).reshape(9, 4)
        network.items.weight.data[:200] = torch.linspace(-1, 1, 800).reshape(200, 4)
        drawn = torch.from_numpy(np.random.default_rng(1).integers(200, size=(16, 3)))
        batch = Batch(torch.from_numpy(user[rows]), torch.from_numpy(item[rows]), drawn)
        main, graph, _ = network.losses(batch)
        (main + graph).backward()
        found[more] = main, graph, network.users.weight.grad, network.items.weight.grad[:200]
    for few, many in zip(*found.values(), strict=True):
        torch.testing.assert_close(few, many)


@pytest.mark.parametrize("edges", [1, 40, 10**6])
def test_the_item_graph_is_exact_whatever_is_held_at_once(edges):
    rng = np.random.default_rng(0)
    items, most = 30, 6
    taken = rng.random((25, items)) < 0.15
    taken[:, 0], taken[:, 1] = False, False  # never taken
    taken[0, 1] = True  # alone with its user's other items
    user, item = np.nonzero(taken)
    neighbours, weights = item_graph(user, item, items=items, most=most, edges=edges)
    shared = taken.T.astype(int) @ taken.astype(int)
    total = shared.sum(0)
    for i in range(items):
        rank = {k: Fraction(int(shared[i, k]) ** 2, int(total[k]) + 1) for k in range(items)}
        want = sorted((k for k in range(items) if rank[k]), key=lambda k: (-rank[k], k))[:most]
        left = most - len(want)
        assert neighbours[i].tolist() == want + [i] * left
        values = [np.sqrt(total[i] + 1) / total[i] * float(rank[k]) ** 0.5 for k in want]
        np.testing.assert_allclose(weights[i], values + [0.0] * left, rtol=1e-6)


# --- training


def _fit(view, **settings):
    model = UltraGCN(UltraGCN.Config(**{**SMALL, **settings}))
    model.fit(view, seed=3)
    return model


def test_patience_lets_training_pass_a_plateau_by_default(view):
    """Electronics by the authors' log: a first best early on, the real one past epoch 200."""
    values = [0.1] + [0.09] * 240 + [0.2] + [0.19] * 400
    seen = iter(values)
    network = torch.nn.Linear(1, 1)
    journal = train(
        network,
        batches=lambda: [torch.ones(1)],
        steps=1,
        loss=lambda batch: network(batch).square().sum(),
        settings=UltraGCN.Config(),
        label="test",
        validate=lambda: next(seen),
        measure="m",
    )
    assert journal.kept == {"training": 241}
    assert len(journal.epochs) == 242 + UltraGCN.Config().patience


@pytest.mark.parametrize("sifted", [True, False])
def test_negatives_are_drawn_from_what_the_setting_says(view, sifted):
    model = _fit(view, sifted=sifted, negatives=200)
    sampler = NegativeSampler(np.array([0, 0]), np.array([0, 3]), items=6)
    drawn = model.negatives(np.array([0, 0]), sampler, np.random.default_rng(0))
    assert drawn.shape == (2, 200)
    assert set(drawn.ravel()) == ({1, 2, 4, 5} if sifted else set(range(6)))


def test_a_killed_fit_goes_on_and_ends_with_the_same_weights(sim_view, killed_after, capsys):
    settings = {"batch_size": 1024, "validation_users": 20}
    expected = _fit(sim_view, **settings)
    killed_after(2, lambda: _fit(sim_view, **settings))
    resumed = _fit(sim_view, **settings)
    assert "goes on after epoch 2" in capsys.readouterr().err
    assert same_tensors(resumed, expected)
    assert resumed.journal == expected.journal


# --- what it answers


def test_a_saved_model_answers_the_same(view, ask, tmp_path):
    model, loaded = _fit(view), UltraGCN()
    model.save(tmp_path)
    loaded.load(tmp_path)
    assert loaded.config == model.config
    assert same_tensors(model, loaded)
    assert list(loaded.predict([ask("u", "ab")])) == list(model.predict([ask("u", "ab")]))


@pytest.mark.parametrize("user", "uvw")
def test_a_cold_item_and_a_user_of_one_item_are_ranked(view, ask, user):
    """f is in no training row, w has a single one: neither may divide by zero."""
    model = _fit(view, graph_weight=1.0)
    (answer,) = model.predict([ask(user)])
    assert sorted(answer.items) == list("abcdef")
    assert np.isfinite(answer.scores).all()


def test_a_pair_taken_twice_is_one_edge(view, make_view):
    """v takes c twice: two training pairs, but degrees and graph are of distinct pairs."""
    graph = _graph_of(view)
    rows = view.interactions().unique(["user_id", "item_id"], maintain_order=True).to_dicts()
    once = make_view([{"item_id": name} for name in "abcdef"], train=rows)
    once.tasks = ()
    assert all(torch.equal(a, b) for a, b in zip(graph, _graph_of(once), strict=True))


def _graph_of(view):
    """What a fit on ``view`` weights its losses by."""
    seen = []

    class Watched(UltraGCN):
        def loss(self, network, batch):
            seen.append(network)
            return super().loss(network, batch)

    Watched(Watched.Config(**SMALL)).fit(view, seed=0)
    network = seen[0]
    return network.beta_user, network.beta_item, network.neighbours, network.weights


def test_more_negatives_than_the_catalogue_has_are_drawn_with_repetition(view, ask):
    model = _fit(view, negatives=50)
    assert np.isfinite(model.scores([ask("u")])).all()


def test_the_variant_of_movielens_has_settings_of_the_model():
    assert configure("ultragcn:ml-1m", {}).config["negatives"] == 200
