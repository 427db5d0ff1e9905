"""The most frequent items of the training part, for everyone; or after the user's own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from baselines.learning.past import Reach
from baselines.trivial.tiers import Tiers


class PopularityConfig(BaseModel):
    """Sets what comes before the most frequent items."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    own: Reach | None = Field(
        None,
        description="the user's own items first, the latest highest: those of the history shown, "
        "or of the whole past, training interactions included; unset: not",
    )
    within_query: bool = Field(
        False, description="search: items whose category path makes the query first"
    )


class Popularity(Tiers):
    """Ranks items by their number of training interactions, the same for everyone.

    ``popularity:repeat`` puts the user's own items first, as far back as training goes;
    ``popularity:within-query`` what is popular in the asked category. Without them search
    ignores the query.
    """

    tasks = frozenset({"recommendation", "search"})
    Config = PopularityConfig

    def __init__(self, config: PopularityConfig | None = None) -> None:
        self.config = config or PopularityConfig()
        super().__init__(own=self.config.own, within_query=self.config.within_query)
