"""SASRec (Kang and McAuley, ICDM 2018)."""

from __future__ import annotations

from pydantic import Field

from baselines.recbole.causal import CausalModel, CausalSettings
from baselines.recbole.encoder import EncoderSettings


class SASRecSettings(EncoderSettings, CausalSettings):
    """Sets the paper's section IV.C: two blocks of one head, d = 50, dropout 0.5, n = 50.

    Adam's rate is 1e-3. Its batches of 128 users have a target at every place. Its loss takes one
    negative, as that of ``sasrec:bpr`` does; cross-entropy over all items is RecBole's default and
    stronger.
    """

    batch_size: int = Field(128, ge=1, le=1_000_000, description="training rows a step")
    hidden_size: int = Field(50, ge=1, le=8192, description="width d")
    n_heads: int = Field(1, ge=1, le=64, description="attention heads")
    inner_size: int = Field(50, ge=1, le=32768, description="width inside the feed-forward part")


class SASRec(CausalModel):
    """Ranks by causal self-attention over the history, against the item vectors (equation 6).

    Kang and McAuley, "Self-Attentive Sequential Recommendation" (ICDM 2018).
    """

    Config = SASRecSettings
    name = "SASRec"
