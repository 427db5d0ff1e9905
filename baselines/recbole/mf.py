"""Matrix factorisation trained with BPR (Rendle et al., UAI 2009)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorModel, FactorSettings, Vectors
from baselines.recbole import recbole_fixes
from benchmark.data.instances.timeline import Timeline
from benchmark.training.reproducible import compute_device


class MF(FactorModel):
    """x_ui = p_u . q_i, -ln sigma(x_ui - x_uj) over drawn triples (section 4.3.1).

    The paper tunes width and regularisation by data set and names no default: width 64 and, as
    in RecBole, no regularisation but early stopping. ``weight_decay`` is there to be tuned.
    """

    Config = FactorSettings
    name = "MF"

    def _new_network(self, timeline: Timeline) -> nn.Module:
        return recbole_fixes.pair_network(
            "BPR",
            self.config.model_dump(),
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
        users, items = network.user_embedding.weight, network.item_embedding.weight
        return users[1:].detach().clone(), items[1:].detach().clone()
