"""CausalRec: Qiu et al., "Causal Inference for Visual Debiasing in Visually-Aware Recommendation"
(ACM Multimedia 2021)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from baselines.multimodal.photo_network import (
    Items,
    PhotoNetwork,
    Photos,
    PhotoSettings,
    Users,
    drawn_projection,
    item_vectors,
)
from baselines.multimodal.photo_pairs import PhotoPairs


class CausalSettings(PhotoSettings):
    """Sets how CausalRec projects photos, and how much of their direct effect it takes off."""

    layers: Literal[0, 1, 2] = Field(
        0, description="tanh layers that features go through; 0: a projection alone"
    )
    debiasing: float = Field(
        0.8, ge=0, le=1, description="lambda_2, how much of the photo's direct effect is taken off"
    )


class CausalRecNetwork(PhotoNetwork):
    """Scores by m = b_i + g_u . g_i + g_u . (g_i * p(f_i)) and n = t_u . q(f_i) + b' . f_i.

    p and q are projections (``layers`` 0), tanh of them (1), or tanh of one more projection of
    that (2). The visual bias b' . f_i is never under tanh.
    """

    def __init__(self, config: CausalSettings, **shape: Any) -> None:
        super().__init__(config, **shape)
        k, k2, width = config.embedding_size, config.visual_size, shape["width"]
        self.layers = config.layers
        self.acting = nn.Parameter(drawn_projection(width, k))  # E_ind
        deeper = config.layers == 2
        self.projection2 = nn.Parameter(drawn_projection(k2, k2)) if deeper else None
        self.acting2 = nn.Parameter(drawn_projection(k, k)) if deeper else None

    def photos(self, features: Tensor) -> Photos:
        """Return q, b' . f and p of features (n, width)."""
        q = self._through(features @ self.projection, self.projection2)
        p = self._through(features @ self.acting, self.acting2)
        return Photos(q, features @ self.visual_bias, p)

    def _through(self, projected: Tensor, second: Tensor | None) -> Tensor:
        if self.layers == 0:
            return projected
        once = torch.tanh(projected)
        return once if second is None else torch.tanh(once @ second)

    def contrasts(self, taken: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
        """Return the sum (B,) of three BPR losses: of y, of m and of n."""
        m, n = (-functional.logsigmoid(one - two) for one, two in zip(taken, other, strict=True))
        return m + n - functional.logsigmoid(whole(*taken) - whole(*other))

    def projections(self) -> list[Tensor]:
        """Return the weights under ``projection_l2``: those of VBPR, and all that p and q add."""
        second = [weight for weight in (self.projection2, self.acting2) if weight is not None]
        return [*super().projections(), self.acting, *second]


def whole(m: Tensor, n: Tensor) -> Tensor:
    """Return y = sigma(m + n) sigma(m) sigma(n)."""
    return torch.sigmoid(m + n) * torch.sigmoid(m) * torch.sigmoid(n)


def debiased(m: Tensor, n: Tensor, average: Tensor, debiasing: float) -> Tensor:
    """Return y - lambda_2 sigma(m* + n) sigma(m*) sigma(n), the scores (users, items).

    ``average`` (users, 1) is m*: what m is for the mean item with the mean photo.
    """
    return whole(m, n) - debiasing * whole(average, n)


class CausalRec(PhotoPairs):
    """Ranks by CausalRec: the authors' loss, penalties and debiased scores (Qiu et al., 2021).

    The authors point to Cornac's code (4db147d), whose defaults the penalties, the learning rate,
    ``layers`` and ``debiasing`` are; widths and batches are VBPR's here. Its ``score`` adds to the
    stored biases, so that every user's scores contain those of the users asked before; here a
    score depends on its own instance alone (``scores_fresh_model`` of
    ``tests/golden/data/causalrec.json``). The mean item and the mean photo are those of the items
    that somebody took, at the scale that training sees; the example there takes the mean of raw
    features.
    """

    Config = CausalSettings
    Network = CausalRecNetwork
    name = "CausalRec"

    def _further_tables(self, network: Any) -> dict[str, Tensor]:
        device = network.item.device
        warm = torch.from_numpy(self._popularity > 0).to(device)
        features = self.mean_features(warm.cpu().numpy())
        items = Items(network.item[warm].mean(0, True), network.item_bias[warm].mean(0, True))
        vector = item_vectors(items, network.photos(features))[0]
        return {"average.g": vector, "average.bias": items.bias}

    def combined(self, users: Users, m: Tensor, n: Tensor) -> Tensor:
        """Return debiased scores (n, items)."""
        average = users.g @ self.tables["average.g"] + self.tables["average.bias"]
        return debiased(m, n, average[:, None], self.config.debiasing)
