"""Which weights may change is an explicit list, per preset."""

from __future__ import annotations

from unimp_model.model import parameter_counts, trainable_parameters

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


def test_tiny_trains_everything_since_nothing_is_pretrained(world):
    expected = NEW_ROWS | RESAMPLER | CROSS_ATTENTION | LANGUAGE_MODEL
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
