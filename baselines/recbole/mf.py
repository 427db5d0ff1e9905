"""Matrix factorisation trained with BPR (Rendle et al., UAI 2009)."""

from __future__ import annotations

from baselines.learning.factors import FactorModel, FactorSettings


class MF(FactorModel):
    """x_ui = p_u . q_i, -ln sigma(x_ui - x_uj) over drawn triples (section 4.3.1).

    The paper tunes width and regularisation by data set and names no default: width 64 and, as
    in RecBole, no regularisation but early stopping. ``weight_decay`` is there to be tuned.
    """

    Config = FactorSettings
    network_name = "BPR"
