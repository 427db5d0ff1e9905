"""RecBole's networks that learn from pairs, under the loop of every system trained on pairs."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from baselines.learning.factors import Batch, FactorModel
from baselines.recbole import recbole_fixes
from benchmark.data.instances.timeline import Timeline
from benchmark.training.reproducible import compute_device


class RecBolePairs(FactorModel):
    """Trains a network of RecBole's with a vector per user and item, by its own pairwise loss."""

    network_name: ClassVar[str]
    """RecBole's name of the network."""

    def _new_network(self, timeline: Timeline) -> nn.Module:
        sizes = recbole_fixes.Sizes(
            users=len(timeline.users),
            items=len(self.item_ids),
            pairs=(timeline.user, timeline.item),
        )
        return recbole_fixes.new_network(
            self.network_name, self.network_settings(), sizes, window=1, device=compute_device()
        )

    def network_settings(self) -> dict[str, Any]:
        """Return the settings of the network, by RecBole's names."""
        settings: dict[str, Any] = self.config.model_dump()
        return settings

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return RecBole's BPR loss of a batch of pairs."""
        tokens = {
            recbole_fixes.USER: batch.user + 1,
            recbole_fixes.ITEM: batch.taken + 1,
            recbole_fixes.NEGATIVE: batch.other + 1,
        }
        loss: Tensor = network.calculate_loss(tokens)
        return loss
