"""LightGCN (He et al., SIGIR 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorModel, FactorSettings, Vectors
from baselines.recbole import recbole_fixes
from benchmark.data.instances.timeline import Timeline
from benchmark.training.reproducible import compute_device


class LightGCNSettings(FactorSettings):
    """The paper's section 4.1.2: width 64, 3 layers, lambda 1e-4, Adam 1e-3, batches of 1024."""

    batch_size: int = Field(1024, ge=1, le=1_000_000, description="training pairs a step")
    n_layers: int = Field(3, ge=1, le=16, description="graph convolutions K")
    reg_weight: float = Field(1e-4, ge=0, le=10, description="lambda of the squared norm")


class LightGCN(FactorModel):
    """Vectors averaged over K propagations on the graph of training pairs (equations 3 to 9)."""

    Config = LightGCNSettings
    name = "LightGCN"

    def _new_network(self, timeline: Timeline) -> nn.Module:
        return recbole_fixes.pair_network(
            "LightGCN",
            # The paper's loss squares the norm (equation 15).
            {**self.config.model_dump(), "require_pow": True},
            timeline,
            items=len(self.item_ids),
            device=compute_device(),
        )

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return RecBole's BPR loss of a batch of pairs."""
        loss: Tensor = network.calculate_loss(recbole_fixes.pair_batch(*batch))
        return loss

    @torch.no_grad()
    def _final_vectors(self, network: Any) -> Vectors:
        users, items = network.forward()
        return users[1:].clone(), items[1:].clone()
