"""Values of the authors' P5 (1fa28ba) and VIP5 (35b8a05) on a small fixed case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_allclose

from baselines.generative.network import P5Network, build_t5
from baselines.generative.pieces import SLOT, begins_word, whole_words
from baselines.generative.sources import Batch
from baselines.generative.visual import VIP5Network

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


_NAMES = {
    "encoder.whole_word_embeddings.weight": "words.weight",
    "encoder.category_embeddings.weight": "kinds.weight",
    "encoder.visual_embedding.feat_embedding.0.model.0.weight": "visual.hidden.weight",
    "encoder.visual_embedding.feat_embedding.0.model.0.bias": "visual.hidden.bias",
    "encoder.visual_embedding.feat_embedding.0.model.2.weight": "visual.out.weight",
    "encoder.visual_embedding.feat_embedding.0.model.2.bias": "visual.out.bias",
    "encoder.visual_embedding.feat_embedding.1.weight": "visual.norm.weight",
}
_PARTS = {
    "enc_attn_adapter": "EncDecAttention",
    "attn_adapter": "SelfAttention",
    "ff_adapter": "DenseReluDense",
}


def ours(name: str) -> str:
    """What a weight of theirs is called here."""
    for theirs, part in _PARTS.items():
        layer, found, rest = name.partition(f".{theirs}.adapter.")
        if found:
            layer = f"{layer}.{part}".replace(".", "/")
            return f"adapters.{layer}.{rest.replace('_sampler', '')}"
    return _NAMES.get(name, f"t5.{name}")


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
    assert (logits - torch.tensor(case["outputs"]["logits"])[asked]).abs().max() < 1e-6


@pytest.mark.parametrize(("key", "length"), [("whole_word_ids", None), ("_truncated", 8)])
def test_pieces_are_numbered_by_words_as_in_the_authors_code(key, length):
    case = golden("p5")
    pieces = case["inputs"]["tokens"][:length]
    wanted = case["outputs"][key if length is None else f"whole_word_ids{key}"]
    assert [*whole_words([begins_word(piece) for piece in pieces], most=511), 0] == wanted


@pytest.fixture
def vip5():
    case = golden("vip5")
    inputs, sizes = case["inputs"], case["hyperparameters"]
    network = VIP5Network(
        t5_of(case),
        words=16,
        slot=39,
        features=sizes["feat_dim"],
        count=sizes["n_vis_tokens"],
        reduction=sizes["reduction_factor"],
    ).eval()
    # Of their sixteen categories two are used.
    weights = dict(inputs["weights"])
    weights["encoder.category_embeddings.weight"] = weights["encoder.category_embeddings.weight"][
        :2
    ]
    put(network, weights, ours)
    batch = batch_of(inputs)
    assert ((batch.tokens == network.slot) == torch.tensor(inputs["category_ids"])).all()
    # The second example shows one photo; their second is padding, which ours leaves out.
    first, second = torch.tensor(inputs["visual_features"])
    return network, case, batch._replace(photos=torch.cat([first, second[:1]]))


def test_vip5_reads_and_writes_as_the_authors_code(vip5):
    network, case, batch = vip5
    agrees(network, case, batch)
    with torch.no_grad():
        assert_allclose(network.loss(batch), case["outputs"]["loss"], **CLOSE)


def test_vip5s_logits_are_theirs_to_the_last_digits_by_hooks_alone(vip5):
    network, case, batch = vip5
    asked = batch.targets != -100
    with torch.no_grad():
        logits = network(batch)[asked]
    assert (logits - torch.tensor(case["outputs"]["logits"])[asked]).abs().max() < 1e-6


def test_photos_become_vectors_as_in_the_authors_code(vip5):
    network, case, batch = vip5
    theirs = torch.tensor(case["outputs"]["visual_tokens"])  # (2, 4, d), two a photo
    with torch.no_grad():
        vectors = network.visual(batch.photos).flatten(0, 1)
    assert_allclose(vectors, torch.cat([theirs[0], theirs[1, :2]]), **CLOSE)


def test_an_adapter_adds_what_it_adds_in_the_authors_code(vip5):
    network, case, _ = vip5
    adapter = network.adapters["encoder/block/0/layer/0/SelfAttention"]
    with torch.no_grad():
        out = adapter(torch.tensor(case["inputs"]["adapter_input"]))
    assert_allclose(out, case["outputs"]["adapter_output"], **CLOSE)


def test_the_pieces_that_stand_for_photos_are_words_of_their_own_as_in_the_authors_code():
    case = golden("vip5")
    pieces = case["inputs"]["tokens"]
    starts = [begins_word(piece) or piece == SLOT for piece in pieces]
    assert [*whole_words(starts, most=511), 0] == case["outputs"]["whole_word_ids"]
