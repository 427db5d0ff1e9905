"""The vectors of what instances say about items: the catalogue's texts, and any other ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.multimodal import word_vectors
from baselines.multimodal.encoders import TextEncoder, pretrained_text_encoder
from baselines.multimodal.features import Features, item_text
from baselines.multimodal.word_vectors import WordVectors
from benchmark.instances import Item
from benchmark.own_clip.of_dataset import SmallTokens, stored_clip
from benchmark.vision.clip_encoder import ClipEncoder

#: Texts outside the catalogue whose vectors are kept; with 768 numbers each 200 MB.
_MOST_KEPT = 2**16


class ShownTexts:
    """Tells the row of an item's words, and encodes words that the catalogue does not have.

    ``digests`` (n,) are those of the texts of rows 1 to n. ``name`` is the encoder's, as it was
    asked for: a pretrained one is loaded by it again, the dataset's own is saved.
    """

    def __init__(self, name: str, encoder: TextEncoder, digests: NDArray[np.int64]) -> None:
        self._name = name
        self._encoder = encoder
        self._digests = digests
        self._rows = {digest: row for row, digest in enumerate(digests.tolist(), start=1)}
        self._further: dict[int, NDArray[np.float32]] = {}

    @classmethod
    def of(cls, name: str, encoder: TextEncoder, features: Features) -> ShownTexts:
        """Know the texts of ``features``, encoded by ``encoder``."""
        digests = np.array([_digest(text) for text in features.rows], np.int64)
        return cls(name, encoder, digests)

    def row(self, item: Item) -> int | None:
        """Return the row of an item's words, 0 for no words, ``None`` for words without a row."""
        text = item_text(item)
        return 0 if text is None else self._rows.get(_digest(text))

    def read(self, items: Iterable[Item]) -> None:
        """Encode the words of ``items`` that have no row, all at once."""
        texts = {_digest(text): text for text in map(item_text, items) if text is not None}
        new = [d for d in texts if d not in self._rows and d not in self._further]
        if not new:
            return
        if len(self._further) + len(new) > _MOST_KEPT:
            self._further = {d: self._further[d] for d in texts if d in self._further}
        vectors = self._encoder.texts([texts[digest] for digest in new])
        # As the catalogue's: through float16.
        self._further.update(zip(new, vectors.astype(np.float16).astype(np.float32), strict=True))

    def vector(self, item: Item) -> NDArray[np.float32]:
        """Return the unit vector (e,) of an item's words that :meth:`read` has read."""
        text = item_text(item)
        assert text is not None
        return self._further[_digest(text)]

    def tensors(self) -> dict[str, Tensor]:
        """Return the digests and, of the dataset's own encoder, the weights."""
        found = {"text_digests": torch.from_numpy(self._digests)}
        if isinstance(self._encoder, WordVectors):
            found["encoder.directions"] = torch.from_numpy(self._encoder.directions)
        elif isinstance(self._encoder, ClipEncoder) and self._own_numbers() is not None:
            state: dict[str, Tensor] = self._encoder.model.state_dict()
            found |= {f"encoder.{name}": value for name, value in state.items()}
        return found

    def shape(self) -> dict[str, Any]:
        """Return the encoder's name and its words in order, for JSON."""
        encoder = self._encoder
        numbers = encoder.numbers if isinstance(encoder, WordVectors) else self._own_numbers()
        kind = "words" if isinstance(encoder, WordVectors) else "clip"
        return {"name": self._name, "kind": kind, "words": None if numbers is None else [*numbers]}

    def _own_numbers(self) -> Mapping[str, int] | None:
        tokens = getattr(self._encoder, "tokenize", None)
        return tokens.numbers if isinstance(tokens, SmallTokens) else None

    @classmethod
    def restored(cls, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> ShownTexts:
        """Take back, out of ``tensors`` too, what :meth:`tensors` and :meth:`shape` gave."""
        digests = tensors.pop("text_digests").numpy()
        parts = [name for name in tensors if name.startswith("encoder.")]
        weights = {name.removeprefix("encoder."): tensors.pop(name) for name in parts}
        if shape["words"] is None:
            return cls(shape["name"], pretrained_text_encoder(shape["name"]), digests)
        numbers = {word: number for number, word in enumerate(shape["words"])}
        if shape["kind"] == word_vectors.NAME:
            return cls(shape["name"], WordVectors(numbers, weights["directions"].numpy()), digests)
        return cls(shape["name"], stored_clip(weights, numbers), digests)


def _digest(text: str) -> int:
    told = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(told, "little", signed=True)
