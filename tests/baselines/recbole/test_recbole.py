"""RecBole's systems: what is mended, what goes in, and answers to odd questions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("recbole")

from baselines.learning.blocks import ROWS
from baselines.recbole import recbole_fixes
from baselines.recbole.bert4rec import BERT4Rec
from baselines.recbole.gru4rec import GRU4Rec
from baselines.recbole.hgn import HGN
from baselines.recbole.lightgcn import LightGCN
from baselines.recbole.mf import MF
from baselines.recbole.s3rec import S3Rec, segments
from baselines.recbole.sasrec import SASRec
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError, UsageError
from benchmark.instances import History, Item, RecommendationInstance, SearchInstance
from benchmark.models import registered as model_registry
from benchmark.models.building import configure
from benchmark.models.registered import entries

SEQUENTIAL = (HGN, GRU4Rec, SASRec, BERT4Rec, S3Rec)
ALL = (MF, LightGCN, *SEQUENTIAL)
SMALL = {"epochs": 2, "threads": 1}

#: f occurs in no training row, z is unknown to the catalogue; w has one training item.
ITEMS = [{"item_id": name, "brand": "xy"[i % 2]} for i, name in enumerate("abcdef")]
TAKEN = {"u": "abcd", "v": "bcde", "w": "e"}


def ask(history, *, user="new", k=3):
    return RecommendationInstance("q", user, History(tuple(Item(i) for i in history)), k=k)


def scores(model, history, user="new"):
    return model.scores([ask(history, user=user)])[0]


def test_every_model_of_the_group_is_registered_under_the_papers_name():
    found = {name: e.paper_name for name, e in entries().items() if e.group == "recbole"}
    assert found == {
        "mf": "MF",
        "lightgcn": "LightGCN",
        "hgn": "HGN",
        "gru4rec": "GRU4Rec",
        "sasrec": "SASRec",
        "bert4rec": "BERT4Rec",
        "s3rec": "S3-Rec",
    }


# --- what is mended


def test_a_missing_item_adds_nothing_in_hgn(fit):
    table = fit(HGN).network.item_embedding.weight
    assert table[0].abs().sum() == 0
    assert table[1:].abs().sum() > 0


def test_lightgcns_graph_is_the_symmetrically_normalised_one():
    pairs = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])  # the last pair twice
    network = recbole_fixes.new_network(
        "LightGCN",
        {"embedding_size": 2, "n_layers": 1, "reg_weight": 0.0},
        recbole_fixes.Sizes(2, 2, 0, pairs),
        window=1,
        device=torch.device("cpu"),
    )
    # nodes: padding user, users 1 and 2, padding item, items 1 and 2; degrees 2, 1 and 1, 2
    expected = torch.zeros(6, 6)
    for user, item, degrees in ((1, 4, 2 * 1), (1, 5, 2 * 2), (2, 5, 1 * 2)):
        expected[user, item] = expected[item, user] = 1 / math.sqrt(degrees)
    assert torch.allclose(network.norm_adj_matrix.to_dense(), expected)


def test_hgns_bpr_compares_both_items_in_the_table_of_outputs(fit):
    network = fit(HGN, weight_norm=0, vector_norm=0).network
    item = torch.tensor([3])
    batch = {
        recbole_fixes.USER: torch.tensor([1]),
        recbole_fixes.ITEMS: torch.tensor([[1, 2, 0]]),
        recbole_fixes.ITEM: item,
        recbole_fixes.NEGATIVE: item,
    }
    assert network.calculate_loss(batch).item() == pytest.approx(math.log(2), abs=1e-6)


def test_bert4rec_reads_a_history_of_one_item(fit):
    model = fit(BERT4Rec)
    network = model.network
    mask = len(ITEMS) + 1
    with torch.no_grad():
        state = network.forward(torch.tensor([[2, mask, 0, 0]]))[0, 1]
        expected = network.item_embedding.weight[1:-1] @ state + network.output_bias[1:]
    assert scores(model, "b") == pytest.approx(expected.numpy(), abs=1e-5)


def test_bert4rec_reads_a_full_history_beside_the_mask(fit):
    model = fit(BERT4Rec)
    mask = len(ITEMS) + 1
    with torch.no_grad():
        state = model.network.forward(torch.tensor([[2, 3, 4, mask]]))[0, 3]
        expected = model.network.item_embedding.weight[1:-1] @ state
    assert scores(model, "bcd") == pytest.approx(
        (expected + model.network.output_bias[1:].detach()).numpy(), abs=1e-5
    )


def test_bert4recs_own_window_holds_the_mask(fit):
    model = fit(BERT4Rec, window=3)
    assert scores(model, "bcd").tolist() == scores(model, "cd").tolist()
    assert scores(model, "cd").tolist() != scores(model, "d").tolist()


def test_bert4rec_hides_at_least_one_item_and_never_the_first(fit, view):
    model = fit(BERT4Rec)
    items = np.tile([[1, 2, 3], [4, 5, 0]], (200, 1))
    length = (items > 0).sum(1)
    hidden = model.hidden_places(items, length, np.random.default_rng(0))
    assert hidden.any(1).all()
    assert not hidden[:, 0].any()
    assert not hidden[items == 0].any()


def test_s3rec_learns_from_its_first_attribute(fit):
    model = fit(S3Rec)
    batch = model.attributes_of(torch.tensor([[0, 1, 2]]))
    # brand x is attribute 1, y is 2; column 0, RecBole's padding, is nobody's
    assert batch.tolist() == [[[0, 0, 0], [0, 1, 0], [0, 0, 1]]]
    assert len(model.network.feature_embedding.weight) == 3


def test_s3rec_segments_hide_show_and_swap_the_same_places():
    items = np.array([[0, 0, 1, 2], [3, 4, 5, 6], [0, 0, 0, 7]] * 50)
    length = (items > 0).sum(1)
    hidden, alone, swapped = segments(items, length, 9, np.random.default_rng(0))
    inside = (hidden == 9) & (items > 0)
    long = length > 1
    assert (inside.sum(1)[long] <= length[long] // 2).all()
    assert (inside.sum(1)[long] >= 1).all()
    assert (alone[inside] == items[inside]).all()
    assert (alone[(items > 0) & ~inside & long[:, None]] == 9).all()
    assert (swapped[~inside] == alone[~inside]).all()
    assert set(swapped[inside]) <= set(range(1, 8))
    for rows in (hidden, alone, swapped):
        assert (rows[~long] == items[~long]).all()
        assert (rows[items == 0] == 0).all()


def test_s3rec_pads_on_the_left_in_both_stages(fit, view):
    model = fit(S3Rec)
    with torch.no_grad():
        state = model.network.forward(torch.tensor([[0, 1, 2]]), bidirectional=False)[0, 2]
        expected = model.network.item_embedding.weight[1:-1] @ state
    assert scores(model, "ab") == pytest.approx(expected.numpy(), abs=1e-5)


# --- what goes in


@pytest.mark.parametrize("model_class", [SASRec, GRU4Rec])
def test_every_item_with_a_past_is_the_target_of_one_prefix(fit, view, model_class, sampler):
    model = fit(model_class, targets="last")
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    rows = model.training_rows(timeline, minimum=1)
    (batch,) = model.batches(timeline, rows, sampler(timeline), np.random.default_rng(0))
    seen = {
        (tuple(items[:length].tolist()), int(target))
        for items, length, target in zip(
            batch[recbole_fixes.ITEMS],
            batch[recbole_fixes.LENGTH],
            batch[recbole_fixes.ITEM],
            strict=True,
        )
    }
    assert seen == {
        ((1,), 2),
        ((1, 2), 3),
        ((1, 2, 3), 4),
        ((2,), 3),
        ((2, 3), 4),
        ((2, 3, 4), 5),
    }


@pytest.mark.parametrize("targets", ["last", "every"])
def test_a_bpr_row_has_negatives_its_user_did_not_take(fit, view, sampler, targets):
    model = fit(SASRec, loss_type="BPR", targets=targets)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    target = np.array([3, 7] * 50)
    columns = model.training_columns(
        timeline, timeline.item + 1, target, sampler(timeline), np.random.default_rng(0)
    )
    taken = {1: {1, 2, 3, 4}, 2: {2, 3, 4, 5}}
    for place, wrong in zip(target, columns[recbole_fixes.NEGATIVE], strict=True):
        assert taken[timeline.user[place] + 1].isdisjoint(np.atleast_1d(wrong))


@pytest.mark.parametrize("model_class", ALL)
def test_validation_interactions_are_never_read(sim_xs, model_class):
    view = sim_xs.training_view()
    read = []
    interactions, examples = view.interactions, view.examples
    view.interactions = lambda part="train": read.append(part) or interactions(part)
    view.examples = lambda task, part="train": read.append((task, part)) or examples(task, part)
    settings = {"epochs": 1, **({"pretrain_epochs": 1} if model_class is S3Rec else {})}
    model_class(model_class.Config(**settings)).fit(view, seed=0)
    allowed = {"train", ("recommendation", "valid"), ("selection", "valid")}
    assert "train" in read
    assert set(read) <= allowed


def test_sasrec_learns_a_sequence(make_view):
    rows = [
        {"user_id": f"u{n}", "item_id": "abcdef"[(n + step) % 6]}
        for n in range(60)
        for step in range(4)
    ]
    view = make_view(ITEMS, train=rows)
    view.tasks, view.history_window = (), 3
    model = SASRec(SASRec.Config(epochs=60, batch_size=64, learning_rate=0.01, threads=1))
    model.fit(view, seed=0)
    for history, following in (("ab", "c"), ("de", "f"), ("f", "a")):
        (answer,) = model.predict([ask(history, k=1)])
        assert answer.items == (following,)


# --- odd questions


@pytest.mark.parametrize("model_class", ALL)
@pytest.mark.parametrize("history", ["", "f", "z", "ab", "abcdefabcdef", "az"])
@pytest.mark.parametrize("user", ["new", "w"])
def test_every_history_gets_an_answer(fitted_once, model_class, history, user):
    (answer,) = fitted_once(model_class).predict([ask(history, user=user, k=6)])
    assert sorted(answer.items) == list("abcdef")
    assert np.isfinite(answer.scores).all()


@pytest.mark.parametrize("model_class", SEQUENTIAL)
def test_a_long_history_is_cut_to_its_latest_items(fitted_once, model_class):
    model = fitted_once(model_class)
    assert scores(model, "fedcbabcd").tolist() == scores(model, "bcd").tolist()
    assert scores(model, "bcd").tolist() != scores(model, "cd").tolist()


@pytest.mark.parametrize("model_class", ALL)
def test_without_a_known_history_a_new_user_gets_what_is_popular(fitted_once, model_class):
    # b c d e a f, by training counts 2 2 2 2 1 0
    assert scores(fitted_once(model_class), "").tolist() == [1, 2, 2, 2, 2, 0]


@pytest.mark.parametrize("model_class", [MF, LightGCN])
def test_a_new_user_is_the_mean_of_their_items(fitted_once, model_class):
    model = fitted_once(model_class)
    users, items = (table.numpy() for table in model.vectors)
    assert scores(model, "ac") == pytest.approx(items @ (items[0] + items[2]) / 2, abs=1e-6)
    assert scores(model, "ac", user="v") == pytest.approx(items @ users[1], abs=1e-6)


def test_a_user_hgn_does_not_know_is_the_mean_of_all(fitted_once):
    table = fitted_once(HGN).network.user_embedding.weight
    assert torch.allclose(table[0], table[1:].mean(0))


@pytest.mark.parametrize("model_class", SEQUENTIAL)
def test_users_without_a_sequence_cannot_teach_one(make_view, model_class):
    view = make_view(ITEMS, train=[{"user_id": "u", "item_id": "a"}])
    view.tasks, view.history_window = (), 3
    with pytest.raises(BenchError, match="No user has two training interactions"):
        model_class(model_class.Config(**SMALL)).fit(view, seed=0)


@pytest.mark.parametrize("model_class", ALL)
def test_no_training_interactions_are_a_clear_error(make_view, model_class):
    view = make_view(ITEMS)
    view.tasks, view.history_window = (), 3
    with pytest.raises(BenchError, match="no training interactions"):
        model_class(model_class.Config(**SMALL)).fit(view, seed=0)


def test_another_task_is_refused(fitted_once):
    question = SearchInstance("q", "u", History(), query="shoes")
    with pytest.raises(BenchError, match="does not answer SearchInstance"):
        list(fitted_once(SASRec).predict([question]))


def test_more_than_a_block_of_questions_is_answered_as_one_by_one(fitted_once):
    model = fitted_once(SASRec)
    histories = [name * n for n in (1, 2, 3) for name in "abcde"] * 10
    assert len(histories) > 2 * ROWS
    together = model.scores([ask(history) for history in histories])
    assert together.tolist() == [scores(model, history).tolist() for history in histories]


def test_items_without_attributes_or_with_empty_ones_are_learnt_from_sequences(make_view):
    texts = {"a": "red", "b": "", "c": "red", "d": None, "e": ""}  # f says nothing either
    items = [
        {"item_id": name, "brand": texts.get(name), "category": [],
         "attributes": [{"key": "colour", "value": texts[name]}] if texts.get(name) else []}
        for name in "abcdef"
    ]  # fmt: skip
    rows = [{"user_id": user, "item_id": item} for user, taken in TAKEN.items() for item in taken]
    view = make_view(items, train=rows)
    view.tasks, view.history_window = (), 3
    model = S3Rec(S3Rec.Config(**SMALL, pretrain_epochs=1))
    model.fit(view, seed=0)
    described = model.attributes_of(torch.arange(len(ITEMS) + 1)[None])[0].sum(1)
    assert described.tolist() == [0, 2, 0, 2, 0, 0, 0]  # by token: a and c alone have any
    (answer,) = model.predict([ask("bdf", k=6)])
    assert sorted(answer.items) == list("abcdef")


# --- settings and files


def test_a_misspelt_setting_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="hiden_size") as error:
        configure("sasrec", {"hiden_size": 128})
    assert "'hidden_size'" in error.value.fix


def test_a_setting_of_the_right_name_is_taken():
    built = configure("sasrec", {"hidden_size": 128})
    assert built.config["hidden_size"] == 128


@pytest.mark.parametrize("settings", [{"n_heads": 3}, {"hidden_size": 7, "n_heads": 2}])
def test_heads_must_divide_the_width(settings):
    with pytest.raises(UsageError, match=r"hidden_size.*no multiple of n_heads"):
        configure("bert4rec", settings)


@pytest.mark.parametrize("model_class", ALL)
def test_the_defaults_are_valid(model_class):
    assert model_class.Config().epochs == 200


def test_without_recbole_the_extra_is_named(view, monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError("No module named 'recbole'")

    recbole_fixes.network_class.cache_clear()
    monkeypatch.setattr(recbole_fixes, "import_module", refuse)
    with pytest.raises(BenchError, match="recbole") as error:
        SASRec(SASRec.Config(**SMALL)).fit(view, seed=0)
    assert error.value.fix.startswith("pip install 'unimp-bench[recbole]'")
    recbole_fixes.network_class.cache_clear()


def test_listings_name_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setattr(model_registry.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(model_registry.sys, "version_info", (3, 11, 4, "final", 0))
    assert entries()["sasrec"].why_not() == "missing recbole: pip install 'unimp-bench[recbole]'"
    with pytest.raises(BenchError, match="'sasrec' cannot run here"):
        configure("sasrec", {})


@pytest.mark.parametrize("version", [(3, 12), (3, 13)])
def test_listings_name_the_second_command_where_the_extra_leaves_recbole_out(version, monkeypatch):
    monkeypatch.setattr(model_registry.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(model_registry.sys, "version_info", (*version, 4, "final", 0))
    assert entries()["sasrec"].why_not() == (
        "missing recbole: pip install 'unimp-bench[recbole]' "
        "&& pip install --no-deps recbole==1.2.1"
    )


@pytest.mark.parametrize("model_class", ALL)
def test_a_broken_file_is_named(fitted_once, model_class, tmp_path):
    model = fitted_once(model_class)
    model.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(BenchError, match=r"model\.safetensors' cannot be read"):
        model_class().load(tmp_path)


def test_another_models_files_are_refused(fitted_once, tmp_path):
    fitted_once(GRU4Rec).save(tmp_path)
    with pytest.raises(BenchError, match="holds no SASRec: ValueError: it holds GRU4Rec"):
        SASRec().load(tmp_path)


def test_a_loaded_model_has_the_settings_it_was_saved_with(fitted_once, tmp_path):
    fitted_once(SASRec).save(tmp_path)
    loaded = SASRec()
    loaded.load(tmp_path)
    assert loaded.config == fitted_once(SASRec).config
    assert scores(loaded, "ab").tolist() == scores(fitted_once(SASRec), "ab").tolist()


def test_a_model_that_was_never_fitted_says_so():
    with pytest.raises(BenchError, match="is not fitted"):
        SASRec().parameter_counts()


@pytest.mark.parametrize(
    ("model_class", "not_ours"),
    [
        (MF, set()),
        (LightGCN, set()),
        (HGN, {"reg_weight"}),  # as weight_norm and vector_norm
        (GRU4Rec, set()),
        (SASRec, set()),
        (BERT4Rec, {"loss_type", "transform"}),
        (S3Rec, {"item_attribute", "train_stage", "save_step", "pre_model_path"}),
    ],
)
def test_no_setting_of_recboles_is_forgotten(model_class, not_ours):
    import recbole
    import yaml

    file = Path(recbole.__file__).parent / "properties" / "model"
    name = {MF: "BPR"}.get(model_class, model_class.name)  # RecBole's class
    declared = yaml.safe_load((file / f"{name}.yaml").read_text())
    assert set(declared) - set(model_class.Config.model_fields) == not_ours
