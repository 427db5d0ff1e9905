"""MACR is its authors' formulas by pairs, and its c is chosen on validation and saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import Parameter

from baselines.collaborative.macr import MACR, MACRNetwork
from baselines.learning.factors import Batch
from benchmark.errors import BenchError, UsageError
from benchmark.models.building import configure
from benchmark.training.validation import RankingValidation
from tests.baselines.same import same_tensors

SMALL = {"epochs": 4, "threads": 1, "embedding_size": 4}


@pytest.fixture
def case(golden):
    return golden("macr")


@pytest.fixture
def network(case):
    """The network with the weights of the golden case."""
    weights = {name: torch.tensor(values) for name, values in case["inputs"]["weights"].items()}
    network = MACRNetwork(users=4, items=6, width=4)
    network.users.weight = Parameter(weights["user"])
    network.items.weight = Parameter(weights["item"])
    network.user_gate, network.item_gate = (Parameter(weights[n]) for n in ("w_user", "w_item"))
    return network


@pytest.fixture
def batch(case):
    return Batch(*(torch.tensor(case["inputs"][n]) for n in ("users", "positives", "negatives")))


def test_every_loss_is_the_authors_by_pairs(case, network, batch, agrees):
    # loss_main_as_written and loss_total_as_written mix one pair's match with another's gates.
    given, outputs = case["hyperparameters"], case["outputs"]
    main, by_item, by_user, norm = network.losses(batch)
    agrees(main, outputs["loss_main_single_pairs"])
    agrees(by_item.mean(), outputs["loss_item"])
    agrees(by_user.mean(), outputs["loss_user"])
    agrees(given["regularisation"] * norm.mean(), outputs["loss_regularisation"])
    settings = {"alpha": given["alpha"], "beta": given["beta"]}
    model = MACR(MACR.Config(**settings, norm_weight=given["regularisation"]))
    of_others = outputs["loss_total_as_written"] - outputs["loss_main_as_written"]
    intended = np.mean(outputs["loss_main_single_pairs"]) + of_others
    agrees(model.loss(network, batch), intended)


@pytest.mark.parametrize("c", ["0.0", "1.5", "40.0"])
def test_scores_are_the_authors_for_users_in_any_order(case, network, ask, loaded_with, agrees, c):
    tensors = {
        "users": network.users.weight.detach(),
        "items": network.items.weight.detach(),
        "user_gate": network.user_gate.detach()[:, 0],
        "item_gate": network.item_gate.detach()[:, 0],
    }
    model = MACR(MACR.Config(epochs=1, embedding_size=4))
    loaded = loaded_with(model, "uvwx", "abcdef", tensors, c=float(c))
    asked = [ask(user) for user in "uvwx"]
    forwards, backwards = loaded.scores(asked), loaded.scores(asked[::-1])
    agrees(torch.from_numpy(forwards), case["outputs"]["scores_by_c"][c])
    assert forwards.tolist() == backwards[::-1].tolist()


# --- training


def _fit(view, **settings):
    model = MACR(MACR.Config(**{**SMALL, **settings}))
    model.fit(view, seed=3)
    return model


@pytest.mark.parametrize("candidates", [(0.0, 0.2, 1.0, 40.0), (40.0, 0.0), (7.0,)])
def test_c_is_the_best_of_the_candidates_on_validation(sim_view, candidates):
    model = _fit(sim_view, c=candidates, validation_users=100, epochs=6, learning_rate=0.01)
    validation = RankingValidation(sim_view, most=100)
    chosen, values = model.c, []
    for c in candidates:
        model.c = c
        values.append(validation(model.scores))
    assert chosen == candidates[values.index(max(values))]
    assert model.journal.epochs[model.journal.kept["training"]][
        f"valid {validation.measure}"
    ] == pytest.approx(values[0])  # by which epochs were compared


def test_without_validation_c_is_the_first_candidate(view):
    assert _fit(view, c=(3.0, 0.0)).c == 3.0


def test_a_large_c_ranks_what_its_gate_calls_popular_last(view, ask):
    model = _fit(view)
    _, item_gate = model.gates
    model.c = 1e6
    row = model.scores([ask("u")])[0]
    popular = (model.vectors[1] @ item_gate).numpy()
    assert np.argsort(row).tolist() == np.argsort(-popular).tolist()


def test_a_killed_fit_goes_on_and_ends_with_the_same_weights_and_c(sim_view, killed_after, capsys):
    settings = {"validation_users": 20}
    expected = _fit(sim_view, **settings)
    killed_after(2, lambda: _fit(sim_view, **settings))
    resumed = _fit(sim_view, **settings)
    assert "goes on after epoch 2" in capsys.readouterr().err
    assert same_tensors(resumed, expected)
    assert (resumed.journal, resumed.c) == (expected.journal, expected.c)


# --- what it answers


def test_a_saved_model_has_its_c_and_answers_the_same(view, ask, tmp_path):
    model, loaded = _fit(view, c=(2.5,)), MACR()
    model.save(tmp_path)
    loaded.load(tmp_path)
    assert (loaded.config, loaded.c) == (model.config, 2.5)
    assert same_tensors(model, loaded)
    assert loaded.parameter_counts() == {"trainable": (3 + 6 + 2) * 4, "total": (3 + 6 + 2) * 4}
    assert list(loaded.predict([ask("u", "ab")])) == list(model.predict([ask("u", "ab")]))


@pytest.mark.parametrize("user", "uvw")
def test_a_cold_item_and_a_user_of_one_item_are_ranked(view, ask, user):
    (answer,) = _fit(view).predict([ask(user)])
    assert sorted(answer.items) == list("abcdef")
    assert np.isfinite(answer.scores).all()


def test_a_new_user_is_the_mean_of_their_items(view, ask):
    model = _fit(view, c=(2.0,))
    items = model.vectors[1].numpy()
    of_user, of_item = (gate.numpy() for gate in model.gates)
    user = (items[0] + items[2]) / 2
    gates = 1 / (1 + np.exp(-items @ of_item)) / (1 + np.exp(-user @ of_user))
    assert model.scores([ask("new", "ac")])[0] == pytest.approx(
        (items @ user - 2) * gates, abs=1e-6
    )


@pytest.mark.parametrize("c", [[], [-1.0], 40])
def test_candidates_that_are_none_are_refused(c):
    with pytest.raises(UsageError, match="c"):
        configure("macr", {"c": c})


def test_a_model_that_was_never_fitted_says_so():
    with pytest.raises(BenchError, match="is not fitted"):
        _ = MACR().gates
