"""A task is one object: whatever loops over tasks takes it from there and knows none by name."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import unimp_model
from benchmark.tasks import TASKS as BENCHMARK_TASKS
from unimp_model.config import TaskName, UniMPConfig
from unimp_model.tasks import ALL_TASKS, TASKS, task_of
from unimp_model.tasks.base import Interactions, TaskData
from unimp_model.tasks.rating import PreferenceTask
from unimp_model.training.rows import RowBuilder, chunks

PACKAGE = Path(unimp_model.__file__).parent
#: Where settings name tasks, and the entry that listings read without importing them.
DECLARATIONS = {PACKAGE / "config.py", PACKAGE / "entries.py"}


def test_every_task_of_the_benchmark_has_one_object_with_its_number():
    assert set(TASKS) == set(BENCHMARK_TASKS)
    assert tuple(TASKS) == ALL_TASKS == get_args(TaskName)
    assert [task.number for task in TASKS.values()] == list(range(len(TASKS)))


def test_an_instance_belongs_to_the_task_it_is_asked_by(instances):
    for name, asked in instances.items():
        assert {task_of(instance).name for instance in asked} == {name}


def test_no_file_but_a_tasks_own_names_it():
    named = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.value}"
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "tasks" and file not in DECLARATIONS
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ALL_TASKS
    ]
    assert named == []


def test_shown_are_all_items_of_an_instance(instances):
    for name, asked in instances.items():
        for instance in asked:
            shown = list(TASKS[name].shown(instance))
            item = getattr(instance, "item", None)
            others = [item] if item else getattr(instance, "candidates", ())
            assert shown == [*instance.history.items, *others]


def test_a_model_without_image_tokens_draws_nothing_and_does_all_else():
    none = UniMPConfig(image_tokens="none")
    assert [n for n, t in TASKS.items() if not t.possible(none)] == ["image-generation"]
    assert all(task.possible(UniMPConfig()) for task in TASKS.values())


class Doubled(PreferenceTask):
    """A seventh task: preference once more, under another name."""

    name = "doubled"
    number = 2  # type: ignore[assignment]

    def prompt(self, instance):
        return BENCHMARK_TASKS.get("preference").prompt(instance)


def test_a_task_that_is_added_is_asked_like_the_others(sim_xs, fitted, monkeypatch):
    monkeypatch.setitem(TASKS, "doubled", Doubled())
    view, template = sim_xs.training_view(), fitted.parts.template
    rates = {"preference": 1.0, "doubled": 1.0}
    builder = RowBuilder(view, template, rates, window=5, longest_answer=8)
    counts = builder.counts()
    assert counts["doubled"] == counts["preference"] > 0
    generator = np.random.default_rng(0)
    plan = chunks([len(s) for s in builder.sequences], window=5, targets=5, generator=generator)
    sequences = builder.reordered(0.0, generator)
    rows = [builder.row(chunk, sequences, generator, context=0.0) for chunk in plan]
    assert sum(len(row.kinds) for row in rows) == sum(counts.values())


@pytest.mark.parametrize("name", ALL_TASKS)
def test_what_makes_an_example_can_be_asked(name, sim_xs, fitted):
    view, template = sim_xs.training_view(), fitted.parts.template
    interactions = Interactions(view)
    data = TaskData(view, template, longest_answer=8)
    examples = TASKS[name].examples(data, interactions)
    asked = [row for row in interactions.targets if examples.has(row)]
    assert examples.count() == len(asked)
    if examples.stands_alone:
        generator = np.random.default_rng(0)
        assert len(examples.rows(generator, share=1.0, most=None)) == len(asked)
        return
    assert asked
    for row in asked[:5]:
        branch = examples.branch(row, 1)
        assert (branch.after, branch.task) == (1, TASKS[name].number)
        assert branch.answer or branch.choices
