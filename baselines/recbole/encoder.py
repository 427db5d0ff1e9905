"""Settings of the three systems that are a transformer encoder."""

from __future__ import annotations

from pydantic import Field

from baselines.learning.heads import heads_divide
from baselines.recbole.sequential import SequenceSettings


class EncoderSettings(SequenceSettings):
    """Sets a transformer, by RecBole's names.

    GELU and the initial standard deviation 0.02 are BERT's.
    """

    n_layers: int = Field(2, ge=1, le=64, description="blocks")
    n_heads: int = Field(2, ge=1, le=64, description="attention heads")
    hidden_size: int = Field(64, ge=1, le=8192, description="width of items and states")
    inner_size: int = Field(256, ge=1, le=32768, description="width inside the feed-forward part")
    hidden_dropout_prob: float = Field(0.5, ge=0, lt=1, description="dropout of states")
    attn_dropout_prob: float = Field(0.5, ge=0, lt=1, description="dropout of attention")
    hidden_act: str = Field("gelu", pattern="^(gelu|relu|swish|tanh|sigmoid)$",
                            description="between the feed-forward layers")  # fmt: skip
    layer_norm_eps: float = Field(1e-12, gt=0, le=1e-3, description="of layer normalisation")
    initializer_range: float = Field(0.02, gt=0, le=1, description="std of initial weights")

    _heads_divide = heads_divide()
