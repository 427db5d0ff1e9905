"""A frozen CLIP that turns photos and texts into unit vectors, whoever trained it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.errors import BenchError
from benchmark.host.progress import bar
from benchmark.host.threads import processor_threads
from benchmark.vision.clip import named_clip, split_name
from benchmark.vision.photos import load_photo, normalise, resized

T = TypeVar("T")

#: Images encoded at once.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class ClipEncoder:
    """Encodes photos and texts as unit vectors by a frozen CLIP; ``name`` says which.

    Photos are fitted into ``size`` x ``size`` pixels and standardised by each channel's ``mean``
    and ``std``; ``tokenize`` turns texts into ids.
    """

    name: str
    model: Any
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tokenize: Callable[[list[str]], Tensor]

    def sha256(self) -> str:
        """Return the hash over weights and preprocessing."""
        digest = hashlib.sha256(repr((self.size, self.mean, self.std)).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Encode RGB images (3, h, w) of any size as unit vectors (n, e)."""
        return self._of_pixels(images, lambda image: resized(image, self.size), "images encoded")

    def photos(self, photos: Sequence[Path]) -> NDArray[np.float64]:
        """Encode photos as unit vectors (n, e); :class:`BenchError` for an unreadable one."""
        return self._of_pixels(photos, lambda path: load_photo(path, self.size), "photos encoded")

    def texts(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Encode texts as unit vectors (n, e)."""

        def encode(some: list[str]) -> Tensor:
            vectors: Tensor = self.model.encode_text(self.tokenize(some), normalize=True)
            return vectors

        return self._in_batches(list(texts), encode, "texts encoded")

    def _of_pixels(
        self, inputs: Sequence[T], load: Callable[[T], NDArray[np.uint8]], label: str
    ) -> NDArray[np.float64]:
        def encode(some: list[T]) -> Tensor:
            x = normalise(np.stack([load(one) for one in some]), self.mean, self.std)
            vectors: Tensor = self.model.encode_image(x, normalize=True)
            return vectors

        return self._in_batches(list(inputs), encode, label)

    def _in_batches(
        self, inputs: list[T], encode: Callable[[list[T]], Tensor], label: str
    ) -> NDArray[np.float64]:
        parts = [np.zeros((0, 0))] if not inputs else []
        with bar(label, len(inputs)) as progress, processor_threads(1), torch.inference_mode():
            for start in range(0, len(inputs), _CHUNK):
                some = inputs[start : start + _CHUNK]
                full = some + [some[-1]] * (_CHUNK - len(some))  # one shape, the same bits
                parts.append(encode(full)[: len(some)].double().numpy())
                progress.advance(len(some))
        return np.concatenate(parts)


def named_clip_encoder(name: str, setting: str) -> ClipEncoder:
    """Load a pretrained open_clip model (:func:`benchmark.vision.clip.named_clip`), tokenizer too.

    ``setting`` is what the name was given by, for messages. An encoder from a local file of
    weights is called by its file name, without its folder.
    """
    model = named_clip(name, setting).eval()
    import open_clip

    architecture, weights = split_name(name)
    try:
        tokenize = open_clip.get_tokenizer(architecture)
    except Exception as error:
        raise BenchError(
            f"Image encoder {name!r} has no tokenizer here: {type(error).__name__}: {error}.",
            fix=f"Make it reachable, or use own for {setting}.",
        ) from error
    size = model.visual.image_size
    return ClipEncoder(
        name=architecture if weights is None else f"{architecture}/{Path(weights).stem}",
        model=model,
        size=size[0] if isinstance(size, tuple) else int(size),
        mean=tuple(model.visual.image_mean),
        std=tuple(model.visual.image_std),
        tokenize=tokenize,
    )
