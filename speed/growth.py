"""How time and memory grow with the number of users: prepare, fit, run, score, report.

    python speed/growth.py --users 1000 --users 10000 --users 100000 --plot docs/results/growth.svg

Each stage runs in a process of its own, whose processor time and largest resident memory are
printed. Data are of the simulated shop with the catalogue of size m, so that users alone grow;
`popularity` answers, so that what is measured is everything but a model. With `--repeat` every
stage runs that often, `prepare` of more than 100,000 users once, and the least time counts: what
another program takes from it is not of the stage. All sizes take their turn before one is
repeated, since a machine can be slow for minutes. "a user" is processor time beyond that of the
smallest number, a further user; where growth is linear it stays the same. The straight line that
comes nearest follows, and how far off it a measured time is at most.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from commands import Cost, cost

DATA, TABLE = "growing", "ablation"
MODEL, TASK = "popularity", "recommendation"


def prepare(home: str, users: int) -> None:
    """Prepare a simulated shop of ``users`` users, a tenth of them of new domains."""
    from benchmark.data.preparing.prepare import prepare as prepare_dataset
    from benchmark.data.simulator.parameters import SCALES
    from benchmark.host.home import find_home

    shop = SCALES["m"]
    assert shop.annex is not None
    annex = replace(shop.annex, users=users // 10)
    SCALES["m"] = replace(shop, users=users - annex.users, annex=annex)
    prepare_dataset("sim", home=find_home(Path(home)), name=DATA, settings={"size": "m"})


def fit(home: str, users: int) -> None:
    """Fit ``popularity``."""
    from benchmark.data.opening import open_dataset
    from benchmark.host.home import find_home
    from benchmark.models.building import configure
    from benchmark.runs.fitting import fit_or_load

    where = find_home(Path(home))
    fit_or_load(configure(MODEL, {}), open_dataset(DATA, where), 0, where)


def run(home: str, users: int) -> None:
    """Answer all instances with what was fitted, scores included."""
    from benchmark.data.opening import open_dataset
    from benchmark.host.home import find_home
    from benchmark.runs.runner import execute
    from benchmark.runs.spec import RunSpec

    where = find_home(Path(home))
    execute(RunSpec(MODEL, TASK, DATA), open_dataset(DATA, where), where)


def score(home: str, users: int) -> None:
    """Score the stored answers again, with intervals."""
    from benchmark.data.opening import open_dataset
    from benchmark.host.home import find_home
    from benchmark.runs.asking import asked_instances
    from benchmark.runs.scoring_stored import score_stored
    from benchmark.runs.store import PREDICTIONS, stored_runs
    from benchmark.tasks import TASKS

    where = find_home(Path(home))
    dataset = open_dataset(DATA, where)
    (stored,) = stored_runs(where)
    instances = asked_instances(dataset, TASK, cohort="seen", perturb=None)
    answers = stored.folder / PREDICTIONS
    score_stored(TASKS.get(TASK), answers, instances, dataset, to=Path(home) / "again.parquet")


def report(home: str, users: int) -> None:
    """Print a table that has the run."""
    from benchmark.host.home import find_home
    from benchmark.report.build import build_report
    from benchmark.report.formats.render import render

    render(build_report(TABLE, home=find_home(Path(home)), data=DATA), "text")


STAGES: dict[str, Callable[[str, int], None]] = {
    "prepare": prepare,
    "fit": fit,
    "run": run,
    "score": score,
    "report": report,
}

MAKES = {"prepare": ["datasets"], "fit": ["fitted"], "run": ["runs"], "report": ["comparisons"]}
"""What a stage leaves in the home and would find there again."""

ONCE = 100_000
"""More users than this are prepared once: in minutes, what comes and goes evens out."""


def cost_of(stage: str, home: Path, users: int) -> Cost:
    """Run a stage in a process of its own, as if it had not run in this home before."""
    for made in MAKES.get(stage, ()):
        shutil.rmtree(home / made, ignore_errors=True)
    words = [__file__, "--stage", stage, "--home", str(home), "--users", str(users)]
    return cost([sys.executable, *words])


def least(costs: list[Cost]) -> Cost:
    """Return the least seconds and the largest memory of a stage's runs."""
    return Cost(
        wall=min(each.wall for each in costs),
        processor=min(each.processor for each in costs),
        held=max(each.held for each in costs),
    )


