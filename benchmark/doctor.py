"""Is this environment sound, and does this model keep the protocol's promises?"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmark.data.opening import ensure_dataset
from benchmark.errors import UsageError, in_one_line
from benchmark.host.files import plain_number
from benchmark.host.home import Home
from benchmark.host.provenance import environment
from benchmark.instances import Instance
from benchmark.model import Model, Telling
from benchmark.models.building import configure
from benchmark.models.calling import model_code
from benchmark.models.own_state import OwnState
from benchmark.models.registered import entries
from benchmark.predictions import Image, Prediction, Ranking, Rating, Selection
from benchmark.rounding import step
from benchmark.runs.fitting import fit_or_load, seed_everything
from benchmark.runs.predictions import as_row, schema_for
from benchmark.tasks import TASKS, Task
from benchmark.vision import lite_weights

#: Instances per task a model is checked on.
SAMPLE = 32


def describe_environment(home: Home) -> dict[str, Any]:
    """Report machine, versions, free disk, and what keeps each unavailable model from running."""
    try:
        home.check_writable()
        free = shutil.disk_usage(home.root).free
        home_state = f"{home.root} ({free / 2**30:.1f} GiB free)"
    except Exception as error:
        home_state = str(error)
    unavailable: dict[str, str] = {}
    for name, entry in entries().items():
        reason = entry.why_not()
        if reason is not None:
            unavailable[name] = reason
        reasons = entry.variants_why_not()
        unavailable |= {f"{name}:{variant}": missing for variant, missing in reasons.items()}
    return {
        **environment(),
        "home": home_state,
        "torchvision": _torchvision(),
        f"image encoder {lite_weights.NAME}": lite_weights.why_not() or "its weights are here",
        "models not available": unavailable or None,
    }


def _torchvision() -> str:
    """Whether torchvision can be imported beside the installed torch."""
    try:
        version = importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    from benchmark.host.torch_setup import prepare_torch

    try:
        prepare_torch()
        import torchvision

        assert torchvision.__version__
    except Exception as error:  # built for another torch, it fails in any way: that is the answer
        return f"{version} does not import: {in_one_line(error)}"
    return f"{version} imports"


@dataclass(frozen=True, slots=True)
class Checked:
    """Reports on a model: task name -> problems, and what it says its fit learned."""

    problems: Mapping[str, Sequence[str]]
    learned: Mapping[str, float | str]


def check_model(name: str, data: str, home: Home, settings: Mapping[str, Any]) -> Checked:
    """Check a model on ``data``: its problems on up to :data:`SAMPLE` instances of each task.

    Checked: answers are well formed, do not change when the order or the number of instances
    per call changes, and are the same when asked twice, all by :func:`same_predictions`. Raises
    :class:`BenchError` when the model itself fails, :class:`UsageError` when it answers no task
    of the dataset.
    """
    built = configure(name, settings)
    dataset = ensure_dataset(data, home)
    shared = [task for task in built.entry.tasks if task in dataset.tasks]
    if not shared:
        raise UsageError(
            f"Model {built.label!r} answers none of the tasks of dataset {data!r}.",
            fix=f"Choose another --data; the model answers {', '.join(built.entry.tasks)}.",
        )
    state = built.own_state()
    with state:
        fitted = fit_or_load(built, dataset, 0, home)
    findings: dict[str, list[str]] = {}
    for task_name in shared:
        task = TASKS.get(task_name)
        instances = dataset.instances(task_name, limit=SAMPLE)[:]
        ask = functools.partial(_predict, fitted.model, built.label, state)
        checked = _Asked(task, dataset.catalogue().index.__contains__)
        expected = ask(instances)
        problems = [] if len(expected) == len(instances) else ["wrong number of predictions"]
        problems += checked.problems(instances, expected)
        if not checked.alike(instances, ask(instances), expected):
            problems.append("asked twice, answers differ")
        if not checked.alike(instances, ask(instances[::-1])[::-1], expected):
            problems.append("answers depend on the order of the instances")
        one_by_one = [p for instance in instances for p in ask([instance])]
        if not checked.alike(instances, one_by_one, expected):
            problems.append("answers depend on how many instances are asked at once")
        findings[task_name] = problems
    return Checked(findings, _learned(fitted.model, built.label))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Checks the answers to instances of a task as a run does, which takes any kind of answer."""

    task: Task
    known: Callable[[str], bool]

    def problem(self, instance: Instance, prediction: Prediction) -> str | None:
        """Return what is wrong with an answer, ``None`` where a run could store it."""
        row = as_row(self.task, instance, prediction, self.known)
        if row["problem"] is not None:
            return str(row["problem"])
        try:
            pa.Table.from_pylist([row], schema=schema_for(self.task))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            return f"the answer cannot be stored: {in_one_line(error)}"
        return None

    def problems(
        self, instances: Sequence[Instance], predictions: Sequence[Prediction]
    ) -> list[str]:
        """Return the problems of all answers, each with its instance."""
        found = []
        for instance, prediction in zip(instances, predictions, strict=False):
            problem = self.problem(instance, prediction)
            if problem is not None:
                found.append(f"{instance.instance_id}: {problem}")
        return found

    def alike(
        self,
        instances: Sequence[Instance],
        one: Sequence[Prediction],
        other: Sequence[Prediction],
    ) -> bool:
        """Return whether both answer alike; what is no answer is like what is none either."""
        if len(one) != len(other):
            return False
        for instance, a, b in zip(instances, one, other, strict=False):
            wrong = [self.problem(instance, each) is not None for each in (a, b)]
            if any(wrong) and not all(wrong):
                return False
            if not any(wrong) and not same_predictions([a], [b]):
                return False
        return True


def same_predictions(one: Sequence[Prediction], other: Sequence[Prediction]) -> bool:
    """Return whether both decide the same: items and their order, choices, texts, images.

    Scores and ratings may differ by one step of :mod:`benchmark.rounding` in float32, which is
    what differing last digits leave of a score that lies between two steps.
    """
    return len(one) == len(other) and all(
        _decision(a) == _decision(b) and _close(_numbers(a), _numbers(b))
        for a, b in zip(one, other, strict=True)
    )


def _decision(prediction: Prediction) -> Any:
    if isinstance(prediction, Ranking):
        return prediction.instance_id, tuple(prediction.items)  # an array may hold them
    if isinstance(prediction, Selection):
        return prediction.instance_id, tuple(prediction.chosen)
    if isinstance(prediction, Image):
        return prediction.instance_id, prediction.png, tuple(prediction.retrieved)
    return prediction.instance_id if isinstance(prediction, Rating) else prediction


def _numbers(prediction: Prediction) -> tuple[float, ...]:
    if isinstance(prediction, Rating):
        return (prediction.value,)
    return tuple(prediction.scores) if isinstance(prediction, Ranking | Selection) else ()


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) <= step(max(abs(a), abs(b)), computed_in="float32")
        for a, b in zip(one, other, strict=True)
    )


def _learned(model: Model, label: str) -> dict[str, float | str]:
    """What a model says that its fit learned; nothing of one that does not say."""
    if not isinstance(model, Telling):
        return {}
    with model_code(label, "telling what its fit learned"):
        return {
            str(name): value if isinstance(value, float | int | str) else plain_number(value)
            for name, value in dict(model.fit_summary()).items()
        }


def _predict(
    model: Model, label: str, state: OwnState, instances: Sequence[Instance]
) -> list[Prediction]:
    """At most one answer more than asked: a model may not know when to stop."""
    seed_everything(0)
    with state, model_code(label, "predicting"):
        return list(itertools.islice(model.predict(instances), len(instances) + 1))
