"""What `run --estimate` says beside what the runs then take, and the factor between them.

    python speed/estimate.py --data sim-xs

Every cell is fitted anew, in a home of its own that is removed afterwards. The factor is of fit and
predictions together: 1 is exact, 2 is half or twice. "at most" is told of a training that may stop
before its last step, in which case nobody knows the factor before it does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile

CELLS = (
    "unimp:recommendation",
    "sasrec:recommendation",
    "gru4rec:recommendation",
    "lightgcn:recommendation",
    "vbpr:recommendation",
)
#: What counts of a run's cost.
_PARTS = ("fit", "predict")


def ran(
    cell: str, data: str, seconds: float, home: str, settings: list[str]
) -> tuple[float | None, float, str]:
    """Run ``MODEL:TASK`` with an estimate; return it, what the run took, and what bounds it."""
    model, _, task = cell.rpartition(":")
    command = [sys.executable, "-m", "benchmark", "run", "--model", model, "--task", task]
    command += ["--data", data, "--home", home, "--json"]
    command += ["--estimate", "--estimate-seconds", str(seconds)]
    for setting in settings:
        command += ["--set", setting] * setting.startswith(f"{model}:")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{cell} failed: {done.stderr.strip().splitlines()[-1]}")
    result = json.loads(done.stdout)
    said = [result["estimate"][f"{part}_seconds"] for part in _PARTS]
    bounds = [result["estimate"][f"{part}_bound"] for part in _PARTS]
    taken = sum(result[f"{part}_seconds"] for part in _PARTS)
    bound = next((bound for bound in bounds if bound not in (None, "about")), "about")
    return (None if None in said else sum(said)), taken, bound


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
    parser.add_argument("--seconds", type=float, default=10.0, help="a stage is measured for")
    options = parser.parse_args()
    print(f"{options.data}, {options.seconds:g} s a stage")
    print(f"{'cell':28}{'estimated':>12}{'taken':>10}{'factor':>9}")
    factors, known = [], []
    with tempfile.TemporaryDirectory() as home:
        for cell in options.cell or CELLS:
            said, taken, bound = ran(cell, options.data, options.seconds, home, options.set)
            if said is None:
                print(f"{cell:28}{'not known':>12}{taken:8.1f} s", flush=True)
                continue
            factors.append(factor(said, taken))
            known += [factors[-1]] * (bound == "about")
            line = f"{cell:28}{said:10.1f} s{taken:8.1f} s{factors[-1]:9.2f}"
            print(line + (f"  ({bound})" if bound != "about" else ""), flush=True)
    if known:
        print(f"worst factor {max(factors):.2f}, where the steps are known {max(known):.2f}")


if __name__ == "__main__":
    main()
