"""A dataset's own small CLIP: trained once, then read from the features folder by every model.

It learns from the dataset's photos, its items' words and what users wrote about them in training;
always with the same seed, so that every system and every seed reads the same features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark import words
from benchmark.data import item_texts
from benchmark.errors import BenchError
from benchmark.host.files import REMAKE, locked, sha256_json
from benchmark.host.provenance import package_versions
from benchmark.model import TrainingView
from benchmark.models.code import digest
from benchmark.own_clip import photo_texts, small_clip
from benchmark.training import schedules
from benchmark.training.reproducible import reproducible
from benchmark.training.stored import load_tensors, save_tensors
from benchmark.vision import clip, photos
from benchmark.vision.clip import END, PADDING, SMALL_MEAN, SMALL_STD, SmallClip, build_small
from benchmark.vision.clip_encoder import ClipEncoder
from benchmark.vision.encoder_names import OWN

#: One for all models, so that no seed of theirs chooses its features. A start decides how well a
#: short training tells shapes apart; this one does on a world of another seed than the shipped one
#: (docs/results/what-helped.md).
_SEED = 0
_BATCH = 64
#: Photos learned from at most, evenly spaced over the catalogue: 140 MB of pixels.
_MOST_PHOTOS = 20_000
#: Words are those said at least so often; all others share one id.
_LEAST_SAID = 2
#: What decides the weights, beside this file.
_CODE = (clip, item_texts, photo_texts, photos, schedules, small_clip, words)


def own_clip(data: TrainingView, steps: int) -> ClipEncoder:
    """Return the small CLIP of ``data``, trained for ``steps`` by whoever asks first.

    A process that asks meanwhile waits; a training that was killed goes on where it stopped, and
    ends with the same weights. Raises :class:`BenchError` on a dataset without photos.
    """
    shown = [i for i, item in enumerate(data.catalogue) if item.image is not None]
    if not shown:
        raise BenchError(
            f"Dataset {data.name!r} has no photos to train an encoder on.",
            fix="Use a pretrained one: ARCHITECTURE/WEIGHTS.",
        )
    shown = shown[:: -(-len(shown) // _MOST_PHOTOS)]
    said = item_texts.item_texts(data)
    numbers = _numbers(said)
    shape = SmallClip()
    key = sha256_json([data.sha256, repr(shape), steps, _BATCH, _SEED, numbers, _code()])
    file = data.features_folder / "own-encoders" / f"{key[:16]}.safetensors"
    kept = data.features_folder / "training" / f"{key[:32]}-own-clip.safetensors"
    with (
        locked(file.with_suffix(".lock"), "training the dataset's own image encoder"),
        reproducible(_SEED, threads=1),
    ):
        model = build_small(shape, len(numbers) + 1)
        if file.is_file():
            model.load_state_dict(load_tensors(file, fix=REMAKE))
        else:
            photo_texts.train_on_texts(
                model,
                np.stack([photos.load_photo(_path(data, i), shape.image) for i in shown]),
                [[_ids(text, numbers) for text in said[i]] for i in shown],
                length=shape.text_length,
                steps=steps,
                batch=_BATCH,
                seed=_SEED,
                file=kept,
            )
            save_tensors(model.state_dict(), file)
            kept.unlink(missing_ok=True)
    return _frozen(model, shape, numbers)


@dataclass(frozen=True, slots=True)
class SmallTokens:
    """Cuts texts into the ids that the small CLIP reads: ``numbers`` of words, others alike."""

    numbers: Mapping[str, int]
    length: int

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return ids (n, length), padded."""
        rows = torch.full((len(texts), self.length), PADDING)
        for row, text in zip(rows, texts, strict=True):
            ids = [token + END + 1 for token in _ids(text, self.numbers)[: self.length - 1]]
            row[: len(ids) + 1] = torch.tensor([*ids, END])
        return rows


def stored_clip(weights: Mapping[str, Tensor], numbers: Mapping[str, int]) -> ClipEncoder:
    """Return the small CLIP of some dataset again, from its weights and its words' numbers."""
    shape = SmallClip()
    with torch.random.fork_rng([]):  # initialised, then overwritten
        model = build_small(shape, len(numbers) + 1)
    model.load_state_dict(weights)
    return _frozen(model, shape, numbers)


def _frozen(model: Any, shape: SmallClip, numbers: Mapping[str, int]) -> ClipEncoder:
    model.requires_grad_(False)
    tokens = SmallTokens(numbers, shape.text_length)
    return ClipEncoder(OWN, model.eval(), shape.image, SMALL_MEAN, SMALL_STD, tokens)


def _path(data: TrainingView, item: int) -> Path:
    return Path(str(data.catalogue[item].image))


def _numbers(said: Sequence[Sequence[str]]) -> dict[str, int]:
    """Numbers from 0 of the words said often enough, in alphabetical order."""
    counts: dict[str, int] = {}
    for text in (text for of_item in said for text in of_item):
        for word in words.joined_words(text):
            counts[word] = counts.get(word, 0) + 1
    often = sorted(word for word, count in counts.items() if count >= _LEAST_SAID)
    return {word: number for number, word in enumerate(often)}


def _ids(text: str, numbers: Mapping[str, int]) -> list[int]:
    return [numbers.get(word, len(numbers)) for word in words.joined_words(text)]


def _code() -> str:
    """The SHA-256 over the code that trains, and the versions of the packages it uses."""
    files = {module.__name__: Path(str(module.__file__)) for module in _CODE}
    return sha256_json([digest({**files, __name__: Path(__file__)}), package_versions()])
