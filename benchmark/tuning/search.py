"""Search settings: suggest, try, store, until there are as many trials as asked for.

Trials see training and validation data only. The first is the model's configuration as it is,
where the space holds it, so that what is chosen is never worse on validation than what was there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.data.opening import ensure_dataset
from benchmark.data.unchanged import require_unchanged
from benchmark.errors import BenchError, UsageError
from benchmark.host.console import note
from benchmark.host.files import locked, sha256_json
from benchmark.host.home import Home
from benchmark.host.progress import Bar, bar
from benchmark.host.provenance import now
from benchmark.metrics.families import family_of
from benchmark.models.building import BuiltModel
from benchmark.runs.runner import check
from benchmark.runs.spec import RunSpec, name_words
from benchmark.runs.tuned import SEARCH, Search, Trial, read_search
from benchmark.tasks import Task
from benchmark.tuning.space import Space, defaults_in, points, space_for, space_json
from benchmark.tuning.suggesting import require_optuna, suggest, told
from benchmark.tuning.trial import Judge, is_no_fault_of_the_trial, judge, validation_instances


def tune(
    model: str,
    task: str,
    *,
    data: str,
    trials: int,
    home: Home,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    space: Path | None = None,
    timeout: float | None = None,
) -> Search:
    """Search the settings of ``model`` for the best validation score of ``task`` on ``data``.

    Goes on with a stored search of the same question until it has ``trials`` trials in all.
    ``settings`` are fixed; ``space`` is a TOML file instead of the model's own space; no trial
    begins once ``timeout`` seconds have passed since the call, preparing the dataset and waiting
    for another process included, nor when every configuration of a space of
    finitely many was tried. A trial that fails is stored with its reason and does not stop the
    search.

    Raises :class:`UsageError` for what cannot be asked, and :class:`BenchError` where the data
    has no validation instances or where every trial failed.
    """
    if trials < 1:
        raise UsageError(f"--trials {trials} tries nothing.", fix="Give 1 or more.")
    if timeout is not None and not timeout > 0:
        raise UsageError(f"--timeout {timeout:g} leaves no time.", fix="Give seconds above 0.")
    end = math.inf if timeout is None else time.monotonic() + timeout
    fixed = dict(settings or {})
    asked, built = check(RunSpec(model, task, data, seed=seed, settings=fixed))
    chosen_from = space_for(built, fixed, space)
    require_optuna()
    home.check_writable()
    dataset = ensure_dataset(data, home)
    require_unchanged(dataset)  # now: no trial is to blame
    instances = validation_instances(dataset, task)
    identity = _identity(built, asked, dataset, instances.sha256, fixed, chosen_from, seed)
    folder = home.tuning / _name(built.label, task, dataset.name, identity)
    with locked(home.tuning / f".{folder.name}.lock", f"searching for {built.label}"):
        search = _begun(folder, identity)
        by = Judge(model, asked, dataset, instances, seed, folder / ".trial")
        _go_on(search, by, chosen_from, built, trials, end)
    if search.best is None and search.trials:
        raise BenchError(
            f"All {len(search.trials)} trials of {built.label} failed. First: "
            f"{search.trials[0].problem}",
            fix=f"They are listed in {str(folder / SEARCH)!r}; search another --space.",
        )
    return search


def _identity(
    built: BuiltModel,
    task: Task,
    dataset: Dataset,
    instances_sha256: str,
    fixed: Mapping[str, Any],
    space: Space,
    seed: int,
) -> dict[str, Any]:
    return {
        "model": built.entry.name,
        "target": built.entry.target,
        "variant": built.variant,
        "task": task.name,
        "task_version": task.version,
        "data": dataset.name,
        "dataset_sha256": dataset.sha256,
        "instances_sha256": instances_sha256,
        "code_sha256": built.code,
        "settings": dict(fixed),
        "space": space_json(space),
        "seed": seed,
        "metric": task.primary,
        "higher_is_better": family_of(task.primary).higher_is_better,
    }


def _name(label: str, task: str, data: str, identity: Mapping[str, Any]) -> str:
    return f"{'_'.join(name_words(label, task, data))}-{sha256_json(identity)[:8]}"


def _begun(folder: Path, identity: Mapping[str, Any]) -> Search:
    if (folder / SEARCH).is_file():
        return read_search(folder)
    return Search(folder, identity, now())


def _go_on(
    search: Search,
    by: Judge,
    space: Space,
    built: BuiltModel,
    trials: int,
    end: float,
) -> None:
    """Try until there are ``trials`` trials; none begins once the clock shows ``end``."""
    higher = bool(search.identity["higher_is_better"])
    size = points(space)
    with bar(f"tuning {built.label}", total=min(trials, size or trials)) as progress:
        progress.advance(len(search.trials))
        _say(progress, search)
        while len(search.trials) < trials:
            if time.monotonic() >= end:
                note(f"The time is over: {len(search.trials)} of {trials} trials are done.")
                break
            number = len(search.trials) + 1
            settings = defaults_in(space, built.config) if number == 1 else None
            as_it_is = settings is not None
            if settings is None:
                settings = suggest(
                    space, search.trials, number=number, seed=by.seed, higher_is_better=higher
                )
            if settings is None:
                note(f"All {size} configurations of the space were tried: the search is over.")
                break
            trial = _try(search, by, number, settings)
            search.trials.append(replace(trial, as_it_is=as_it_is))
            search.write()
            progress.advance()
            _say(progress, search)


def _try(search: Search, by: Judge, number: int, settings: dict[str, Any]) -> Trial:
    """The outcome of ``settings``; taken over where an earlier trial had the same."""
    for other in search.trials:
        if told(other.settings) == told(settings):
            first = other.number if other.same_as is None else other.same_as
            return Trial(
                number, settings, other.value, other.problem, 0.0, other.failure_rate, first
            )
    started = time.monotonic()
    value = problem = rate = None
    try:
        verdict = judge(by, {**search.identity["settings"], **settings})
    except BenchError as error:
        if is_no_fault_of_the_trial(error):
            raise
        problem = error.message
    else:
        value, rate = verdict.value, verdict.failure_rate
    return Trial(number, settings, value, problem, round(time.monotonic() - started, 3), rate)


def _say(progress: Bar, search: Search) -> None:
    best = search.best
    if best is not None:
        progress.say(f"best {search.identity['metric']} {best.value:.4f} (trial {best.number})")
