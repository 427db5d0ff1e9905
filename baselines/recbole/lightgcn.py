"""LightGCN (He et al., SIGIR 2020)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from baselines.learning.factors import FactorSettings, Vectors
from baselines.recbole.pairs import RecBolePairs


class LightGCNSettings(FactorSettings):
    """Sets the paper's section 4.1.2: width 64, 3 layers, lambda 1e-4, Adam 1e-3, batches of 1024.

    ``min_epochs`` is ours: it can stand on a plateau, popularity, for dozens of epochs before it
    learns anything of users.
    """

    min_epochs: int = Field(
        60, ge=0, le=100_000, description="passes before patience may stop training"
    )
    batch_size: int = Field(1024, ge=1, le=1_000_000, description="training pairs a step")
    n_layers: int = Field(3, ge=1, le=16, description="graph convolutions K")
    reg_weight: float = Field(1e-4, ge=0, le=10, description="lambda of the squared norm")


class LightGCN(RecBolePairs):
    """Averages vectors over K propagations on the graph of training pairs (equations 3 to 9).

    He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation"
    (SIGIR 2020).
    """

    Config = LightGCNSettings
    name = network_name = "LightGCN"

    def network_settings(self) -> dict[str, Any]:
        """Return the settings; the paper's loss squares the norm (equation 15)."""
        return {**super().network_settings(), "require_pow": True}

    @torch.no_grad()
    def _final_vectors(self, network: Any) -> Vectors:
        users, items = network.forward()
        return users[1:].clone(), items[1:].clone()
