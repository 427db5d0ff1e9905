"""The encoders that judge generated images: their spaces are where similarity is measured.

None is trained where it judges, so that scores agree on any machine. Simulated drawings are judged
by a small network whose weights are shipped (:mod:`benchmark.metrics.train_sim_judge`): the cosine
of two is about the share of colour, shape and pattern that they have in common. Real photos are
judged by EfficientNet-lite0 (:mod:`benchmark.vision.efficientnet`).
``$UNIMP_BENCH_IMAGE_ENCODER`` names a pretrained one of open_clip instead. A judge's name holds the
hash of its weights and of what is done to an image before they see it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.host.files import sha256_file
from benchmark.training.stored import load_tensors
from benchmark.vision import lite_weights, look_net
from benchmark.vision.clip_encoder import named_clip_encoder
from benchmark.vision.efficientnet import LiteEncoder, lite_encoder
from benchmark.vision.look_net import LookNet, encode

VARIABLE = "UNIMP_BENCH_IMAGE_ENCODER"

#: The shipped weights and their SHA-256; a new training is a new file under the next number.
SIM_WEIGHTS = Path(__file__).with_name("weights") / "sim-judge-1.safetensors"
_SIM_SHA256 = "3d3b8723760cfb12cdc1dd9837e02a80c437d33b595a1e22e1b63c42ce75ff03"
#: Digits of a hash in a judge's name.
_DIGITS = 8


class Judge(Protocol):
    """Describes what turns images into unit vectors."""

    @property
    def name(self) -> str:
        """Return the judge's name, which every metric measured in its space carries."""

    def images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Encode RGB images (3, h, w) of any size as unit vectors (n, e)."""


@runtime_checkable
class ReadingJudge(Judge, Protocol):
    """Describes a judge whose space holds texts too."""

    def texts(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Encode texts as unit vectors (n, e)."""


@dataclass(frozen=True, slots=True)
class _SimJudge:
    network: LookNet
    name: str

    def images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        return encode(self.network, images)


@dataclass(frozen=True, slots=True)
class _PhotoJudge:
    encoder: LiteEncoder

    @property
    def name(self) -> str:
        return f"{self.encoder.name}-{self.encoder.sha256()[:_DIGITS]}"

    def images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        return self.encoder.images(images)


def find_judge(*, simulated: bool) -> Judge:
    """Return the judge that the environment variable names, else that of simulated or real photos.

    Raises :class:`BenchError` where its weights cannot be had.
    """
    if name := os.environ.get(VARIABLE):
        encoder = named_clip_encoder(name, f"${VARIABLE}")
        # A file may hold other weights tomorrow, and vectors are kept under the judge's name.
        return replace(encoder, name=f"{encoder.name}-{encoder.sha256()[:_DIGITS]}")
    return sim_judge() if simulated else photo_judge()


def sim_judge() -> Judge:
    """Return the judge of simulated drawings; :class:`BenchError` where its file was changed."""
    fix = "Restore it: git checkout, or install unimp-bench again."
    if not SIM_WEIGHTS.is_file() or sha256_file(SIM_WEIGHTS) != _SIM_SHA256:
        raise BenchError(f"{str(SIM_WEIGHTS)!r} is not the file that this version ships.", fix=fix)
    network = LookNet()
    network.load_state_dict(load_tensors(SIM_WEIGHTS, fix=fix))
    network.requires_grad_(False)
    told = repr((_SIM_SHA256, look_net.SIZE, look_net.MEAN, look_net.STD))
    digits = hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]
    return _SimJudge(network.eval(), f"{SIM_WEIGHTS.stem}-{digits}")


def photo_judge() -> Judge:
    """Return the judge of real photos; :class:`BenchError` where its package is missing."""
    if missing := lite_weights.why_not():
        raise BenchError(
            f"Images of real products are judged by {lite_weights.NAME}: {missing}.",
            fix=f"Install it and run the same command again, or name a judge by ${VARIABLE}.",
        )
    return _PhotoJudge(lite_encoder())
