"""Content-based recommendation: rank items by the likeness of their photos to the history's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from baselines.learning.arrays import load_arrays, save_arrays
from baselines.learning.past import training_counts
from baselines.multimodal.features import Scaling, image_features, photo_row
from baselines.neighbours.ranker import Recency
from benchmark.host.files import read_json, write_json
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS
from benchmark.vision.photo_table import unit

_RECORD, _ARRAYS = "items.json", "vectors.safetensors"


class PhotoKNNConfig(BaseModel):
    """Sets which vectors are compared, and how the history counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_encoder: str = Field(AUTO, description=ENCODERS)
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")
    scaling: Scaling = Field(
        "centred", description="vectors relative to the mean photo, or as encoded"
    )
    recency: Recency = 0.8


class PhotoKNN:
    """Ranks items by nearness of their photos to the mean of the history's.

    The score of j is the cosine between the vector of its photo and the sum of w_i v_i over the
    history shown, w = ``recency`` to the number of later items; photos of the history are those
    that the instance shows. Vectors are a frozen encoder's, at length 1 after the mean photo is
    taken off (``scaling=unit``: as encoded). No interaction is learnt from, so that an item nobody
    took is ranked like any other. Items without a photo follow by training counts, and these alone
    rank for a history without one.
    """

    tasks = frozenset({"recommendation"})
    Config = PhotoKNNConfig

    def __init__(self, config: PhotoKNNConfig | None = None) -> None:
        self.config = config or PhotoKNNConfig()
        self.item_ids: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)  # (items,)
        self.vectors: NDArray[np.float32] = np.zeros((1, 1), np.float32)  # (photos + 1, e)
        self._rows: Mapping[str, int] = {}
        self._of_items: NDArray[np.int64] = np.zeros(0, np.int64)  # (items,) rows of vectors

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Encode the catalogue's photos, or find them encoded."""
        config = self.config
        found = image_features(data, config.image_encoder, steps=config.encoder_steps)
        self.item_ids, self.counts = data.catalogue.ids, training_counts(data)
        rows = np.arange(len(found.table))
        self.vectors = unit(found.vectors(rows, config.scaling).numpy())
        self._rows, self._of_items = dict(found.rows), found.of_items

    def predict(self, instances: Sequence[RankingInstance]) -> Iterable[Ranking]:
        """Rank the catalogue by :meth:`scores`."""
        return rank_in_blocks(instances, self.scores, self.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Return scores (n, items): cosine in [-1, 1], or training counts below that."""
        profiles = [self._profile(instance) for instance in instances]  # (e,) each
        last = self.counts - (self.counts.max(initial=0) + 2.0)  # (items,), below -1
        # One by one: a product over a block would move last digits with the block's length.
        rows = [
            np.where(self._of_items > 0, (self.vectors @ profile)[self._of_items], last)
            if profile.any()
            else last
            for profile in profiles
        ]
        return np.stack(rows)

    def save(self, folder: Path) -> None:
        """Write ids and names of photos as JSON, vectors and counts as safetensors."""
        write_json(folder / _RECORD, {"items": self.item_ids, "photos": list(self._rows)})
        save_arrays(
            {"counts": self.counts, "vectors": self.vectors, "of_items": self._of_items},
            folder / _ARRAYS,
        )

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        record, arrays = read_json(folder / _RECORD), load_arrays(folder / _ARRAYS)
        self.item_ids, self.counts = tuple(record["items"]), arrays["counts"]
        self.vectors, self._of_items = arrays["vectors"], arrays["of_items"]
        self._rows = {name: row for row, name in enumerate(record["photos"], start=1)}

    def _profile(self, instance: RankingInstance) -> NDArray[np.float32]:
        """The direction (e,) of the history's photos, of length 1, or zero."""
        mixed = np.zeros((1, self.vectors.shape[1]), np.float32)
        for age, item in enumerate(reversed(instance.history.items)):
            row = photo_row(item, self._rows, "photo-knn")
            if row:
                mixed += np.float32(self.config.recency**age) * self.vectors[row]
        profile: NDArray[np.float32] = unit(mixed)[0]
        return profile
