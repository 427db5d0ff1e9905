"""What the learned search models share: texts, training on purchases, files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.loop import TrainingSettings
from baselines.learning.ranker import Batch, CatalogueRanker, on_device
from baselines.search.texts import SearchTexts, Vocabulary
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView
from benchmark.tasks import search
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device


class SearchSettings(TrainingSettings):
    """Sets how many negatives are drawn, and which words are known."""

    negatives: int = Field(5, ge=1, le=1000, description="drawn against each word or item")
    min_count: int = Field(
        5, ge=1, description="words that occur less often are unknown, save words of queries"
    )


class SearchModel(CatalogueRanker[SearchTexts]):
    """Trains a network on purchases with the queries of their items, early-stopped on search."""

    tasks = frozenset({"search"})
    validated_on = search.TASK
    Config: ClassVar[type[SearchSettings]]

    def __init__(self, config: SearchSettings | None = None) -> None:
        super().__init__(config)
        self.vocabulary = Vocabulary(())
        self._window = 0
        #: Computed from the present weights when first needed.
        self._from_weights: dict[str, Tensor] = {}

    @abstractmethod
    def _new_network(self) -> nn.Module:
        """Freshly initialised, for the items, users and words that are known."""

    @abstractmethod
    def training_columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """Return the columns of a batch that learns from the purchases ``rows`` (B,)."""

    def _arrays(self) -> Mapping[str, NDArray[Any]]:
        """What :meth:`_read` kept, for the files."""
        return {}

    def _restore_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`_arrays` gave."""
        if arrays:
            raise ValueError(f"it holds {', '.join(sorted(arrays))}")

    def _read(self, data: TrainingView, timeline: Timeline) -> SearchTexts:
        texts = SearchTexts.of_view(data, min_count=self.config.min_count)
        self.vocabulary = texts.vocabulary
        self._window = data.history_window
        return texts

    def _learn(
        self,
        data: TrainingView,
        material: SearchTexts,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        network: Any = self._new_network().to(compute_device())
        self._network = network
        purchases = material.purchases()
        size = self.config.batch_size

        def batches() -> Iterator[Batch]:
            order = rng.permutation(purchases)
            for start in range(0, len(order), size):
                yield on_device(self.training_columns(material, order[start : start + size], rng))

        journal = self._train(
            network,
            data,
            batches=batches,
            steps=-(-len(purchases) // size),
            loss=network.loss,
            checkpoints=checkpoints,
        )
        network.eval()
        return journal

    def _weights_changed(self) -> None:
        self._from_weights.clear()

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the network's weights and the arrays kept of the data, by name."""
        network = {f"network.{n}": t for n, t in super().tensors().items()}
        return network | {f"data.{n}": torch.from_numpy(a) for n, a in self._arrays().items()}

    def _shape(self) -> Mapping[str, Any]:
        return {"words": self.vocabulary.words, "window": self._window}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        self.vocabulary = Vocabulary(shape["words"])
        self._window = shape["window"]
        self._restore_arrays(_under("data.", tensors))
        with torch.random.fork_rng([]):  # initialised on the processor, then overwritten
            network = self._new_network()
        network.load_state_dict(_under("network.", tensors))
        self._network = network.to(compute_device()).eval()
        self._weights_changed()


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
