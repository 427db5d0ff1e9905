"""Whole commands on a large simulated shop: seconds, processor seconds and memory of each.

    python speed/large.py --size l

The shop is prepared in a home of its own, which is removed afterwards; then simple systems answer,
are scored and reported. "wall" is of the whole command, start-up included; memory is the most that
one of its processes held. Other work on the machine shows in "wall". `--profile` prints where
they take their time instead, all but preparing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from commands import cost
from profiling import print_profiled

from benchmark.data.simulator.parameters import SCALES

RUN = "run --data sim-{size}"
COMMANDS = (
    "data prepare sim --set size={size}",
    f"{RUN} --task recommendation --model popularity",
    f"{RUN} --task search --model popularity",
    f"{RUN} --task search --model bm25",
    "report --table search --data sim-{size}",
)


def main() -> None:
    """Run the commands one after the other, a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SCALES), default="l")
    parser.add_argument(
        "--profile", action="store_true", help="where they take their time, instead"
    )
    options = parser.parse_args()
    size = options.size
    if not options.profile:
        print(f"{'':62}{'wall':>9}{'processor':>11}{'memory':>10}")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "UNIMP_BENCH_HOME": home}
        for command in COMMANDS:
            words = command.format(size=size).split()
            if options.profile:
                show_profile(words, environment)
            else:
                show_cost(words, environment)


def show_cost(words: list[str], environment: dict[str, str]) -> None:
    """Run a command; print its seconds and memory."""
    took = cost([sys.executable, "-m", "benchmark", *words], environment)
    print(
        f"{' '.join(words):62}{took.wall:7.1f} s{took.processor:9.1f} s{took.held / 1e6:7,.0f} MB",
        flush=True,
    )


def show_profile(words: list[str], environment: dict[str, str]) -> None:
    """Run a command; print where it took its time, unless it prepares, which processes share."""
    if words[0] == "data":
        cost([sys.executable, "-m", "benchmark", *words], environment)
        return
    print(" ".join(words), flush=True)
    print_profiled(words, environment)


if __name__ == "__main__":
    main()
