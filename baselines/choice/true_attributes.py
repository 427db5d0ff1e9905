"""The learner of :mod:`.attribute_counts`, given the simulator's true attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from baselines.choice.attribute_counts import AttributeCounts, AttributeCountsConfig
from baselines.choice.matches import Histories
from baselines.choice.reader import Told
from benchmark.data.simulator.truth import ATTACHMENT, index_of, read_truth
from benchmark.instances import History
from benchmark.model import TrainingView

Cause = Literal["photo", "words", "order"]


class TrueAttributeCountsConfig(AttributeCountsConfig):
    """Adds to its base's settings which causes of a choice are kept from the model."""

    without: tuple[Cause, ...] = Field(
        (),
        description="what is kept from it: photo (colour, shape, pattern), words (brand, "
        "material, price), order (whose item is the latest)",
    )


class TrueAttributeCounts(AttributeCounts):
    """Ranks as ``attribute-counts``, by items' true attributes: no words to read, no photo to see.

    What it scores above ``attribute-counts`` is what reading and seeing lose; it is no system,
    for it knows what no system is told. What it loses ``without`` a cause of choices is that
    cause's share in what the simulated data can teach.
    """

    Config = TrueAttributeCountsConfig
    config: TrueAttributeCountsConfig
    name = "true-attribute-counts"

    def histories(self, histories: Sequence[History], folds: NDArray[np.int64]) -> Histories:
        """Return ``histories``, by item id instead of time where the order is kept from it."""
        if "order" in self.config.without:
            histories = [_by_id(history) for history in histories]
        return super().histories(histories, folds)

    def _features(self, data: TrainingView) -> None:
        return None

    def _told(self, data: TrainingView) -> Told:
        items = read_truth(data.attachment(ATTACHMENT)).items
        cheap = np.argsort(np.argsort(items.price, kind="stable")) * 5 // len(items.price)
        kept_from = {key for cause in self.config.without for key in _KEYS_OF.get(cause, ())}
        tables = {
            key: cheap if key == "price" else getattr(items, key)
            for key in _TRUE_KEYS
            if key not in kept_from
        }
        return {
            item_id: {key: [str(table[index_of(item_id)])] for key, table in tables.items()}
            for item_id in data.catalogue.ids
        }


_KEYS_OF: Mapping[Cause, tuple[str, ...]] = {
    "photo": ("colour", "shape", "pattern"),
    "words": ("brand", "material", "price"),
}
_TRUE_KEYS = (*_KEYS_OF["photo"], "leaf", *_KEYS_OF["words"])


def _by_id(history: History) -> History:
    """The same items and ratings in the order of the items' ids, which tells nothing."""
    order = sorted(range(len(history)), key=lambda i: history.items[i].item_id)
    return replace(
        history,
        items=tuple(history.items[i] for i in order),
        ratings=tuple(history.ratings[i] for i in order),
    )
