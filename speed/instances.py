"""Instances as objects: built together, one by one, and left as columns, in one run.

python speed/instances.py --data sim-s
python speed/instances.py --data sim-s --profile search
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from profiling import profiled

from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home


def microseconds(work: Callable[[], object], instances: int) -> float:
    """Return the least processor time of three calls, per instance."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) / instances * 1e6


def main() -> None:
    """Time every task's test instances."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--profile", metavar="TASK", help="where objects take their time, instead")
    options = parser.parse_args()
    dataset = ensure_dataset(options.data, find_home(None))
    list(dataset.catalogue())  # items are built once
    if options.profile:
        asked = dataset.instances(options.profile)
        print(f"{options.data}, {options.profile}, together")
        print("\n".join(profiled(lambda: list(asked[:]), repeat=3)))
        return
    print(f"{options.data}, microseconds an instance")
    print(f"{'task':20}{'instances':>10}{'together':>10}{'one by one':>12}{'columns':>9}")
    for task in dataset.tasks:
        asked = dataset.instances(task)
        n = len(asked)

        def together() -> object:
            return list(asked[:])  # noqa: B023

        def one_by_one() -> object:
            return [asked[i : i + 1][0] for i in range(len(asked))]  # noqa: B023

        def columns() -> object:
            return asked.ids, asked.users, asked.excluded  # noqa: B023

        row = [microseconds(work, n) for work in (together, one_by_one, columns)]
        print(f"{task:20}{n:>10,}{row[0]:>10.1f}{row[1]:>12.1f}{row[2]:>9.2f}")


if __name__ == "__main__":
    main()
