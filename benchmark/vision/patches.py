"""The features of a photo's places, from inside an open_clip image tower."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from benchmark.errors import BenchError
from benchmark.vision.encoder_names import LITE0, OWN


def check_gives_patches(visual: Any, name: str) -> None:
    """Raise :class:`BenchError` for the tower of encoder ``name`` that gives no patch features."""
    if not (hasattr(visual, "output_tokens") or hasattr(visual, "layer4")):
        raise BenchError(
            f"Image encoder {name!r} does not tell the parts of a photo apart.",
            fix=f"Use {OWN}, {LITE0}, or one of open_clip's own ViT or RN architectures.",
        )


def patch_tokens(visual: Any, x: Tensor) -> Tensor:
    """Return patch features (n, patches, f) of photos x (n, 3, s, s), before the tower pools them.

    The final tokens of a vision transformer, or the last feature map of a residual network that
    still tells places apart: its fourth stage leaves a single place of a photo under 64 pixels.
    Of a tower that :func:`check_gives_patches` lets pass.
    """
    if hasattr(visual, "layer4"):
        third = visual.layer3(visual.layer2(visual.layer1(visual.stem(x))))
        fourth = visual.layer4(third)
        last: Tensor = fourth if fourth[0, 0].numel() > 1 else third
        return last.flatten(2).transpose(1, 2)
    before = visual.output_tokens
    visual.output_tokens = True
    try:
        tokens: Tensor = visual(x)[1]
    finally:
        visual.output_tokens = before
    return tokens
