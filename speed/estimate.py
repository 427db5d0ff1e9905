"""What `run --estimate` says beside what the runs then take, and the factor between them.

    python speed/estimate.py --data sim-xs

Every cell is fitted anew, in a home of its own (with your prepared dataset) that is removed
afterwards, unless ``--keep`` names a folder for it: the runs stay there, and a cell whose run is
there already is refused, as its estimate would be what it took. Or, for cells that take long,
``--stored`` takes what the runs of your home took, if they had as much of the machine as the
estimates have now. The factor is of fit and predictions
together: 1 is exact, 2 is half or twice. "at most" is told of a training that may stop before its
last step, in which case nobody knows the factor before it does. With ``--seed 1`` fits of seed 0
that an estimate knows of (``benchmark/runs/estimating/stops.json``) are others than those it is
compared with.

Seconds are of the clock. On a busy machine those that estimating took and those of the run pass
while others compute, now more and now less. "processor" is the factor without that: what was
estimated, times the processor seconds that estimating got a second, beside the processor seconds
of the run without those of the same command once the run is stored. What estimates leave out is
still among them (imports, opening the dataset), which says much of a cell of a few seconds.

A processor does more in a second at one time than at another: others use the memory, it is hot,
or it is shared by whoever rents it out. While a command runs, a loop of always the same length is
timed every few seconds. "at one pace" is the processor's factor, had the loop taken as long during
the run as while it was estimated; "pace" says how much longer it took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmark.host.home import Home, find_home
from benchmark.runs.store import stored_runs

CELLS = (
    "unimp:recommendation",
    "sasrec:recommendation",
    "gru4rec:recommendation",
    "lightgcn:recommendation",
    "vbpr:recommendation",
)
#: What counts of a run's cost.
_PARTS = ("fit", "predict")
#: Length of the loop that is timed, a few hundredths of a second, and the seconds between two.
_LOOP, _BETWEEN = 1_000_000, 3.0


@dataclass(frozen=True)
class Compared:
    """What a cell was estimated to take (``None``: not known) and took, in seconds."""

    said: float | None
    said_processor: float | None
    taken: float
    taken_processor: float | None
    """``None`` of a run that was stored before."""
    bound: str
    pace: float
    """How much longer the same loop took during the run than while it was estimated."""


class Pace(threading.Thread):
    """Times a loop of always the same length every few seconds, in processor seconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        """Time it until :meth:`mean` is asked for."""
        while True:
            started = time.thread_time()
            for _ in range(_LOOP):
                pass
            self.seconds.append(time.thread_time() - started)
            if self._ended.wait(_BETWEEN):
                return

    def mean(self) -> float:
        """End it, and return the mean seconds of a loop."""
        self._ended.set()
        self.join()
        return fmean(self.seconds)


def manifest_of(home: Home, model: str, task: str, data: str, seed: int) -> Mapping[str, Any]:
    """Return the manifest of the latest stored run of a cell."""
    asked = {"task": task, "data": data, "cohort": "seen", "perturb": None, "seed": seed}
    found = [
        run.manifest
        for run in stored_runs(home)
        if run.label == model and asked.items() <= run.manifest.items()
    ]
    if not found:
        raise SystemExit(f"No run of {model} on {task} with seed {seed} is stored.")
    return max(found, key=lambda manifest: manifest["created"])


def compared(
    cell: str,
    data: str,
    seconds: float,
    home: str,
    settings: list[str],
    seed: int,
    stored: Home | None,
) -> Compared:
    """Estimate ``MODEL:TASK``, then run it, or find the run that is ``stored``."""
    model, _, task = cell.rpartition(":")
    command = [sys.executable, "-m", "benchmark", "run", "--model", model, "--task", task]
    command += ["--data", data, "--seed", str(seed), "--home", home, "--json"]
    for setting in settings:
        command += ["--set", setting] * setting.startswith(f"{model}:")
    asking = ["--estimate", "--estimate-seconds", str(seconds), "--dry-run"]
    pace = Pace()
    pace.start()
    estimated, clock, processor = told([*command, *asking])
    before = pace.mean()
    if not estimated["runs"]:
        raise SystemExit(f"{cell} with seed {seed} is in {home} already: give --keep a new folder.")
    taken_processor, after = None, before
    result: Mapping[str, Any]
    if stored is None:
        pace = Pace()
        pace.start()
        result, _, used = told(command)
        after = pace.mean()
        _, _, beside = told(command)  # the run is stored: start-up alone
        taken_processor = used - beside
    else:
        result = manifest_of(stored, model, task, data, seed)
    (one,) = estimated["runs"]
    said = [one[f"{part}_seconds"] for part in _PARTS]
    whole = None if None in said else sum(said)
    return Compared(
        said=whole,
        said_processor=None if whole is None else whole * processor / clock,
        taken=sum(result[f"{part}_seconds"] for part in _PARTS),
        taken_processor=taken_processor,
        bound=next((b for p in _PARTS if (b := one[f"{p}_bound"]) not in (None, "about")), "about"),
        pace=after / before,
    )


