"""Joint training on all tasks (Eq. 6, 7): AdamW, cosine, the best epoch by validation."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.instances import Example
from benchmark.model import TrainingView
from benchmark.progress import bar
from benchmark.ranking import top_k
from unimp_model.batches import Batch, bucketed, collate
from unimp_model.config import UniMPConfig
from unimp_model.decoding import ItemScorer
from unimp_model.examples import Chunk, RowBuilder, chunks, question_row
from unimp_model.losses import focal_loss, objective
from unimp_model.model import UniMPNetwork
from unimp_model.sequence import CONTEXT, Row, Template
from unimp_model.vision import PhotoFeatures

#: Cut-off of the validation score.
_K = 5
_SPEED = "tokens_per_second"


@dataclass
class Journal:
    """What happened: per epoch the losses, the validation NDCG@5 per task and the speed."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best: int = -1

    def timeless(self) -> dict[str, Any]:
        """For saving: without speeds, so that the same seed saves the same bytes."""
        epochs = [{k: v for k, v in e.items() if k != _SPEED} for e in self.epochs]
        return {"best": self.best, "epochs": epochs}


class Validation:
    """NDCG@5 on a fixed share of the validation examples, averaged over tasks."""

    def __init__(
        self, data: TrainingView, template: Template, tasks: Sequence[str], config: UniMPConfig
    ) -> None:
        self.tasks = tuple(tasks)
        self.rows: list[list[Row]] = []
        self.exclude: list[list[list[int]]] = []
        self.targets: list[np.ndarray] = []
        index = data.catalogue.index
        for task in self.tasks:
            examples = _spread(data.examples(task, "valid"), config.validation_users)
            self.rows.append(
                [
                    question_row(template, task, e.instance, window=config.history_items)
                    for e in examples
                ]
            )
            self.exclude.append([sorted(index[i] for i in e.instance.exclude) for e in examples])
            self.targets.append(np.array([index[e.target[0]] for e in examples]))

    def score(self, scorer: ItemScorer) -> dict[str, float]:
        """Mean NDCG@5 by task; a task without validation examples is left out."""
        found = {}
        for task, rows, exclude, targets in zip(
            self.tasks, self.rows, self.exclude, self.targets, strict=True
        ):
            if not rows:
                continue
            best, _ = top_k(scorer.scores(rows), exclude=exclude, k=_K)
            hits = best == targets[:, None]  # (n, 5)
            found[task] = float((hits / np.log2(np.arange(2, _K + 2))).sum(1).mean())
        return found


def train(
    network: UniMPNetwork,
    data: TrainingView,
    template: Template,
    photos: PhotoFeatures | None,
    tasks: Sequence[str],
    config: UniMPConfig,
    *,
    seed: int,
) -> Journal:
    """Train ``network`` in place and leave it with the weights of its best epoch.

    The best epoch has the highest NDCG@5 over the view's validation examples; without any,
    the last epoch stands. Test data is out of reach: ``data`` holds none.
    """
    builder = RowBuilder(data, template, tasks)
    validation = Validation(data, template, tasks, config)
    generator = np.random.default_rng([seed, 2])
    per_epoch = len(plan_epoch(builder, config, np.random.default_rng([seed, 3])))
    epochs = config.epochs_for(max(1, per_epoch))
    steps = epochs * max(1, math.ceil(per_epoch / config.batch_rows))
    optimiser = make_optimiser(network, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _cosine(config.warmup, steps))
    device = network.special_input.device
    photo_index = {} if photos is None else photos.index
    journal = Journal()
    best_score, best_state = -1.0, _snapshot(network)
    with deterministic(), bar("training", steps) as progress:
        for epoch in range(epochs):
            network.train()
            started, tokens = time.perf_counter(), 0
            plan = plan_epoch(builder, config, generator)
            sequences = builder.reordered(config.shuffle, generator)
            context = config.context_weight > 0
            rows = [builder.row(chunk, sequences, context=context) for chunk in plan]
            sums = _LossSums(tasks)
            for numbers in bucketed([len(r.tokens) for r in rows], config.batch_rows, generator):
                some = [rows[i] for i in numbers]
                batch = collate(some, photo_index, all_photos=False, slots=1).to(device)
                loss, losses = training_loss(network, batch, photos, config)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), config.clip)
                optimiser.step()
                schedule.step()
                tokens += sum(len(row.tokens) for row in some)
                sums.add(losses, batch.kinds)
                speed = tokens / (time.perf_counter() - started)
                progress.note = f"epoch {epoch + 1}, {sums}, {speed:,.0f} tokens/s"
                progress.advance()
            record = {**sums.means(), _SPEED: tokens / _since(started)}
            scorer = ItemScorer(network, photos, slots=config.history_items)
            scores = validation.score(scorer)
            score = sum(scores.values()) / len(scores) if scores else float(epoch)
            record |= {f"valid {task} NDCG@5": value for task, value in scores.items()}
            journal.epochs.append(record)
            if score > best_score:
                best_score, best_state, journal.best = score, _snapshot(network), epoch
            elif epoch - journal.best >= config.patience:
                break
    network.load_state_dict(best_state, strict=False)
    network.eval()
    return journal


