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


@pytest.mark.parametrize("path", ["mine.py", "./mine.py", "../there/mine.py", "/home/me/mine.py"])
def test_a_model_in_a_file_has_one_run_from_whichever_folder_it_is_named(path: str) -> None:
    slug = RunSpec(f"{path}:Mine", "search", "sim-xs").slug()
    assert slug == "mine.py-Mine_search_sim-xs_seen_seed0"


@pytest.mark.parametrize("model", ["_mine.py:Mine", "мод.py:Mine", ".mine.py:Mine", "_Mine", "М"])
def test_no_run_is_hidden_and_none_reads_as_an_option(model: str) -> None:
    assert RunSpec(model, "search").slug()[0].isalnum()
