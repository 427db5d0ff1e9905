"""Metric families: printed names, which way is better, and the range of values.

A family has members that differ in a cut-off (``HR@5``), in an encoder (``BERTScore-<encoder>``)
or in a listed form (``ROUGE-L``); all share direction and range. A name that no family prints is
refused, never guessed at: a guessed direction would turn a whole table around.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from benchmark.errors import UsageError, unknown_name
from benchmark.tasks.base import ranking_metrics

Direction = Literal["higher", "lower"]

#: Six digits: no ranking is longer, and a hostile name must not cost memory.
_CUTOFF = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_ENCODER = re.compile(r"\S(.*\S)?")


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """Describes the metrics of one definition, with one direction and one range.

    ``direction`` says which values are better. ``low`` and ``high`` bound every member's value;
    an infinite ``high`` depends on the data, as the width of a rating scale does. ``members`` are
    the printed names where they can be listed; a family ``by_cutoff`` prints ``name@k``, one
    ``by_encoder`` ``name-encoder``, and such a family's bare name stands for whichever encoder a
    machine has (as ``unimp-bench tasks`` lists it).
    """

    name: str
    direction: Direction
    low: float = 0.0
    high: float = 1.0
    members: tuple[str, ...] = ()
    by_cutoff: bool = False
    by_encoder: bool = False

    @property
    def higher_is_better(self) -> bool:
        """Return whether the larger of two values is the better one."""
        return self.direction == "higher"

    @property
    def worst(self) -> float:
        """Return the value of a system that always fails; infinite for unbounded errors."""
        return self.low if self.higher_is_better else self.high

    @property
    def example(self) -> str:
        """Return a printed name of the family, for messages."""
        if self.members:
            return self.members[0]
        return f"{self.name}@5" if self.by_cutoff else self.name

    def prints(self, name: str) -> bool:
        """Return whether ``name`` is what a member of this family is printed as."""
        return name in self.members or self.suffix(name) is not None

    def suffix(self, name: str) -> str | None:
        """Return the cut-off or encoder in a printed ``name``; ``None`` for another family's.

        >>> HR.suffix("HR@5"), HR.suffix("HR@0"), BERTSCORE.suffix("BERTScore-tiny")
        ('5', None, 'tiny')
        """
        if not (self.by_cutoff or self.by_encoder):
            return None
        start = f"{self.name}@" if self.by_cutoff else f"{self.name}-"
        rest = name.removeprefix(start) if name.startswith(start) else ""
        pattern = _CUTOFF if self.by_cutoff else _ENCODER
        return rest if pattern.fullmatch(rest) else None

    def stands_for(self, name: str) -> bool:
        """Return whether ``name`` is a printed name or the bare name of a family ``by_encoder``."""
        return self.prints(name) or (self.by_encoder and name == self.name)


HR = MetricFamily("HR", "higher", by_cutoff=True)
NDCG = MetricFamily("NDCG", "higher", by_cutoff=True)
MRR = MetricFamily("MRR", "higher", by_cutoff=True)
RECALL_AT = MetricFamily("Recall", "higher", by_cutoff=True)
F1_AT = MetricFamily("F1", "higher", by_cutoff=True)
MAE = MetricFamily("MAE", "lower", high=math.inf, members=("MAE",))
RMSE = MetricFamily("RMSE", "lower", high=math.inf, members=("RMSE",))
PRECISION = MetricFamily("Precision", "higher", members=("Precision",))
RECALL = MetricFamily("Recall", "higher", members=("Recall",))
F1 = MetricFamily("F1", "higher", members=("F1",))
BLEU = MetricFamily("BLEU", "higher", members=("BLEU-1", "BLEU-4"))
ROUGE = MetricFamily("ROUGE", "higher", members=("ROUGE-1", "ROUGE-2", "ROUGE-L"))
#: With WordNet's synonyms, and without.
METEOR = MetricFamily("METEOR", "higher", members=("METEOR", "METEOR-exact+stem"))
BERTSCORE = MetricFamily("BERTScore", "higher", by_encoder=True)
TARGET_SIMILARITY = MetricFamily("target similarity", "higher", low=-1.0, by_encoder=True)
QUERY_SIMILARITY = MetricFamily("query similarity", "higher", low=-1.0, by_encoder=True)
KMMD = MetricFamily("KMMD", "lower", high=2.0, by_encoder=True)
PERSONALIZATION_MARGIN = MetricFamily(
    "personalization margin", "higher", low=-2.0, high=2.0, by_encoder=True
)

#: Those of rankings, each cut at k.
RANKING = (HR, NDCG, MRR, RECALL_AT, F1_AT)

#: Every metric the harness knows belongs to one of these.
FAMILIES = (
    *RANKING,
    *(MAE, RMSE),
    *(PRECISION, RECALL, F1),
    *(BLEU, ROUGE, METEOR, BERTSCORE),
    *(TARGET_SIMILARITY, QUERY_SIMILARITY, KMMD, PERSONALIZATION_MARGIN),
)


def metrics_of_several(k: int) -> tuple[str, ...]:
    """Return what rankings of ``k`` items are measured by, where instances have several positives.

    These come beside :func:`~benchmark.tasks.base.ranking_metrics`, at the same cut-offs.
    """
    cutoffs = dict.fromkeys(name.partition("@")[2] for name in ranking_metrics(k))
    return tuple(
        f"{family}@{cutoff}" for cutoff in cutoffs for family in (RECALL_AT.name, F1_AT.name)
    )


def family_of(name: str) -> MetricFamily:
    """Return the family of the metric ``name``: a printed name, or a family's bare name.

    Raises :class:`~benchmark.errors.UsageError`, with the nearest known names, for any other:
    ``"MAE-x"`` and ``"HR@0"`` belong to no family.
    """
    for family in FAMILIES:
        if family.stands_for(name):
            return family
    known = [*(name for f in FAMILIES for name in f.members), *(f.example for f in FAMILIES)]
    raise unknown_name("metric", name, dict.fromkeys(known))


def family_printing(name: str) -> MetricFamily:
    """Return the family of the metric that a run prints as ``name``.

    Raises :class:`~benchmark.errors.UsageError` for a name of no family, and for the bare name of
    a family ``by_encoder``: a machine's encoder makes it definite.
    """
    family = family_of(name)
    if not family.prints(name):
        raise UsageError(
            f"Unknown metric {name!r}: whose encoder is not said.",
            fix=f"Give the name as a run prints it: {name}-ENCODER.",
        )
    return family


def is_variant(measured: str, name: str) -> bool:
    """Return whether ``measured`` is the metric ``name``, or a variant that ``name`` stands for.

    ``BERTScore`` stands for ``BERTScore-<encoder>``, ``METEOR`` for ``METEOR-exact+stem``; nothing
    else may follow a name.
    """
    if measured == name:
        return True
    return any(
        family.prints(measured) and (family.by_encoder or name in family.members)
        for family in FAMILIES
        if family.name == name
    )
