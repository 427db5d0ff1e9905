"""VIP5's network: a P5 that reads photos as vectors in its sources, and is trained by adapters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from baselines.generative.adapters import add_adapters
from baselines.generative.network import P5Network
from baselines.generative.sources import NOTHING, Batch


class VisualTokens(nn.Module):
    """Maps a photo's features f to ``count`` vectors: norm(W2 tanh(W1 f + b1) + b2), cut.

    The norm divides by the root mean square of all count x d numbers, before they are cut.
    """

    def __init__(self, features: int, width: int, *, count: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, max(width * count // 2, 1))
        self.out = nn.Linear(self.hidden.out_features, width * count)
        self.norm = nn.RMSNorm(width * count, eps=1e-6)
        self.count = count

    def forward(self, features: Tensor) -> Tensor:
        """Return the vectors (n, count, d) of photos (n, e)."""
        vectors: Tensor = self.norm(self.out(torch.tanh(self.hidden(features))))
        return vectors.view(len(features), self.count, -1)


class VIP5Network(P5Network):
    """Reads photos' vectors among the pieces of a T5 that has adapters.

    x_t = (the photo's vector, or E[token_t]) + P[word_t] + C[whether it is a photo's]. ``slot`` is
    the piece in whose places photos' vectors stand, ``count`` vectors a photo.
    """

    def __init__(
        self, t5: Any, *, words: int, slot: int, features: int, count: int, reduction: int
    ) -> None:
        super().__init__(t5, words=words)
        self.slot = slot
        self.kinds = nn.Embedding(2, t5.config.d_model)
        self.visual = VisualTokens(features, t5.config.d_model, count=count)
        self.adapters = add_adapters(t5, reduction=reduction)

    def embed(self, batch: Batch) -> Tensor:
        """Return what the encoder reads (B, W, d), photos' vectors in the places of slots."""
        pieces: Tensor = self.t5.shared(batch.tokens)
        is_photo = (batch.tokens == self.slot) & batch.real
        if batch.photos is not None and len(batch.photos):
            vectors = self.visual(batch.photos).flatten(0, 1)  # (slots, d), in order
            pieces = pieces.masked_scatter(is_photo[:, :, None], vectors)
        words: Tensor = self.words(batch.words)
        kinds: Tensor = self.kinds(is_photo.to(torch.long))
        return pieces + words + kinds

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean of :meth:`losses` divided once more by the targets' lengths.

        So it stands in the authors' code: an example counts the less, the longer its target.
        """
        assert batch.targets is not None
        return (self.losses(batch) / (batch.targets != NOTHING).sum(1)).mean()

    def train_text(self) -> None:
        """Make all trainable but what belongs to photos and adapters."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not name.startswith(("visual.", "adapters.")))

    def train_adapters(self) -> None:
        """Make the adapters, what maps photos and all norms trainable; freeze all else."""
        for name, parameter in self.named_parameters():
            chosen = name.startswith(("visual.", "adapters.")) or "layer_norm" in name
            parameter.requires_grad_(chosen)
