"""Every variant by its name: what it switches off, and that it fits, predicts and is saved."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest
import torch
from torch.nn import functional

from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.entries import MODELS
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import CONTEXT, Branch
from unimp_model.training.step import training_loss

VARIANTS = MODELS[0].variants


@pytest.mark.parametrize("name", ["no-context", "no-reweighting", "no-context-no-reweighting"])
def test_context_and_reweighting_are_switched_off(world, name):
    config = UniMPConfig(**VARIANTS[name])
    w = world()
    trunk = w.template.history([w.items[0]])
    branch = Branch(1, w.template.instruction(["mug"]), 0, (w.vocabulary.first_item + 1,))
    batch = collate(
        [w.template.row(trunk, [branch], context=True)],
        w.photos.index, all_photos=False, slots=1,
    )  # fmt: skip
    with torch.no_grad():
        tables = w.network.tables()
        visual = w.network.visual_tokens(w.photos.rows(batch.photos))
        states = w.network.read(w.network(batch, tables, visual), batch)
        log_p = w.network.logits(states, tables).log_softmax(-1)
        cross_entropy = functional.nll_loss(log_p, batch.targets, reduction="none")
        answers = batch.kinds != CONTEXT  # a recommendation is one item among items
        cross_entropy[answers] = -w.network.item_scores(states, tables)[answers, 1]
        loss, losses = training_loss(w.network, batch, w.photos, config)
    gamma = 0 if "reweighting" in name else UniMPConfig().gamma
    expected = (1 - torch.exp(-cross_entropy)) ** gamma * cross_entropy
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-6)
    is_context = batch.kinds == CONTEXT
    total = config.task_weights["recommendation"] * expected[~is_context].mean()
    if "no-context" not in name:
        total = total + UniMPConfig().context_weight * expected[is_context].mean()
    torch.testing.assert_close(loss, total, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("table", ["03-ablation", "08-fusion", "10-language-models"])
def test_every_variant_a_table_asks_for_is_there(table):
    text = (files("benchmark.report.table") / "tables" / f"{table}.toml").read_text("utf-8")
    names = [row["model"] for row in tomllib.loads(text)["rows"]]
    asked = [name.partition(":")[2] for name in names if name.startswith("unimp:")]
    assert asked
    assert [name for name in asked if name not in VARIANTS] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variants_settings_are_accepted_and_only_one_is_the_default(name):
    same = UniMPConfig(**VARIANTS[name]) == UniMPConfig()
    assert same == (name == "multi-task-efficient")  # the default by its name in Table 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vision": "none", "fusion": "late"}, "no photos to read"),
        ({"vision": "none", "exclusive_attention": False}, "no photos to read"),
        ({"vision": "none", "attend_last_image": True}, "no photos to read"),
        ({"fusion": "early", "exclusive_attention": False}, "no cross-attention to change"),
        ({"fusion": "concatenation", "attend_last_image": True}, "no cross-attention to change"),
        ({"exclusive_attention": False, "attend_last_image": True}, "sees that image anyway"),
    ],
)
def test_settings_that_rule_each_other_out_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        UniMPConfig(**settings)


def test_no_vision_may_repeat_the_defaults():
    settings = {"fusion": "cross-attention", "exclusive_attention": True}
    assert UniMPConfig(vision="none", **settings) == UniMPConfig(vision="none")


#: Fitted in test_adapter.py and test_smollm2.py; the paper's language models are on the hub.
FITTED_ELSEWHERE = {"no-vision", "random-ids", "smollm2", "mpt-1b", "incite-3b"}


#: What no other test trains: another fusion meets rows of every task, another loss or head two.
EVERY_TASK = {"no-fine-grained", "early-fusion", "late-fusion", "no-exclusive-attention"}


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in FITTED_ELSEWHERE])
def test_a_variant_fits_predicts_and_survives_saving(name, micro, sim_xs, tmp_path):
    model = UniMP(UniMPConfig(**{**micro, **VARIANTS[name]}))
    view = sim_xs.training_view()
    if name not in EVERY_TASK:
        view.tasks = ("search", "preference")
    model.fit(view, seed=0)
    assert ("loss context" in model.journal.epochs[0]) is ("no-context" not in name)
    most = {"explanation": 1, "image-generation": 1}  # which take many steps each
    asked = {task: list(sim_xs.instances(task, limit=most.get(task, 2))) for task in view.tasks}
    answers = {task: list(model.predict(instances)) for task, instances in asked.items()}
    assert [len(answer.items) for answer in answers["search"]] == [10] * 2
    model.save(tmp_path)
    loaded = UniMP()
    loaded.load(tmp_path)
    assert loaded.config == model.config
    assert {task: list(loaded.predict(asked[task])) for task in asked} == answers
    assert loaded.parameter_counts() == model.parameter_counts()
