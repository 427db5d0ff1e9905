from __future__ import annotations

import shlex

import pytest

from benchmark.commands.options import parse_settings
from benchmark.runs.spec import RunSpec


@pytest.mark.parametrize(
    "value", ["auto", "3", "true", "null", '"x"', "a=b c", "", 3, 0.1, None, [1, "2"]]
)
def test_a_printed_command_gives_every_setting_as_it_was(value: object) -> None:
    words = shlex.split(RunSpec("m", "search", settings={"name": value}).command())
    assert parse_settings([words[-1]]) == {"name": value}
