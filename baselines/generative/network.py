"""T5 of transformers, reading the vectors of pieces with those of their whole words added.

Nothing of T5 is copied: sources come in through ``inputs_embeds``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from baselines.generative.pieces import Pieces
from baselines.generative.sources import NOTHING, Batch
from benchmark.host.torch_setup import prepare_torch

#: What of a T5's configuration decides the network.
_SHAPE = (
    "vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads",
    "relative_attention_num_buckets", "relative_attention_max_distance", "dropout_rate",
    "layer_norm_epsilon", "feed_forward_proj", "pad_token_id", "eos_token_id",
    "decoder_start_token_id",
)  # fmt: skip


class Encoded(NamedTuple):
    """Holds the encoder's last states of a batch's sources, and which places are no padding."""

    states: Tensor
    """(B, W, d)"""
    real: Tensor
    """(B, W)"""

    def repeated(self, times: int) -> Encoded:
        """Return it with every row ``times`` times, one behind another."""
        return Encoded(
            self.states.repeat_interleave(times, 0), self.real.repeat_interleave(times, 0)
        )


class P5Network(nn.Module):
    """Adds whole-word vectors to the pieces that a T5 reads: x_t = E[token_t] + P[word_t].

    The table P (words, d) is drawn from N(0, 1), as in P5's code.
    """

    def __init__(self, t5: Any, *, words: int) -> None:
        super().__init__()
        self.t5 = t5
        self.words = nn.Embedding(words, t5.config.d_model)

    def embed(self, batch: Batch) -> Tensor:
        """Return what the encoder reads (B, W, d)."""
        pieces: Tensor = self.t5.shared(batch.tokens)
        words: Tensor = self.words(batch.words)
        return pieces + words

    def encode(self, batch: Batch) -> Encoded:
        """Read the sources of a batch."""
        read = self.t5.encoder(
            inputs_embeds=self.embed(batch), attention_mask=batch.real.to(torch.long)
        )
        return Encoded(read.last_hidden_state, batch.real)

    def decode(self, written: Tensor, encoded: Encoded, cache: Any = None) -> Tensor:
        """Return the logits (B, T, V) of what follows each piece of ``written`` (B, T).

        With ``cache`` (:func:`new_cache`) they follow what was written before, and are kept.
        """
        out = self.t5(
            decoder_input_ids=written,
            encoder_outputs=(encoded.states,),
            attention_mask=encoded.real.to(torch.long),
            past_key_values=cache,
            use_cache=cache is not None,
        )
        logits: Tensor = out.logits
        return logits

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits (B, T, V) of a batch's targets, each given those before it."""
        targets = batch.targets
        assert targets is not None
        before = torch.full_like(targets, self.t5.config.decoder_start_token_id)
        before[:, 1:] = targets[:, :-1].masked_fill(
            targets[:, :-1] == NOTHING, self.t5.config.pad_token_id
        )
        return self.decode(before, self.encode(batch))

    def losses(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy (B,) of the pieces of each target."""
        logits, targets = self(batch), batch.targets
        assert targets is not None
        by_piece = cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=NOTHING, reduction="none"
        ).view(targets.shape)
        mean: Tensor = by_piece.sum(1) / (targets != NOTHING).sum(1)
        return mean

    def loss(self, batch: Batch) -> Tensor:
        """Return what training lowers: the mean of :meth:`losses`."""
        return self.losses(batch).mean()

    def shape(self) -> dict[str, Any]:
        """Return what :func:`build_t5` and this class must know to build it again."""
        config = self.t5.config
        told = {name: getattr(config, name) for name in _SHAPE}
        # The one name under which transformers takes and keeps it differ.
        return {**told, "tie_word_embeddings": bool(config.scale_decoder_outputs)}


def new_cache() -> Any:
    """Return an empty cache for :meth:`P5Network.decode`."""
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    return EncoderDecoderCache(DynamicCache(), DynamicCache())


def build_t5(shape: Mapping[str, Any]) -> Any:
    """Build a T5 of this shape with initial weights drawn by torch.

    ``tie_word_embeddings`` false is T5 1.1, whose outputs are not scaled.
    """
    prepare_torch()
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(**shape)
    # Every row's arithmetic is the same in any company; kernels of fused attention do not say.
    config._attn_implementation = "eager"
    return T5ForConditionalGeneration(config)


def tiny_shape(pieces: Pieces, *, width: int, depth: int, heads: int, dropout: float) -> Any:
    """Return the shape of a T5 that is trained from scratch on ``pieces``."""
    return {
        "vocab_size": pieces.size,
        "d_model": width,
        "d_kv": max(width // heads, 1),
        "d_ff": 4 * width,
        "num_layers": depth,
        "num_decoder_layers": depth,
        "num_heads": heads,
        "dropout_rate": dropout,
        "pad_token_id": pieces.pad,
        "eos_token_id": pieces.end,
        "decoder_start_token_id": pieces.pad,
    }
