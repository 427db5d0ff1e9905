"""One piece of shared work: the runs of one fit, executed in a process of their own.

A worker starts that process (:mod:`benchmark.runs.workers`) and writes it a line of JSON; it
answers with a line for every run. Random state, threads, memory and whatever a model does to its
process are then those of a run alone, and the process ends when its input does: with its worker.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from benchmark.data.dataset import Dataset
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, in_one_line
from benchmark.host.console import Volume, output_to_stderr, set_volume
from benchmark.host.home import Home, find_home
from benchmark.models.building import configure
from benchmark.models.from_file import split_name
from benchmark.runs.fitting import fit_key
from benchmark.runs.runner import check, execute
from benchmark.runs.spec import RunSpec
from benchmark.runs.tuned import chosen_settings
from benchmark.runs.work import Outcome, Work


def fit_of(spec: RunSpec, dataset: Dataset, home: Home) -> str:
    """Return the key of the fit that ``spec`` needs; raises what :func:`check` raises."""
    _, built = check(spec)
    if spec.tuned:
        built = configure(spec.model, chosen_settings(spec, dataset.sha256, home).settings)
    return fit_key(built, dataset, spec.seed)


def divide(
    specs: Sequence[RunSpec], datasets: Mapping[str, Dataset], home: Home, *, force: bool
) -> tuple[list[tuple[Work, list[int]]], dict[int, Outcome]]:
    """Return the work that ``specs`` are: a piece for every fit, and the places of its runs.

    The pieces come in the order of ``specs``. What cannot even be asked is an outcome already.
    """
    of_fit: dict[str, list[int]] = {}
    refused: dict[int, Outcome] = {}
    for at, spec in enumerate(specs):
        try:
            of_fit.setdefault(fit_of(spec, datasets[spec.data], home), []).append(at)
        except BenchError as error:
            refused[at] = Outcome(problem=str(error))
    where, command = home.address or str(home.root), tuple(sys.argv)
    work = [
        (Work(where, fit, tuple(_placed(specs[at]) for at in places), force, command), places)
        for fit, places in of_fit.items()
    ]
    return work, refused


def _placed(spec: RunSpec) -> RunSpec:
    """``spec`` whose model's file, if it is one, is found from any folder."""
    of_file = split_name(spec.model)
    if of_file is None:
        return spec
    return replace(spec, model=f"{of_file[0].absolute()}:{of_file[1]}")


def perform(work: Work, results: TextIO) -> None:
    """Execute every run of ``work`` and write a line of :class:`Outcome` for each as it ends."""
    home = find_home(work.home)
    since: float | None = None
    for spec in work.specs:
        try:
            since = home.now() if work.force and since is None else since
            outcome = Outcome(run=_executed(spec, work, home, since=since))
        except BenchError as error:
            outcome = Outcome(problem=str(error))
        except Exception as error:  # a bug of ours: the other runs go on
            sys.excepthook(*sys.exc_info())
            outcome = Outcome(problem=f"Unexpected {in_one_line(error)}.\nThis is a bug.")
        results.write(outcome.to_json() + "\n")
        results.flush()


def _executed(spec: RunSpec, work: Work, home: Home, *, since: float | None) -> str:
    dataset = open_dataset(spec.data, home)
    if fit_of(spec, dataset, home) != work.fit:
        raise BenchError(
            f"Here {spec.model!r} on {spec.data!r} would be another fit: the model's code, its "
            "packages or the dataset are not those of the machine that asks.",
            fix="Let all machines see one home, and the same file where the model is a file.",
        )
    stored = execute(spec, dataset, home, force=work.force, since=since)
    return stored.folder.name


def main() -> None:
    """Perform the work that standard input names; end at once when that is closed."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    work = Work.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv = list(work.command)
    set_volume(Volume.QUIET)
    with output_to_stderr():
        perform(work, results)


def _end_with_input() -> None:
    # os.read: the interpreter may not wait for a lock of sys.stdin when it ends.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
