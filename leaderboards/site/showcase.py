"""Titles and photos of simulated items, for the pages: nobody's terms forbid to show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.dataset import Dataset
from benchmark.data.listing import list_datasets
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError
from benchmark.host.home import Home

#: Where photos lie in the site.
FOLDER = "photos"


@dataclass(frozen=True, slots=True)
class ShownItem:
    """Shows an item: its title, or else its id, and its photo.

    ``photo`` says where that lies in the site; ``None`` where there is none.
    """

    title: str
    photo: str | None


class Showcase:
    """Finds items of datasets prepared in ``home``; keeps the photos that pages name.

    ``files`` (path inside the site -> PNG) are those photos. A photo's path is its content's
    hash: equal ones are one file.
    """

    def __init__(self, home: Home | None) -> None:
        self.files: dict[str, bytes] = {}
        self._home = home
        self._datasets: dict[str, Dataset | None] = {}
        self._shown: dict[tuple[str, str], ShownItem] = {}

    def items(self, dataset_sha256: str, ids: Iterable[str]) -> dict[str, ShownItem]:
        """Return what may be shown of ``ids``: nothing unless the dataset is here and simulated."""
        dataset = self._dataset(dataset_sha256)
        if dataset is None:
            return {}
        catalogue = dataset.catalogue()
        found = {}
        for item_id in ids:
            if item_id in catalogue.index:
                key = (dataset_sha256, item_id)
                if key not in self._shown:  # pages of one dataset show the same items
                    self._shown[key] = self._item(dataset, item_id)
                found[item_id] = self._shown[key]
        return found

    def picture(self, png: bytes) -> str:
        """Keep a drawn picture; return where it lies."""
        path = f"{FOLDER}/{hashlib.sha256(png).hexdigest()[:24]}.png"
        self.files[path] = png
        return path

    def _item(self, dataset: Dataset, item_id: str) -> ShownItem:
        item = dataset.catalogue().by_id(item_id)
        photo = None if item.image is None else self.picture(Path(item.image).read_bytes())
        return ShownItem(item.title or item_id, photo)

    def _dataset(self, sha256: str) -> Dataset | None:
        if self._home is None:
            return None
        if sha256 not in self._datasets:
            names = [row["name"] for row in list_datasets(self._home) if row["sha256"] == sha256]
            self._datasets[sha256] = self._opened(names[0]) if names else None
        return self._datasets[sha256]

    def _opened(self, name: str) -> Dataset | None:
        assert self._home is not None
        try:
            dataset = open_dataset(name, self._home)
        except BenchError:
            return None  # damaged: its runs were not scored here either
        return dataset if dataset.info.get("simulated") else None
