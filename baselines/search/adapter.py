"""What the learned search models share: fitting in order, prediction, files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.loop import TrainingSettings, train
from baselines.search.texts import SearchTexts, Vocabulary
from benchmark.errors import BenchError
from benchmark.host.threads import processor_threads
from benchmark.instances import SearchInstance
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.tasks import search
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device, reproducible
from benchmark.training.stored import restoring, store, stored_record, stored_tensors
from benchmark.training.validation import RankingValidation

_FORMAT = 1
_RECORD = "search.json"

#: Columns by name.
Batch = dict[str, Tensor]
Asked = Sequence[SearchInstance]


class SearchSettings(TrainingSettings):
    """Settings of all of them."""

    negatives: int = Field(5, ge=1, le=1000, description="drawn against each word or item")
    min_count: int = Field(
        5, ge=1, description="words that occur less often are unknown, save words of queries"
    )


class SearchModel(ABC):
    """A network trained on purchases with the queries of their items, early-stopped on search."""

    tasks: ClassVar[frozenset[str]] = frozenset({"search"})
    Config: ClassVar[type[SearchSettings]]
    name: ClassVar[str]

    def __init__(self, config: SearchSettings | None = None) -> None:
        self.config: Any = config or self.Config()
        self.item_ids: tuple[str, ...] = ()
        self.journal = Journal()
        self.vocabulary = Vocabulary(())
        self._users: dict[str, int] = {}
        self._index: dict[str, int] = {}
        self._popularity = np.zeros(0)  # (items,) training interactions
        self._window = 0
        self._network: nn.Module | None = None
        #: Computed from the present weights when first needed.
        self._from_weights: dict[str, Tensor] = {}

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train on the training part; validation questions only stop it."""
        texts = SearchTexts.of_view(data, min_count=self.config.min_count)
        self.vocabulary = texts.vocabulary
        self._window = data.history_window
        self._know(data.catalogue.ids, texts.timeline.users)
        self._popularity = np.bincount(texts.timeline.item, minlength=len(self.item_ids)).astype(
            float
        )
        self._read(data, texts)
        with reproducible(seed, self.config.threads):
            self.journal = self._learn(data, texts, np.random.default_rng(seed))

    def predict(self, instances: Sequence[SearchInstance]) -> Iterator[Ranking]:
        """Whole-catalogue rankings."""
        for instance in instances[:1]:
            if not isinstance(instance, SearchInstance):
                raise BenchError(
                    f"{self.name} does not answer {type(instance).__name__}.",
                    fix=f"It answers: {', '.join(sorted(self.tasks))}.",
                )
        with processor_threads(self.config.threads):
            yield from rank_in_blocks(instances, self.scores, self.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Scores (n, items) in catalogue order, higher is better."""
        with torch.inference_mode():
            return self._scores(cast(Asked, instances))

    def save(self, folder: Path) -> None:
        """Weights as safetensors; configuration, ids and words as JSON."""
        record = {
            "format": _FORMAT,
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "items": self.item_ids,
            "users": tuple(self._users),
            "words": self.vocabulary.words,
            "window": self._window,
            "journal": asdict(self.journal),
        }
        tensors = {f"network.{n}": t for n, t in self._fitted().state_dict().items()}
        tensors["popularity"] = torch.from_numpy(self._popularity)
        tensors |= {f"data.{n}": torch.from_numpy(a) for n, a in self._arrays().items()}
        store(folder, record, tensors, name=_RECORD)

    def load(self, folder: Path) -> None:
        """What :meth:`save` wrote; :class:`BenchError` when it is something else or broken."""
        record = stored_record(folder, name=_RECORD)
        with restoring(folder, self.name):
            if (record["format"], record["model"]) != (_FORMAT, self.name):
                raise ValueError(f"it holds {record['model']} in format {record['format']}")
            self.config = self.Config(**record["config"])
            self._know(record["items"], record["users"])
            self.vocabulary = Vocabulary(record["words"])
            self._window = record["window"]
            self.journal = Journal(**record["journal"])
            tensors = stored_tensors(folder)
            self._popularity = tensors.pop("popularity").numpy()
            self._restore_arrays(_under("data.", tensors))
            with torch.random.fork_rng([]):  # initialised on the processor, then overwritten
                network = self._new_network()
            network.load_state_dict(_under("network.", tensors))
            self._network = network.to(compute_device()).eval()
            self._from_weights.clear()

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``: all are trained."""
        total = sum(p.numel() for p in self._fitted().parameters())
        return {"trainable": total, "total": total}

    @abstractmethod
    def _read(self, data: TrainingView, texts: SearchTexts) -> None:
        """Keep what training and scoring need of the data."""

    @abstractmethod
    def _new_network(self) -> nn.Module:
        """Freshly initialised, for the items, users and words that are known."""

    @abstractmethod
    def _columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """A batch that learns from the purchases ``rows`` (B,)."""

    @abstractmethod
    def _scores(self, instances: Asked) -> NDArray[np.floating]:
        """Scores (n, items), each row from its own instance alone, to the bit."""

    def _arrays(self) -> Mapping[str, NDArray[Any]]:
        """What :meth:`_read` kept, for the files."""
        return {}

    def _restore_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        """Take back what :meth:`_arrays` gave."""
        if arrays:
            raise ValueError(f"it holds {', '.join(sorted(arrays))}")

    def _learn(self, data: TrainingView, texts: SearchTexts, rng: np.random.Generator) -> Journal:
        device = compute_device()
        network: Any = self._new_network().to(device)
        self._network = network
        purchases = texts.purchases()
        size = self.config.batch_size

        def batches() -> Iterator[Batch]:
            order = rng.permutation(purchases)
            for start in range(0, len(order), size):
                columns = self._columns(texts, order[start : start + size], rng)
                yield {name: torch.from_numpy(c).to(device) for name, c in columns.items()}

        validation = RankingValidation(data, most=self.config.validation_users, task=search.TASK)

        def validate() -> float:
            self._from_weights.clear()
            return validation(self.scores)

        journal = train(
            network,
            batches=batches,
            steps=-(-len(purchases) // size),
            loss=network.loss,
            settings=self.config,
            label=f"training {self.name} on {data.name}",
            validate=validate if len(validation) else None,
        )
        self._from_weights.clear()
        network.eval()
        return journal

    def _fitted(self) -> Any:
        if self._network is None:
            raise BenchError(f"{self.name} is not fitted.", fix="Call fit or load first.")
        return self._network

    def _know(self, item_ids: Sequence[str], user_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}
        self._users = {user_id: i for i, user_id in enumerate(user_ids)}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
