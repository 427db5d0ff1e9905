"""Each way of fusing photos and text (Table 8) computes what it claims, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmark.instances import History, RecommendationInstance, SearchInstance
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.network.fusion import late_mask, reach_mask
from unimp_model.network.model import trainable_parameters
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks.base import question_row
from unimp_model.training.step import training_loss

FUSIONS = {
    "default": {},
    "no-fine-grained": {"fusion": "concatenation"},
    "early-fusion": {"fusion": "early"},
    "late-fusion": {"fusion": "late"},
    "no-exclusive-attention": {"exclusive_attention": False},
}
#: Items of the trunk; number 3 has no photo. Photos are numbered by first occurrence.
HISTORY = (0, 3, 1, 2)
#: Where branches hang, and which item (or none) stands in their instruction.
BRANCHES = ((1, None), (3, 4), (4, None))
C = 3


@pytest.fixture(params=FUSIONS)
def variant(request):
    return request.param


@pytest.fixture
def scene(world, variant):
    return Scene(world(**FUSIONS[variant]))


class Scene:
    """One row of a trunk with branches, its batch, and runs of the network over it."""

    def __init__(self, w):
        self.w = w
        trunk = w.template.history([w.items[i] for i in HISTORY])
        starts = [1, *(end + 1 for end in trunk.ends[:-1])]
        self.spans = [set(range(a, e + 1)) for a, e in zip(starts, trunk.ends, strict=True)]
        branches = []
        for after, item in BRANCHES:
            parts = ["mug"] if item is None else ["red", w.items[item], "mug"]
            branches.append(Branch(after, w.template.instruction(parts), 0, (5, 6)))
        self.row = w.template.row(trunk, branches, context=False)
        self.batch = collate([self.row], w.photos.index, all_photos=False, slots=1)
        self.trunk = range(len(trunk.tokens))
        #: Positions of each branch.
        self.branches = [
            set((self.row.segments == b).nonzero()[0].tolist()) for b in range(1, len(BRANCHES) + 1)
        ]
        with torch.no_grad():
            self.visual = w.network.visual_tokens(w.photos.rows(self.batch.photos))

    def run(self, visual=None, batch=None):
        """(what enters each layer, what comes out), every entry (N, d)."""
        entering = []
        hooks = [
            layer.register_forward_pre_hook(
                lambda _, args, kwargs: entering.append(
                    (args[0] if args else kwargs["hidden_states"])[0]
                ),
                with_kwargs=True,
            )
            for layer in self.w.network.language.decoder.layers
        ]
        try:
            with torch.no_grad():
                visual = self.visual if visual is None else visual
                network = self.w.network
                out = network(batch or self.batch, network.tables(), visual)[0]
        finally:
            for hook in hooks:
                hook.remove()
        return entering, out

    def photo_number(self, item):
        return self.w.photos.index[f"{self.w.items[item].item_id}.png"]

    def visual_without(self, item):
        """Visual tokens with those of one item's photo replaced by others."""
        changed = self.visual.clone()
        where = self.batch.photos == self.photo_number(item)
        assert where.sum() == 1
        changed[where] = torch.randn(C, changed.shape[-1], generator=torch.manual_seed(3)) * 5
        return changed

    def causal_reach(self, number):
        """Positions that may come to know of trunk item ``number``."""
        reached = {p for p in self.trunk if p >= min(self.spans[number])}
        for (after, _), positions in zip(BRANCHES, self.branches, strict=True):
            reached |= positions if after > number else set()
        return reached


def _changed(before, after):
    return set((before != after).any(-1).nonzero().flatten().tolist())


def _expected_to_see(scene, variant, number):
    """Positions that read the photo of trunk item ``number`` itself, by hand."""
    span = scene.spans[number]
    if variant in ("default", "early-fusion"):
        return span
    if variant == "no-fine-grained":
        return set(sorted(span)[1 : 1 + C])
    if variant == "no-exclusive-attention":
        return scene.causal_reach(number)
    own_photo = {p for i, s in zip(HISTORY, scene.spans, strict=True) if i != 3 for p in s}
    own_photo |= {p for p in scene.branches[1] if scene.row.slots[p] >= 0}
    return span | (scene.causal_reach(number) - own_photo)


