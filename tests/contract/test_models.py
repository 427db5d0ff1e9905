"""What every registered model promises, whatever it is."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.doctor import same_predictions
from benchmark.errors import UsageError
from benchmark.host.torch_setup import arithmetic
from benchmark.model import Model
from benchmark.models.registered import ModelEntry, entries
from benchmark.runs.fitting import seed_everything
from benchmark.runs.runner import check
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS

#: Variants that only change settings are checked where fitting takes no time.
GROUPS_WITH_VARIANTS = frozenset({"neighbours", "trivial", "search"})
#: Instances asked per task.
ASKED = 6

CIRCUMSTANCES = [("seen", None), ("new-user", None), ("seen", "nt"), ("seen", "nv")]


def _labels(entry: ModelEntry) -> Iterator[str]:
    yield entry.name
    if entry.group in GROUPS_WITH_VARIANTS:
        yield from (f"{entry.name}:{variant}" for variant in entry.variants)


def _marks(entry: ModelEntry, label: str) -> list[pytest.MarkDecorator]:
    reason = entry.why_not(label.partition(":")[2])
    return [] if reason is None else [pytest.mark.skip(reason=reason)]


MODELS = [
    pytest.param(label, marks=_marks(entry, label), id=label)
    for entry in entries().values()
    for label in _labels(entry)
]
MODEL_TASKS = [
    pytest.param(label, task, marks=_marks(entry, label), id=f"{label}-{task}")
    for entry in entries().values()
    for label in _labels(entry)
    for task in entry.tasks
]


def _ask(model: Model, instances):
    seed_everything(0)
    return list(model.predict(instances))


def _are_the_same(one, other) -> bool:
    """To the last bit where the arithmetic is pinned; elsewhere all that is decided, and scores
    to the precision in which they are compared."""
    return one == other if arithmetic()["pinned"] else same_predictions(one, other)


def _files(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def _instances(dataset, task, *, cohort="seen", perturb=None):
    if task not in dataset.tasks:
        pytest.skip(f"{dataset.name} has no {task}")
    return list(dataset.instances(task, cohort=cohort, perturb=perturb, limit=ASKED)[:])


@pytest.fixture(scope="session")
def first_answers(fit, sim_xs):
    """``first_answers(label, task)``: instances, and what the fitted model said to them first."""
    known = {}

    def answers(label, task):
        if (label, task) not in known:
            instances = _instances(sim_xs, task)
            known[label, task] = instances, _ask(fit(label, sim_xs).model, instances)
        return known[label, task]

    return answers


@pytest.mark.parametrize("label", MODELS)
def test_the_class_answers_the_tasks_its_entry_declares(label, fit, sim_xs):
    fitted = fit(label, sim_xs)
    assert isinstance(fitted.model, Model)
    assert fitted.model.tasks == frozenset(fitted.built.entry.tasks)
    assert set(fitted.built.entry.tasks) <= set(TASKS)


@pytest.mark.parametrize("label", MODELS)
def test_a_task_the_entry_does_not_declare_cannot_be_asked(label, fit, sim_xs):
    declared = fit(label, sim_xs).built.entry.tasks
    for task in set(TASKS) - set(declared):
        spec = RunSpec(label, task, sim_xs.name, "seen", None, 0, None, {})
        with pytest.raises(UsageError, match=f"does not answer '{task}'"):
            check(spec)


@pytest.mark.parametrize(("label", "task"), MODEL_TASKS)
@pytest.mark.parametrize(("cohort", "perturb"), CIRCUMSTANCES)
def test_answers_are_well_formed(label, task, cohort, perturb, fit, first_answers, sim_xs):
    if (cohort, perturb) == ("seen", None):
        instances, answers = first_answers(label, task)
    else:
        instances = _instances(sim_xs, task, cohort=cohort, perturb=perturb)
        answers = _ask(fit(label, sim_xs).model, instances)
    known = sim_xs.catalogue().index.__contains__
    problems = [
        TASKS.get(task).problem(instance, answer, known)
        for instance, answer in zip(instances, answers, strict=True)
    ]
    assert instances
    assert problems == [None] * len(instances)


@pytest.mark.parametrize(("label", "task"), MODEL_TASKS)
def test_the_same_seed_gives_the_same_answers_whatever_the_test_part_holds(
    label, task, fit, first_answers, corrupted
):
    instances, answers = first_answers(label, task)
    assert _ask(fit(label, corrupted).model, instances) == answers


@pytest.fixture(scope="session")
def loaded(fit, sim_xs):
    """``loaded(label)``: the saved model, read from its files."""

    @functools.cache
    def load(label):
        fitted = fit(label, sim_xs)
        model = fitted.built.build()
        model.load(fitted.state)
        return model

    return load


@pytest.mark.parametrize(("label", "task"), MODEL_TASKS)
def test_a_loaded_model_answers_as_the_saved_one(label, task, loaded, first_answers):
    instances, answers = first_answers(label, task)
    assert _ask(loaded(label), instances) == answers


@pytest.mark.invariance
@pytest.mark.parametrize(("label", "task"), MODEL_TASKS)
def test_permuting_the_instances_permutes_the_answers(label, task, fit, first_answers, sim_xs):
    instances, answers = first_answers(label, task)
    order = random.Random(7).sample(range(len(instances)), len(instances))
    permuted = _ask(fit(label, sim_xs).model, [instances[i] for i in order])
    assert _are_the_same(permuted, [answers[i] for i in order])


@pytest.mark.invariance
@pytest.mark.parametrize(("label", "task"), MODEL_TASKS)
def test_batch_size_does_not_matter(label, task, fit, first_answers, sim_xs):
    model = fit(label, sim_xs).model
    instances, answers = first_answers(label, task)
    one_by_one = [answer for instance in instances for answer in _ask(model, [instance])]
    assert _are_the_same(one_by_one, answers)


def test_the_corrupted_dataset_asks_and_answers_something_else(sim_xs, corrupted):
    for task in sim_xs.tasks:
        assert corrupted.instances(task).targets != sim_xs.instances(task).targets
    before, after = sim_xs.interactions(), corrupted.interactions()
    test = before["part"] == "test"
    assert (before["item_id"] != after["item_id"]).filter(test).all()
    assert corrupted.training_view().sha256 == sim_xs.training_view().sha256


@pytest.mark.parametrize("label", MODELS)
def test_the_same_seed_saves_the_same_bytes_whatever_the_test_part_holds(
    label, fit, sim_xs, corrupted
):
    """One more fit proves both; where it differs, another one tells which fails."""
    state = _files(fit(label, sim_xs).state)
    assert state or label in ("select-all", "majority-category")  # which learn nothing
    if _files(fit(label, corrupted).state) != state:
        again = _files(fit(label, sim_xs, turn=1).state)
        assert again == state, "the same seed on the same data saves other bytes"
        pytest.fail("corrupted test data change what is saved")
