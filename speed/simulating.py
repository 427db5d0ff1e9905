"""Drawing simulated users: groups of them that take each step together beside one at a time.

    python speed/simulating.py --size m

The sequences are the same. Times are of the processor, not of the clock.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator import choices
from benchmark.data.simulator.parameters import LENGTHS, SCALES, Weights
from benchmark.data.simulator.world import draw_world


def main() -> None:
    """Draw the same users both ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SCALES), default="m")
    parser.add_argument("--users", type=int, default=20_000, help="of the shop's")
    options = parser.parse_args()
    truth = draw_world(SCALES[options.size], Weights(), np.random.default_rng(0))
    users = np.arange(min(options.users, truth.n_users))
    print(f"size {options.size}: {len(users):,} users, {truth.n_items:,} items")
    drawn = []
    for name, together in (("one group at a time", 1), ("groups together", choices.TOGETHER)):
        choices.TOGETHER = together
        started = time.process_time()
        drawn.append(
            np.concatenate(
                [some[some >= 0] for some in choices.draw_groups(truth, groups_of(users))]
            )
        )
        seconds = time.process_time() - started
        print(f"{name:20}{seconds:8.2f} s{seconds / len(users) * 1e3:9.3f} ms a user")
    one, other = drawn
    if not np.array_equal(one, other):
        raise SystemExit("The two ways draw different items.")


def groups_of(users: NDArray[np.int64]) -> list[choices.Group]:
    """Return the users in groups of 2,000, each with a random stream of its own."""
    groups = []
    for some in np.split(users, range(2_000, len(users), 2_000)):
        rng = np.random.default_rng([1, int(some[0])])
        lengths = rng.integers(LENGTHS[0], LENGTHS[1] + 1, len(some))
        groups.append(choices.Group(some, lengths, rng))
    return groups


if __name__ == "__main__":
    main()
