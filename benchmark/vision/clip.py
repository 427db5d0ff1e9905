"""CLIP models: a small one to be trained on a dataset, and pretrained ones by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.errors import BenchError, UsageError
from benchmark.host.finite import check_finite
from benchmark.host.torch_setup import prepare_torch

#: Pixel statistics the small CLIP is fed with.
SMALL_MEAN = (0.5, 0.5, 0.5)
SMALL_STD = (0.25, 0.25, 0.25)
#: Text ids of the small CLIP that are no words.
PADDING, END = 0, 1


@dataclass(frozen=True, slots=True)
class SmallClip:
    """Sets the sizes of the small CLIP: photos of ``image`` pixels square, ``text_length`` tokens.

    The image tower is CLIP's residual network: from a few hundred photos a convolution learns
    shapes and patterns that a vision transformer of the same cost does not.
    """

    image: int = 48
    width: int = 16
    text_width: int = 64
    text_length: int = 64
    embedding: int = 64


def build_small(shape: SmallClip, vocabulary: int) -> Any:
    """Build an untrained ``open_clip.model.CLIP`` over ``vocabulary`` words, ids from 2."""
    prepare_torch()
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    model = CLIP(
        embed_dim=shape.embedding,
        vision_cfg=CLIPVisionCfg(
            layers=(1, 1, 1, 1), width=shape.width, head_width=64, image_size=shape.image
        ),
        text_cfg=CLIPTextCfg(
            context_length=shape.text_length,
            vocab_size=vocabulary + 2,
            width=shape.text_width,
            heads=2,
            layers=1,
            pool_type="eos",
            pad_id=PADDING,
            eos_id=END,
        ),
    )
    return model.to(memory_format=torch.channels_last)  # faster on a CPU


def contrastive_loss(one: Tensor, other: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric InfoNCE over the pairs (b, e) of a batch of unit vectors.

    Radford et al., "CLIP" (ICML 2021).
    """
    logits = scale * one @ other.T  # (b, b)
    target = torch.arange(len(logits))
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def named_clip(name: str, setting: str) -> Any:
    """Load a pretrained open_clip model: ``ARCHITECTURE/WEIGHTS`` or ``hf-hub:REPOSITORY``.

    WEIGHTS is an open_clip tag or a local file; ``setting`` is what the name was given by, for
    the message. Raises :class:`BenchError` rather than start from random weights or from ones that
    are not finite.
    """
    prepare_torch()
    import open_clip

    architecture, weights = split_name(name)
    if weights is None and not name.startswith("hf-hub:"):
        raise UsageError(
            f"{setting} {name!r} names no weights.",
            fix="Write ARCHITECTURE/WEIGHTS, such as ViT-L-14/openai, or own.",
        )
    try:
        model, _ = open_clip.create_model_from_pretrained(architecture, pretrained=weights)
    except Exception as error:
        raise BenchError(
            f"Image encoder {name!r} cannot be loaded: {type(error).__name__}: {error}.",
            fix=f"Check the name and that its weights are reachable, or use own for {setting}.",
        ) from error
    check_finite(
        f"Image encoder {name!r}",
        model.state_dict(),
        fix=f"Copy or download its weights again, or use own for {setting}.",
    )
    return model


def split_name(name: str) -> tuple[str, str | None]:
    """Split a pretrained model's name into architecture and weights (``None`` without)."""
    if name.startswith("hf-hub:"):
        return name, None
    architecture, _, weights = name.partition("/")
    return architecture, weights or None
