"""A fitted model's answers to a list of questions, shard by shard, with what is stored kept."""

from __future__ import annotations

from pathlib import Path

from benchmark.data.dataset import Dataset, Questions
from benchmark.model import Model
from benchmark.progress import bar
from benchmark.runs import shards
from benchmark.runs.fitted import seed_everything
from benchmark.runs.store import PREDICTIONS
from benchmark.tasks import Task


def predict(
    model: Model,
    task: Task,
    questions: Questions,
    dataset: Dataset,
    folder: Path,
    *,
    seed: int,
    label: str,
) -> Path:
    """Answer what ``folder`` has no shard of yet; the merged predictions lie in the file returned.

    Raises :class:`~benchmark.errors.BenchError` when the model fails.
    """
    index = dataset.catalogue().index
    with bar(f"{label} on {task.name}", total=len(questions)) as progress:
        for number, (start, stop) in enumerate(shards.borders(len(questions))):
            path = shards.shard_path(folder, number)
            if not path.is_file():
                # Seeded per shard: what a model draws may not depend on where a run resumed.
                seed_everything(seed + number)
                asked = questions[start:stop]
                shards.predict_shard(model, task, asked, index.__contains__, path, label)
            progress.advance(stop - start)
    shards.merge(folder, len(questions), task, folder / PREDICTIONS)
    return folder / PREDICTIONS
