"""UniSRec is its authors' formulas, and reads what instances show: new users, new items, new words.

Values of RUCAIBox/UniSRec 05aa5cb: tests/golden/data/unisrec.json.
"""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from baselines.learning.catalogue_loss import catalogue_cross_entropy
from baselines.multimodal.features import text_features, word_dropped_features
from baselines.multimodal.text_sequences import TextSequences, in_batch_contrast
from baselines.multimodal.unisrec import UniSRec
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import Item, SelectionInstance
from tests.baselines.same import same_tensors

CLOSE = {"rtol": 1e-6, "atol": 1e-8}
BLOCK = {
    "query": "multi_head_attention.query",
    "key": "multi_head_attention.key",
    "value": "multi_head_attention.value",
    "dense": "multi_head_attention.dense",
    "attention_norm": "multi_head_attention.LayerNorm",
    "inner": "feed_forward.dense_1",
    "outer": "feed_forward.dense_2",
    "forward_norm": "feed_forward.LayerNorm",
}
FAST = {
    "encoder_steps": 3,
    "threads": 1,
    "epochs": 2,
    "pretrain_epochs": 2,
    "hidden_size": 8,
    "inner_size": 8,
    "experts": 2,
}


@pytest.fixture
def case(golden):
    return golden("unisrec")


