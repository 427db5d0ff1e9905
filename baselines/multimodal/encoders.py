"""Frozen encoders by name: the one place where a name becomes weights.

``own`` is the dataset's own small CLIP (:mod:`benchmark.own_clip.of_dataset`). Of a dataset without
photos the own encoder of texts is ``words``, latent semantic analysis of the catalogue, which can
be named elsewhere too. Other names are pretrained:
``efficientnet-lite0`` for photos (:mod:`benchmark.vision.encoder_names`), ``ARCHITECTURE/WEIGHTS``
or ``hf-hub:REPOSITORY`` of open_clip for photos and texts, ``sentences:NAME`` of a sentence encoder
(hub name or folder) for texts alone. None of them falls back on random weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.multimodal import word_vectors
from benchmark import words
from benchmark.errors import BenchError, UsageError, in_one_line
from benchmark.host.files import sha256_json
from benchmark.host.packaged import packaged_encoder
from benchmark.host.progress import bar
from benchmark.host.provenance import package_versions
from benchmark.host.threads import processor_threads
from benchmark.host.torch_setup import prepare_torch
from benchmark.model import TrainingView
from benchmark.models.code import digest
from benchmark.own_clip import of_dataset
from benchmark.own_clip.of_dataset import own_clip
from benchmark.vision import clip, clip_encoder, photos
from benchmark.vision.clip_encoder import named_clip_encoder
from benchmark.vision.efficientnet import LiteEncoder, lite_encoder
from benchmark.vision.encoder_names import LITE0, OWN
from benchmark.vision.photo_table import unit
from benchmark.vision.photos import photo_files

SENTENCES = "sentences:"
#: What ``make models`` installs, found by name before any hub is asked.
MINILM = "all-MiniLM-L6-v2"
#: Texts a sentence encoder reads at once, and the tokens of each that it reads at most.
_TEXTS, _TOKENS = 64, 256


class PhotoEncoder(Protocol):
    """Describes what turns photos into unit vectors."""

    @property
    def name(self) -> str:
        """Return the encoder's name, for notes."""

    def sha256(self) -> str:
        """Return the hash over all that decides a vector."""

    def photos(self, photos: Sequence[Path]) -> NDArray[np.floating]:
        """Encode photos as unit vectors (n, e)."""


