"""Settings are read and checked."""

from __future__ import annotations

import enum
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, Field, computed_field, field_validator

from benchmark.commands.options import parse_settings
from benchmark.errors import BenchError, UsageError
from benchmark.models.building import changed_settings, configure
from benchmark.models.describing import describe_model
from benchmark.models.from_class import model_named
from benchmark.models.plain import plain_settings


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


class Part(BaseModel, extra="forbid"):
    size: int = Field(1, alias="s")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.size


class Kept(Odd):
    """A model that keeps what it is built with."""

    class Config(Part):
        part: Part = Part()
        depth: int = Field(1, validation_alias="d", serialization_alias="D")
        words: set[str] = {"a"}
        other: Any = None

    def __init__(self, config: Any) -> None:
        self.config = config


def test_a_setting_goes_by_its_name_whatever_its_alias_and_what_is_computed_is_none() -> None:
    built = configure(model_named(Kept), {"size": 3, "depth": 2, "part": {"size": 5}})
    assert dict(built.config) == {
        "size": 3,
        "part": {"size": 5},
        "depth": 2,
        "words": ["a"],
        "other": None,
    }
    config = built.build().config  # type: ignore[attr-defined]
    assert (config.size, config.depth, config.part.size) == (3, 2, 5)
    assert changed_settings(built, {"size": 3, "words": ["a"]}) == {"size": 3}
    with pytest.raises(UsageError, match="Unknown setting of Kept 'd'"):
        configure(model_named(Kept), {"d": 2})
    with pytest.raises(UsageError, match="Model 'Kept' refuses depth = 'deep'"):
        configure(model_named(Kept), {"depth": "deep"})


class Secret(Kept):
    class Config(BaseModel):
        depth: int = Field(1, exclude=True)


class Growing(Kept):
    class Config(BaseModel):
        depth: int = 1

        @field_validator("depth")
        @classmethod
        def _grown(cls, depth: int) -> int:
            return depth + 1


class Unlike(Kept):
    class Config(BaseModel, strict=True):
        words: tuple[str, ...] = ("a",)


class Hollow(Kept):
    class Config(BaseModel):
        nested: dict[str, Any] = {"a": math.nan}


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (Secret, {"depth": 2}, "'Secret' leaves its setting 'depth' out"),
        (
            Growing,
            {"depth": 2},
            r"'Growing' does not take back what it writes \(depth = 3 becomes 4",
        ),
        (Unlike, {}, "'Unlike' does not take back what it writes .*valid tuple"),
        (Hollow, {}, "'Hollow' has a setting that cannot be recorded: nested holds nan"),
    ],
)
def test_settings_that_no_run_could_record_are_refused(model, settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        configure(model_named(model), settings)


class Letter(enum.Enum):
    B = "b"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Path("a/b"), "a/b"),
        (Letter.B, "b"),
        ({3, 1}, [1, 3]),
        ((1, (2,)), [1, [2]]),
        (np.int64(2), 2),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        ({"a": {np.int64(1): None}}, {"a": {"1": None}}),
        (True, True),
    ],
)
def test_what_programs_have_at_hand_is_a_setting_as_json_says_it(value, plain) -> None:
    found = plain_settings({"x": value})["x"]
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    "value",
    [math.nan, {"a": [math.inf]}, np.float32("nan"), b"a", 1j, object(), "\udcff", {None: 1}],
)
def test_a_value_without_json_is_refused_by_the_name_of_its_setting(value) -> None:
    with pytest.raises(UsageError, match=r"Setting other = .* cannot be recorded"):
        configure(model_named(Kept), {"other": value})


_WORDS = """
import sys
from benchmark.models.building import configure
print(configure(sys.argv[1], {"words": ["x", "y", "z", "u", "v"]}).config)
"""


def test_a_set_has_one_order_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = set()
    for number in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", number)
        command = [sys.executable, "-c", _WORDS, f"{__file__}:Kept"]
        printed.add(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(printed) == 1


def test_a_model_is_described_with_settings_that_have_aliases() -> None:
    described = {one["name"]: one for one in describe_model(model_named(Kept))["settings"]}
    assert described["depth"]["default"] == 1
    assert described["depth"]["type"] == "integer"
