"""What the user took last, again; then what everyone takes."""

from __future__ import annotations

from baselines.trivial.tiers import Tiers


class RepeatLast(Tiers):
    """Ranks the distinct items of the history, most recent first, then the popular ones.

    Strong where things are bought again. In datasets that do not recommend again, the
    harness excludes the whole past from every ranking, and this *is* popularity.
    """

    tasks = frozenset({"recommendation", "search"})

    def __init__(self) -> None:
        super().__init__(own="shown")
