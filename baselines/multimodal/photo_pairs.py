"""Systems trained on pairs whose scores have a part of the item and a part of its photo.

Their formula is in :mod:`baselines.multimodal.photo_network`; here is how they are trained and
asked. What an instance shows counts: where an item of the history shows another photo than the
catalogue (perturbation ``nv``), m and n of that item are of the photo shown, for that instance. A
user who was not there in training is the mean of the items of the history, as shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.learning.blocks import ROWS
from baselines.learning.factors import Batch, PairModel
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import Asked
from baselines.multimodal.features import Features, Scaling, image_features, photo_row
from baselines.multimodal.photo_network import (
    Items,
    PhotoNetwork,
    Photos,
    PhotoSettings,
    Users,
    all_with_all,
    item_vectors,
    pairwise,
    parts,
)
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Instance, Item
from benchmark.model import TrainingView
from benchmark.training.reproducible import compute_device

#: Photos put through the photo parts at once.
_BLOCK = 8192


class PhotoPairs(PairModel):
    """Trains on pairs, and ranks with the photos that instances show."""

    Config = PhotoSettings
    Network: ClassVar[type[PhotoNetwork]]

    def __init__(self, config: PhotoSettings | None = None) -> None:
        super().__init__(config)
        self._features: Features | None = None
        self._photo_rows: dict[str, int] = {}
        self._row_of_item = np.zeros(0, np.int64)  # (items,) of the photo in the catalogue
        self._tables: dict[str, Tensor] = {}
        self._catalogue: tuple[Items, Photos] | None = None

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        steps = self.config.encoder_steps
        found = image_features(data, self.config.image_encoder, steps=steps)
        self._features = found
        self._photo_rows = dict(found.rows)
        self._row_of_item = found.of_items
        return timeline

    def _new_network(self, timeline: Timeline) -> PhotoNetwork:
        assert self._features is not None
        network = self.Network(
            self.config,
            users=len(timeline.users),
            cold=self._popularity == 0,
            width=self._features.width,
        )
        return network.to(compute_device())

    def _sampler(self, timeline: Timeline) -> NegativeSampler:
        """Sample items that somebody took: the others' photos shall not be learned to be bad."""
        warm = np.flatnonzero(self._popularity)
        places = np.searchsorted(warm, timeline.item)
        return NegativeSampler(timeline.user, places, items=len(warm))

    def negatives(
        self, user: NDArray[np.int64], sampler: NegativeSampler, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw an item for each of ``user`` (B,) among those that somebody took."""
        return np.flatnonzero(self._popularity)[sampler.draw(user, rng)]

    def loss(self, network: Any, batch: Batch) -> Tensor:
        """Return the scalar loss of a batch, with the features of its items' photos."""
        taken, other = self._of_items(batch.taken), self._of_items(batch.other)
        loss: Tensor = network.pair_loss(batch, taken, other)
        return loss

    def _of_items(self, items: Tensor) -> Tensor:
        return self._scaled(self._row_of_item[items.cpu().numpy()])

    def _scaled(self, rows: NDArray[np.int64]) -> Tensor:
        assert self._features is not None
        scaling: Scaling = self.config.scaling
        return self._features.vectors(rows, scaling).to(compute_device())

    def mean_features(self, which: NDArray[np.bool_]) -> Tensor:
        """Return the mean (1, width) of the features of the items that ``which`` (items,) marks.

        As training sees them: an item without a photo counts as the zero vector.
        """
        rows = self._row_of_item[which]
        total = sum(
            self._scaled(rows[start : start + _BLOCK]).double().sum(0)
            for start in range(0, len(rows), _BLOCK)
        )
        return (torch.as_tensor(total) / max(len(rows), 1)).float()[None]

    @torch.no_grad()
    def _weights_changed(self) -> None:
        network, features = self._network, self._features
        assert isinstance(network, PhotoNetwork)
        assert features is not None
        blocks = [
            network.photos(self._scaled(np.arange(start, min(start + _BLOCK, len(features.table)))))
            for start in range(0, len(features.table), _BLOCK)
        ]
        photos = Photos(*(torch.cat(field) for field in zip(*blocks, strict=True)))
        self._tables = {
            "user.g": network.user.detach().clone(),
            "user.t": network.taste.detach().clone(),
            "item.g": network.item.detach().clone(),
            "item.bias": network.item_bias.detach().clone(),
            **{f"photo.{name}": table for name, table in photos._asdict().items()},
            **self._further_tables(network),
        }
        self._know_catalogue()

    def _know_catalogue(self) -> None:
        """Keep the catalogue's items with their own photos, g' in place of g."""
        items, photos = self._items(slice(None)), self._photos(self._row_of_item)
        nothing = photos.p[:, :0]
        self._catalogue = items._replace(g=item_vectors(items, photos)), photos._replace(p=nothing)

    def _further_tables(self, network: Any) -> dict[str, Tensor]:
        """What a system's scores need beside users, items and photos."""
        return {}

    def combined(self, users: Users, m: Tensor, n: Tensor) -> Tensor:
        """Return scores (n, items) from both parts (n, items); as VBPR: their sum."""
        return m + n

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        users = self._users_of(block)
        assert self._catalogue is not None  # _users_of raises before a fit
        m, n = parts(users, *self._catalogue, all_with_all)
        for row, instance in enumerate(block):
            changed = self._shown_otherwise(instance)
            if changed:
                items = list(changed)
                photos = self._photos(np.array(list(changed.values())))
                one = Users(users.g[row], users.t[row])
                m[row, items], n[row, items] = parts(one, self._items(items), photos, pairwise)
        return self.combined(users, m, n).cpu().numpy()

    def _users_of(self, block: Asked) -> Users:
        """Vectors of ``ROWS`` users: learned ones, else the mean of the items they had."""
        known = self.tables
        g = torch.zeros(ROWS, known["user.g"].shape[1], device=compute_device())
        t = torch.zeros(ROWS, known["user.t"].shape[1], device=compute_device())
        for row, instance in enumerate(block):
            number = self._users.get(instance.user_id)
            if number is not None:
                g[row], t[row] = known["user.g"][number], known["user.t"][number]
            elif self._has_known_history(instance):
                had = [item for item in instance.history.items if item.item_id in self._index]
                photos = self._photos(np.array([self._photo_row(item) for item in had]))
                items = self._items([self._index[item.item_id] for item in had])
                g[row], t[row] = item_vectors(items, photos).mean(0), photos.q.mean(0)
        return Users(g, t)

    def _shown_otherwise(self, instance: Instance) -> dict[int, int]:
        """Numbers of the items that show another photo than in the catalogue, and its row."""
        changed = {}
        for item in instance.history.items:
            number = self._index.get(item.item_id)
            if number is not None and (row := self._photo_row(item)) != self._row_of_item[number]:
                changed[number] = row
        return changed

    def _photo_row(self, item: Item) -> int:
        return photo_row(item, self._photo_rows, self.name)

    def _items(self, numbers: Any) -> Items:
        return Items(self.tables["item.g"][numbers], self.tables["item.bias"][numbers])

    def _photos(self, rows: NDArray[np.int64]) -> Photos:
        chosen = torch.from_numpy(rows).to(compute_device())
        return Photos(*(self.tables[f"photo.{name}"][chosen] for name in Photos._fields))

    @property
    def tables(self) -> Mapping[str, Tensor]:
        """Return what was learned, by name; :class:`BenchError` before ``fit`` or ``load``."""
        if not self._tables:
            raise self.not_fitted()
        return self._tables

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the learned tables and, of every item, the row of its photo."""
        return {**self.tables, "row_of_item": torch.from_numpy(self._row_of_item)}

    def _shape(self) -> dict[str, Any]:
        return {"trainable": self._trainable, "photos": list(self._photo_rows)}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        row_of_item = tensors.pop("row_of_item").numpy()
        names = shape["photos"]
        expected = {
            "user.g": len(self._users),
            "user.t": len(self._users),
            "item.g": len(self.item_ids),
            "item.bias": len(self.item_ids),
            **{f"photo.{field}": len(names) + 1 for field in Photos._fields},
        }
        for name, rows in expected.items():
            if len(tensors[name]) != rows:
                raise ValueError(f"{len(tensors[name])} rows in {name}, not {rows}")
        if len(row_of_item) != len(self.item_ids) or not (row_of_item <= len(names)).all():
            raise ValueError("items and photos do not fit together")
        self._photo_rows = {name: row for row, name in enumerate(names, start=1)}
        self._row_of_item = row_of_item
        self._tables = {name: table.to(compute_device()) for name, table in tensors.items()}
        self._trainable = shape["trainable"]
        self._know_catalogue()
