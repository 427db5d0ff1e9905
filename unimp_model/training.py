"""Training on all tasks (Eq. 6, 7) by one of the paper's learning strategies (Table 7).

* ``multi-task``: all tasks at once.
* ``continual``: one task after another, each in the same number of epochs.
* ``multi-task-full``: all at once, then the whole network once more for each task alone.
* ``multi-task-efficient``, the default: all at once, then the last layer alone for each task.

Every stage keeps the epoch that does best on validation; a task's own fine-tuning is kept only
where it beats the joint network on that task's validation score.
"""

from __future__ import annotations

import math
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.model import TrainingView
from benchmark.progress import Bar, bar
from unimp_model.batches import Batch, bucketed, collate
from unimp_model.config import UniMPConfig
from unimp_model.decoding import Reader
from unimp_model.examples import ALL_TASKS, Chunk, RowBuilder, chunks
from unimp_model.losses import focal_loss, objective, token_weights
from unimp_model.model import UniMPNetwork, last_layer, trainable_parameters
from unimp_model.optimisation import cosine, deterministic, make_optimiser
from unimp_model.sequence import CONTEXT, Template
from unimp_model.validation import Validation
from unimp_model.vision import PhotoFeatures

_SPEED = "tokens_per_second"

#: Weights by parameter name.
State = dict[str, Tensor]