def double(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(got, want) -> None:
    np.testing.assert_allclose(got.numpy(), np.array(want), **CLOSE)


def network_of(case, *, with_ids: bool) -> TextSequences:
    given, inputs = case["hyperparameters"], case["inputs"]
    config = UniSRec.Config(
        **{name: given[name] for name in ("n_layers", "n_heads", "hidden_size", "inner_size")},
        experts=given["experts"],
    )
    texts = double(inputs["text_features"])
    network = TextSequences(config, texts, given["max_length"], with_ids=with_ids).double()
    weights = {name: double(value) for name, value in inputs["weights"].items()}
    experts = [f"moe_adaptor.experts.{k}" for k in range(given["experts"])]
    state = {
        "adaptor.gate": weights["moe_adaptor.w_gate"],
        "adaptor.noise": weights["moe_adaptor.w_noise"],
        "adaptor.bias": torch.stack([weights[f"{expert}.bias"] for expert in experts]),
        "adaptor.weight": torch.stack([weights[f"{expert}.lin.weight"] for expert in experts]),
        "positions.weight": weights["position_embedding.weight"],
        "norm.weight": weights["LayerNorm.weight"],
        "norm.bias": weights["LayerNorm.bias"],
    }
    for layer in range(given["n_layers"]):
        for ours, theirs in BLOCK.items():
            for part in ("weight", "bias"):
                name = f"trm_encoder.layer.{layer}.{theirs}.{part}"
                state[f"blocks.{layer}.{ours}.{part}"] = weights[name]
    if with_ids:
        state["ids.weight"] = weights["item_embedding.weight"]
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def states_of(network, table, items, lengths):
    items = torch.tensor(items)
    return network(table[items], items > 0)[torch.arange(len(items)), torch.tensor(lengths) - 1]


def test_gates_and_adapted_items_are_the_authors(case):
    network, outputs = network_of(case, with_ids=False), case["outputs"]
    close(network.table(), outputs["adapted_items"])
    close(network.adaptor.gates(network.texts), outputs["gates"])
    noise = double(case["inputs"]["gate_noise"])
    close(network.adaptor.gates(network.texts, noise), outputs["gates_with_noise"])


@pytest.mark.parametrize("stage", ["inductive_ft", "transductive_ft"])
def test_states_scores_and_loss_are_the_authors(stage, case):
    network = network_of(case, with_ids=stage.startswith("trans"))
    inputs, outputs, table = case["inputs"], case["outputs"][stage], network.table()
    states = states_of(network, table, inputs["sequences"], inputs["lengths"])
    close(states, outputs["sequence"])
    close(normalize(states) @ normalize(table).T, outputs["scores"])
    temperature = case["hyperparameters"]["temperature"]
    target = torch.tensor(inputs["targets"])
    loss = catalogue_cross_entropy(normalize(states) / temperature, normalize(table), target)
    close(loss, outputs["loss"])


def test_both_contrasts_of_pre_training_are_the_authors(case):
    network, inputs = network_of(case, with_ids=False), case["inputs"]
    outputs, table = case["outputs"]["pretrain"], network.table()
    temperature, target = case["hyperparameters"]["temperature"], torch.tensor(inputs["targets"])
    one = states_of(network, table, inputs["sequences"], inputs["lengths"])
    other = states_of(network, table, inputs["augmented_sequences"], inputs["augmented_lengths"])
    of_items = in_batch_contrast(one, table[target], target, temperature)
    of_sequences = in_batch_contrast(one, other, target, temperature)
    close(of_items, outputs["loss_sequence_item"])
    close(of_sequences, outputs["loss_sequence_sequence"])
    weight = case["hyperparameters"]["lambda_sequence_sequence"]
    close(of_items + weight * of_sequences, outputs["loss"])


@pytest.fixture
def shop(photo_shop):
    return photo_shop()


def fitted(view, **settings) -> UniSRec:
    model = UniSRec(UniSRec.Config(**{**FAST, **settings}))
    model.fit(view, seed=3)
    return model


def worded(item: Item, title: str | None, **changes) -> Item:
    return dataclasses.replace(item, title=title, **changes)


@pytest.mark.parametrize(("contrasted", "items"), [("taken", 4), ("all", 6)])
def test_a_batch_learns_from_every_next_item_and_the_loss_is_the_formula(contrasted, items, shop):
    model = fitted(shop.view, epochs=1, contrasted=contrasted)
    timeline = Timeline.of_frame(shop.view.interactions("train"), shop.view.catalogue)
    model.network.eval()
    rows = model.training_rows(timeline, minimum=1)
    (batch,) = model.batches(timeline, rows, None, np.random.default_rng(0))
    loss, table = model.loss(batch), model.network.table()
    states, right = [], []
    for user in range(len(timeline.users)):
        taken = timeline.item[timeline.starts[user] : timeline.starts[user + 1]] + 1
        for place in range(1, len(taken)):
            past = torch.from_numpy(taken[:place])[None]
            states.append(model.network(table[past], past > 0)[0, -1])
            right.append(taken[place])
    logits = normalize(torch.stack(states)) @ normalize(table[: items + 1]).T / 0.07  # e and f last
    assert loss.item() == pytest.approx(cross_entropy(logits, torch.tensor(right)).item(), rel=1e-5)


@pytest.mark.parametrize("transductive", [False, True])
def test_adapting_only_the_items_of_a_batch_gives_what_adapting_all_gives(transductive, shop):
    network = fitted(shop.view, epochs=1, transductive=transductive).network.train()
    only = torch.tensor([0, 2, 5])

    def vectors_and_slopes(tokens):
        torch.manual_seed(4)  # of noise and dropout
        network.zero_grad()
        vectors = network.table(only=tokens)[only]
        vectors.square().sum().backward()
        slopes = [w.grad for w in network.parameters() if w.grad is not None]
        return [vectors.detach(), *slopes]

    some, every = vectors_and_slopes(only), vectors_and_slopes(None)
    assert len(some) == len(every) == 5 + transductive
    for got, want in zip(some, every, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


def test_a_changed_sequence_loses_items_but_never_all_of_them_or_words(shop):
    model = fitted(shop.view, epochs=1, dropped=0.7, drop_items=0.5)
    view = shop.view
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    batch = model.pretraining_batch(
        timeline, np.array([1, 3, 5, 7] * 50), None, np.random.default_rng(1)
    )
    items, changed = batch["item_id_list"], batch["changed_items"]
    assert ((changed > 0).sum(1) > 0).all()
    assert torch.equal(changed[batch["texts_changed"] > 0], items[batch["texts_changed"] > 0])


def test_texts_with_words_left_out_depend_on_the_words_alone(shop):
    view = shop.view
    _, encoder = text_features(view, "words", steps=0)
    one = word_dropped_features(view, encoder, share=0.5)
    assert np.array_equal(one.table, word_dropped_features(view, encoder, share=0.5).table)
    texts = {item.title for item in view.catalogue}
    for text in one.rows:
        assert text
        assert any(set(text.split()) <= set(whole.split()) for whole in texts)
    assert set(one.rows) != texts


def test_a_new_user_is_read_as_a_known_one(shop):
    model = fitted(shop.view)
    known, new = model.scores([shop.ask(user, shop.item("a")) for user in ("u", "new")])
    assert np.array_equal(known, new)
    (nobody,) = model.scores([shop.ask("new")])
    assert nobody.tolist() == [3, 2, 2, 2, 0, 0]  # training counts


def test_items_that_nobody_took_are_read_and_ranked_by_their_words(shop):
    model = fitted(shop.view)
    by_cold, by_warm = model.scores([shop.ask("new", shop.item(i)) for i in "fa"])
    assert np.isfinite(by_cold).all()
    assert not np.array_equal(by_cold, by_warm)
    assert len(set(by_cold.tolist())) == 3  # red, blue and plain; a name said once says nothing


def test_an_item_outside_the_catalogue_is_read_by_its_words(shop):
    model = fitted(shop.view)
    stranger = Item("stranger", title=shop.item("c").title)
    scores = model.scores(
        [shop.ask("new", stranger), shop.ask("new", shop.item("c")), shop.ask("new", Item("x"))]
    )
    assert np.array_equal(scores[0], scores[1])
    assert scores[2].tolist() == [3, 2, 2, 2, 0, 0]  # no words: nothing to read


@pytest.mark.parametrize("transductive", [False, True])
def test_words_shown_otherwise_are_read_otherwise(transductive, shop, tmp_path):
    model = fitted(shop.view, transductive=transductive)
    right = shop.item("a")
    blue = shop.item("c").title
    shown = [right, worded(right, blue), worded(right, "blue red"), worded(right, None)]
    scores = model.scores([shop.ask("u", item) for item in shown])
    assert len({row.tobytes() for row in scores}) == 4
    same_words = model.scores([shop.ask("u", shop.item("c"))])[0]
    assert np.array_equal(scores[1], same_words) is not transductive  # ids tell them apart
    model.save(tmp_path)
    loaded = UniSRec()
    loaded.load(tmp_path)
    assert np.array_equal(loaded.scores([shop.ask("u", item) for item in shown]), scores)
    assert loaded.parameter_counts() == model.parameter_counts()


def test_users_in_another_order_change_no_score(shop):
    model = fitted(shop.view)
    asked = [
        shop.ask(user, shop.item(one), worded(shop.item(other), f"mug {one} {other} {other}"))
        for user, (one, other) in zip(("u", "new", "w", "s"), ("ab", "ef", "cd", "fa"), strict=True)
    ]
    together = model.scores(asked)
    order = random.Random(1).sample(range(len(asked)), len(asked))
    assert np.array_equal(model.scores([asked[i] for i in order]), together[order])
    alone = np.concatenate([model.scores([one]) for one in asked])
    assert np.array_equal(alone, together)


def test_a_pre_trained_encoder_stays_as_it_is_and_one_from_scratch_learns(shop, monkeypatch):
    seen = {}

    def fit(**settings):
        states = []
        inner = UniSRec._before_training

        def before(self, *arguments):
            journal = inner(self, *arguments)
            states.append({n: w.detach().clone() for n, w in self.network.named_parameters()})
            return journal

        with monkeypatch.context() as patch:
            patch.setattr(UniSRec, "_before_training", before)
            model = fitted(shop.view, **settings)
        after = dict(model.network.named_parameters())
        return {name for name, weight in states[0].items() if not torch.equal(weight, after[name])}

    seen["frozen"] = fit(freeze=True)
    seen["free"], seen["scratch"] = fit(), fit(pretrain_epochs=0)
    assert "adaptor.weight" in seen["frozen"] & seen["free"] & seen["scratch"]
    encoder = {name for name in seen["free"] if name.startswith(("blocks.", "positions."))}
    assert encoder
    assert not encoder & seen["frozen"]
    assert encoder <= seen["scratch"]


def test_a_killed_fit_goes_on_and_ends_with_the_same_weights(shop, killed_after):
    expected = fitted(shop.view)
    for writes in (1, 3):  # in pre-training, in fine-tuning
        killed_after(writes, lambda: fitted(shop.view))
        resumed = fitted(shop.view)
        assert same_tensors(resumed, expected)
        assert resumed.journal == expected.journal


def test_without_photos_and_without_words_it_ranks_all_the_same(photo_shop, make_view):
    shop = photo_shop(photos=False)
    (ranking,) = fitted(shop.view).predict([shop.ask("u", shop.item("a"))])
    assert len(set(ranking.items)) == 3
    rows = [{"user_id": "u", "item_id": item, "timestamp": t} for t, item in enumerate("ab")]
    silent = make_view([{"item_id": "a"}, {"item_id": "b"}, {"item_id": "c"}], train=rows)
    silent.tasks = ()
    model = fitted(silent)
    (ranking,) = model.predict([shop.ask("u", Item("a"))])
    assert ranking.items == ("a", "b", "c")  # one vector for all: ties, by the item's number


def test_new_users_new_domains_and_selection_of_frozen_instances_are_answered(sim_xs):
    model = fitted(sim_xs.training_view(), epochs=1, pretrain_epochs=1, validation_users=20)
    for cohort in ("seen", "new-user", "new-domain"):
        plain = list(sim_xs.instances("recommendation", cohort=cohort, limit=40)[:])
        before = model.scores(plain)
        shown = list(sim_xs.instances("recommendation", cohort=cohort, limit=40, perturb="nt")[:])
        assert (before != model.scores(shown)).any()
    (example, *_) = sim_xs.training_view().examples("selection", "valid")
    assert model.threshold is not None
    assert isinstance(example.instance, SelectionInstance)
    (answer,) = model.predict([example.instance])
    assert set(answer.chosen) == {
        item.item_id
        for item, share in zip(example.instance.candidates, answer.scores, strict=True)
        if share >= model.threshold
    }


def test_a_file_whose_tables_do_not_fit_is_refused(shop, tmp_path):
    model = fitted(shop.view)
    model.item_ids = model.item_ids[:2]
    model.save(tmp_path)
    with pytest.raises(BenchError, match="holds no UniSRec"):
        UniSRec().load(tmp_path)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="hidden_size 7 is no multiple of n_heads 2"):
        UniSRec.Config(hidden_size=7)


def test_nothing_is_frozen_without_a_pre_training():
    with pytest.raises(ValueError, match="pretrain_epochs is 0"):
        UniSRec.Config(freeze=True, pretrain_epochs=0)
