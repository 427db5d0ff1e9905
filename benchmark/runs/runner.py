"""Execute a run: fit if needed, predict, score, store; resume what was killed.

The runner never asks which model it runs. A run's folder carries a name made of its identity,
so asking the same question again finds the stored answer.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.listing import changes_nothing
from benchmark.data.opening import ensure_dataset
from benchmark.data.perturbations import PERTURBATIONS
from benchmark.data.schema import COHORTS
from benchmark.data.unchanged import require_unchanged
from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.host import energy, provenance
from benchmark.host.console import complain, note
from benchmark.host.files import (
    atomic_path,
    cannot_write,
    locked,
    read_json,
    sha256_file,
    sha256_json,
    write_json,
)
from benchmark.host.home import Home
from benchmark.host.progress import part
from benchmark.host.removing import replace as replace_folder
from benchmark.metrics import text
from benchmark.models.building import BuiltModel, changed_settings, configure
from benchmark.models.dividing import divide_settings
from benchmark.models.from_class import each_once
from benchmark.models.from_file import split_name
from benchmark.models.own_state import OwnState
from benchmark.runs.account import energy_record, fit_with_account, joined_records
from benchmark.runs.asking import asked_instances
from benchmark.runs.fitting import Fitted, fit_folder, fit_key
from benchmark.runs.manifest import MANIFEST, EnergyRecord, Manifest, TuningRecord, excerpt
from benchmark.runs.predictions import predict, shard_seconds
from benchmark.runs.scoring import require_possible_scores
from benchmark.runs.scoring_stored import score_stored
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import (
    PARTIAL,
    PER_INSTANCE,
    PREDICTIONS,
    SCORES,
    StoredRun,
    as_written,
    is_tuned,
    load_run,
)
from benchmark.runs.tuned import TRIALS, Chosen, chosen_settings
from benchmark.tasks import TASKS, Task

#: In an unfinished run: the hash of the fit that its shards were asked of.
_OF_FIT = "fit.sha256"
#: Each shard of a run adds its number to the seed, and numpy takes no seed of 2^32 or more.
_LARGEST_SEED = 2**31 - 1


def execute(
    spec: RunSpec,
    dataset: Dataset,
    home: Home,
    *,
    force: bool = False,
    since: float | None = None,
) -> StoredRun:
    """Execute ``spec`` on ``dataset`` and return its stored run; a finished one as it is.

    ``dataset`` is the one that ``spec`` names, opened by the caller
    (:func:`~benchmark.data.opening.ensure_dataset`): nothing is prepared here. ``force`` runs it
    again, the fit included; ``since`` (of :meth:`Home.now`) lets it take a fit that is no
    older, so that several forced runs share a new one. Raises :class:`UsageError` for what
    cannot be asked and :class:`BenchError` for what fails; then finished shards stay, and the
    same command resumes.
    """
    home.check_writable()
    plan = plan_run(spec, dataset, home)
    folder, built = plan.folder, plan.built
    if not force:
        home.fetch("runs", folder.name)
    with locked(folder.with_name(f".{folder.name}.lock"), f"executing run {folder.name}"):
        if _is_finished(folder) and not force:
            note(f"{built.label} on {spec.task}: the stored run is used, {folder}.")
            stored = as_written(load_run(folder))  # else others would get what is spoilt here
            home.send("runs", folder.name)
            return stored
        if force:
            since = home.now() if since is None else since
            shutil.rmtree(_partial(folder), ignore_errors=True)  # answers of an older fit
        else:
            since = None
        if spec.perturb is not None and changes_nothing(home, spec.data, spec.perturb):
            note(f"{spec.perturb} changes no item of {spec.data}: the answers are those without.")
        provenance.forget_peak_memory()  # of the runs before this one
        try:
            state = built.own_state()
            with state:
                fitted, account = _fitted(built, dataset, spec.seed, home, since=since)
            _execute(plan, dataset, fitted, account, state)
        except OSError as error:
            raise cannot_write(folder, error) from error
    home.send("runs", folder.name)
    return load_run(folder)


@dataclass(frozen=True, slots=True)
class Plan:
    """Plans a run that can be executed: everything is settled but its predictions.

    ``folder`` is where it lies once finished; ``chosen`` is what a search chose for it.
    """

    spec: RunSpec
    task: Task
    built: BuiltModel
    instances: FrozenInstances
    identity: Mapping[str, Any]
    folder: Path
    changed: Mapping[str, Any]
    """The settings that change what the model is without any, as its configuration has them."""
    chosen: Chosen | None = None

    @property
    def is_stored(self) -> bool:
        """Return whether the run is finished."""
        return _is_finished(self.folder)


def _is_finished(folder: Path) -> bool:
    """Whether a run lies there, with its answers."""
    return (folder / MANIFEST).is_file() and (folder / PREDICTIONS).is_file()


def plan_run(spec: RunSpec, dataset: Dataset, home: Home) -> Plan:
    """Return what :func:`execute` would do, and where; nothing is fitted, asked or written.

    Raises :class:`UsageError` for what cannot be asked.
    """
    task, built = check(spec)
    if dataset.name != spec.data:
        raise UsageError(
            f"The run asks for dataset {spec.data!r}, but {dataset.name!r} was opened.",
            fix="Open the dataset that the run names.",
        )
    chosen = None
    if spec.tuned:
        chosen = chosen_settings(spec, dataset.sha256, home)
        built = configure(spec.model, chosen.settings)
    require_unchanged(dataset, photos=False)  # those a fit checks: they may be many
    instances = asked_instances(dataset, spec.task, cohort=spec.cohort, perturb=spec.perturb)
    if spec.limit is not None:
        if spec.limit < len(instances):
            instances = instances[: spec.limit]
        else:  # all of them: this is the whole run, not a trial
            spec = replace(spec, limit=None)
    identity = _identity(spec, task, built, dataset, instances)
    if chosen is not None:
        identity["tuning"] = chosen.record
    settings = spec.settings if chosen is None else chosen.settings
    changed = changed_settings(built, settings)
    slug = replace(spec, settings=changed).slug()
    folder = home.runs / f"{slug}-{sha256_json(identity)[:8]}"
    return Plan(spec, task, built, instances, identity, folder, changed, chosen)


def _fitted(
    built: BuiltModel, dataset: Dataset, seed: int, home: Home, *, since: float | None
) -> tuple[Fitted, Mapping[str, Any]]:
    """The fit and its account, which another machine that shares the home may have made."""
    key = fit_key(built, dataset, seed)
    if since is None:
        fetch_fit(key, home)
    found = fit_with_account(built, dataset, seed, home, since=since)
    stored = fit_folder(key, home)
    if stored is not None:
        home.send("fitted", stored.name)
    return found


def fetch_fit(key: str, home: Home) -> Path | None:
    """Return the folder of the stored fit with this key, which another machine may have made.

    ``None`` where neither ``home`` nor its address has one.
    """
    if (shared := home.shared) is not None:
        for name in shared.names("fitted"):
            if name.endswith(f"-{key}"):
                shared.fetch("fitted", name)
    return fit_folder(key, home)


def check(spec: RunSpec) -> tuple[Task, BuiltModel]:
    """Return the task and the configured model of ``spec``, without touching any data.

    Raises :class:`UsageError` for what cannot be asked, whatever the dataset, and
    :class:`BenchError` where a package that scoring needs is missing.
    """
    task = TASKS.get(spec.task)
    built = configure(spec.model, spec.settings)
    if spec.task not in built.entry.tasks:
        raise UsageError(
            f"Model {built.label!r} does not answer {spec.task!r}.",
            fix=f"It answers: {', '.join(built.entry.tasks)}.",
        )
    if spec.cohort not in COHORTS:
        raise unknown_name("cohort", spec.cohort, COHORTS)
    if spec.perturb is not None and spec.perturb not in PERTURBATIONS:
        raise unknown_name("perturbation", spec.perturb, PERTURBATIONS)
    if spec.limit is not None and (not _is_whole(spec.limit) or spec.limit < 1):
        raise UsageError(f"--limit {spec.limit} keeps no instance.", fix="Give 1 or more.")
    check_seed(spec.seed)
    if any(text.is_text(name) for name in task.metrics):
        text.check_packages()  # now, not when the model has answered
    return task, built


def check_seed(seed: int) -> None:
    """Raise :class:`UsageError` for a seed that a fit or a prediction cannot have."""
    if not _is_whole(seed) or not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"--seed {seed} is out of range.", fix=f"Give 0 to {_LARGEST_SEED}.")


def _is_whole(value: object) -> bool:
    """Whether a manifest can hold ``value`` as a number; ``True`` is none, although an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def _identity(
    spec: RunSpec, task: Task, built: BuiltModel, dataset: Dataset, instances: FrozenInstances
) -> dict[str, Any]:
    return {
        "model": built.entry.target,
        "code": built.code,
        "config": dict(built.config),
        "task": spec.task,
        "task_version": task.version,
        "dataset_sha256": dataset.sha256,
        "instances_sha256": instances.sha256,
        "cohort": spec.cohort,
        "perturb": spec.perturb,
        "seed": spec.seed,
        "limit": spec.limit,
    }


