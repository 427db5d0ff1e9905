"""What the speed scripts measure beside ours computes the same as ours where it should."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmark.instances import History, SearchInstance
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks.base import question_row

HISTORIES = [(0, 1), (2,), (3, 4, 5), (5, 3, 1, 2), (3,)]


@pytest.fixture(scope="module")
def usual() -> ModuleType:
    file = Path(__file__).parents[2] / "speed" / "conditioned_llama.py"
    spec = importlib.util.spec_from_file_location("conditioned_llama", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["conditioned_llama"] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module


def _instances(w, answer=()):
    return [
        question_row(
            w.template,
            "search",
            SearchInstance("q", "u", History(tuple(w.items[i] for i in history)), "kitchen mugs"),
            window=5,
            answer=answer,
        )
        for history in HISTORIES
    ]


def _own(usual, w):
    with torch.no_grad():
        llama = usual.whole_llama(w.network, w.network.tables(), tied=False, frozen=False)
    return usual.ConditionedLlama(llama, usual.OwnModules(w.network)).eval()


def test_ten_beams_of_transformers_are_the_exact_ranking(usual, world):
    w = world(carried_rows=False)
    rows = _instances(w)
    first = w.vocabulary.first_item
    batch = usual.padded(rows, w.photos, torch.device("cpu"), left=True)
    tokens = torch.arange(first, first + len(w.items))
    beams = _own(usual, w).generate(batch, beams=5, allowed=tokens).numpy() - first
    exact = Reader(w.network, w.photos, slots=5).item_scores(rows)
    np.testing.assert_array_equal(beams, np.argsort(-exact, kind="stable")[:, :5])


def test_open_beams_are_the_best_of_the_whole_vocabulary(usual, world):
    w = world(carried_rows=False)
    rows = _instances(w)
    batch = usual.padded(rows, w.photos, torch.device("cpu"), left=True)
    beams = _own(usual, w).generate(batch, beams=4)
    own = collate(rows, w.photos.index, all_photos=True, slots=5)
    reader = Reader(w.network, w.photos, slots=5)
    with torch.inference_mode():
        states = w.network.read(w.network(own, reader.tables, reader.x_v), own)
        best = w.network.logits(states, reader.tables).topk(4).indices
    assert beams.tolist() == best.tolist()


def test_the_loss_is_the_cross_entropy_of_the_same_targets(usual, world):
    w = world(carried_rows=False)
    first = w.vocabulary.first_item
    instruction = w.template.instruction(["kitchen", " mugs"])
    rows = []
    for history in HISTORIES:  # context targets, an answer of one token or of two
        trunk = w.template.history([w.items[i] for i in history])
        answer = (first + history[0], 7)[: 1 + len(history) % 2]
        branch = Branch(len(history), instruction, 0, answer)
        rows.append(w.template.row(trunk, [branch], context=True))
    loss = _own(usual, w).loss(usual.padded(rows, w.photos, torch.device("cpu")))

    own = collate(rows, w.photos.index, all_photos=True, slots=5)
    tables = w.network.tables()
    visual = w.network.visual_tokens(w.photos.rows(torch.arange(len(w.photos.index))))
    states = w.network.read(w.network(own, tables, visual), own)
    expected = functional.cross_entropy(w.network.logits(states, tables), own.targets)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_rows_that_share_a_history_are_refused(usual, world):
    w = world(carried_rows=False)
    trunk = w.template.history(w.items[:2])
    instruction = w.template.instruction(["mugs"])
    branches = [Branch(after, instruction, 0, (w.vocabulary.first_item,)) for after in (1, 2)]
    row = w.template.row(trunk, branches, context=False)
    with pytest.raises(ValueError, match="no plain sequence"):
        usual.padded([row], w.photos, torch.device("cpu"))


def test_images_start_where_their_items_do(usual, world):
    w = world(carried_rows=False)
    rows = _instances(w)
    batch = usual.padded(rows, w.photos, torch.device("cpu"))
    starts = batch.starts
    assert (batch.tokens[starts] == w.vocabulary.img).all()
    assert starts.sum(1).tolist() == [len(row.images) for row in rows]
    copies = batch.copied(3)
    assert torch.equal(copies.features[3:6], batch.features[1:2].expand(3, -1, -1, -1))


@pytest.mark.parametrize("feed_forward", [False, True])
def test_flamingo_modules_have_the_sizes_of_ours_and_learn(usual, world, feed_forward):
    pytest.importorskip("flamingo_pytorch")
    w = world(carried_rows=False)
    config = UniMPConfig(visual_tokens=3)
    torch.manual_seed(0)
    modules = usual.FlamingoModules(w.network, config, w.photos.shape[1], feed_forward=feed_forward)
    for layer, ours in w.network.cross_attention.items():
        sizes = sum(p.numel() for name, p in ours.named_parameters() if name != "gate")
        assert sum(p.numel() for p in modules.blocks[layer].attn.parameters()) == sizes
    with torch.no_grad():
        llama = usual.whole_llama(w.network, w.network.tables(), tied=True, frozen=True)
    model = usual.ConditionedLlama(llama, modules)
    tuned = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name in tuned if name.startswith("llama")} == {
        "llama.model.embed_tokens.weight"
    }
    rows = _instances(w, answer=(w.vocabulary.first_item,))
    batch = usual.padded(rows, w.photos, torch.device("cpu"))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(3):
        loss = model.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[2] < losses[0]
    assert modules.project.weight.grad.abs().sum() > 0  # the gates have opened
