"""The first ceiling of simulated data: it knows the process and every user's tastes.

It sees the same history as every other system. Chance is all it does not know, so nothing beats
it in expectation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baselines.simulated.ceiling import Ceiling, CeilingConfig
from benchmark.data.simulator.truth import Ints, Truth
from benchmark.instances import Instance


class Oracle(Ceiling):
    """Ranks, rates and selects by the true utilities of a simulated dataset."""

    name = "oracle"
    Config = CeilingConfig

    def __init__(self, config: CeilingConfig | None = None) -> None:
        self.config = config or CeilingConfig()

    def possible(self, instances: Sequence[Instance]) -> tuple[Truth, Ints]:
        """Return the truth, and the row of the one user who stands behind each instance."""
        count = self.truth.n_users
        rows = [[self.number(i.user_id, count, "user")] for i in instances]
        return self.truth, np.array(rows, dtype=np.int64)
