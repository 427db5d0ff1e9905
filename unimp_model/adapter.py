"""UniMP as a system of the benchmark: fit, predict, save, load."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from benchmark.errors import BenchError
from benchmark.instances import Instance, Prediction, RecommendationInstance, SearchInstance
from benchmark.model import TrainingView
from benchmark.ranking import rankings
from benchmark.threads import processor_threads
from benchmark.torch_setup import prepare_torch
from unimp_model import storage
from unimp_model.assembly import Parts, assemble, new_template, new_tiny
from unimp_model.config import UniMPConfig
from unimp_model.decoding import ItemScorer
from unimp_model.examples import question_row
from unimp_model.item_rows import ItemRows
from unimp_model.model import UniMPNetwork, parameter_counts
from unimp_model.pretrained import load_smollm2
from unimp_model.training import Journal, train

#: Instances scored between two yields of predictions: bounds the table of scores.
_ASKED_AT_ONCE = 2048

RankedInstance = RecommendationInstance | SearchInstance


class UniMP:
    """The paper's model. One fit serves every task it knows and the dataset supports."""

    Config = UniMPConfig
    tasks = frozenset({"recommendation", "search"})

    def __init__(self, config: UniMPConfig | None = None) -> None:
        self.config = config or UniMPConfig()
        self.journal = Journal()
        self._parts: Parts | None = None
        self._scorer: ItemScorer | None = None

    @property
    def parts(self) -> Parts:
        """The fitted parts; :class:`BenchError` before ``fit`` or ``load``."""
        if self._parts is None:
            raise BenchError("UniMP is not fitted.", fix="Call fit or load first.")
        return self._parts

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train the image encoder (where it is our own), then the model on all tasks at once."""
        prepare_torch()
        tasks = [task for task in sorted(self.tasks) if task in data.tasks]
        if not tasks:
            raise BenchError(
                f"Dataset {data.name!r} supports none of UniMP's tasks.",
                fix="unimp-bench data stats shows what it supports.",
            )
        with processor_threads(self.config.threads):
            self._fit(data, tasks, seed=seed)

    def _fit(self, data: TrainingView, tasks: Sequence[str], *, seed: int) -> None:
        torch.manual_seed(seed)
        parts = assemble(data, tasks, self.config, seed=seed)
        parts.network.to(_device())
        counts = parameter_counts(parts.network)
        print(
            f"UniMP {self.config.preset}: {counts['trainable']:,} of {counts['total']:,} "
            "weights are trained.",
            file=sys.stderr,
        )
        self.journal = train(
            parts.network, data, parts.template, parts.photos, tasks, self.config, seed=seed
        )
        self._parts, self._scorer = parts, None

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """Rank the whole catalogue by one forward pass per instance."""
        for start in range(0, len(instances), _ASKED_AT_ONCE):
            with processor_threads(self.config.threads):
                answers = list(self._rank(instances[start : start + _ASKED_AT_ONCE]))
            yield from answers

    def save(self, folder: Path) -> None:
        """What was trained (safetensors) and names and hashes of what was frozen (JSON)."""
        parts, config = self.parts, self.config
        trained = storage.save_weights(parts.network, folder)
        storage.save_vocabulary(parts.vocabulary, folder)
        if parts.photos is not None and parts.encoder is not None:
            storage.save_photos(parts.photos, folder)
            storage.save_encoder(parts.encoder, config.image_encoder, folder)
        storage.save_record(
            folder,
            config=config.model_dump(mode="json"),
            text_size=parts.vocabulary.text_size,
            items=parts.vocabulary.item_ids,
            photos=None if parts.photos is None else list(parts.photos.index),
            language_model_sha256=parts.language_sha256,
            image_encoder_sha256=None if parts.encoder is None else parts.encoder.sha256(),
            trained=trained,
            journal=self.journal.timeless(),
        )

    def load(self, folder: Path) -> None:
        """Restore a saved model; the configuration it was saved under takes precedence."""
        prepare_torch()
        record = storage.read_record(folder)
        self.config = config = UniMPConfig(**record["config"])
        vocabulary = storage.load_vocabulary(folder, record)
        photos = storage.load_photos(folder, record)
        encoder = storage.load_encoder(folder, config.image_encoder, record["image_encoder_sha256"])
        language_sha256 = None
        if config.preset == "tiny":
            language = new_tiny(vocabulary, config)
        else:
            language, _, language_sha256 = load_smollm2()
        if language_sha256 != record["language_model_sha256"]:
            raise BenchError(
                f"{str(folder)!r} was trained on another file of its language model.",
                fix="Install the version it was trained with, or fit again.",
            )
        state = storage.load_weights(folder)
        items = ItemRows.blank(state, width=language.width, content=config.item_rows == "content")
        network = UniMPNetwork(config, language, items, None if photos is None else photos.shape)
        storage.restore(network, state, folder)
        network.to(_device()).eval()
        template = new_template(vocabulary, config)
        self._parts = Parts(vocabulary, template, network, photos, encoder, language_sha256)
        self._scorer = None

    def parameter_counts(self) -> dict[str, int]:
        """``{"trainable", "total"}`` of the network (the frozen image encoder not included)."""
        return parameter_counts(self.parts.network)

    def _rank(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        parts = self.parts
        asked = [i for i in instances if isinstance(i, RankedInstance)]
        if len(asked) != len(instances):
            raise BenchError(
                "UniMP answers recommendation and search only.",
                fix="unimp-bench models shows which model answers which task.",
            )
        scorer = self._scorer_for(asked)
        rows = [
            question_row(parts.template, _task_of(i), i, window=self.config.history_items)
            for i in asked
        ]
        yield from rankings(asked, scorer.scores(rows), parts.vocabulary.item_ids)

    def _scorer_for(self, instances: Sequence[RankedInstance]) -> ItemScorer:
        """The cached scorer, made anew once photos it has not met were encoded."""
        parts = self.parts
        if parts.photos is not None and parts.encoder is not None:
            met = parts.photos.index
            images = {
                Path(item.image).name: Path(item.image)
                for instance in instances
                for item in instance.history.items
                if item.image is not None
            }
            new = sorted(name for name in images if name not in met)
            if new:
                table = parts.encoder.features([images[n] for n in new], self.config.image_grid)
                parts.photos = parts.photos.extended(new, table)
                self._scorer = None
        if self._scorer is None:
            self._scorer = ItemScorer(parts.network, parts.photos, slots=self.config.history_items)
        return self._scorer


def _task_of(instance: RankedInstance) -> str:
    return "search" if isinstance(instance, SearchInstance) else "recommendation"


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
