"""P5: Geng et al., "Recommendation as Language Processing (RLP): A Unified Pretrain, Personalized
Prompt & Predict Paradigm" (RecSys 2022)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from baselines.generative.answering import Answerer
from baselines.generative.examples import TASKS, Pair, TrainingExamples, validation_pairs
from baselines.generative.known import Known, know, own_pieces
from baselines.generative.network import P5Network, build_t5, tiny_shape
from baselines.generative.pieces import Pieces
from baselines.generative.pretrained import load_t5
from baselines.generative.settings import P5Settings
from baselines.generative.sources import Batch, Source, collate
from baselines.learning.fitted import FittedNetwork
from baselines.learning.loop import Pace, TrainingSettings, train
from baselines.learning.selecting import choose_share
from benchmark.errors import BenchError
from benchmark.host.files import atomic_path
from benchmark.host.threads import processor_threads
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device
from benchmark.training.schedules import linear

_TOKENIZER = "tokenizer.json"
#: Instances answered between two yields of predictions.
_ASKED_AT_ONCE = 2048
#: What training is stopped by: task and metric of the journal.
_MEASURE = "all-tasks likelihood"


class P5(FittedNetwork):
    """Trains one T5 for recommendation, preference, explanation and selection (Geng et al., 2022).

    Items and users are numbers in digits, read and written as text; a whole-word vector on every
    piece says which pieces are one word. Held to the authors' code (``tests/golden/data/p5.json``).
    A ranking is a beam search over the names of known items, its scores their log-probabilities.
    Selection takes candidates by a threshold, chosen on validation, on their share of the
    probability of being named. Where the authors' code cuts what is too long at its end, here the
    history is cut; where it leaves whole-word numbers out of evaluation, they are read as in
    training.
    """

    Config: ClassVar[type[TrainingSettings]] = P5Settings
    tasks = frozenset(TASKS)
    name = "P5"
    record_file, record_format = "p5.json", 1

    def __init__(self, config: P5Settings | None = None) -> None:
        super().__init__(config)
        self._likelihoods: dict[str, float] = {}  # of the last validation, by task
        self._known: Known | None = None

    # fitted

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train on all tasks at once; validation instances stop training and choose a threshold.

        Killed and called again with the same settings, data and seed, it goes on behind the last
        checkpoint and ends with the same weights. Raises :class:`BenchError` on data without
        training interactions, or without any of the tasks.
        """
        tasks = tuple(task for task in TASKS if task in data.tasks)
        if not tasks or data.interactions("train").is_empty():
            raise BenchError(
                f"Dataset {data.name!r} has no training interactions, or none of {self.name}'s "
                "tasks.",
                fix="Use another dataset: unimp-bench data list.",
            )
        with self._training(data, seed=seed) as (rng, checkpoints):
            self._prepare(data, tasks, seed=seed)
            self.journal = self._learn(data, rng, checkpoints)
            most = self.config.validation_users
            self.threshold = choose_share(data, self._answerer.shares, most=most)

    def _prepare(self, data: TrainingView, tasks: tuple[str, ...], *, seed: int) -> None:
        """Number the data, and build or load the network that training starts from."""
        settings = self.config
        if settings.pretrained is None:
            pieces = own_pieces(data, settings)
            shape = tiny_shape(
                pieces,
                width=settings.width,
                depth=settings.depth,
                heads=settings.heads,
                dropout=settings.dropout,
            )
            t5 = build_t5(shape)
        else:
            t5, pieces = load_t5(settings.pretrained, dropout=settings.dropout)
        self._known = know(data, tasks, settings, pieces, seed=seed, slots=self._slots())
        self._network = self._new_network(t5).to(compute_device())

    def _slots(self) -> int:
        """How many vectors stand for a photo."""
        return 0

    def _new_network(self, t5: Any) -> P5Network:
        return P5Network(t5, words=self.config.whole_words)

    def _learn(
        self, data: TrainingView, rng: np.random.Generator, checkpoints: Checkpoints
    ) -> Journal:
        return self._train(data, rng, checkpoints, stage="training", epochs=self.config.epochs)

    def _train(
        self,
        data: TrainingView,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
        *,
        stage: str,
        epochs: int,
    ) -> Journal:
        """Train what of the network is trainable, stopped by the likelihood of valid targets."""
        known, network, settings = self.known, self.network, self.config
        examples = TrainingExamples(data, known.tasks, known.asker)
        valid = validation_pairs(data, known.tasks, known.asker)
        steps = examples.steps
        if not steps:
            raise BenchError(
                f"No user of dataset {data.name!r} has two training interactions, so there is no "
                f"example for {self.name} to learn from.",
                fix="Use a dataset with longer histories, or mf and lightgcn.",
            )
        self._likelihoods = {}

        def batches() -> Iterator[Batch]:
            return (self._of_pairs(pairs) for pairs in examples.batches(rng))

        return train(
            network,
            batches=batches,
            steps=steps,
            loss=network.loss,
            settings=settings,
            label=f"{stage} of {self.name} on {data.name}",
            stage=stage,
            epochs=epochs,
            validate=(lambda: self._likelihood(valid)) if valid else None,
            measure=_MEASURE,
            more=lambda: {
                f"valid {task} likelihood": value for task, value in self._likelihoods.items()
            },
            checkpoint=checkpoints.stage(stage),
            pace=Pace(linear(settings.warmup, epochs * steps), settings.clip, eps=1e-6),
        )

    @torch.inference_mode()
    def _likelihood(self, valid: dict[str, list[Pair]]) -> float:
        """The geometric mean probability of a piece of the targets, averaged over the tasks."""
        size = self.config.batch_size
        for task, pairs in valid.items():
            cuts = range(0, len(pairs), size)
            parts = [self.network.losses(self._of_pairs(pairs[cut : cut + size])) for cut in cuts]
            self._likelihoods[task] = float(torch.cat(parts).mean().neg().exp())
        return sum(self._likelihoods.values()) / len(self._likelihoods)

    def _of_pairs(self, pairs: Sequence[Pair]) -> Batch:
        return self._batch([source for source, _ in pairs], [target for _, target in pairs])

    def _batch(
        self, sources: Sequence[Source], targets: Sequence[Sequence[int]] | None = None
    ) -> Batch:
        batch = collate(sources, self.known.pieces.pad, targets)
        photos = self._photos([item for source in sources for item in source.shown])
        return batch._replace(photos=photos).to(compute_device())

    def _photos(self, items: Sequence[Any]) -> Tensor | None:
        """Features of the photos that items show; P5 looks at none."""
        return None

    # asked

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield one task's predictions; :class:`BenchError` for a task it was fitted without."""
        for start in range(0, len(instances), _ASKED_AT_ONCE):
            some = instances[start : start + _ASKED_AT_ONCE]
            with processor_threads(self.config.threads):
                predictions = list(self._predict(some))
            yield from predictions

    def _predict(self, instances: Sequence[Any]) -> Iterable[Prediction]:
        task = next((task for task, kind in TASKS.items() if isinstance(instances[0], kind)), None)
        if task not in self.known.tasks:
            raise BenchError(
                f"This {self.name} does not answer {type(instances[0]).__name__}; it was fitted "
                f"for {', '.join(self.known.tasks)}.",
                fix="Fit it on a dataset that supports the task.",
            )
        return self._answerer.answer(task, instances, threshold=self.threshold)

    @property
    def _answerer(self) -> Answerer:
        return Answerer(self.network, self.known, self.config, self._batch)

    # stored

    def save(self, folder: Path) -> None:
        """Write the tokenizer, as its library does, beside weights and record."""
        super().save(folder)
        with atomic_path(folder / _TOKENIZER) as temporary:
            temporary.write_text(self.known.pieces.tokenizer.to_str(), encoding="utf-8")

    def _record(self) -> Mapping[str, Any]:
        return {
            "network": self.network.shape(),
            "threshold": self.threshold,
            **self.known.to_json(),
            **self._further_record(),
        }

    def _stored_tensors(self) -> Mapping[str, Tensor]:
        return {**self.tensors(), **self._further_tensors()}

    def _take(self, record: Mapping[str, Any], tensors: dict[str, Tensor], folder: Path) -> None:
        pieces = Pieces(Tokenizer.from_str((folder / _TOKENIZER).read_text(encoding="utf-8")))
        self._known = Known.from_json(record, self.config, pieces)
        self._restore_further(record, tensors)
        network = self._new_network(build_t5(record["network"]))
        _put(network, tensors)
        self._network = network.to(compute_device()).eval()
        self.threshold = record["threshold"]

    def _further_record(self) -> dict[str, Any]:
        return {}

    def _further_tensors(self) -> dict[str, Tensor]:
        return {}

    def _restore_further(self, record: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        """Take out of ``tensors`` what :meth:`_further_tensors` put in."""

    def tensors(self) -> dict[str, Tensor]:
        """Return what was learnt by name."""
        return dict(self.network.named_parameters())

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``."""
        parameters = list(self.network.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"trainable": trainable, "total": sum(p.numel() for p in parameters)}

    @property
    def known(self) -> Known:
        """Return what it knows of its data; :class:`BenchError` before ``fit`` or ``load``."""
        if self._known is None:
            raise self.not_fitted()
        return self._known


def _put(network: P5Network, tensors: dict[str, Tensor]) -> None:
    """Copy weights in by name; raises :class:`ValueError` where they do not fit."""
    parameters = dict(network.named_parameters())
    if parameters.keys() != tensors.keys():
        raise ValueError(f"weights {sorted(parameters.keys() ^ tensors.keys())[0]} do not fit")
    with torch.no_grad():
        for name, parameter in parameters.items():
            if parameter.shape != tensors[name].shape:
                raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}")
            parameter.copy_(tensors[name])
