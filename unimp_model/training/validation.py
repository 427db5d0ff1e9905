"""Score a network on validation examples: what chooses epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.model import TrainingView
from benchmark.training.validation import spread
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.template import Template
from unimp_model.tasks import TASKS
from unimp_model.tasks.base import Score, Scorer, TaskData


class Validation:
    """Scores a network, task by task, on a fixed and evenly spaced share of the validation
    examples; each task says how (:mod:`unimp_model.tasks`)."""

    def __init__(
        self,
        data: TrainingView,
        template: Template,
        tasks: Sequence[str],
        config: UniMPConfig,
        codes: Mapping[str, NDArray[np.int32]] | None = None,
    ) -> None:
        made_with = TaskData(data, template, config.answer_tokens, codes or {})
        self._scorers: dict[str, Scorer] = {}
        for task in (TASKS[name] for name in tasks):
            examples = spread(data.examples(task.name, "valid"), task.validation_users(config))
            if not examples:
                continue
            scorer = task.scorer(made_with, examples, window=config.history_items)
            if scorer is not None:
                self._scorers[task.name] = scorer

    def scores(self, reader: Reader, tasks: Sequence[str]) -> dict[str, Score]:
        """Return the score of each of ``tasks`` that has validation examples."""
        return {task: self._scorers[task](reader) for task in tasks if task in self._scorers}
