"""Small networks behind the parts of a T5's layers: what VIP5 trains in place of the T5.

They are forward hooks on the modules of transformers, so that no layer of T5 is written anew.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

#: The parts of a layer that are followed by one: attentions return a tuple, states first.
PLACES = ("SelfAttention", "EncDecAttention", "DenseReluDense")


class Adapter(nn.Module):
    """Adds a bottleneck to states (..., d): a(y) = y + U gelu(D y + b) + c.

    D maps width d to d // ``reduction``, at least 1. Houlsby et al., "Parameter-Efficient Transfer
    Learning for NLP" (ICML 2019). U and c are zero at first: the adapter is then nothing.
    """

    def __init__(self, width: int, *, reduction: int) -> None:
        super().__init__()
        hidden = max(width // reduction, 1)
        self.down = nn.Linear(width, hidden)
        self.up = nn.Linear(hidden, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return adapted states (..., d)."""
        changed: Tensor = self.up(gelu(self.down(states), approximate="tanh"))
        return states + changed


def add_adapters(t5: Any, *, reduction: int) -> nn.ModuleDict:
    """Hook an adapter behind every part of :data:`PLACES`, before it is added to the residual.

    Returns them by the part's name, with slashes for dots; they are no modules of ``t5``.
    """
    adapters = nn.ModuleDict()
    for name, part in t5.named_modules():
        if name.rpartition(".")[2] in PLACES:
            adapter = Adapter(t5.config.d_model, reduction=reduction)
            adapters[name.replace(".", "/")] = adapter
            part.register_forward_hook(_hook(adapter))
    return adapters


def _hook(adapter: Adapter) -> Any:
    def adapted(part: nn.Module, given: Any, out: Any) -> Any:
        if isinstance(out, torch.Tensor):
            return adapter(out)
        return (adapter(out[0]), *out[1:])

    return adapted
