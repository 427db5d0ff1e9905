"""Optimisers: AdamW as the paper uses it, Muon where a network starts from noise; schedules."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from benchmark.errors import BenchError
from unimp_model.config import UniMPConfig
from unimp_model.network.matching import learns_apart
from unimp_model.network.model import UniMPNetwork


def make_optimiser(
    network: UniMPNetwork, config: UniMPConfig, *, scale: float = 1.0
) -> torch.optim.Optimizer:
    """Return AdamW over what trains: decay on matrices, none on vectors and gates, own rates of
    gates and item rows, an own decay on the latter. With ``optimiser = muon`` the linear maps
    inside layers are Muon's instead. ``scale`` multiplies the rates."""
    inner = _linear_maps(network) if config.optimiser == "muon" else frozenset()
    maps, matrices, vectors, item_rows, gates = [], [], [], [], []
    matching: dict[float, list[nn.Parameter]] = {}
    for name, parameter in sorted(network.named_parameters()):
        if not parameter.requires_grad:
            continue
        factor = learns_apart(name)
        if factor is not None:
            matching.setdefault(factor, []).append(parameter)
        elif id(parameter) in inner:
            maps.append(parameter)
        elif name.endswith("gate"):
            gates.append(parameter)
        elif name.startswith("items.") and name.endswith("delta"):
            item_rows.append(parameter)
        elif parameter.ndim >= 2 and not name.startswith("special"):
            matrices.append(parameter)
        else:
            vectors.append(parameter)
    rate, item_rate = config.learning_rate * scale, config.item_learning_rate * scale
    groups = [
        {"params": matrices, "lr": rate, "weight_decay": config.weight_decay},
        {"params": vectors, "lr": rate, "weight_decay": 0.0},
        {"params": item_rows, "lr": item_rate, "weight_decay": config.item_decay},
        {"params": gates, "lr": config.gate_learning_rate * scale, "weight_decay": 0.0},
        *(
            {"params": some, "lr": config.matching_rate * factor * scale, "weight_decay": 0.0}
            for factor, some in sorted(matching.items())
        ),
    ]
    adamw = torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.98))
    if not maps:
        return adamw
    return MuonAndAdamW(torch.optim.Muon(maps, lr=config.muon_learning_rate * scale), adamw)


class MuonAndAdamW(torch.optim.Optimizer):
    """Joins two optimisers with disjoint parameters: one schedule, one state to be saved.

    Muon (Jordan et al., 2024) steps a matrix by the orthogonal matrix nearest to its momentum, so
    that all its directions learn alike; from noise, a few hundred steps then go further.
    """

    def __init__(self, muon: torch.optim.Muon, adamw: torch.optim.AdamW) -> None:
        self._parts = (muon, adamw)
        self._groups = (len(muon.param_groups), len(adamw.param_groups))
        super().__init__([*muon.param_groups, *adamw.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step both optimisers."""
        groups = iter(self.param_groups)
        for part, count in zip(self._parts, self._groups, strict=True):
            # A restored state replaces these objects: the parts are shown today's.
            part.param_groups = list(itertools.islice(groups, count))
            part.state = self.state
            part.step()


def _linear_maps(network: UniMPNetwork) -> frozenset[int]:
    """Ids of the weights of linear maps inside decoder layers, cross-attention and resampler."""
    places = [network.language.layers, network.cross_attention, network.resampler]
    return frozenset(
        id(module.weight)
        for place in places
        if place is not None
        for module in place.modules()
        if isinstance(module, nn.Linear)
    )


def check_precision(precision: str, device: torch.device) -> None:
    """Raise :class:`BenchError` where ``device`` is to compute in bfloat16 and cannot."""
    if precision == "fp32":
        return
    supported = torch.amp.is_autocast_available(device.type)
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if not supported:
        raise BenchError(
            f"Precision {precision!r} is not supported on {device.type} here.",
            fix="Use --set precision=fp32.",
        )
