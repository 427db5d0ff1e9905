"""The candidates of the category that most candidates share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.instances import SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Selection


class MajorityCategory:
    """Chooses by the candidates alone, blind to the user: a probe for a leak.

    It is at chance where candidates are drawn as :mod:`benchmark.data.instances.candidates` does.
    Were some of the wrong ones drawn from the right one's category, as in version 1 of the task,
    that category would be the one that most candidates share. A candidate's score is the share
    of the candidates with its category path; chosen are those of the highest score, several
    categories when they tie, whatever the candidates' order. A candidate without a category
    shares it with no one (score 0); where none has one, all are chosen.
    """

    tasks = frozenset({"selection"})

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Do nothing: the rule reads the candidates alone."""

    def predict(self, instances: Sequence[SelectionInstance]) -> Iterator[Selection]:
        """Select the candidates of the most frequent category path of each instance."""
        for instance in instances:
            paths = [item.category for item in instance.candidates]
            sizes = Counter(path for path in paths if path)
            most = max(sizes.values(), default=0)
            chosen = tuple(
                item.item_id for item in instance.candidates if sizes[item.category] == most
            )
            scores = tuple(sizes[path] / len(paths) for path in paths)
            yield Selection(instance.instance_id, chosen, scores)

    def save(self, folder: Path) -> None:
        """Write nothing: there is no state."""

    def load(self, folder: Path) -> None:
        """Read nothing: there is no state."""