def measured(sizes: list[int], repeat: int) -> dict[str, list[Cost]]:
    """Return the costs of every stage, by size; what is run is told on standard error."""
    runs: dict[tuple[int, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory() as homes:
        for turn in range(repeat):
            for users in sizes:
                for stage in STAGES:
                    if stage == "prepare" and turn > 0 and users > ONCE:
                        continue
                    print(f"turn {turn + 1} of {repeat}: {users:,} users, {stage}", file=sys.stderr)
                    now = cost_of(stage, Path(homes) / str(users), users)
                    runs.setdefault((users, stage), []).append(now)
    return {stage: [least(runs[users, stage]) for users in sizes] for stage in STAGES}


def table(sizes: list[int], costs: dict[str, list[Cost]]) -> None:
    """Print a row for each size and stage, and the straight line that comes nearest to a stage."""
    print(f"{'users':>10}  {'stage':8}{'seconds':>10}{'a user':>10}{'memory':>11}")
    for at, users in enumerate(sizes):
        for stage, found in costs.items():
            now, more = found[at], ""
            if at > 0:
                each = (now.processor - found[0].processor) / (users - sizes[0])
                more = f"{each * 1e6:.0f} us"
            row = f"{users:10,}  {stage:8}{now.processor:8.1f} s{more:>10}"
            print(f"{row}{now.held / 2**20:7,.0f} MiB")
    if len(sizes) > 2:
        for stage, found in costs.items():
            start, slope, departs = line(sizes, [each.processor for each in found])
            told = f"{start:.1f} s and {slope * 1e6:.1f} us a user, at most {departs:.0%} off"
            print(f"straight line, {stage:8}{told}")


def line(sizes: list[int], seconds: list[float]) -> tuple[float, float, float]:
    """Fit a straight line to seconds by number of users, by least squares of relative errors.

    Returns its seconds at none, its seconds a user, and the largest departure as a share of it.
    """
    times = np.array(seconds)
    slope, start = np.polyfit(sizes, times, 1, w=1 / times)
    return start, slope, float(np.abs(times / (start + slope * np.array(sizes)) - 1).max())


def draw(sizes: list[int], costs: dict[str, list[Cost]], path: Path) -> None:
    """Draw seconds and memory against users, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "growth"
    figure, (times, memory) = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for (stage, found), marker in zip(costs.items(), "os^Dv", strict=True):
        times.plot(sizes, [each.processor for each in found], marker=marker, label=stage)
        memory.plot(sizes, [each.held / 2**20 for each in found], marker=marker, label=stage)
    for axes, what in ((times, "processor seconds"), (memory, "largest resident memory, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="users", ylabel=what)
        axes.grid(alpha=0.3)
    times.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure every size, print the costs and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, action="append", help="repeatable")
    parser.add_argument("--repeat", type=int, default=1, help="times that a stage is run")
    parser.add_argument("--plot", type=Path, help="file of the plot")
    parser.add_argument("--json", type=Path, help="file of the numbers")
    parser.add_argument("--stage", choices=list(STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = sorted(set(options.users or [1_000, 10_000, 100_000]))
    if options.stage is not None:
        STAGES[options.stage](options.home, sizes[0])
        return
    costs = measured(sizes, options.repeat)
    table(sizes, costs)
    if options.plot is not None:
        draw(sizes, costs, options.plot)
    if options.json is not None:
        told = {stage: [vars(each) for each in found] for stage, found in costs.items()}
        options.json.write_text(json.dumps({"users": sizes, **told}, indent=1))


if __name__ == "__main__":
    main()