@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_photo_enters_exactly_where_the_variant_lets_it(scene, variant, number):
    (before, out), (after, changed_out) = (
        scene.run(),
        scene.run(scene.visual_without(HISTORY[number])),
    )
    expected = _expected_to_see(scene, variant, number)
    if variant == "late-fusion":
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert _changed(out, changed_out) == expected
    else:
        assert _changed(before[0], after[0]) == expected


@pytest.mark.parametrize("number", [0, 2, 3])
def test_a_photo_reaches_no_earlier_position_and_no_branch_hung_before_it(scene, number):
    out, changed = scene.run()[1], scene.run(scene.visual_without(HISTORY[number]))[1]
    reached = _changed(out, changed)
    assert reached <= scene.causal_reach(number)
    for (after, _), positions in zip(BRANCHES, scene.branches, strict=True):
        answering = max(positions)
        assert (answering in reached) is (after > number)


@pytest.mark.parametrize("number", [1, 3])
def test_an_items_text_reaches_no_earlier_position_and_no_branch_hung_before_it(scene, number):
    tokens = scene.batch.tokens.clone()
    words = [p for p in sorted(scene.spans[number]) if tokens[0, p] >= 0]
    tokens[0, words[-2]] += 1
    out, changed = scene.run()[1], scene.run(batch=replace(scene.batch, tokens=tokens))[1]
    assert _changed(out, changed) <= scene.causal_reach(number)
    assert max(scene.branches[2]) in _changed(out, changed)


def test_a_photo_in_an_instruction_stays_in_its_branch(scene):
    out, changed = scene.run()[1], scene.run(scene.visual_without(BRANCHES[1][1]))[1]
    assert _changed(out, changed)
    assert _changed(out, changed) <= scene.branches[1]


@pytest.mark.parametrize("variant", [v for v in FUSIONS if v != "no-fine-grained"], indirect=True)
def test_with_closed_gates_an_untrained_model_is_its_language_model(world, variant):
    scene = Scene(world(open_gates=False, gate_start=0.0, **FUSIONS[variant]))
    network = scene.w.network
    with torch.no_grad():
        plain = network(scene.batch, network.tables(), None)[0]
    assert torch.equal(scene.run()[1], plain)


@pytest.fixture
def variant_scene(world):
    return lambda name: Scene(world(**FUSIONS[name]))


def test_concatenation_puts_the_visual_tokens_behind_img(variant_scene):
    scene, plain = variant_scene("no-fine-grained"), variant_scene("default")
    entering = scene.run()[0][0]
    for item, span in zip(HISTORY, scene.spans, strict=True):
        start = min(span)
        assert scene.row.tokens[start] == scene.w.vocabulary.img
        if item == 3:
            assert (scene.row.tokens[sorted(span)] >= 0).all()
        else:
            visual = scene.visual[scene.batch.photos == scene.photo_number(item)][0]
            assert torch.equal(entering[start + 1 : start + 1 + C], visual)
    words = scene.row.tokens[scene.row.tokens >= 0]
    assert words.tolist() == plain.row.tokens.tolist()  # nothing else is different ...
    assert len(scene.row.tokens) == len(words) + 4 * C  # ... 3 photos here, 1 in a branch
    assert scene.row.positions[scene.row.segments == 0].tolist() == list(scene.trunk)


def test_concatenated_visual_tokens_start_as_loud_as_words(variant_scene):
    scene = variant_scene("no-fine-grained")
    words = scene.w.network.language.input_rows
    assert float(scene.visual.std()) == pytest.approx(float(words.detach().std()), rel=0.1)


def test_context_is_asked_for_at_the_same_words_with_visual_tokens_between(world):
    asked = []
    for settings in ({}, {"fusion": "concatenation"}):
        template = world(**settings).template
        row = template.row(template.history(world().items), [], context=True)
        asked.append(row.targets.tolist())
        assert (row.tokens[row.reads + 1] == row.targets).all()
        assert (row.tokens[row.reads] >= 0).all()
    assert asked[0] == asked[1]


