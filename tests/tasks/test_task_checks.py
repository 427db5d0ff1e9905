"""What a malformed prediction is told, and that no value of it is repeated without end."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.errors import BenchError
from benchmark.instances import (
    History,
    Item,
    PreferenceInstance,
    RecommendationInstance,
    SelectionInstance,
)
from benchmark.predictions import Ranking, Rating, Selection
from benchmark.ranking import top_k
from benchmark.tasks import TASKS

ENDLESS = "9" * 5000
NOBODY = ("i", "u", History())


def problem_of(task: str, instance: object, prediction: object) -> str:
    problem = TASKS.get(task).problem(instance, prediction, lambda item: item.startswith("known"))
    assert problem is not None
    assert len(problem) < 250
    return problem


@pytest.mark.parametrize(
    "value", [10**5000, -(10**400), float("nan"), float("inf")], ids=lambda _: ""
)
def test_a_rating_beyond_any_number_is_malformed(value) -> None:
    instance = PreferenceInstance(*NOBODY, item=Item("x"))
    assert "is not a finite number" in problem_of("preference", instance, Rating("i", value))


@pytest.mark.parametrize("items", [(ENDLESS, "known"), ("known" + ENDLESS,) * 2])
def test_an_endless_item_id_in_a_ranking_is_cut(items) -> None:
    instance = RecommendationInstance(*NOBODY, k=2)
    problem = problem_of("recommendation", instance, Ranking("i", items, (1.0, 0.5)))
    assert "characters)" in problem


def test_an_endless_item_id_in_a_selection_is_cut() -> None:
    instance = SelectionInstance(*NOBODY, candidates=(Item("a"),))
    problem = problem_of("selection", instance, Selection("i", (ENDLESS,), (1.0,)))
    assert "(5,000 characters) is not among the candidates" in problem


def test_an_endless_instance_id_is_cut() -> None:
    instance = RecommendationInstance(*NOBODY, k=1)
    problem = problem_of("recommendation", instance, Ranking(ENDLESS, ("known",), (1.0,)))
    assert problem.endswith("(5,000 characters), asked was 'i'")


@pytest.mark.parametrize(("k", "smaller"), [(10, False), (20, True)])
def test_a_smaller_ranking_is_proposed_only_where_datasets_can_ask_for_one(k, smaller) -> None:
    with pytest.raises(BenchError) as caught:
        top_k(np.zeros((1, 5)), k=k)
    assert ("--set k=10" in str(caught.value.fix)) is smaller
    assert "larger catalogue" in str(caught.value.fix)
