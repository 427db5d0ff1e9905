"""Finds the dataset that a submitted run names, on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.listing import list_datasets
from benchmark.data.opening import open_dataset
from benchmark.data.perturbations import PERTURBATIONS
from benchmark.data.schema import COHORTS
from benchmark.data.sources import SELF_CONTAINED
from benchmark.data.unchanged import require_unchanged
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.tasks import TASKS
from leaderboards.submission import limits
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.limits import Budget
from leaderboards.submission.schema import SubmittedRun


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs the dataset and the frozen instances that a run claims to answer.

    ``perturb`` says how what they show was changed: their hash is that of the unchanged ones.
    """

    dataset: Dataset
    instances: FrozenInstances
    perturb: str | None = None


def question_problems(run: SubmittedRun, where: str) -> list[Finding]:
    """Check that the run's task, cohort and perturbation exist, whatever the dataset."""
    found = []
    for kind, name, known in (
        ("task", run.task, TASKS),
        ("cohort", run.cohort, COHORTS),
        ("perturb", run.perturb, (None, *PERTURBATIONS)),
    ):
        if name not in known:
            message = f"There is no {kind} {shown(name)}."
            found.append(Finding(f"{kind}-unknown", place(where, kind), message))
    if not found and (version := TASKS.get(run.task).version) != run.task_version:
        message = f"{run.task} has version {version}; the run answers version {run.task_version}."
        found.append(Finding("task-version", place(where, "task_version"), message))
    return found


#: What runs were found to answer: for those who verify many submissions in a row.
Found = dict[tuple[object, ...], Asked]


def find(
    run: SubmittedRun, home: Home, where: str, known: Found | None = None
) -> tuple[Asked | None, list[Finding]]:
    """Find the prepared dataset a run answers; nothing is prepared for a submission.

    ``known`` is looked at first, and keeps what was found without a remark.
    """
    key = (run.data, run.dataset_sha256, run.task, run.cohort, run.perturb, run.instances_sha256)
    if known is not None and key in known:
        return known[key], []
    asked, found = _search(run, home, where)
    if known is not None and asked is not None and not found:
        known[key] = asked
    return asked, found


def _search(run: SubmittedRun, home: Home, where: str) -> tuple[Asked | None, list[Finding]]:
    hashes = {row["name"]: row["sha256"] for row in list_datasets(home)}
    name = run.data
    found: list[Finding] = []
    if name in hashes:
        if hashes[name] != run.dataset_sha256:
            message = (
                f"{name} is {str(hashes[name])[:12]}... here; the run answers "
                f"{run.dataset_sha256[:12]}..."
            )
            return None, [Finding("dataset-hash", place(where, "dataset_sha256"), message)]
    else:
        same = [other for other, sha in hashes.items() if sha == run.dataset_sha256]
        if not same:
            message = f"The dataset {name} is not prepared here; nothing could be re-scored."
            return None, [Finding("dataset-absent", place(where, "data"), message, True)]
        doubtful = not _may_be_called(name, same[0], home)
        # A warning stands on the submission's page, and what data is called here is private.
        here = f"is called {same[0]}" if doubtful else "has another name"
        message = f"The data that the run calls {name} {here} here."
        found.append(Finding("dataset-name", place(where, "data"), message, not doubtful))
        if doubtful:
            return None, found
        name = same[0]
    try:
        dataset = open_dataset(name, home)
        require_unchanged(dataset)
        instances = dataset.instances(run.task, cohort=run.cohort, perturb=run.perturb)
    except UsageError as error:
        return None, [*found, Finding("dataset-lacks", place(where, "data"), error.message)]
    except BenchError as error:
        return None, [*found, Finding("dataset-damaged", place(where, "data"), error.message, True)]
    if instances.sha256 != run.instances_sha256:
        message = (
            f"The instances are {instances.sha256[:12]}..., not {run.instances_sha256[:12]}..."
        )
        found.append(Finding("instances-hash", place(where, "instances_sha256"), message))
        return None, found
    return Asked(dataset, instances, run.perturb), found


def _may_be_called(name: str, here: str, home: Home) -> bool:
    """Whether the dataset called ``here`` may be ``name`` elsewhere.

    Built-in names mean one dataset each: data of that name here has no other, and data of another
    source has not that one.
    """
    if here in SELF_CONTAINED:
        return False
    built_in = SELF_CONTAINED.get(name)
    return built_in is None or open_dataset(here, home).info["source"] == built_in[0]


def budget(instances: FrozenInstances) -> Budget:
    """Return what predictions for ``instances`` may hold."""
    first = instances[0] if len(instances) else None
    items = max(getattr(first, "k", 0), len(getattr(first, "candidates", ())))
    return Budget(
        known=True,
        rows=2 * len(instances),  # so that a row too many is told as what it is
        items=max(items, limits.ANSWER_ITEMS),
        side=getattr(first, "size", None),
    )
