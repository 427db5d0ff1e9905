"""Values of the authors' P5 (1fa28ba) on a small fixed case: tests/golden/data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose

from baselines.generative.network import P5Network, build_t5
from baselines.generative.pieces import begins_word, whole_words
from baselines.generative.sources import Batch

DATA = Path(__file__).parents[2] / "golden" / "data"
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
#: Of their configuration, what ours is built from.
SHAPE = (
    "vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads",
    "relative_attention_num_buckets", "dropout_rate", "layer_norm_epsilon", "feed_forward_proj",
    "pad_token_id", "eos_token_id", "decoder_start_token_id", "tie_word_embeddings",
)  # fmt: skip


def golden(name: str) -> dict:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def t5_of(case: dict):
    return build_t5({name: case["hyperparameters"][name] for name in SHAPE})


def put(network, weights: dict, rename) -> None:
    """Load the case's weights; every parameter of the network must be among them."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for theirs, values in weights.items():
            parameters.pop(rename(theirs)).copy_(torch.tensor(values))
    assert not parameters


def ours(name: str) -> str:
    return {"encoder.whole_word_embeddings.weight": "words.weight"}.get(name, f"t5.{name}")


def batch_of(inputs: dict) -> Batch:
    tokens, words, targets = (
        torch.tensor(inputs[name]) for name in ("input_ids", "whole_word_ids", "target_ids")
    )
    return Batch(tokens, words, tokens != 0, targets=targets)


def agrees(network, case: dict, batch: Batch) -> None:
    """Embedding, encoder, logits and losses, at places that are no padding."""
    outputs = case["outputs"]
    real, asked = batch.real, batch.targets != -100
    with torch.no_grad():
        logits, losses = network(batch), network.losses(batch)
        embedding, encoded = network.embed(batch), network.encode(batch).states
    assert_allclose(embedding, outputs["embedding"], **CLOSE)
    assert_allclose(encoded[real], torch.tensor(outputs["encoder"])[real], **CLOSE)
    assert_allclose(logits[asked], torch.tensor(outputs["logits"])[asked], **CLOSE)
    theirs = torch.tensor(outputs["token_loss"]).view(asked.shape)
    assert_allclose(losses, theirs.sum(1) / asked.sum(1), **CLOSE)


@pytest.fixture
def p5():
    case = golden("p5")
    network = P5Network(t5_of(case), words=16).eval()
    put(network, case["inputs"]["weights"], ours)
    return network, case, batch_of(case["inputs"])


def test_p5_reads_and_writes_as_the_authors_code(p5):
    network, case, batch = p5
    agrees(network, case, batch)
    with torch.no_grad():
        loss = network.losses(batch).mean()
    assert_allclose(loss, case["outputs"]["loss"], **CLOSE)


def test_the_logits_are_theirs_to_the_last_digits(p5):
    network, case, batch = p5
    asked = batch.targets != -100
    with torch.no_grad():
        logits = network(batch)[asked]
    assert (logits - torch.tensor(case["outputs"]["logits"])[asked]).abs().max() < 2e-6


@pytest.mark.parametrize(("key", "length"), [("whole_word_ids", None), ("_truncated", 8)])
def test_pieces_are_numbered_by_words_as_in_the_authors_code(key, length):
    case = golden("p5")
    pieces = case["inputs"]["tokens"][:length]
    wanted = case["outputs"][key if length is None else f"whole_word_ids{key}"]
    assert [*whole_words([begins_word(piece) for piece in pieces], most=511), 0] == wanted
