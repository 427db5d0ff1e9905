from __future__ import annotations

import shlex

import pytest

from benchmark.commands.options import parse_settings
from benchmark.errors import UsageError
from benchmark.runs.runner import check
from benchmark.runs.spec import RunSpec


@pytest.mark.parametrize(
    "value", ["auto", "3", "true", "null", '"x"', "a=b c", "", 3, 0.1, None, [1, "2"]]
)
def test_a_printed_command_gives_every_setting_as_it_was(value: object) -> None:
    words = shlex.split(RunSpec("m", "search", settings={"name": value}).command())
    assert parse_settings([words[-1]]) == {"name": value}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cohort": "sen"}, "'seen'"),
        ({"perturb": "nx"}, "perturbation 'nx'"),
        ({"seed": 2**31}, "2147483647"),
    ],
)
def test_what_no_dataset_has_is_refused_before_one_is_prepared(wrong, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(RunSpec("bm25", "search", **wrong))