def told(command: list[str]) -> tuple[dict[str, Any], float, float]:
    """Return what a command prints as JSON, and its seconds: of the clock, of the processor."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clock, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr.strip().splitlines()[-1]}")
    used = after.children_user + after.children_system
    return json.loads(done.stdout), clock, used - before.children_user - before.children_system


@contextmanager
def home_with(data: str, kept: Path | None) -> Iterator[str]:
    """Yield a home with your prepared ``data``: ``kept``, or one that is removed afterwards."""
    with tempfile.TemporaryDirectory() as passing:
        home = kept or Path(passing)
        prepared = find_home(None).datasets / data
        if prepared.is_dir() and not (home / "datasets" / data).exists():
            (home / "datasets").mkdir(parents=True, exist_ok=True)
            (home / "datasets" / data).symlink_to(prepared.resolve(), target_is_directory=True)
        yield str(home)


def factor(said: float, taken: float) -> float:
    """Return how far apart two times are, 1 or more."""
    low, high = sorted((max(said, 1e-3), max(taken, 1e-3)))
    return high / low


def main() -> None:
    """Print a line for every cell, and the worst factor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--cell", action="append", help="MODEL:TASK, repeatable")
    parser.add_argument("--set", action="append", default=[], help="MODEL:NAME=VALUE, repeatable")
    parser.add_argument("--stored", action="store_true", help="compare with runs of your home")
    parser.add_argument("--keep", type=Path, help="a home for the runs, which stay there")
    parser.add_argument("--seed", type=int, default=0, help="of the runs")
    parser.add_argument("--seconds", type=float, default=10.0, help="a stage is measured for")
    options = parser.parse_args()
    print(f"{options.data}, {options.seconds:g} s a stage")
    heads = f"{'factor':>9}{'processor':>11}{'at one pace':>13}{'pace':>7}"
    print(f"{'cell':28}{'estimated':>12}{'taken':>10}{heads}")
    stored = find_home(None) if options.stored else None
    factors, known, by_processor, at_one_pace = [], [], [], []
    with home_with(options.data, options.keep) as home:
        for cell in options.cell or CELLS:
            found = compared(
                cell, options.data, options.seconds, home, options.set, options.seed, stored
            )
            if found.said is None or found.said_processor is None:
                print(f"{cell:28}{'not known':>12}{found.taken:8.1f} s", flush=True)
                continue
            factors.append(factor(found.said, found.taken))
            known += [factors[-1]] * (found.bound == "about")
            line = f"{cell:28}{found.said:10.1f} s{found.taken:8.1f} s{factors[-1]:9.2f}"
            if found.taken_processor is not None:
                by_processor.append(factor(found.said_processor, found.taken_processor))
                said = found.said_processor * found.pace
                at_one_pace.append(factor(said, found.taken_processor))
                line += f"{by_processor[-1]:11.2f}{at_one_pace[-1]:13.2f}{found.pace:7.2f}"
            print(line + (f"  ({found.bound})" if found.bound != "about" else ""), flush=True)
    if factors:
        steps = f", where the steps are known {max(known):.2f}" if known else ""
        by = f", of the processor {max(by_processor):.2f}" if by_processor else ""
        by += f", at one pace {max(at_one_pace):.2f}" if at_one_pace else ""
        print(f"worst factor {max(factors):.2f}{by}{steps}")


if __name__ == "__main__":
    main()
