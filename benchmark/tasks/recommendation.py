"""Define personalized recommendation: the next item, from the whole catalogue."""

from __future__ import annotations

from benchmark.instances import RecommendationInstance
from benchmark.predictions import Ranking
from benchmark.tasks import ranked
from benchmark.tasks.base import RANKING_METRICS, PromptPart, Task


def prompt(instance: RecommendationInstance) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized recommendation"."""
    return ["Can you recommend the next item to the user?"]


TASK = Task(
    name="recommendation",
    version=1,
    summary="history -> the next item, out of the whole catalogue",
    metrics=RANKING_METRICS,
    primary="NDCG@5",
    prediction=Ranking,
    scorer="benchmark.metrics.ranking:score",
    needs="users with at least three interactions",
    prompt=prompt,
    check=ranked.check,
)
