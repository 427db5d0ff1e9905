"""Matrix factorisation trained with BPR (Rendle et al., UAI 2009)."""

from __future__ import annotations

from typing import Any

import torch

from baselines.learning.factors import FactorSettings, Vectors
from baselines.recbole.pairs import RecBolePairs


class MF(RecBolePairs):
    """Factorises the matrix of interactions under BPR (Rendle et al., 2009).

    x_ui = p_u . q_i, and the loss is -ln sigma(x_ui - x_uj) over drawn triples (section 4.3.1). The
    paper tunes width and regularisation by data set and names no default: width 64 and, as in
    RecBole, no regularisation but early stopping. ``weight_decay`` is there to be tuned.
    """

    Config = FactorSettings
    name = "MF"
    network_name = "BPR"

    @torch.no_grad()
    def _final_vectors(self, network: Any) -> Vectors:
        users, items = network.user_embedding.weight, network.item_embedding.weight
        return users[1:].detach().clone(), items[1:].detach().clone()