@dataclass
class Journal:
    """What happened: per epoch the stage, the losses, the validation scores and the speed."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    """Stage -> number of its best epoch, from 0; -1 where no epoch improved on the start."""

    def timeless(self) -> dict[str, Any]:
        """For saving: without speeds, so that the same seed saves the same bytes."""
        epochs = [{k: v for k, v in e.items() if k != _SPEED} for e in self.epochs]
        return {"kept": self.kept, "epochs": epochs}


@dataclass
class Trained:
    """The journal, and for some tasks the weights that replace the network's for that task."""

    journal: Journal
    own: dict[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs on some tasks."""

    name: str
    tasks: tuple[str, ...]
    epochs: int
    last_layer: bool = False
    rate: float = 1.0
    """Factor on the learning rates."""
    most_rows: int | None = None
    """User sequences per epoch at most, drawn anew each epoch."""


class Trainer:
    """Trains one network in place."""

    def __init__(
        self,
        network: UniMPNetwork,
        data: TrainingView,
        template: Template,
        photos: PhotoFeatures | None,
        tasks: Sequence[str],
        config: UniMPConfig,
        *,
        seed: int,
        codes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.network = network
        self.data = data
        self.template = template
        self.photos = photos
        self.tasks = tuple(tasks)
        self.config = config
        self.codes = codes
        self.generator = np.random.default_rng([seed, 2])
        self.validation = Validation(data, template, tasks, config, codes)
        self.journal = Journal()

    def train(self) -> Trained:
        """Follow the configured strategy and leave the network with its final weights."""
        config, trained = self.config, Trained(self.journal)
        epochs = config.epochs_for(
            max(1, self._rows_per_epoch(self._builder(self.tasks), config.most_rows))
        )
        with deterministic():
            if config.strategy == "continual":
                for task in self.tasks:
                    each = max(1, round(epochs / len(self.tasks)))
                    self.run(Stage(f"continual {task}", (task,), each, most_rows=config.most_rows))
            else:
                self.run(Stage("joint", self.tasks, epochs, most_rows=config.most_rows))
            if config.strategy in ("multi-task-full", "multi-task-efficient"):
                joint = snapshot(self.network, self._tunable())
                for task in self.tasks:
                    efficient = config.strategy == "multi-task-efficient"
                    stage = Stage(
                        f"own {task}",
                        (task,),
                        config.own_epochs,
                        last_layer=efficient,
                        rate=config.own_rate,
                        most_rows=config.own_rows,
                    )
                    if self.run(stage, keep_start=True):
                        now = snapshot(self.network, joint)
                        trained.own[task] = {
                            name: value for name, value in now.items()
                            if not torch.equal(value, joint[name])
                        }  # fmt: skip
                    self.network.load_state_dict(joint, strict=False)
        self.network.eval()
        return trained

    def run(self, stage: Stage, *, keep_start: bool = False) -> bool:
        """One stage; the network ends with its best epoch. Whether it changed.

        With ``keep_start`` the weights before the stage compete, else any epoch beats them.
        """
        network, config = self.network, self.config
        builder = self._builder(stage.tasks)
        trainable = set(trainable_parameters(network))
        tuned = last_layer(network) if stage.last_layer else trainable
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in tuned)
        best_state = snapshot(network, tuned)
        start = self._validate(stage)[0] if keep_start else None
        best, kept = -math.inf if start is None else start, -1
        per_epoch = self._rows_per_epoch(builder, stage.most_rows)
        steps = stage.epochs * max(1, math.ceil(per_epoch / config.batch_rows))
        optimiser = make_optimiser(network, config, scale=stage.rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, cosine(config.warmup, steps))
        with bar(f"training ({stage.name})", steps) as progress:
            for epoch in range(stage.epochs):
                record = self._epoch(stage, builder, optimiser, schedule, progress)
                score, named = self._validate(stage)
                self.journal.epochs.append({"stage": stage.name, **record, **named})
                # Without validation examples the last epoch stays, unless the start may.
                if (not keep_start) if score is None else score > best:
                    best, kept = best if score is None else score, epoch
                    best_state = snapshot(network, tuned)
                elif epoch - kept >= config.patience:
                    break
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in trainable)
        network.load_state_dict(best_state, strict=False)
        self.journal.kept[stage.name] = kept
        return kept >= 0

    def _epoch(
        self,
        stage: Stage,
        builder: RowBuilder,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        progress: Bar,
    ) -> dict[str, float]:
        network, config = self.network, self.config
        network.train()
        started, tokens = time.perf_counter(), 0
        sizes = [len(sequence) for sequence in builder.sequences]
        plan = plan_epoch(sizes, config, self.generator, most_rows=stage.most_rows)
        sequences = builder.reordered(config.shuffle, self.generator)
        context = config.context_weight > 0
        rows = [builder.row(c, sequences, self.generator, context=context) for c in plan]
        answers = range(len(ALL_TASKS))
        rows = [row for row in rows if np.isin(row.kinds, answers).any()]
        rows += builder.drawing_rows(self.generator, most=stage.most_rows)
        sums = _LossSums()
        device = network.special_input.device
        photo_index = {} if self.photos is None else self.photos.index
        for numbers in bucketed([len(r.tokens) for r in rows], config.batch_rows, self.generator):
            some = [rows[i] for i in numbers]
            batch = collate(some, photo_index, all_photos=False, slots=1).to(device)
            loss, losses = training_loss(network, batch, self.photos, config)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimiser.step()
            schedule.step()
            tokens += sum(len(row.tokens) for row in some)
            sums.add(losses, batch.kinds)
            speed = tokens / (time.perf_counter() - started)
            progress.note = f"{sums}, {speed:,.0f} tokens/s"
            progress.advance()
        return {**sums.means(), _SPEED: tokens / (time.perf_counter() - started)}

    def _validate(self, stage: Stage) -> tuple[float | None, dict[str, float]]:
        """Mean validation score of the stage's tasks (``None`` without examples), and each."""
        reader = Reader(self.network, self.photos, slots=self.config.history_items)
        scores = self.validation.scores(reader, stage.tasks)
        named = {f"valid {task} {score.name}": score.value for task, score in scores.items()}
        if not scores:
            return None, named
        return sum(score.value for score in scores.values()) / len(scores), named

    def _tunable(self) -> set[str]:
        """Parameters some stage may change: the last layer is tuned even where the language
        model is frozen otherwise."""
        return {*trainable_parameters(self.network), *last_layer(self.network)}

    def _rows_per_epoch(self, builder: RowBuilder, most: int | None) -> int:
        """About how many: where sequences are cut is drawn anew every epoch."""
        generator = np.random.default_rng(0)
        lengths = [len(sequence) for sequence in builder.sequences]
        histories = len(plan_epoch(lengths, self.config, generator, most_rows=most))
        if set(builder.rates) == {"image-generation"}:
            histories = 0
        drawings = builder.counts().get("image-generation", 0)
        drawings = round(drawings * builder.rates.get("image-generation", 0.0))
        return histories + min(drawings, most or drawings)

    def _builder(self, tasks: Sequence[str]) -> RowBuilder:
        """Rows of these tasks, each at its share of the mixture; alone a task is asked always."""
        config = self.config
        rates = {task: config.task_shares.get(task, 1.0) for task in tasks}
        if len(tasks) == 1:
            rates = dict.fromkeys(tasks, 1.0)
        builder = RowBuilder(
            self.data, self.template, rates, longest_answer=config.answer_tokens, codes=self.codes
        )
        if config.temperature > 1 and len(tasks) > 1:
            builder.rates = tempered(rates, builder.counts(), config.temperature)
        return builder


def tempered(
    shares: Mapping[str, float], counts: Mapping[str, int], temperature: float
) -> dict[str, float]:
    """Temperature sampling: task a is asked in proportion to n_a^(1/T), n_a its examples an epoch.

    The smallest task keeps its share and larger ones are thinned; T = 1 leaves all as they are,
    T -> infinity makes all as frequent as the smallest.
    """
    sizes = {task: share * counts[task] for task, share in shares.items()}
    sizes = {task: size for task, size in sizes.items() if size}
    least = min(sizes.values(), default=0.0)
    return {
        task: shares[task] * (least / size) ** (1 - 1 / temperature) for task, size in sizes.items()
    }


def plan_epoch(
    lengths: Sequence[int],
    config: UniMPConfig,
    generator: np.random.Generator,
    *,
    most_rows: int | None = None,
) -> list[Chunk]:
    """The rows of one epoch: all of them, or a random ``most_rows``."""
    plan = chunks(
        lengths,
        window=config.history_items,
        targets=config.targets_per_row,
        generator=generator,
    )
    if most_rows is not None and most_rows < len(plan):
        drawn = generator.choice(len(plan), most_rows, replace=False)
        plan = [plan[i] for i in sorted(drawn)]
    return plan


def training_loss(
    network: UniMPNetwork, batch: Batch, photos: PhotoFeatures | None, config: UniMPConfig
) -> tuple[Tensor, Tensor]:
    """Eq. 7 over one batch, and the re-weighted loss of each of its R reads."""
    tables = network.tables()
    visual = None
    if photos is not None and len(batch.photos):  # the resampler runs once per distinct photo
        features = photos.rows(batch.photos.cpu()).to(batch.tokens.device)
        visual = network.visual_tokens(features)
    states = network.read(network(batch, tables, visual), batch)  # (R, d)
    among_all = batch.choices < 0
    losses = states.new_zeros(len(states))
    logits = network.logits(states[among_all], tables)  # (R', V): only where asked
    losses[among_all] = focal_loss(logits, batch.targets[among_all], gamma=config.gamma)
    if not among_all.all():
        choices = batch.choices[~among_all]
        logits = network.choice_logits(states[~among_all], choices, tables)  # (R'', 2)
        taken = (batch.targets[~among_all] == choices).long()
        losses[~among_all] = focal_loss(logits, taken, gamma=config.gamma)
    is_context = batch.kinds == CONTEXT
    weights = [config.task_weights.get(task, 1.0) for task in ALL_TASKS]
    loss = objective(
        losses[~is_context],
        losses[is_context],
        weights=token_weights(batch.kinds[~is_context], weights),
        context_weight=config.context_weight,
    )
    return loss, losses.detach()


def snapshot(network: nn.Module, names: Container[str]) -> State:
    """Copies of the parameters ``names``."""
    return {name: p.detach().clone() for name, p in network.named_parameters() if name in names}


class _LossSums:
    """Running mean loss of each task and of the context."""

    def __init__(self) -> None:
        self.names = {CONTEXT: "context", **dict(enumerate(ALL_TASKS))}
        self.totals = dict.fromkeys(self.names, 0.0)
        self.counts = dict.fromkeys(self.names, 0)

    def add(self, losses: Tensor, kinds: Tensor) -> None:
        for kind in self.names:
            chosen = losses[kinds == kind]
            self.totals[kind] += float(chosen.sum())
            self.counts[kind] += len(chosen)

    def means(self) -> dict[str, float]:
        return {
            f"loss {name}": self.totals[kind] / self.counts[kind]
            for kind, name in self.names.items()
            if self.counts[kind]
        }

    def __str__(self) -> str:
        return ", ".join(f"{name[5:]} {value:.2f}" for name, value in self.means().items())
