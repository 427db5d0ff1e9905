"""The losses of RecBole's systems, computed our way: theirs, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("recbole")

from baselines.learning import padding
from baselines.recbole import recbole_fixes
from baselines.recbole.bert4rec import BERT4Rec
from baselines.recbole.gru4rec import GRU4Rec
from baselines.recbole.s3rec import S3Rec
from baselines.recbole.sasrec import SASRec
from benchmark.data.instances.timeline import Timeline
from benchmark.models.building import configure

SMALL = {"epochs": 2, "threads": 1}

# --- a target at every place


def test_rows_with_a_target_at_every_place_cover_each_target_once(fit, make_view, sampler):
    rows = [{"user_id": "u", "item_id": i} for i in "abcdefab"]
    view = make_view([{"item_id": i} for i in "abcdef"], train=rows)
    view.tasks, view.history_window = (), 3
    model = SASRec(SASRec.Config(**SMALL, targets="every"))
    model.fit(view, seed=0)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    rows = model.training_rows(timeline, minimum=1)
    (batch,) = model.batches(timeline, rows, sampler(timeline), np.random.default_rng(0))
    pairs = {
        (tuple(items), tuple(following))
        for items, following in zip(
            batch[recbole_fixes.ITEMS].tolist(), batch[recbole_fixes.ITEM].tolist(), strict=True
        )
    }
    assert pairs == {((5, 6, 1), (6, 1, 2)), ((2, 3, 4), (3, 4, 5)), ((1, 0, 0), (2, 0, 0))}


@pytest.mark.parametrize("name", ["sasrec", "gru4rec"])
def test_a_target_at_every_place_is_the_default(name):
    assert configure(f"{name}:all-positions", {}).config == configure(name, {}).config
    prefixes = configure(f"{name}:prefixes", {}).config
    assert (prefixes["targets"], prefixes["batch_size"]) == ("last", 2048)


@pytest.mark.parametrize("model_class", [SASRec, GRU4Rec])
@pytest.mark.parametrize("loss_type", ["CE", "BPR"])
def test_the_loss_at_every_place_is_the_mean_of_its_prefixes(fit, model_class, loss_type):
    whole = fit(model_class, targets="every", loss_type=loss_type)
    prefixes = fit(model_class, targets="last", loss_type=loss_type)
    prefixes.network.load_state_dict(whole.network.state_dict())  # evaluation mode: no dropout
    row = torch.tensor([[2, 3, 4]])
    negatives = torch.tensor([[1, 6, 1]])
    batch = {
        recbole_fixes.ITEMS: torch.tensor([[1, 2, 3]]),
        recbole_fixes.LENGTH: torch.tensor([3]),
        recbole_fixes.ITEM: row,
        recbole_fixes.NEGATIVE: negatives,
    }
    split = {
        recbole_fixes.ITEMS: torch.tensor([[1, 0, 0], [1, 2, 0], [1, 2, 3]]),
        recbole_fixes.LENGTH: torch.tensor([1, 2, 3]),
        recbole_fixes.ITEM: row[0],
        recbole_fixes.NEGATIVE: negatives[0],
    }
    assert whole.loss(batch).item() == pytest.approx(prefixes.loss(split).item(), abs=1e-6)
    assert "gather_indexes" not in vars(whole.network)


# --- the loss over all items, computed our way


def assert_same_gradients(network, ours, theirs):
    parameters = [p for p in network.parameters() if p.requires_grad]
    found = []
    for loss in (ours, theirs):
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        found.append([loss.detach(), *(g for g in gradients if g is not None)])
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def rows_of_three_lengths(model, view, sampler, monkeypatch):
    """A training batch whose rows are read in two groups."""
    monkeypatch.setattr(padding, "SHORT", 1)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    rows = model.training_rows(timeline, minimum=1)
    (batch,) = model.batches(timeline, rows, sampler(timeline), np.random.default_rng(0))
    return batch


@pytest.mark.parametrize("model_class", [SASRec, GRU4Rec, BERT4Rec, S3Rec])
def test_cross_entropy_and_its_gradients_are_recboles(fit, view, sampler, model_class, monkeypatch):
    causal = model_class in (SASRec, GRU4Rec)
    model = fit(model_class, **({"targets": "last"} if causal else {}))
    batch = rows_of_three_lengths(model, view, sampler, monkeypatch)
    network = model.network  # in evaluation mode: no dropout
    assert_same_gradients(network, model.loss(batch), network.calculate_loss(batch))


@pytest.mark.parametrize("model_class", [SASRec, GRU4Rec])
def test_the_loss_over_one_negative_and_its_gradients_are_recboles(
    fit, view, sampler, model_class, monkeypatch
):
    model = fit(model_class, targets="last", loss_type="BPR")
    batch = rows_of_three_lengths(model, view, sampler, monkeypatch)
    network = model.network
    assert_same_gradients(network, model.loss(batch), network.calculate_loss(batch))


def test_s3recs_pre_training_loss_and_its_gradients_are_recboles(
    fitted_once, view, monkeypatch, sampler
):
    model = fitted_once(S3Rec)
    monkeypatch.setattr(padding, "SHORT", 1)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    rows = model.training_rows(timeline, minimum=1)
    rng = np.random.default_rng(0)
    batch = model.pretraining_batch(timeline, rows, sampler(timeline), rng)
    network = model.network
    network.loss_fct, tuned = torch.nn.BCEWithLogitsLoss(reduction="none"), network.loss_fct
    try:
        whole = network.pretrain(model.attributes_of(batch["items"]), *batch.values())
        assert_same_gradients(network, model.pretraining_loss(batch), whole / len(rows))
    finally:
        network.loss_fct = tuned


@pytest.mark.parametrize("right", [False, True])
def test_rows_lose_padding_and_nothing_else(right):
    rng = np.random.default_rng(0)
    length = np.array([1, 9, 3, 4, 20, 20, 13, 6, 0])
    place = np.arange(20) if not right else np.arange(20)[::-1]
    items = np.where(place < length[:, None], rng.integers(1, 99, (9, 20)), 0)
    batch = {"items": torch.from_numpy(items), "number": torch.arange(9)}
    widths, seen = [], []
    for part in padding.without_padding(batch, by="items", right=right):
        widths.append(part["items"].shape[1])
        for number, row in zip(part["number"].tolist(), part["items"].numpy(), strict=True):
            seen.append(number)
            assert row[row > 0].tolist() == items[number][items[number] > 0].tolist()
            assert (row[-1] if right else row[0]) == items[number][-1 if right else 0]
    assert widths == [3, 6, 9, 20]
    assert sorted(seen) == list(range(9))
