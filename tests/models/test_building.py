"""Settings are read and checked."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, field_validator

from benchmark.commands.options import parse_settings
from benchmark.errors import BenchError, UsageError
from benchmark.models.building import configure
from benchmark.models.from_class import model_named


def test_settings_are_read_as_json_where_they_are_json() -> None:
    assert parse_settings(["a=3", "b=0.5", "c=[1, 2]", "d=word", "e=x=y", "f=true"]) == {
        "a": 3,
        "b": 0.5,
        "c": [1, 2],
        "d": "word",
        "e": "x=y",
        "f": True,
    }


@pytest.mark.parametrize("pairs", [["epochs"], ["=3"], ["a=1", "a=2"]])
def test_a_broken_setting_is_refused(pairs: list[str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_settings(pairs)


def test_a_value_out_of_range_is_refused_with_its_name() -> None:
    with pytest.raises(UsageError, match=r"refuses k1 = -1"):
        configure("bm25", {"k1": -1})


class Odd:
    """A model whose settings check themselves wrongly."""

    tasks = frozenset({"search"})

    class Config(BaseModel):
        size: int = 1

        @field_validator("size")
        @classmethod
        def _checked(cls, size: int) -> int:
            raise TypeError(f"cannot check {size}")

    def fit(self) -> None: ...
    def predict(self) -> None: ...
    def save(self) -> None: ...
    def load(self) -> None: ...


def test_settings_that_fail_to_check_themselves_are_the_models_fault() -> None:
    with pytest.raises(BenchError, match=r"'Odd' failed while reading its settings: .*check 2"):
        configure(model_named(Odd), {"size": 2})