def plan_epoch(
    builder: RowBuilder, config: UniMPConfig, generator: np.random.Generator
) -> list[Chunk]:
    """The rows of one epoch: all of them, or a random ``most_rows``."""
    plan = chunks(
        [len(sequence) for sequence in builder.sequences],
        window=config.history_items,
        targets=config.targets_per_row,
        generator=generator,
    )
    if config.most_rows is not None and config.most_rows < len(plan):
        drawn = generator.choice(len(plan), config.most_rows, replace=False)
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
    hidden = network(batch, tables, visual)
    logits = network.logits(network.read(hidden, batch), tables)  # (R, V): only where asked
    losses = focal_loss(logits, batch.targets, gamma=config.gamma)  # (R,)
    is_context = batch.kinds == CONTEXT
    task_losses = losses[~is_context]
    loss = objective(
        task_losses,
        losses[is_context],
        task_weights=torch.ones_like(task_losses),
        context_weight=config.context_weight,
    )
    return loss, losses.detach()


def make_optimiser(network: UniMPNetwork, config: UniMPConfig) -> torch.optim.AdamW:
    """AdamW: decay on matrices, none on vectors and gates, own rate and decay on item rows."""
    matrices, vectors, item_rows = [], [], []
    for name, parameter in sorted(network.named_parameters()):
        if not parameter.requires_grad:
            continue
        if name.startswith("items.") and name.endswith("delta"):
            item_rows.append(parameter)
        elif parameter.ndim >= 2 and not name.startswith("special"):
            matrices.append(parameter)
        else:
            vectors.append(parameter)
    groups = [
        {"params": matrices, "lr": config.learning_rate, "weight_decay": config.weight_decay},
        {"params": vectors, "lr": config.learning_rate, "weight_decay": 0.0},
        {"params": item_rows, "lr": config.item_learning_rate, "weight_decay": config.item_decay},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.98))


@contextmanager
def deterministic() -> Iterator[None]:
    """Only deterministic kernels inside; torch's setting is put back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, if used
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _cosine(warmup: float, steps: int) -> Callable[[int], float]:
    """Rises linearly over a share ``warmup`` of the steps, then falls along a cosine to 0."""
    rising = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return 0.5 * (1 + math.cos(math.pi * done))

    return factor


def _snapshot(network: nn.Module) -> dict[str, Tensor]:
    """Copies of what training changes."""
    return {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}


def _spread(examples: Sequence[Example], most: int) -> list[Example]:
    """At most ``most`` examples, evenly spaced."""
    numbers = np.unique(np.linspace(0, len(examples) - 1, min(most, len(examples))).astype(int))
    return [examples[int(i)] for i in numbers]


def _since(started: float) -> float:
    return time.perf_counter() - started


class _LossSums:
    """Running mean loss of each task and of the context."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self.names = {CONTEXT: "context", **dict(enumerate(tasks))}
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
        return ", ".join(f"{name} {value:.3f}" for name, value in self.means().items())
