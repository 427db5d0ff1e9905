"""GRU4Rec (Hidasi et al., ICLR 2016; as improved by Tan et al., DLRS 2016)."""

from __future__ import annotations

from pydantic import Field

from baselines.recbole.causal import CausalModel, CausalSettings


class GRU4RecSettings(CausalSettings):
    """Sets one layer of 100 units (Hidasi et al., section 4.1) and SASRec's batches of 128 users.

    The rest is RecBole's.
    """

    batch_size: int = Field(128, ge=1, le=1_000_000, description="training rows a step")
    embedding_size: int = Field(64, ge=1, le=8192, description="width of item vectors")
    hidden_size: int = Field(100, ge=1, le=8192, description="recurrent units")
    num_layers: int = Field(1, ge=1, le=16, description="recurrent layers")
    dropout_prob: float = Field(0.3, ge=0, lt=1, description="dropout of item vectors")


class GRU4Rec(CausalModel):
    """Runs a gated recurrent network over the history (Hidasi et al., 2016).

    Every prefix has a target (Tan et al., 2016).
    """

    Config = GRU4RecSettings
    name = "GRU4Rec"
