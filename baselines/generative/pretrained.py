"""A pretrained T5 with its tokenizer, by hub name or out of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from baselines.generative.pieces import Pieces
from benchmark.errors import BenchError, in_one_line
from benchmark.host.finite import check_finite
from benchmark.host.torch_setup import prepare_torch


def load_t5(name: str, *, dropout: float) -> tuple[Any, Pieces]:
    """Load a pretrained T5 and its tokenizer, by hub name or folder; weights as safetensors only.

    Raises :class:`BenchError` where it cannot be had, is no T5, lacks weights or a fast tokenizer.
    """
    prepare_torch()
    place: dict[str, Any] = {"trust_remote_code": False}
    if Path(name).expanduser().is_dir():
        name, place["local_files_only"] = str(Path(name).expanduser()), True
    try:
        t5, found, tokenizer = _load(name, place, dropout)
    except BenchError:
        raise
    except Exception as error:  # a broken folder fails in as many ways as there are files in it
        raise BenchError(
            f"T5 {name!r} cannot be loaded: {in_one_line(error)}.",
            fix="Check the name and that it can be reached, or give a folder with config.json, "
            "model.safetensors and tokenizer.json: --set language_model=FOLDER.",
        ) from error
    if lost := sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]])):
        raise BenchError(f"T5 {name!r} lacks weights: {lost[0]}.", fix="Use a complete folder.")
    check_finite(f"T5 {name!r}", t5.named_parameters(), fix="Copy or download it again.")
    pieces = _pieces(tokenizer, name)
    if pieces.size > t5.config.vocab_size:
        raise BenchError(
            f"The tokenizer of T5 {name!r} has {pieces.size} pieces, its network "
            f"{t5.config.vocab_size}.",
            fix="Use a folder whose tokenizer and network belong together.",
        )
    return t5, pieces


def _load(name: str, place: dict[str, Any], dropout: float) -> tuple[Any, Any, Any]:
    """The network, what transformers found of its weights, and the tokenizer."""
    from transformers import AutoConfig, AutoTokenizer, T5ForConditionalGeneration

    config = AutoConfig.from_pretrained(name, **place)
    if config.model_type != "t5":
        raise BenchError(
            f"{name!r} is of type {config.model_type!r}, not a T5.",
            fix="Name a T5, such as google-t5/t5-small.",
        )
    config.dropout_rate = dropout
    loaded: Any = T5ForConditionalGeneration.from_pretrained(
        name,
        config=config,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        attn_implementation="eager",
        **place,
    )
    t5, found = loaded
    return t5, found, AutoTokenizer.from_pretrained(name, **place)


def _pieces(tokenizer: Any, name: str) -> Pieces:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BenchError(
            f"The tokenizer of T5 {name!r} has no fast form.", fix="Put tokenizer.json beside it."
        )
    backend.no_padding()
    backend.no_truncation()
    return Pieces(backend)
