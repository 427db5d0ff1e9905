"""Training on all tasks (Eq. 6, 7) by one of the paper's learning strategies (Table 7).

* ``multi-task``: all tasks at once.
* ``continual``: one task after another, each in the same number of epochs.
* ``multi-task-full``: all at once, then the whole network once more for each task alone.
* ``multi-task-efficient``, the default: all at once, then the last layer alone for each task.

Every stage keeps the epoch that does best on validation; a task's own fine-tuning is kept only
where it beats the joint network on that task's validation score.

Several processes may run this at once, each with its share of every batch: :mod:`.processes`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.host.console import note
from benchmark.host.progress import Bar, bar, part
from benchmark.host.threads import processor_threads
from benchmark.model import TrainingView
from benchmark.training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    restore_optimiser,
    training_key,
)
from benchmark.training.journal import SPEED, Journal
from benchmark.training.reproducible import reproducible
from benchmark.training.schedules import cosine, resume_schedule
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.network.decoding import Reader
from unimp_model.network.model import UniMPNetwork, last_layer, trainable_parameters
from unimp_model.sequence.batches import bucketed, collate
from unimp_model.sequence.template import CONTEXT, Row, Template
from unimp_model.tasks import ALL_TASKS
from unimp_model.tasks.base import Score
from unimp_model.training.logbook import Logbook
from unimp_model.training.optimisation import make_optimiser
from unimp_model.training.processes import OneProcess
from unimp_model.training.rows import LONE_PER_HISTORY, Chunk, RowBuilder, chunks
from unimp_model.training.step import Step, never_asked
from unimp_model.training.validation import Validation

#: Weights by parameter name.
State = dict[str, Tensor]


@dataclass
class Trained:
    """Holds what training leaves behind beside the network's weights: its journal, and ``own``.

    That has, for some tasks, the weights that replace the network's for that task.
    """

    journal: Journal
    own: dict[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """Plans some epochs of training on some tasks."""

    name: str
    tasks: tuple[str, ...]
    epochs: int
    last_layer: bool = False
    rate: float = 1.0
    """Factor on the learning rates."""
    most_rows: int | None = None
    """User sequences per epoch at most, drawn anew each epoch."""
    own: str | None = None
    """The task whose own weights this stage looks for."""


@dataclass
class Position:
    """Tracks how far a training is, as a checkpoint stores it."""

    stage: int = 0
    epoch: int = 0
    """The stage's next epoch."""
    steps: int = 0
    """Optimiser steps of the stage so far."""
    best: float = -math.inf
    """Best validation score of the stage so far."""
    kept: int = -1
    best_state: State = field(default_factory=dict)
    joint: State = field(default_factory=dict)
    """Weights at the end of the last stage that was for all."""
    own: dict[str, State] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    resumed: dict[str, Tensor] | None = None
    """Optimiser state to go on from."""


