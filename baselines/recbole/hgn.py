"""HGN (Ma, Kang and Liu, KDD 2019)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field

from baselines.recbole.sequential import SequenceModel, SequenceSettings
from benchmark.data.instances.timeline import Timeline


class HGNSettings(SequenceSettings):
    """Sets the paper's section 4.4: L = 5, d = 50, Adam 1e-3, lambda 1e-3, BPR.

    The paper learns T = 3 next items at once; RecBole's rows have one target. Its batches of 4096
    are for far more rows: on tens of thousands they are a few steps an epoch, and a fit ends while
    it knows no more than popularity.
    """

    window: int = Field(5, ge=1, le=10_000, description="latest items read, L")
    batch_size: int = Field(256, ge=1, le=1_000_000, description="training rows a step")
    embedding_size: int = Field(50, ge=1, le=8192, description="width of users and items")
    pooling_type: Literal["average", "max"] = Field("average", description="of gated items")
    weight_norm: float = Field(1e-3, ge=0, le=10, description="lambda of the gates' norms")
    vector_norm: float = Field(1e-3, ge=0, le=10, description="lambda of the vectors' norms")
    loss_type: Literal["CE", "BPR"] = Field("BPR", description="over all items, or one negative")


class HGN(SequenceModel):
    """Ranks by feature gating, instance gating and item-item products (equation 9).

    Ma, Kang and Liu, "Hierarchical Gating Networks for Sequential Recommendation" (KDD 2019). A
    user who was not there in training has the mean vector of those who were.
    """

    Config = HGNSettings
    name = "HGN"
    reads_users = True

    def _network_settings(self) -> dict[str, Any]:
        settings = super()._network_settings()
        return {**settings, "reg_weight": (self.config.weight_norm, self.config.vector_norm)}

    @torch.no_grad()
    def _after_training(self, timeline: Timeline) -> None:
        table = self.network.user_embedding.weight  # (users + 1, d); row 0 is anyone unknown
        table[0] = table[1:].mean(0)
