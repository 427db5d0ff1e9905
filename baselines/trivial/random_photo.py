"""The photo of a random item: the floor of image generation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from baselines.trivial.photo_store import (
    Photos,
    drawn,
    load_photos,
    photographed,
    read_photos,
    save_photos,
)
from benchmark.host.files import read_json, write_json
from benchmark.instances import ImageGenerationInstance
from benchmark.model import TrainingView
from benchmark.predictions import Image

_STATE, _PHOTOS = "random-photo.json", "photos.safetensors"
#: Photos kept, drawn by the seed where the catalogue has more.
MOST_PHOTOS = 1000


class RandomPhoto:
    """Draws a photo anew for every instance, all equally likely, whatever the query.

    The photos are at most :data:`MOST_PHOTOS` of the catalogue, drawn by the run's seed. The draw
    depends on that seed and the instance's id, not on batching or order.
    """

    tasks = frozenset({"image-generation"})

    def __init__(self) -> None:
        self.seed = 0
        self.item_ids: tuple[str, ...] = ()
        self.photos: Photos = {}

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Read at most ``MOST_PHOTOS`` catalogue photos, drawn by ``seed``."""
        self.seed = seed
        shown = photographed(data)
        count = min(len(shown), MOST_PHOTOS)
        kept = sorted(np.random.default_rng(seed).choice(shown, count, replace=False).tolist())
        self.item_ids = tuple(data.catalogue.ids[i] for i in kept)
        self.photos = read_photos(data.catalogue, kept)

    def predict(self, instances: Sequence[ImageGenerationInstance]) -> Iterator[Image]:
        """Draw one photo for each instance."""
        for instance in instances:
            digest = hashlib.sha256(f"{self.seed}:{instance.instance_id}".encode()).digest()
            chosen = int.from_bytes(digest[:16]) % len(self.item_ids)
            yield drawn(instance, self.item_ids[chosen], self.photos)

    def save(self, folder: Path) -> None:
        """Write seed, item ids and photos."""
        write_json(folder / _STATE, {"seed": self.seed, "items": self.item_ids})
        save_photos(self.photos, folder / _PHOTOS)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self.seed, self.item_ids = state["seed"], tuple(state["items"])
        self.photos = load_photos(folder / _PHOTOS)
