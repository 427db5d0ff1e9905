"""What the user took in the asked category, then what everyone takes there."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from baselines.learning.past import Reach
from baselines.trivial.tiers import Tiers


class HistoryWithinQueryConfig(BaseModel):
    """Sets how far back the user's own items count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    past: Reach = Field(
        "whole",
        description="own items: those of the history shown, or of the whole past, training "
        "interactions included",
    )


class HistoryWithinQuery(Tiers):
    """Ranks a query's own category: the user's items there, the latest first, then the popular.

    Every other item follows in the same order. Where nothing is recommended again, the harness
    excludes the past, and this is ``popularity:within-query``.
    """

    tasks = frozenset({"search"})
    Config = HistoryWithinQueryConfig

    def __init__(self, config: HistoryWithinQueryConfig | None = None) -> None:
        self.config = config or HistoryWithinQueryConfig()
        super().__init__(own=self.config.past, within_query=True)