#: What a checkpoint keeps of a position in JSON.
_POSITION = ("stage", "epoch", "steps", "best", "kept")


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
        code: str,
        codes: Mapping[str, NDArray[np.int32]] | None = None,
        processes: OneProcess | None = None,
    ) -> None:
        self.processes = processes or OneProcess()
        self.seed = seed
        self.network = network
        self.data = data
        self.template = template
        self.photos = photos
        self.tasks = tuple(tasks)
        self.config = config
        self.codes = codes
        self.generator = np.random.default_rng([seed, 2])
        self.validation = Validation(data, template, tasks, config, codes)
        self.names = sorted({*trainable_parameters(network), *last_layer(network)})
        decides = {"config": config.model_dump(mode="json"), "data": data.sha256, "seed": seed}
        if self.processes.count > 1:  # each draws its own dropout: with fewer it is another one
            decides["processes"] = self.processes.count
        key = training_key(code, self.processes.device, tasks=self.tasks, **decides)
        file = data.features_folder / "training" / f"{key}.safetensors"
        self.checkpoint = Checkpoint(file, self.generator)

    def train(self) -> Trained:
        """Follow the configured strategy and leave the network with its final weights.

        Killed and started again with the same settings, data and seed, it goes on after the last
        finished epoch and ends with the same weights.
        """
        stages, at = self._stages(), self._resume()
        logbook = Logbook(self.checkpoint.file.stem[:12], keep=self.processes.is_main)
        with reproducible(strict=True):
            while at.stage < len(stages):
                with part("stage", at.stage + 1, len(stages)):
                    self._run(stages[at.stage], at, logbook)
                at.stage, at.epoch, at.resumed = at.stage + 1, 0, None
        logbook.close()
        self.network.load_state_dict(at.joint, strict=False)
        self.network.eval()
        if self.processes.is_main:
            self.checkpoint.remove()
        return Trained(at.journal, at.own)

    def _stages(self) -> list[Stage]:
        """The strategy as stages."""
        config = self.config
        histories, lone = self._rows_per_epoch(self._builder(self.tasks), config.most_rows)
        epochs = config.epochs_for(histories or max(1, lone), len(self.data.catalogue))
        if config.strategy == "continual":
            each = max(1, round(epochs / len(self.tasks)))
            return [
                Stage(f"continual {task}", (task,), each, most_rows=config.most_rows)
                for task in self.tasks
            ]
        stages = [Stage("joint", self.tasks, epochs, most_rows=config.most_rows)]
        if config.strategy != "multi-task":
            limits = [most for most in (config.own_rows, config.most_rows) if most is not None]
            stages += [
                Stage(
                    f"own {task}",
                    (task,),
                    config.own_epochs,
                    own=task,
                    last_layer=config.strategy == "multi-task-efficient",
                    rate=config.own_rate,
                    most_rows=min(limits, default=None),
                )
                for task in self.tasks
            ]
        return stages

    def _run(self, stage: Stage, at: Position, logbook: Logbook) -> None:
        """One stage: the network ends with its best epoch, or as it began where none is better.

        A stage for a task's own weights competes with the weights it starts from, and leaves the
        shared ones as they were.
        """
        network, config = self.network, self.config
        builder = self._builder(stage.tasks)
        trains = {name for name, p in network.named_parameters() if p.requires_grad}
        chosen = last_layer(network) if stage.last_layer else trains
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in chosen)
        histories, lone = self._rows_per_epoch(builder, stage.most_rows)
        steps_per_epoch = math.ceil(histories / config.batch_rows)
        steps_per_epoch = max(1, steps_per_epoch + math.ceil(lone / self._lone_size(histories)))
        network.zero_grad(set_to_none=True)  # what does not train now must leave no gradient
        trainee = self.processes.trainee(network)
        optimiser = make_optimiser(trainee, config, scale=stage.rate)
        absent = never_asked(self.data)
        step = self.processes.prepare(Step(trainee, self.photos, config, absent), optimiser)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, cosine(config.warmup, stage.epochs * steps_per_epoch)
        )
        if at.resumed is not None:
            restore_optimiser(optimiser, at.resumed)
            resume_schedule(schedule, at.steps)
        else:
            at.best_state, at.kept, at.steps = snapshot(network, self.names), -1, 0
            at.best = -math.inf if stage.own is None else _joint_score(at.journal, stage.own)
        with bar(f"training ({stage.name})", stage.epochs * steps_per_epoch) as progress:
            progress.advance(at.steps)
            while at.epoch < stage.epochs and at.epoch - 1 - at.kept < config.patience:
                self.processes.draw_from(self.seed, len(at.journal.epochs))
                record, steps = self._epoch(stage, builder, step, optimiser, schedule, progress)
                self.processes.collect(trainee, network)
                score, named = self._validate(stage)
                at.journal.epochs.append({"stage": stage.name, **record, **named})
                logbook.add(len(at.journal.epochs), at.journal.epochs[-1])
                # Without a score the latest epoch stands, and no task leaves the shared weights.
                if stage.own is None if score is None else score > at.best:
                    at.best, at.kept = -math.inf if score is None else score, at.epoch
                    at.best_state = snapshot(network, self.names)
                at.epoch, at.steps = at.epoch + 1, at.steps + steps
                self._write(at, optimiser)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in trains)
        at.journal.kept[stage.name] = at.kept
        if stage.own is None:
            at.joint = at.best_state
        elif at.kept >= 0:
            at.own[stage.own] = {
                name: value
                for name, value in at.best_state.items()
                if not torch.equal(value, at.joint[name])
            }
        network.load_state_dict(at.joint, strict=False)

    def _write(self, at: Position, optimiser: torch.optim.Optimizer) -> None:
        """Write the checkpoint, in the main process; all of them gather the optimiser's state."""
        weights = {f"own {task}": weights for task, weights in at.own.items()}
        weights |= {
            "now": snapshot(self.network, self.names),
            "best": at.best_state,
            "joint": at.joint,
        }
        state = self.processes.gathered(optimiser_tensors(optimiser))
        position = {name: getattr(at, name) for name in _POSITION}
        if self.processes.is_main:
            self.checkpoint.write(weights, state, at.journal, position)

    def _resume(self) -> Position:
        """Where to begin: at the start, or behind the last finished epoch."""
        saved = self.processes.from_main(self.checkpoint.read)
        if saved is None:
            return Position()
        device = self.network.special_input.device
        weights = {g: {n: t.to(device) for n, t in p.items()} for g, p in saved.weights.items()}
        self.network.load_state_dict(weights["now"], strict=False)
        self.checkpoint.restore_chance(saved)
        at = Position(
            **saved.position,
            best_state=weights["best"],
            joint=weights.get("joint", {}),
            own={g.removeprefix("own "): p for g, p in weights.items() if g.startswith("own ")},
            journal=saved.journal,
            resumed=saved.optimiser,
        )
        if self.processes.is_main:
            note(f"Training goes on after epoch {at.epoch} of stage {at.stage + 1}.")
        return at

    def _epoch(
        self,
        stage: Stage,
        builder: RowBuilder,
        step: nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        progress: Bar,
    ) -> tuple[dict[str, float], int]:
        """Mean losses and speed, and the number of steps."""
        config, processes = self.config, self.processes
        step.train()
        started, tokens, steps = time.perf_counter(), 0, 0
        sizes = [len(sequence) for sequence in builder.sequences]
        plan = plan_epoch(sizes, config, self.generator, most_rows=stage.most_rows)
        sequences = builder.reordered(config.shuffle, self.generator)
        context = config.context_share if config.context_weight > 0 else 0.0
        rows = [builder.row(c, sequences, self.generator, context=context) for c in plan]
        answers = range(len(ALL_TASKS))
        rows = [row for row in rows if np.isin(row.kinds, answers).any()]
        lone = builder.lone_rows(self.generator, most=stage.most_rows)
        sums = _LossSums()
        device = processes.device
        photo_index = {} if self.photos is None else self.photos.index
        for some in self._batches(rows, lone):
            mine = processes.share(some)
            batch = collate(mine, photo_index, all_photos=False, slots=1).to(device)
            among = None
            if processes.count > 1:
                among = torch.from_numpy(np.concatenate([row.kinds for row in some])).to(device)
            loss, losses = step(batch, among)
            optimiser.zero_grad(set_to_none=True)
            processes.backward(loss)
            with processor_threads(1):  # norms of whole matrices are sums, and the work is small
                processes.clip(step, config.clip)
                optimiser.step()
            schedule.step()
            steps += 1
            tokens += sum(len(row.tokens) for row in some)
            sums.add(losses, batch.kinds)
            speed = tokens / (time.perf_counter() - started)
            progress.note = f"{sums}, {speed:,.0f} tokens/s"
            progress.advance()
        sums.combine(processes)
        return {**sums.means(), SPEED: tokens / (time.perf_counter() - started)}, steps

    def _validate(self, stage: Stage) -> tuple[float | None, dict[str, float]]:
        """Score of the stage's tasks on validation (``None`` without examples), and each task's."""
        return self.processes.from_main(lambda: self._scores(stage))

    def _scores(self, stage: Stage) -> tuple[float | None, dict[str, float]]:
        resting = self.network.special_input.device
        self.network.to(self.processes.device)
        reader = Reader(
            self.network,
            self.photos,
            slots=self.config.history_items,
            at_once=self.config.answer_rows,
        )
        scores = self.validation.scores(reader, stage.tasks)
        self.network.to(resting)
        named = {f"valid {task} {score.name}": score.value for task, score in scores.items()}
        if not scores:
            return None, named
        return joint_score(list(scores.values())), named

    def _batches(self, histories: list[Row], lone: list[Row]) -> list[list[Row]]:
        """Rows of histories and rows that stand alone in batches of their own, shuffled."""
        sizes = (self.config.batch_rows, self._lone_size(len(histories)))
        batches = [
            [rows[i] for i in numbers]
            for rows, size in zip((histories, lone), sizes, strict=True)
            for numbers in bucketed([len(row.tokens) for row in rows], size, self.generator)
        ]
        return [batches[i] for i in self.generator.permutation(len(batches))]

    def _lone_size(self, histories: int) -> int:
        """Rows that stand alone in a batch: more than others beside those, being shorter."""
        return self.config.batch_rows * (LONE_PER_HISTORY if histories else 1)

    def _rows_per_epoch(self, builder: RowBuilder, most: int | None) -> tuple[int, int]:
        """About how many, of histories and alone: where sequences are cut is drawn anew."""
        generator = np.random.default_rng(0)
        lengths = [len(sequence) for sequence in builder.sequences]
        histories = len(plan_epoch(lengths, self.config, generator, most_rows=most))
        if not builder.asks_histories():
            histories = 0
        return histories, builder.lone_rows_per_epoch(most)

    def _builder(self, tasks: Sequence[str]) -> RowBuilder:
        """Rows of these tasks, each at its share of the mixture; alone a task is asked always."""
        config = self.config
        rates = {task: config.share(task) for task in tasks}
        if len(tasks) == 1:
            rates = dict.fromkeys(tasks, 1.0)
        builder = RowBuilder(
            self.data, self.template, rates,
            window=config.history_items, longest_answer=config.answer_tokens, codes=self.codes,
        )  # fmt: skip
        if config.temperature > 1 and len(tasks) > 1:
            builder.rates = tempered(rates, builder.counts(), config.temperature)
        return builder