class TextEncoder(Protocol):
    """Describes what turns texts into unit vectors."""

    @property
    def name(self) -> str:
        """Return the encoder's name, for notes."""

    def sha256(self) -> str:
        """Return the hash over all that decides a vector."""

    def texts(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Encode texts as unit vectors (n, e)."""


def image_encoder(name: str, data: TrainingView, *, steps: int) -> PhotoEncoder:
    """Return the encoder of photos called ``name``; :class:`BenchError` where it cannot be had.

    ``name`` is one encoder (:func:`benchmark.vision.encoder_names.parts_of`); ``steps`` are the
    training steps of the own one.
    """
    if name.startswith(SENTENCES):
        raise UsageError(
            f"image_encoder {name!r} reads texts, not photos.",
            fix=f"Write own, {LITE0}, or ARCHITECTURE/WEIGHTS such as ViT-L-14/openai.",
        )
    if name == LITE0:
        return _of_catalogue(lite_encoder(), data)
    return own_clip(data, steps) if name == OWN else named_clip_encoder(name, "image_encoder")


def text_encoder(name: str, data: TrainingView, texts: Sequence[str], *, steps: int) -> TextEncoder:
    """Return the encoder of texts called ``name``; :class:`BenchError` where it cannot be had.

    ``texts`` are those of the catalogue, which ``words`` learns from.
    """
    without_photos = all(item.image is None for item in data.catalogue)
    if name == word_vectors.NAME or (name == OWN and without_photos):
        return word_vectors.learned(texts)
    return own_clip(data, steps) if name == OWN else pretrained_text_encoder(name)


def pretrained_text_encoder(name: str) -> TextEncoder:
    """Load the encoder of texts that is neither ``own`` nor ``words``."""
    if name.startswith(SENTENCES):
        return sentence_encoder(name.removeprefix(SENTENCES))
    if name == LITE0:
        raise UsageError(
            f"text_encoder {name!r} reads photos, not texts.",
            fix=f"Write own, {SENTENCES}NAME, or ARCHITECTURE/WEIGHTS such as ViT-L-14/openai.",
        )
    return named_clip_encoder(name, "text_encoder")


@dataclass(frozen=True, slots=True)
class _Stored:
    """An encoder whose vectors of a catalogue's photos are kept on disk."""

    encoder: LiteEncoder
    rows: Mapping[str, int]
    vectors: NDArray[np.float16]

    @property
    def name(self) -> str:
        return self.encoder.name

    def sha256(self) -> str:
        return self.encoder.sha256()

    def photos(self, photos: Sequence[Path]) -> NDArray[np.floating]:
        return unit(self.vectors[[self.rows[path.name] for path in photos]])


def _of_catalogue(encoder: LiteEncoder, data: TrainingView) -> _Stored:
    """The encoder over the photos of ``data``, which has some: encoded once for all systems."""
    files = photo_files(data.catalogue)
    table = encoder.stored(list(files.values()), data.features_folder)
    return _Stored(encoder, {name: row for row, name in enumerate(files)}, table.photo_vectors)


def encoding_code() -> str:
    """Return the SHA-256 over the code that encodes, and the versions of the packages it uses."""
    modules = (clip, clip_encoder, of_dataset, photos, word_vectors, words)
    files = {module.__name__: Path(str(module.__file__)) for module in modules}
    return sha256_json([digest({**files, __name__: Path(__file__)}), package_versions()])


@dataclass(frozen=True, slots=True)
class SentenceEncoder:
    """Encodes a text by the mean of a transformer's last states over its tokens, at length 1.

    Reimers and Gurevych, "Sentence-BERT" (EMNLP 2019), section 3, pooling MEAN.
    """

    name: str
    model: Any
    tokenizer: Any

    def sha256(self) -> str:
        """Return the hash over weights and vocabulary."""
        told = hashlib.sha256(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            told.update(name.encode())
            told.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return told.hexdigest()

    def texts(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Encode texts, of each the first tokens, as unit vectors (n, e)."""
        parts = [np.zeros((0, int(self.model.config.hidden_size)), np.float32)]
        with bar("texts encoded", len(texts)) as progress, torch.inference_mode():
            for start in range(0, len(texts), _TEXTS):
                some = list(texts[start : start + _TEXTS])
                with processor_threads(1):
                    parts.append(self._encoded(some))
                progress.advance(len(some))
        return np.concatenate(parts)

    def _encoded(self, texts: list[str]) -> NDArray[np.float32]:
        """One by one: padding to the longest of a batch would move a text's last bits."""
        rows = []
        for text in texts:
            told = self.tokenizer(text, truncation=True, max_length=_TOKENS, return_tensors="pt")
            states = self.model(**told).last_hidden_state[0]  # (tokens, e)
            mean = states.float().mean(0)
            rows.append((mean / mean.norm().clamp_min(1e-12)).numpy())
        return np.stack(rows)


def sentence_encoder(name: str) -> SentenceEncoder:
    """Load a sentence encoder (hub name or folder); :class:`BenchError` where it cannot be had."""
    prepare_torch()
    from transformers import AutoModel, AutoTokenizer

    source = name
    if name == MINILM:
        packaged = packaged_encoder()
        source = f"sentence-transformers/{name}" if packaged is None else str(packaged.folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModel.from_pretrained(source, trust_remote_code=False, use_safetensors=True)
    except Exception as error:
        raise BenchError(
            f"Sentence encoder {name!r} cannot be loaded: {in_one_line(error)}.",
            fix="Check the name and that its weights are reachable (make models), or use own.",
        ) from error
    model.requires_grad_(False)
    folder = Path(name)
    return SentenceEncoder(folder.name if folder.is_dir() else name, model.eval(), tokenizer)
