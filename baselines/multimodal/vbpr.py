"""VBPR: He and McAuley, "Visual Bayesian Personalized Ranking" (AAAI 2016)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from baselines.multimodal.photo_network import PhotoNetwork, Photos, PhotoSettings
from baselines.multimodal.photo_pairs import PhotoPairs


class VBPRNetwork(PhotoNetwork):
    """Scores by x_ui = b_i + g_u . g_i + t_u . (E f_i) + b' . f_i.

    Equation 4 without the constants.
    """

    def photos(self, features: Tensor) -> Photos:
        """Return q = E f and b' . f; photos do not act on an item's vector."""
        nothing = features.new_zeros(len(features), 0)
        return Photos(features @ self.projection, features @ self.visual_bias, nothing)

    def contrasts(self, taken: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
        """Return -ln sigma(x_ui - x_uj), (B,)."""
        return -functional.logsigmoid(taken[0] + taken[1] - other[0] - other[1])


class VBPR(PhotoPairs):
    """Ranks by VBPR with the authors' penalties (He and McAuley, 2016).

    The authors' own code was not to be had; ``tests/golden/data/vbpr.json`` holds values of
    Cornac's (4db147d), whose defaults the penalties and the learning rate are. Its others are
    10 + 10 factors, batches of 100, 50 epochs; here 32 + 32, so that a user has as many weights as
    MF's, batches of 1024, and early stopping. The paper feeds features of a pretrained network,
    Cornac rescales them; here they are the service's, relative to the mean photo.
    """

    Config = PhotoSettings
    Network = VBPRNetwork
    name = "VBPR"
