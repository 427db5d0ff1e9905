"""Measures beyond accuracy of stored runs of the ranking tasks, on the dataset they are over."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmark.data.catalogue import own_words
from benchmark.data.dataset import Dataset
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.metrics import beyond
from benchmark.metrics.image import JudgedPhotos
from benchmark.runs.scoring import item_lists
from benchmark.runs.store import StoredRun, read_predictions
from benchmark.words import underscored_words

#: The tasks whose predictions are lists of recommendations.
RANKED = frozenset({"recommendation", "search"})
#: Pixels that photos are read with, simulated and real.
_SIZES = {True: 64, False: 224}

#: What is printed below a table of these measures.
LEGEND = (
    "Beyond accuracy, of the lists as they are: coverage is the share of the catalogue in any "
    "list, Gini 0 where all items are recommended equally often, novelty the self-information "
    "of an item in bits, ARP the users who took it in training, diversity 1 - the mean cosine of "
    "two items of a list, of their words (tf-idf) or their photos. None is better high or low."
)


class BeyondAccuracy:
    """Measures runs over one dataset; what does not depend on the run is made once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        #: What could not be measured, and why.
        self.notes: list[str] = []

    def measure(self, run: StoredRun) -> dict[str, float | None]:
        """Return the run's measures by name, ``None`` for one that its lists do not have.

        Raises :class:`BenchError` for a run over another version of the dataset, or one whose
        predictions cannot be read.
        """
        dataset = self._dataset
        if run.manifest["dataset_sha256"] != dataset.sha256:
            raise BenchError(
                f"Run {run.folder.name!r} is over another version of {dataset.name} than prepared.",
                fix="Run it again.",
            )
        k, items = dataset.rules.k, len(dataset.catalogue())
        lists = item_lists(read_predictions(run.folder, ["items"]), dataset)
        popularity, users = self._popularity
        return {
            f"coverage@{k}": beyond.coverage(lists, items),
            f"Gini@{k}": beyond.gini(lists, items),
            f"novelty@{k}": beyond.novelty(lists, popularity, users),
            f"ARP@{k}": beyond.average_popularity(lists, popularity),
            f"text diversity@{k}": beyond.diversity(lists, self._texts),
            f"image diversity@{k}": self._image_diversity(lists),
        }

    @cached_property
    def _popularity(self) -> tuple[NDArray[np.int64], int]:
        """Users of the training part by item, (items,), and how many there are.

        Those that a model may learn from: held-back users have a training part of their own.
        """
        view = self._dataset.training_view()
        rows = view.interactions("train", columns=["user_id", "item_id"])
        taken = dict(rows.group_by("item_id").agg(pl.col("user_id").n_unique()).iter_rows())
        counts = np.array([taken.get(item, 0) for item in self._dataset.catalogue().ids], np.int64)
        return counts, rows["user_id"].n_unique()

    @cached_property
    def _texts(self) -> Any:
        items = self._dataset.catalogue()
        return beyond.text_vectors([underscored_words(own_words(item)) for item in items])

    @cached_property
    def _photos(self) -> JudgedPhotos:
        simulated = bool(self._dataset.info.get("simulated"))
        from benchmark.metrics.image_judge import find_judge  # torch, which a report does without

        return JudgedPhotos(
            find_judge(simulated=simulated),
            self._dataset.catalogue(),
            self._dataset.folder / "features",
            size=_SIZES[simulated],
        )

    def _image_diversity(self, lists: NDArray[np.int64]) -> float | None:
        """That of the photos; ``None`` without photos, and, said so, where there is no judge."""
        catalogue = self._dataset.catalogue()
        shown = [i for i in np.unique(lists[lists >= 0]).tolist() if catalogue[i].image is not None]
        if not shown:
            return None
        try:
            found = self._photos.vectors(shown)
        except BenchError as error:
            self.notes = [f"Image diversity is left out: {error.message}"]
            return None
        place = np.full(len(catalogue), -1)
        place[shown] = np.arange(len(shown))
        return beyond.diversity(np.where(lists >= 0, place[lists], -1), found)


def beyond_accuracy(name: str, home: Home) -> BeyondAccuracy:
    """Return the measures of runs over the dataset ``name``, which must be prepared.

    Raises :class:`BenchError` where it is not.
    """
    return BeyondAccuracy(open_dataset(name, home))
