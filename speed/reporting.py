"""How long a table takes that was shown before, with few runs and with a thousand.

    python speed/reporting.py --runs 1000

One run of `popularity` for each of two tasks is made, and copied under other settings and seeds
with scores drawn from its own; a table of the user's own shows all of them, and `--table ablation`
those few of them that it asks for. "reading" is what no table of so many runs can do without: a
process that reads their manifests and scores as JSON, and nothing else. Processor seconds of
processes that were run once before; the fastest of several. `--profile` prints where the table of
all of them takes its time, shown before, instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from profiling import print_profiled

DATA = "sim-xs"
TASKS = ("recommendation", "search")
SEEDS = 5

_READING = """
import json, sys
from pathlib import Path
for name in ("manifest.json", "scores.json"):
    for file in Path(sys.argv[1]).glob(f"*/{name}"):
        json.loads(file.read_bytes())
"""


def made(home: Path, runs: int) -> Path:
    """Fill ``home`` with ``runs`` runs, and return the file of a table that shows them all."""
    from benchmark.data.opening import open_dataset
    from benchmark.data.preparing.prepare import prepare
    from benchmark.host.home import find_home
    from benchmark.runs.runner import execute
    from benchmark.runs.spec import RunSpec

    where = find_home(home)
    prepare("sim", home=where, name=DATA, settings={"size": "xs"})
    dataset = open_dataset(DATA, where)
    rows = runs // (len(TASKS) * SEEDS)
    for task in TASKS:
        first = execute(RunSpec("popularity", task, DATA), dataset, where).folder
        for number in range(rows * SEEDS):
            copied(first, number)
    table = home / "table.toml"
    table.write_text(specification(rows), encoding="utf-8")
    return table


def copied(run: Path, number: int) -> None:
    """Leave a run beside ``run`` whose instances score what instances of that did, drawn anew."""
    import numpy as np
    import polars as pl

    from benchmark.host.files import read_json, sha256_file, write_json
    from benchmark.runs.store import MANIFEST, PER_INSTANCE, SCORES

    folder = run.with_name(f"{run.name}-{number}")
    shutil.copytree(run, folder)
    found = pl.read_parquet(run / PER_INSTANCE)
    drawn = np.random.default_rng(number).integers(0, len(found), len(found))
    ids = ["instance_id", "user_id"]
    found = found.select(ids).hstack(found.drop(ids)[drawn])
    found.write_parquet(folder / PER_INSTANCE)
    scores = read_json(folder / SCORES, fix="")
    for name, score in scores["scores"].items():
        value = float(np.mean(found[name].to_numpy()))
        score.update(value=value, low=value - 0.01, high=value + 0.01)
    write_json(folder / SCORES, scores)
    manifest = read_json(folder / MANIFEST, fix="")
    manifest["settings"], manifest["seed"] = {"row": number // SEEDS}, number % SEEDS
    manifest["files"] = {
        name: sha256_file(folder / name) if name in (SCORES, PER_INSTANCE) else sha256
        for name, sha256 in manifest["files"].items()
    }
    write_json(folder / MANIFEST, manifest)


def specification(rows: int) -> str:
    """Return the table of ``rows`` systems, told apart by a setting, over both tasks."""
    columns = [f'[[columns]]\ntask = "{task}"\nmetrics = ["HR@5", "NDCG@5"]\n' for task in TASKS]
    systems = [
        f'[[rows]]\nsystem = "{row}"\nmodel = "popularity"\nset = {{row = {row}}}\n'
        for row in range(rows)
    ]
    return "\n".join(['name = "many"\ntitle = "Many runs"\n', *columns, *systems])


def processor_seconds(command: list[str], repeat: int) -> tuple[float, float]:
    """Return what the first process took, and the fastest of ``repeat`` that follow."""
    times = []
    for _ in range(1 + repeat):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command} failed.")
        times.append(used.ru_utime + used.ru_stime)
    return times[0], min(times[1:])


def main() -> None:
    """Make the runs and print what the tables take."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000, help="tens of them")
    parser.add_argument("--repeat", type=int, default=5, help="processes a table")
    parser.add_argument(
        "--profile", action="store_true", help="where a table takes its time, instead"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        table = made(home, options.runs)
        there = len(list((home / "runs").glob("*/manifest.json")))
        words = ["report", "--home", folder, "--data", DATA]
        report = [sys.executable, "-m", "benchmark", *words]
        commands = {
            "unimp-bench tasks": [sys.executable, "-m", "benchmark", "tasks"],
            "reading": [sys.executable, "-c", _READING, str(home / "runs")],
            "report --table ablation": [*report, "--table", "ablation"],
            "report, all runs": [*report, "--table", str(table)],
        }
        print(f"{there:,} runs, {options.runs:,} in the last table")
        if options.profile:
            processor_seconds(commands["report, all runs"], repeat=1)
            print_profiled([*words, "--table", str(table)])
            return
        print(f"{'':26}{'first':>10}{'again':>10}")
        for label, command in commands.items():
            first, again = processor_seconds(command, options.repeat)
            print(f"{label:26}{first:8.2f} s{again:8.2f} s", flush=True)


if __name__ == "__main__":
    main()