def _execute(
    plan: Plan, dataset: Dataset, fitted: Fitted, account: Mapping[str, Any], state: OwnState
) -> None:
    spec, task, instances = plan.spec, plan.task, plan.instances
    partial = _partial(plan.folder)
    partial.mkdir(parents=True, exist_ok=True)
    _keep_answers_of(fitted, partial)
    resumed = any(partial.glob("shard-*.parquet"))
    with energy.metered() as used, state:
        answers = predict(
            fitted.model, task, instances, dataset, partial, seed=spec.seed, label=plan.built.label
        )
    started = time.perf_counter()
    scored = score_stored(task, answers, instances, dataset, to=partial / PER_INSTANCE)
    require_possible_scores(scored.scores, instances)
    score_seconds = time.perf_counter() - started
    write_json(
        partial / SCORES,
        {
            "scores": {name: asdict(score) for name, score in scored.scores.items()},
            "failure_rate": scored.failure_rate,
            "first_failure": scored.first_failure,
        },
    )
    manifest = _manifest(plan, dataset, fitted, partial)
    manifest["score_seconds"] = round(score_seconds, 3)
    measured = dict(account.get("energy") or {})
    if not resumed:  # of the last part alone it would say too little
        measured = joined_records(measured, energy_record("predict", used))
    if measured:
        manifest["energy"] = cast(EnergyRecord, measured)
    manifest["files"] = {name: sha256_file(partial / name) for name in (SCORES, PER_INSTANCE)}
    if plan.chosen is not None:
        manifest["settings"] = dict(plan.chosen.settings)
        manifest["tuning"] = cast(TuningRecord, plan.chosen.record)
        write_json(partial / TRIALS, plan.chosen.trials)
    write_json(partial / MANIFEST, manifest)
    for shard in partial.glob("shard-*.parquet"):
        shard.unlink()
    (partial / _OF_FIT).unlink()
    replace_folder(plan.folder, by=partial)  # only a forced run finds an older one here


