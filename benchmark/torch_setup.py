"""The one place that makes torch, torchvision and what stands on them importable together.

The torchvision wheel on the package index is built for CUDA. Beside a CPU-only torch its C++
extension does not load, its operators are never declared, and ``import torchvision`` (hence
``open_clip``, hence parts of ``transformers``) fails with "operator torchvision::nms does not
exist". Only two operators are named at import time; declaring their signatures is enough,
since nothing here calls them.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_MISSING_AT_IMPORT = ("nms", "qnms")

#: A declaration lives as long as this object does.
_declarations: Any = None


def prepare_torch() -> None:
    """Declare torchvision's operators where its extension cannot; otherwise do nothing.

    Call before the first import of ``open_clip``, ``transformers`` or ``torchvision``; calling
    again costs nothing.
    """
    global _declarations
    if _declarations is not None or "torchvision" in sys.modules:
        return
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    import torch

    for extension in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(extension)  # type: ignore[no-untyped-call]
        except OSError:  # built for another torch: exactly the case cured below
            continue
    if hasattr(torch.ops.torchvision, "nms"):
        _declarations = ()
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in _MISSING_AT_IMPORT:
        library.define(f"{name}{_NMS}")  # type: ignore[no-untyped-call]
    _declarations = library
