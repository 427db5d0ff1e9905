"""The process that tries a fit and some predictions: ``python -m benchmark.runs.estimating.probe``.

It reads one request (JSON) from standard input and writes reports, a line of JSON each, to
standard output, which whatever the model prints does not reach. It may be killed at any time.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmark.data.dataset import Dataset
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, in_one_line
from benchmark.host.console import Volume, set_volume
from benchmark.host.home import Home
from benchmark.host.orphans import end_with
from benchmark.host.progress import watched
from benchmark.host.provenance import peak_memory_mib
from benchmark.model import Model
from benchmark.runs.estimating.mirror import added_mib
from benchmark.runs.estimating.stages import Pacer
from benchmark.runs.fitting import fit_or_load, seed_everything
from benchmark.runs.predictions import SHARD, predict_shard
from benchmark.runs.runner import Plan, plan_run
from benchmark.runs.scoring import score_predictions
from benchmark.runs.spec import RunSpec
from benchmark.stats import summarise

Say = Callable[[Mapping[str, Any]], None]
#: Instances that are asked first: they also make the model ready, ...
_FIRST = 8
#: ... so that the rest goes by others, however long it takes.
_FEWEST_PARTS = 2
#: Turns of scoring the first ones again, the fastest of which counts.
_TURNS = 3


def main() -> None:
    """Answer the request on standard input."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    set_volume(Volume.QUIET)

    def say(report: Mapping[str, Any]) -> None:
        out.write(json.dumps({**report, "peak_mib": peak_memory_mib()}) + "\n")

    request = json.load(sys.stdin)
    end_with(request["parent"])
    answer(request, say)


def answer(request: Mapping[str, Any], say: Say) -> None:
    """Fit and ask as ``request`` says: ``home, cells`` (fields of a spec), ``seconds, cut``.

    All cells are of one model, dataset and seed. With ``cut``, stages end after some ``seconds``.
    """
    home = Home(Path(request["home"]))
    specs = [RunSpec(**cell) for cell in request["cells"]]
    try:
        dataset = open_dataset(specs[0].data, home)
        plans = [plan_run(spec, dataset, home) for spec in specs]
        say({"kind": "fitting"})
        state = plans[0].built.own_state()
        with state, watched(Pacer(say, request["seconds"] if request["cut"] else math.inf)):
            fitted = fit_or_load(plans[0].built, dataset, specs[0].seed, home)
    except (Exception, SystemExit) as error:
        say({"kind": "failed", "why": _reason(error)})
        return
    say({"kind": "fitted", "seconds": fitted.record["seconds"], "mib": added_mib(home)})
    for number, plan in enumerate(plans):
        try:
            with state:
                found: Mapping[str, Any] = ask(
                    fitted.model, plan, dataset, home.root, request["seconds"]
                )
        except (Exception, SystemExit) as error:
            found = {"failed": _reason(error)}
        say({"kind": "asked", "cell": number, **found})


def ask(
    model: Model, plan: Plan, dataset: Dataset, folder: Path, seconds: float
) -> dict[str, float | None]:
    """Ask some of the instances of ``plan`` and return what all of them will take.

    ``predict`` and ``score`` are seconds (``score`` is ``None`` where so few cannot be scored),
    ``mib`` is the size of the predictions, ``asked`` how many instances this goes by.
    """
    seed_everything(plan.spec.seed)
    total, asked, size = len(plan.instances), 0, _FIRST
    parts: list[tuple[int, float, float | None, float]] = []
    spent = 0.0
    while asked < total and (len(parts) < _FEWEST_PARTS or spent < seconds):
        stop = min(asked + size, total)
        took = _asked(model, plan, dataset, folder, asked, stop)
        scored = _scored(plan, dataset, folder, asked, stop)
        parts.append((stop - asked, took, scored, _mib(folder)))
        spent += took + (scored or 0.0)
        each = max((took + (scored or 0.0)) / (stop - asked), 1e-9)
        asked, size = stop, max(_FIRST, min(SHARD, int((seconds - spent) / each)))
    counts, times, scores, sizes = zip(*parts, strict=True)
    known = [each for each in scores if each is not None]
    return {
        "predict": _whole(counts, times, total),
        "score": _scores(plan, dataset, folder, counts, known, total),
        "mib": _whole(counts, sizes, total),
        "asked": asked,
    }


def _scores(
    plan: Plan,
    dataset: Dataset,
    folder: Path,
    counts: Sequence[int],
    scores: Sequence[float],
    total: int,
) -> float | None:
    """What scoring takes, or ``None`` where a part of these ``counts`` could not be scored.

    Parts are answered by themselves but all are scored at once: what does not grow with their
    number (the bootstrap's resampling) counts once. It is what few of the last part take.
    """
    if len(scores) < len(counts):
        return None
    start, few = sum(counts[:-1]), min(_FIRST, counts[-1])
    took: list[float | None] = []
    if sum(counts[1:]) > 2 * _FIRST:  # else too few to tell the two apart
        took = [_scored(plan, dataset, folder, start, start + few, rows=few) for _ in range(_TURNS)]
    known = [each for each in took if each is not None]
    if not known:
        return _whole(counts, scores, total)
    return line(few, min(known), counts[1:], scores[1:], total)


def line(
    few: int, few_took: float, counts: Sequence[int], took: Sequence[float], total: int
) -> float:
    """Return what ``total`` take where ``few`` and parts of ``counts`` took these seconds.

    The straight line through ``few`` whose sum over the parts is theirs, and which does not fall.
    """
    further = sum(counts) - few * len(counts)
    each = max(sum(took) - few_took * len(took), 0.0) / further if further > 0 else 0.0
    return few_took + (total - few) * each


def _whole(counts: Sequence[int], parts: Sequence[float], total: int) -> float:
    """What all instances take: the parts as they were, the rest as the last of them."""
    return sum(parts) + (total - sum(counts)) * parts[-1] / counts[-1]


def _asked(
    model: Model, plan: Plan, dataset: Dataset, folder: Path, start: int, stop: int
) -> float:
    """The seconds that these instances took."""
    known = dataset.catalogue().index.__contains__
    started = time.perf_counter()
    predict_shard(
        model, plan.task, plan.instances[start:stop], known, _file(folder), plan.built.label
    )
    return time.perf_counter() - started


def _scored(
    plan: Plan, dataset: Dataset, folder: Path, start: int, stop: int, rows: int | None = None
) -> float | None:
    """The seconds that scoring the answers to these took, which are the first ``rows`` stored."""
    started = time.perf_counter()
    try:
        predictions = pl.read_parquet(_file(folder), n_rows=rows, glob=False)
        metrics, statistics = score_predictions(
            plan.task, predictions, plan.instances[start:stop], dataset
        )
        summarise(metrics, statistics, predictions["user_id"].to_list())
    except (BenchError, ValueError):  # too few to score
        return None
    return time.perf_counter() - started


def _file(folder: Path) -> Path:
    return folder / "sample.parquet"


def _mib(folder: Path) -> float:
    return _file(folder).stat().st_size / 2**20


def _reason(error: BaseException) -> str:
    return error.message if isinstance(error, BenchError) else f"{in_one_line(error)}."


if __name__ == "__main__":
    main()