def _keep_answers_of(fitted: Fitted, partial: Path) -> None:
    """Remove shards in ``partial`` that another fit answered than ``fitted``.

    The fit may have been made anew since, by other packages or of files that changed.
    """
    file = partial / _OF_FIT
    fit = sha256_json([fitted.record["key"], fitted.record["files"]])
    shards = sorted(partial.glob("shard-*.parquet"))
    try:
        known = file.read_text(encoding="utf-8") == fit
    except (OSError, UnicodeDecodeError):
        known = False
    if shards and not known:
        for shard in shards:
            shard.unlink()
        note(f"{len(shards)} finished shard(s) are not of this fit: they are asked again.")
    if not known:
        with atomic_path(file) as temporary:
            temporary.write_text(fit, encoding="utf-8")


def _partial(folder: Path) -> Path:
    return folder.with_name(folder.name + PARTIAL)


def _manifest(plan: Plan, dataset: Dataset, fitted: Fitted, partial: Path) -> Manifest:
    spec, built, identity = plan.spec, plan.built, plan.identity
    seconds = [shard_seconds(path) for path in sorted(partial.glob("shard-*.parquet"))]
    manifest: Manifest = {
        "format": 1,
        "run_id": partial.name.removesuffix(PARTIAL),
        "model": built.entry.name,
        "variant": built.variant,
        "group": built.entry.group,
        "role": built.entry.role,
        "task": spec.task,
        "task_version": identity["task_version"],
        "data": dataset.name,
        "simulated": bool(dataset.info.get("simulated", False)),
        "cohort": spec.cohort,
        "perturb": spec.perturb,
        "seed": spec.seed,
        "limit": spec.limit,
        # One that is the model's own changes nothing: the run is that of the model without it.
        "settings": {key: value for key, value in spec.settings.items() if key in plan.changed},
        "config": dict(built.config),
        "code_sha256": built.code,
        "dataset_sha256": dataset.sha256,
        "instances_sha256": identity["instances_sha256"],
        "fit_key": fitted.record["key"],
        "parameters": fitted.record["parameters"],
        "attachments": fitted.record["attachments"],
        "precision": str(getattr(fitted.model, "precision", "float32")),
        "fit_seconds": fitted.record["seconds"],
        "fit_processes": fitted.record.get("processes", 1),
        "fit_peak_memory_mib": fitted.record["peak_memory_mib"],
        "predict_seconds": round(sum(seconds), 3),
        "peak_memory_mib": provenance.peak_memory_mib(),
        "created": provenance.now(),
        "command": provenance.command_line(),
    }
    if (file := split_name(built.asked)) is not None:
        manifest["file"] = {
            "name": file[0].name,
            "class_name": built.entry.name,
            "sha256": sha256_file(file[0]),
        }
    manifest.update(cast(Manifest, provenance.environment()))  # its fields are all optional
    return manifest


