"""Fit, predict and run, as the command line does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.data.opening import ensure_dataset
from benchmark.errors import BenchError, UsageError
from benchmark.face import asked
from benchmark.face.results import ReportTable, report_table
from benchmark.face.runs import Run, Runs
from benchmark.face.shown import home_at
from benchmark.host import processes
from benchmark.models.building import BuiltModel, configure
from benchmark.models.calling import model_code
from benchmark.models.from_class import model_named
from benchmark.models.own_state import OwnState
from benchmark.models.plain import plain_settings
from benchmark.report.missing import specs_of_table
from benchmark.runs.fitting import Fitted, fit_or_load, seed_everything
from benchmark.runs.predictions import borders
from benchmark.runs.runner import check_seed, execute_all, specs_of_models
from benchmark.runs.tuned import require_tuned

if TYPE_CHECKING:
    import os

    from benchmark.host.home import Home
    from benchmark.instances import Instance
    from benchmark.model import Model
    from benchmark.predictions import Prediction
    from benchmark.runs.spec import RunSpec


@dataclass(frozen=True, repr=False)
class FittedModel:
    """Holds a model ready to predict: the object, how it was built, and the record of its fit."""

    built: BuiltModel
    fitted: Fitted
    data: str
    seed: int
    state: OwnState
    """What surrounds the calls of the model's code."""

    @property
    def model(self) -> Model:
        """Return the fitted model."""
        return self.fitted.model

    @property
    def record(self) -> Mapping[str, Any]:
        """Return the record of the fit: seconds, peak memory, parameters and files."""
        return self.fitted.record

    def __repr__(self) -> str:
        return f"{self.built.label} fitted on {self.data}, seed {self.seed}"


def fit(
    model: str | type,
    data: str = "sim-s",
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> FittedModel:
    """Fit a model, or take the stored fit of the same model, dataset and seed.

    ``model`` is ``NAME``, ``NAME:VARIANT``, ``FILE.py:CLASS`` or a class; ``force`` fits anew.
    """
    _require_one_process()
    seed = asked.whole(seed, "seed")
    check_seed(seed)
    place = home_at(home)
    built = configure(model_named(model), settings or {})
    dataset_name = asked.name(data, "data")
    now = place.now()
    dataset, state = ensure_dataset(dataset_name, place), built.own_state()
    with state:
        fitted = fit_or_load(built, dataset, seed, place, since=now if force else None)
    return FittedModel(built, fitted, data, seed, state)


def predict(fitted: FittedModel, instances: Sequence[Instance]) -> list[Prediction]:
    """Answer ``instances`` of one task: a prediction each, in their order.

    Asked for all instances of a task, it answers what :func:`run` stores. Raises
    :class:`~benchmark.errors.BenchError` where the model fails, or answers other instances.
    """
    answers: list[Prediction] = []
    for number, (start, stop) in enumerate(borders(len(instances))):
        shard = instances[start:stop]
        seed_everything(fitted.seed + number)  # as a run does, shard by shard
        with fitted.state, model_code(fitted.built.label, "predicting"):
            # At most one answer more than asked: a model may not know when to stop.
            answered = list(itertools.islice(fitted.model.predict(shard), len(shard) + 1))
        wanted = [instance.instance_id for instance in shard]
        if [getattr(answer, "instance_id", None) for answer in answered] != wanted:
            raise BenchError(
                f"Model {fitted.built.label!r} did not give one prediction per instance, in order.",
                fix="Yield one prediction for each instance, under the instance's id.",
            )
        answers += answered
    return answers


def run(
    model: str | type,
    task: str,
    *,
    data: str = "sim-s",
    cohort: str = "seen",
    perturb: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
    tuned: bool = False,
    force: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> Run:
    """Fit if needed, predict, score and store; what is stored already is returned.

    ``model`` is ``NAME``, ``NAME:VARIANT``, ``FILE.py:CLASS`` or a class; the other arguments are
    the options of ``unimp-bench run``, ``settings`` those of ``--set``.
    """
    return run_all(
        [model], [task], data=data, cohort=cohort, perturb=perturb, seeds=[seed], limit=limit,
        settings=settings, tuned=tuned, force=force, home=home,
    )[0]  # fmt: skip


def run_all(
    models: str | type | Sequence[str | type],
    tasks: str | Sequence[str],
    *,
    data: str = "sim-s",
    cohort: str = "seen",
    perturb: str | None = None,
    seeds: Sequence[int] = (0,),
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
    tuned: bool = False,
    force: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> Runs:
    """Run every model on every task with every seed, as :func:`run` does one.

    A single model or task needs no list. What cannot be asked is reported before anything is run.
    """
    place = home_at(home)
    specs = specs_of_models(
        asked.models(models),
        asked.names(tasks, "task"),
        data=asked.name(data, "data"),
        cohort=asked.name(cohort, "cohort"),
        perturb=None if perturb is None else asked.name(perturb, "perturb"),
        seeds=asked.whole_numbers(seeds, "seed"),
        limit=None if limit is None else asked.whole(limit, "limit"),
        settings=plain_settings(settings or {}),
        tuned=tuned,
    )
    specs = require_tuned(specs, place)
    return _executed(specs, place, force=force)


def run_table(
    table: str,
    *,
    data: str | None = None,
    seeds: Sequence[int] = (0,),
    force: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> ReportTable:
    """Run every missing cell of a table, cheap models first, and return its report."""
    place = home_at(home)
    data = None if data is None else asked.name(data, "data")
    numbers = asked.whole_numbers(seeds, "seed")
    _executed(specs_of_table(table, data=data, seeds=numbers, home=place), place, force=force)
    return report_table(table, data=data, home=home)


def _require_one_process() -> None:
    """Raise :class:`UsageError` where several processes would each do all of the work."""
    if processes.count() > 1:
        raise UsageError(
            f"This script was started in {processes.count()} processes.",
            fix="Start it without accelerate launch or torchrun: unimp-bench run can use several.",
        )


def _executed(specs: Sequence[RunSpec], home: Home, *, force: bool) -> Runs:
    _require_one_process()
    return Runs(execute_all(specs, home, force=force))
