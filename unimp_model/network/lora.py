"""LoRA (Hu et al., ICLR 2022): low-rank updates of a frozen language model, by the peft library.

A linear map W x becomes W x + (alpha / r) B A x with A (r, in) random and B (out, r) zero: at the
start the model is the frozen one, to the last bit, and W never changes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from benchmark.errors import BenchError
from benchmark.host.torch_setup import prepare_torch
from unimp_model.config import UniMPConfig
from unimp_model.network.language import LanguageModel

#: What peft calls the two factors.
_FACTORS = frozenset(("lora_A", "lora_B"))


def check_peft() -> None:
    """Raise :class:`BenchError` where the package that LoRA takes is not installed."""
    if importlib.util.find_spec("peft") is None:
        raise BenchError(
            "lora_rank needs the package peft, which is not installed.",
            fix="pip install 'unimp-bench[lora]'",
        )


def add_lora(language: LanguageModel, config: UniMPConfig, *, seed: int) -> None:
    """Add LoRA of ``config.lora_rank`` to ``language``, in place, A drawn from ``seed``.

    Only maps inside the decoder layers are adapted: the vocabulary's rows are looked up as they
    are. A and B are float32 whatever the frozen weights are, since training takes steps too small
    for bfloat16. torch's global generator is left as it was. :class:`BenchError` for a target
    that the last layer does not have, or without peft.
    """
    check_peft()
    prepare_torch()
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    targets = target_names(language, config.lora_targets)
    # GPT-2's maps are stored the other way round.
    turned = isinstance(language.layers.get_submodule(targets[0]), Conv1D)
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,  # type: ignore[arg-type]  # only ever divided by r
        lora_dropout=0.0,
        target_modules=targets,
        fan_in_fan_out=turned,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence([seed, 3]).generate_state(1)[0]))
        inject_adapter_in_model(lora, language.layers)
    for parameter in lora_parameters(language).values():
        parameter.data = parameter.data.float()


def lora_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return LoRA's factors inside ``module`` by name; empty without LoRA."""
    return {n: p for n, p in module.named_parameters() if not _FACTORS.isdisjoint(n.split("."))}


def target_names(language: LanguageModel, asked: Sequence[str] | None) -> list[str]:
    """Name the linear maps to adapt, from ``language.layers`` on, such as ``0.mlp.up_proj``.

    ``asked`` are endings of names inside a layer, such as ``up_proj`` or ``mlp.up_proj``. Not
    given: what peft adapts in this architecture, and every linear map where it has no list of
    names. The last layer must have each, since it is what is tuned for a task alone; raises
    :class:`BenchError` for one of ``asked`` that it lacks.
    """
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    last = _linear_maps(language.layers[-1])
    if asked is None:
        usual = USUAL.get(language.architecture)
        # Some entries are patterns over names of a whole model, not lists.
        given = () if usual is None or isinstance(usual, str) else usual
        wanted = [ending for ending in given if _ending_in(last, ending)] or last
    else:
        wanted = list(asked)
        if unknown := [ending for ending in wanted if not _ending_in(last, ending)]:
            raise BenchError(
                f"lora_targets: the last layer of language model type {language.architecture!r} "
                f"has no linear map {unknown[0]!r}.",
                fix=f"It has {', '.join(last)}.",
            )
    return [
        f"{number}.{name}"
        for number, layer in enumerate(language.layers)
        for name in _linear_maps(layer)
        if any(_ending_in([name], ending) for ending in wanted)
    ]


def _linear_maps(layer: nn.Module) -> list[str]:
    """Name the linear maps inside ``layer``."""
    from transformers.pytorch_utils import Conv1D

    return [name for name, m in layer.named_modules() if isinstance(m, nn.Linear | Conv1D)]


def _ending_in(names: Sequence[str], ending: str) -> list[str]:
    """Return those of ``names`` whose last parts are ``ending``."""
    return [name for name in names if f".{name}".endswith(f".{ending}")]
