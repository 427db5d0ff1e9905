"""`data prepare` alone beside `--workers N`, in one run: seconds, and whether bytes are the same.

    python speed/dividing.py --reviews 200000 --workers 1 --workers 2

The dataset is of made-up reviews in the form of ``amazon2023`` (``speed/data_build.py``), or with
``--size m`` a simulated shop. "killed" kills a worker once while it works. Workers are processes of
this machine, so with as many cores as preparing alone uses nothing is to be gained here; what they
cost is what is seen. "processor" is of the command and its workers together.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from data_build import write_raw

from benchmark.data.dataset import Dataset

#: Seconds between two looks at what a command has done so far.
_LOOK = 0.1


def prepared(words: list[str], home: Path, *, kill: bool) -> tuple[float, float, str]:
    """Run ``data prepare``; return its seconds, processor seconds and a hash of all its files."""
    command = [sys.executable, "-m", "benchmark", "data", "prepare", *words]
    before, started = os.times(), time.perf_counter()
    process = subprocess.Popen(
        [*command, "--name", "one", "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while kill and process.poll() is None:
        time.sleep(_LOOK)
        below = psutil.Process(process.pid).children(recursive=True)
        workers = [each for each in below if _works(each)]
        if workers:
            workers[0].kill()
            kill = False
    _, told = process.communicate()
    wall, after = time.perf_counter() - started, os.times()
    if process.returncode or kill:
        raise SystemExit(told.decode() or "It ended before a worker had anything to lose.")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    folder = Dataset(home / "datasets" / "one").folder
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return wall, used, digest.hexdigest()


def _works(process: psutil.Process) -> bool:
    """Whether it is a worker that has computed something."""
    try:
        words = " ".join(process.cmdline())
        return "spawn_main" in words and process.cpu_times().user > 3
    except psutil.Error:
        return False


def main() -> None:
    """Print a line for preparing alone and for each number of workers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reviews", type=int, default=200_000)
    parser.add_argument("--size", help="of a simulated shop instead of reviews")
    parser.add_argument("--workers", type=int, action="append", help="repeatable; default 1, 2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.size is None:
            raw = write_raw(Path(folder) / "raw", options.reviews)
            words = ["amazon2023", "--raw", str(raw)]
            print(f"{options.reviews:,} reviews")
        else:
            words = ["sim", "--set", f"size={options.size}"]
            print(f"a simulated shop, size {options.size}")
        print(f"{'':22}{'wall':>10}{'processor':>12}  bytes")
        alone = None
        counts = options.workers or [1, 2]
        ways = [("alone", 0, False), *((f"{n} workers", n, False) for n in counts)]
        ways.append((f"{max(counts)} workers, one killed", max(counts), True))
        for number, (name, count, kill) in enumerate(ways):
            where = Path(folder) / str(number)
            more = ["--workers", str(count)] if count else []
            wall, used, bytes_ = prepared([*words, *more], where, kill=kill)
            alone = alone or bytes_
            same = "the same" if bytes_ == alone else "OTHERS"
            print(f"{name:22}{wall:>8.1f} s{used:>10.1f} s  {same}", flush=True)


if __name__ == "__main__":
    main()