def test_early_fusion_adds_the_mean_visual_token_of_the_own_photo(variant_scene):
    scene = variant_scene("early-fusion")
    network = scene.w.network
    with torch.no_grad():
        tables = network.tables()
        words = network.embed(scene.batch.tokens, tables)
        words = network.with_carried(words, scene.batch, tables)[0]
    added = scene.run()[0][0] - words
    gate = torch.tanh(torch.tensor(0.7))
    for item, span in zip(HISTORY, scene.spans, strict=True):
        expected = torch.zeros(words.shape[1])
        if item != 3:
            photo = scene.batch.photos == scene.photo_number(item)
            expected = gate * scene.visual[photo][0].mean(0)
        for position in span:
            torch.testing.assert_close(added[position], expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(added[0], torch.zeros(words.shape[1]))  # [CLS]


def test_late_fusion_keeps_photos_out_of_input_rows_and_in_output_rows(variant_scene):
    items = variant_scene("late-fusion").w.network.items
    rows = torch.randn(10, 32)
    with torch.no_grad():
        before = items(rows, rows)
        items.photos += 1.0
        after = items(rows, rows)
    assert torch.equal(before[0], after[0])
    assert not torch.isclose(before[1], after[1]).any()


# Trunk of two items (token 1-2 with photo 0, 3 without one), a branch behind the first
# item with a photo of its own (2, in token 5), padding.
SLOTS = torch.tensor([[-1, 0, 0, -1, 1, 2, -1, -1]])
ATTENDS = torch.tensor(
    [[
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 1, 0, 0],
        [1, 1, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]]
).bool()  # fmt: skip


def test_without_exclusive_attention_a_token_sees_the_photos_of_what_it_attends():
    assert reach_mask(SLOTS, ATTENDS, 3)[0].int().tolist() == [
        [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 0, 0],
    ]  # fmt: skip


def test_late_fusion_reads_the_own_photo_or_all_so_far():
    assert late_mask(SLOTS, ATTENDS, 3)[0].int().tolist() == [
        [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [0, 0, 0],
    ]  # fmt: skip


MODULES = {
    "default": {"resampler", "cross_attention.0", "cross_attention.2"},
    "no-fine-grained": {"resampler"},
    "early-fusion": {"resampler", "early_fusion.gate"},
    "late-fusion": {"resampler", "cross_attention.4"},
    "no-exclusive-attention": {"resampler", "cross_attention.0", "cross_attention.2"},
}


def test_a_variant_has_the_modules_it_needs_and_no_others(world, variant):
    network = world(preset="smollm2", resampler_layers=1, **FUSIONS[variant]).network
    names = trainable_parameters(network)  # a frozen language model: the rest is what we added
    parts = {
        name.split(".")[0] if name.startswith("resampler") else ".".join(name.split(".")[:2])
        for name in names
        if not name.startswith(("special", "items"))
    }
    assert parts == MODULES[variant]
    assert ("items.input_photo.weight" in names) is (variant != "late-fusion")
    assert "items.output_photo.weight" in names


def _rows(w):
    histories = [(0, 1), (2,), (3, 4, 5), (), (1, 1, 2, 0, 5)]
    for numbers in histories:
        history = History(tuple(w.items[i] for i in numbers))
        recommend = RecommendationInstance("q", "u", history)
        search = SearchInstance("q", "u", history, "kitchen mugs")
        yield question_row(w.template, "recommendation", recommend, window=5)
        yield question_row(w.template, "search", search, window=5)


def test_scores_do_not_depend_on_company_or_order(world, variant):
    w = world(**FUSIONS[variant])
    scorer, rows = Reader(w.network, w.photos, slots=5), list(_rows(w)) * 4
    together = scorer.item_scores(rows)
    assert (scorer.item_scores(rows[::-1]) == together[::-1]).all()
    assert (scorer.item_scores(rows[:1]) == together[:1]).all()
    assert (scorer.item_scores([rows[-1]]) == together[-1:]).all()


def test_scoring_resamples_no_photo_again(world, variant, monkeypatch):
    w = world(**FUSIONS[variant])
    scorer = Reader(w.network, w.photos, slots=5)
    monkeypatch.setattr(w.network, "resampler", None)
    assert scorer.item_scores(list(_rows(w))).shape == (10, 6)


def test_training_reaches_every_added_weight(world, variant):
    w = world(**FUSIONS[variant])
    trunk = w.template.history([w.items[i] for i in HISTORY])
    branch = Branch(4, w.template.instruction(["mug"]), 0, (w.vocabulary.first_item,))
    row = w.template.row(trunk, [branch], context=True)
    batch = collate([row], w.photos.index, all_photos=False, slots=1)
    loss, _ = training_loss(w.network, batch, w.photos, UniMPConfig())
    loss.backward()
    idle = [
        name
        for name, parameter in w.network.named_parameters()
        if name.startswith(("resampler", "cross_attention", "early_fusion"))
        and (parameter.grad is None or not parameter.grad.any())
    ]
    assert idle == []
