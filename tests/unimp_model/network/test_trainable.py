"""Which weights may change is an explicit list, per preset."""

from __future__ import annotations

import pytest

from unimp_model.network.model import last_layer, parameter_counts, trainable_parameters

_LLAMA_LAYER = {
    "input_layernorm.weight",
    "mlp.down_proj.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "post_attention_layernorm.weight",
    "self_attn.k_proj.weight",
    "self_attn.o_proj.weight",
    "self_attn.q_proj.weight",
    "self_attn.v_proj.weight",
}
_CROSS = {"gate", "norm.bias", "norm.weight", "to_kv.weight", "to_out.weight", "to_q.weight"}
_RESAMPLER_LAYER = {
    "feed_forward.0.bias",
    "feed_forward.0.weight",
    "feed_forward.1.bias",
    "feed_forward.1.weight",
    "feed_forward.3.bias",
    "feed_forward.3.weight",
    "norm_patches.bias",
    "norm_patches.weight",
    "norm_queries.bias",
    "norm_queries.weight",
    "to_kv.weight",
    "to_out.weight",
    "to_q.weight",
}
NEW_ROWS = {
    "special_input",
    "special_output",
    "items.code_delta",
    "items.input_delta",
    "items.input_mark",
    "items.output_delta",
    "items.input_photo.weight",
    "items.output_photo.weight",
}
RESAMPLER = {
    "resampler.project.weight",
    "resampler.project.bias",
    "resampler.positions",
    "resampler.queries",
    "resampler.norm.weight",
    "resampler.norm.bias",
    *(f"resampler.layers.0.{name}" for name in _RESAMPLER_LAYER),
}
CROSS_ATTENTION = {f"cross_attention.{i}.{name}" for i in (0, 2) for name in _CROSS}
LANGUAGE_MODEL = {
    "language.causal_lm.model.embed_tokens.weight",
    "language.causal_lm.model.norm.weight",
    *(f"language.causal_lm.model.layers.{i}.{name}" for i in range(4) for name in _LLAMA_LAYER),
}
FROM_SCRATCH = LANGUAGE_MODEL | {"carry"}


def test_tiny_trains_everything_since_nothing_is_pretrained(world):
    expected = NEW_ROWS | RESAMPLER | CROSS_ATTENTION | FROM_SCRATCH
    assert trainable_parameters(world().network) == sorted(expected)


def test_a_frozen_language_model_leaves_new_rows_resampler_and_cross_attention(world):
    network = world(preset="smollm2", resampler_layers=1).network
    assert trainable_parameters(network) == sorted(NEW_ROWS | RESAMPLER | CROSS_ATTENTION)
    counts = parameter_counts(network)
    frozen = sum(p.numel() for p in network.language.parameters())
    assert counts["total"] - counts["trainable"] == frozen


def test_random_ids_have_no_content_maps(world):
    names = trainable_parameters(world(item_rows="random").network)
    assert not [name for name in names if "photo" in name]


FUSED = {
    "cross-attention": RESAMPLER | CROSS_ATTENTION,
    "concatenation": RESAMPLER,
    "early": RESAMPLER | {"early_fusion.gate"},
    "late": RESAMPLER | {f"cross_attention.4.{name}" for name in _CROSS},
}


@pytest.mark.parametrize("preset", ["tiny", "smollm2"])
@pytest.mark.parametrize("fusion", FUSED)
def test_every_fusion_trains_what_it_adds(world, fusion, preset):
    network = world(preset=preset, fusion=fusion, resampler_layers=1).network
    expected = NEW_ROWS | FUSED[fusion] | (FROM_SCRATCH if preset == "tiny" else set())
    if fusion == "late":
        expected = expected - {"items.input_photo.weight"}
    assert trainable_parameters(network) == sorted(expected)


def test_attention_settings_add_no_weights(world):
    plain = trainable_parameters(world().network)
    assert trainable_parameters(world(exclusive_attention=False).network) == plain
    assert trainable_parameters(world(attend_last_image=True).network) == plain


def test_rating_and_image_tokens_lengthen_the_new_rows_alone(world):
    plain, more = world().network, world(levels=(1.0, 2.0), codes=6).network
    assert trainable_parameters(more) == trainable_parameters(plain)
    width = plain.language.width
    grown = parameter_counts(more)["trainable"] - parameter_counts(plain)["trainable"]
    assert grown == 2 * (2 + 6) * width  # input and output rows


LAST_OF_FOUR = {
    "language.causal_lm.model.norm.weight",
    *(f"language.causal_lm.model.layers.3.{name}" for name in _LLAMA_LAYER),
}


@pytest.mark.parametrize(
    ("settings", "cross_attention"),
    [
        ({}, None),  # before layers 0 and 2
        ({"fusion_every": 1}, 3),
        ({"fusion": "late"}, 4),
        ({"fusion": "early"}, None),
        ({"fusion": "concatenation"}, None),
        ({"preset": "smollm2"}, None),
    ],
    ids=str,
)
def test_the_last_layer_is_an_explicit_list(world, settings, cross_attention):
    expected = set(LAST_OF_FOUR)
    if cross_attention is not None:
        expected |= {f"cross_attention.{cross_attention}.{name}" for name in _CROSS}
    assert last_layer(world(**settings).network) == expected