def joint_score(scores: Sequence[Score]) -> float:
    """Return the geometric mean of the tasks' ``scores``, unlike as these are.

    Each counts by how much better it is than before: in an arithmetic mean an F1 of 0.8 moves
    more than an NDCG of 0.1 can. The likelihood of drawings does not count beside others: it rises
    many times over, and long after rankings are past their best.
    """
    deciding = [s.value for s in scores if not s.stands_in] or [s.value for s in scores]
    return math.exp(sum(math.log(max(value, 1e-6)) for value in deciding) / len(deciding))


def tempered(
    shares: Mapping[str, float], counts: Mapping[str, int], temperature: float
) -> dict[str, float]:
    """Temper the tasks' shares: task a is asked in proportion to n_a^(1/T), its examples an epoch.

    Temperature sampling. The smallest task keeps its share and larger ones are thinned; T = 1
    leaves all as they are, T -> infinity makes all as frequent as the smallest.
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
    """Draw the rows of one epoch: all of them, or a random ``most_rows``."""
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


def _joint_score(journal: Journal, task: str) -> float:
    """The validation score of ``task`` at the joint stage's kept epoch, whose weights its own
    fine-tuning starts from; minus infinity where it has none, or the stage ended (as an estimate
    lets it) within its first epoch."""
    if not journal.epochs:
        return -math.inf
    epoch = journal.epochs[max(0, journal.kept["joint"])]
    scores = [value for name, value in epoch.items() if name.startswith(f"valid {task} ")]
    return scores[0] if scores else -math.inf


def snapshot(network: nn.Module, names: Sequence[str]) -> State:
    """Copy the parameters ``names``."""
    parameters = dict(network.named_parameters())
    return {name: parameters[name].detach().clone() for name in names}


class _LossSums:
    """Running mean loss of each task and of the context."""

    def __init__(self) -> None:
        self.names = {CONTEXT: "context", **dict(enumerate(ALL_TASKS))}
        self.totals = dict.fromkeys(self.names, 0.0)
        self.counts: dict[int, float] = dict.fromkeys(self.names, 0)

    def add(self, losses: Tensor, kinds: Tensor) -> None:
        for kind in self.names:
            chosen = losses[kinds == kind]
            self.totals[kind] += float(chosen.sum())
            self.counts[kind] += len(chosen)

    def combine(self, processes: OneProcess) -> None:
        """Sum totals and counts over all processes."""
        self.totals = dict(zip(self.names, processes.total(self.totals.values()), strict=True))
        self.counts = dict(zip(self.names, processes.total(self.counts.values()), strict=True))

    def means(self) -> dict[str, float]:
        return {
            f"loss {name}": self.totals[kind] / self.counts[kind]
            for kind, name in self.names.items()
            if self.counts[kind]
        }

    def __str__(self) -> str:
        return ", ".join(f"{name[5:]} {value:.2f}" for name, value in self.means().items())
