"""The photo of the most popular item that fits the query: retrieval in place of drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

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

_STATE, _PHOTOS = "retrieved-photo.json", "photos.safetensors"


class RetrievedPhoto:
    """Retrieves one photo per query, the same for every user.

    Of the query's category (items whose own query it is) the photographed item with the most
    training interactions, ties by item index; for a query of no such item, of the catalogue.
    A generator has to beat it: it fits the query, looks real and knows no user.
    """

    tasks = frozenset({"image-generation"})

    def __init__(self) -> None:
        self.best: dict[str, str] = {}
        self.overall = ""
        self.photos: Photos = {}

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Find the most popular photographed item of each query, and of the catalogue."""
        tally = data.interactions("train")["item_id"].value_counts()
        counts: dict[str, int] = dict(tally.iter_rows())
        ids, queries = data.catalogue.ids, data.catalogue.queries
        popular = sorted(photographed(data), key=lambda i: (-counts.get(ids[i], 0), i))
        first: dict[str, int] = {}
        for i in popular:
            query = queries[i]
            if query is not None:
                first.setdefault(query, i)
        self.best = {query: ids[i] for query, i in sorted(first.items())}
        self.overall = ids[popular[0]]
        self.photos = read_photos(data.catalogue, sorted({popular[0], *first.values()}))

    def predict(self, instances: Sequence[ImageGenerationInstance]) -> Iterator[Image]:
        """Return the photo of each instance's query, or the catalogue's where it is unknown."""
        for instance in instances:
            yield drawn(instance, self.best.get(instance.query, self.overall), self.photos)

    def save(self, folder: Path) -> None:
        """Write the item of each query, and the photos."""
        write_json(folder / _STATE, {"best": self.best, "overall": self.overall})
        save_photos(self.photos, folder / _PHOTOS)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self.best, self.overall = state["best"], state["overall"]
        self.photos = load_photos(folder / _PHOTOS)