def result_json(run: StoredRun) -> dict[str, Any]:
    """Return the JSON shape that ``unimp-bench run --json`` prints for one run."""
    manifest = run.manifest
    keys = ("model", "variant", "task", "data", "cohort", "perturb", "seed")
    tuned = {"tuning": manifest["tuning"]} if is_tuned(run) else {}
    return {
        "run": str(run.folder),
        **excerpt(manifest, keys),
        "scores": {
            name: {key: score[key] for key in ("value", "low", "high", "n")}
            for name, score in run.scores.items()
        },
        "failure_rate": run.failure_rate,
        "fit_seconds": manifest["fit_seconds"],
        "predict_seconds": manifest["predict_seconds"],
        **({"energy": manifest["energy"]} if "energy" in manifest else {}),
        **tuned,
    }


def warn_of_failures(run: StoredRun) -> None:
    """Say on standard error how many predictions were malformed and show the first.

    Raises :class:`BenchError` where all were.
    """
    if not run.failure_rate:
        return
    first = read_json(run.folder / SCORES)["first_failure"]
    complain(
        f"{run.failure_rate:.1%} of the predictions of {run.label} are malformed and score the "
        f"worst value. First: {first}."
    )
    if run.failure_rate == 1.0:
        raise BenchError(
            f"No prediction of {run.label} is well formed; the run is kept in {run.folder}.",
            fix="Correct the model's predict; unimp-bench doctor --model checks a few instances.",
        )


def execute_all(specs: Sequence[RunSpec], home: Home, *, force: bool) -> list[StoredRun]:
    """Execute ``specs`` one after another; each dataset is opened once, or prepared where needed.

    Forced runs share the fits that are made meanwhile. Raises what :func:`execute` and
    :func:`warn_of_failures` raise.
    """
    started = home.now()
    names = dict.fromkeys(spec.data for spec in specs)
    datasets = {name: ensure_dataset(name, home) for name in names}
    runs = []
    for number, spec in enumerate(specs, 1):
        with part("run", number, len(specs)):
            finished = execute(spec, datasets[spec.data], home, force=force, since=started)
        warn_of_failures(finished)
        runs.append(finished)
    return runs


def specs_of_models(
    models: Sequence[str],
    tasks: Sequence[str],
    *,
    data: str,
    cohort: str,
    perturb: str | None,
    seeds: Sequence[int],
    limit: int | None,
    settings: Mapping[str, Any],
    tuned: bool = False,
) -> list[RunSpec]:
    """Return one run per task, model and seed.

    ``settings`` are those of ``--set``: ``name`` for every model that has it, ``MODEL:name`` for
    one (:func:`~benchmark.models.dividing.divide_settings`). What cannot be asked is reported
    before anything is run, as :class:`UsageError`.
    """
    names = each_once(models)
    of_each = divide_settings(settings, names)
    specs = [
        RunSpec(model, task, data, cohort, perturb, seed, limit, of_each[model], tuned)
        for task in dict.fromkeys(tasks)
        for model in names
        for seed in dict.fromkeys(seeds)
    ]
    for spec in specs:
        check(spec)
    return specs
