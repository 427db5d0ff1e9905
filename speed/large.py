"""Whole commands on a large simulated shop: seconds, processor seconds and memory of each.

    python speed/large.py --size l

The shop is prepared in a home of its own, which is removed afterwards; then simple systems answer,
are scored and reported. "wall" is of the whole command, start-up included; memory is the most that
one of its processes held. Other work on the machine shows in "wall".
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from commands import cost

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
    size = parser.parse_args().size
    print(f"{'':62}{'wall':>9}{'processor':>11}{'memory':>10}")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "UNIMP_BENCH_HOME": home}
        for command in COMMANDS:
            words = command.format(size=size).split()
            took = cost([sys.executable, "-m", "benchmark", *words], environment)
            print(
                f"{' '.join(words):62}{took.wall:7.1f} s{took.processor:9.1f} s"
                f"{took.held / 1e6:7,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
