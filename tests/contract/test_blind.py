"""What is announced as blind never looks at the user, save for which items are excluded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.compare.learnable import is_blind
from benchmark.models.registered import entries
from benchmark.runs.fitting import seed_everything

BLIND = [
    pytest.param(
        f"{entry.name}:{variant}".rstrip(":"),
        task,
        marks=[] if entry.why_not(variant) is None else [pytest.mark.skip(reason="not here")],
        id=f"{entry.name}:{variant}-{task}".replace(":-", "-"),
    )
    for entry in entries().values()
    for variant in entry.blind
    for task in entry.tasks
]


def _ask(model, instances):
    seed_everything(0)
    return list(model.predict(instances))


def test_some_rule_is_blind_on_every_task_that_has_a_ceiling() -> None:
    known = entries().values()
    with_ceiling = {task for entry in known if entry.learnable for task in entry.tasks}
    assert with_ceiling == {"recommendation", "search", "preference", "selection"}
    assert with_ceiling <= {task for entry in known if entry.blind for task in entry.tasks}


def test_blind_variants_exist() -> None:
    for entry in entries().values():
        assert set(entry.blind) <= {"", *entry.variants}, entry.name
        assert not (entry.blind and entry.learnable)


@pytest.mark.parametrize(("label", "task"), BLIND)
def test_another_users_name_and_history_change_no_answer(label, task, fit, sim_xs) -> None:
    model = fit(label, sim_xs).model
    asked = list(sim_xs.instances(task)[:12])
    other = asked[1:] + asked[:1]
    swapped = [
        replace(mine, user_id=theirs.user_id, history=theirs.history)
        for mine, theirs in zip(asked, other, strict=True)
    ]
    assert swapped != asked
    assert _ask(model, swapped) == _ask(model, asked)


@pytest.mark.parametrize(
    ("label", "task"), [("repeat-last", "recommendation"), ("mean-rating", "preference")]
)
def test_the_test_knows_who_looks(label, task, fit, sim_xs) -> None:
    entry = entries()[label]
    assert not is_blind(entry, None, {})
    model = fit(label, sim_xs).model
    asked = list(sim_xs.instances(task)[:12])
    swapped = [
        replace(mine, user_id=theirs.user_id, history=theirs.history)
        for mine, theirs in zip(asked, asked[1:] + asked[:1], strict=True)
    ]
    assert _ask(model, swapped) != _ask(model, asked)
