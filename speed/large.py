"""Whole commands on a large simulated shop: seconds, processor seconds and memory of each.

    python speed/large.py --size l

The shop is prepared in a home of its own, which is removed afterwards; then simple systems answer,
are scored and reported. "wall" is of the whole command, start-up included; memory is the most that
one of its processes held. Other work on the machine shows in "wall".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

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
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmark", *words],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"unimp-bench {' '.join(words)} failed.")
            held = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
            print(
                f"{' '.join(words):62}{wall:7.1f} s{used.ru_utime + used.ru_stime:9.1f} s"
                f"{held * 2**20 / 1e6:7,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
