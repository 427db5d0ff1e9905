"""Define personalized multi-modal search: the item this user means by this query."""

from __future__ import annotations

from benchmark.instances import SearchInstance
from benchmark.predictions import Ranking
from benchmark.tasks import ranked
from benchmark.tasks.base import RANKING_METRICS, PromptPart, Task


def prompt(instance: SearchInstance) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized multi-modal search"."""
    return [
        f"{instance.query} Can you retrieve the items that aligns with both the user's history "
        "and the given query?"
    ]


TASK = Task(
    name="search",
    version=1,
    summary="history and a category query -> the item, out of the whole catalogue",
    metrics=RANKING_METRICS,
    primary="NDCG@5",
    prediction=Ranking,
    scorer="benchmark.metrics.ranking:score",
    needs="items with a category path of at least two levels",
    prompt=prompt,
    check=ranked.check,
)
