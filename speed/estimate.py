"""What `run --estimate` says beside what the runs then take, and the factor between them.

    python speed/estimate.py --data sim-xs

Every cell is fitted anew, in a home of its own (with your prepared dataset) that is removed
afterwards; or, for cells that take long, ``--stored`` takes what the runs of your home took, if
they had as much of the machine as the estimates have now. The factor is of fit and predictions
together: 1 is exact, 2 is half or twice. "at most" is told of a training that may stop before its
last step, in which case nobody knows the factor before it does. With ``--seed 1`` fits of seed 0
that an estimate knows of (``benchmark/runs/estimating/stops.json``) are others than those it is
compared with.

Seconds are of the clock. On a busy machine those that estimating took and those of the run pass
while others compute, now more and now less. "processor" is the factor without that: what was
estimated, times the processor seconds that estimating got a second, beside the processor seconds
of the run without those of the same command once the run is stored. What estimates leave out is
still among them (imports, opening the dataset), which says much of a cell of a few seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True)
class Compared:
    """What a cell was estimated to take (``None``: not known) and took, in seconds."""

    said: float | None
    said_processor: float | None
    taken: float
    taken_processor: float | None
    """``None`` of a run that was stored before."""
    bound: str


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
    estimated, clock, processor = told([*command, *asking])
    taken_processor = None
    if stored is None:
        result, _, used = told(command)
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
    parser.add_argument("--seed", type=int, default=0, help="of the runs")
    parser.add_argument("--seconds", type=float, default=10.0, help="a stage is measured for")
    options = parser.parse_args()
    print(f"{options.data}, {options.seconds:g} s a stage")
    print(f"{'cell':28}{'estimated':>12}{'taken':>10}{'factor':>9}{'processor':>11}")
    stored = find_home(None) if options.stored else None
    factors, known, by_processor = [], [], []
    with tempfile.TemporaryDirectory() as home:
        prepared = find_home(None).datasets / options.data
        if prepared.is_dir():
            datasets = Path(home) / "datasets"
            datasets.mkdir()
            (datasets / options.data).symlink_to(prepared.resolve(), target_is_directory=True)
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
                line += f"{by_processor[-1]:11.2f}"
            print(line + (f"  ({found.bound})" if found.bound != "about" else ""), flush=True)
    if factors:
        steps = f", where the steps are known {max(known):.2f}" if known else ""
        by = f", of the processor {max(by_processor):.2f}" if by_processor else ""
        print(f"worst factor {max(factors):.2f}{by}{steps}")


if __name__ == "__main__":
    main()
