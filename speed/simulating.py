"""Drawing simulated users: plain numbers for few users at a time beside arrays, in one run.

    python speed/simulating.py --size m

"arrays" draws all steps of all users as arrays, as this project did before; the sequences are the
same. Times are of the processor, not of the clock.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmark.data.simulator import choices
from benchmark.data.simulator.parameters import LENGTHS, SCALES, Weights
from benchmark.data.simulator.world import draw_world


def main() -> None:
    """Draw the same users both ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SCALES), default="m")
    parser.add_argument("--users", type=int, default=2_000, help="of the shop's")
    options = parser.parse_args()
    truth = draw_world(SCALES[options.size], Weights(), np.random.default_rng(0))
    users = np.arange(min(options.users, truth.n_users))
    lengths = np.random.default_rng(1).integers(LENGTHS[0], LENGTHS[1] + 1, len(users))
    print(f"size {options.size}: {len(users):,} users, {truth.n_items:,} items")
    drawn, usual = [], choices.FEW_USERS
    for name, few in (("arrays", 0), ("ours", usual)):
        choices.FEW_USERS = few
        started = time.process_time()
        drawn.append(choices.draw_sequences(truth, users, lengths, np.random.default_rng(2)))
        seconds = time.process_time() - started
        print(f"{name:8}{seconds:8.2f} s{seconds / len(users) * 1e3:9.2f} ms a user")
    if not np.array_equal(*drawn):
        raise SystemExit("The two ways draw different items.")


if __name__ == "__main__":
    main()
