"""A class given as an object is what its file says, and what was put on it later counts."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.models import code
from benchmark.models.building import configure
from benchmark.models.code import code_digest, code_files
from benchmark.models.from_class import each_once, model_named
from benchmark.models.registered import entries
from benchmark.models.typed import Typed

MODEL = """
import abc, dataclasses, functools, typing
import benchmark as ub
class Base(abc.ABC):
    __slots__ = ("slot",)
    scale = 1.0
    @property
    def twice(self): return 2
    @abc.abstractmethod
    def save(self, folder): pass
class Hooked:
    def __init_subclass__(cls): cls.registered = cls.__name__
class Mine(Base, typing.Generic[typing.TypeVar("T")]):
    '''Answers nothing.'''
    tasks = frozenset({"search"})
    shift: int = 0
    layers = [1, 2]
    _memory = {}
    _count = 0
    __secret = 1
    computed = len(tasks)
    if shift:
        depth = 1
    else:
        depth = 2
    class Inner:
        size = 1
    class Box:
        pass
    def fit(self, data, *, seed):
        type(self)._count += 1
        self._memory["seed"] = seed
    def predict(self, instances): return [ub.Ranking(o.instance_id, (), ()) for o in instances]
    def _score(self): return 0
    def save(self, folder): pass
    @functools.lru_cache
    def load(self, folder): pass
    @staticmethod
    def helped(): return 1
Mine.after = dict(a=1)
class Other(Mine, Hooked): pass
@dataclasses.dataclass
class Data(Mine):
    width: int = 3
for number in (1, 2):
    class Looped(Mine): shift = number
def make(value):
    class Made(Mine): shift = value
    return Made
def called(value): return type("Called", (Mine,), {"shift": value})
Named = make(3)
Listed = type("Listed", (Mine,), {"shift": 3})
def score(self): return 1
def score_otherwise(self): return 2
"""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """``given()`` imports the model's file as another module each time."""
    monkeypatch.syspath_prepend(str(tmp_path))
    numbers = itertools.count()
    loaded = []

    def load() -> ModuleType:
        name = f"given_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(MODEL)
        importlib.invalidate_caches()
        loaded.append(name)
        return importlib.import_module(name)

    yield load
    for name in loaded:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["Mine", "Other", "Data", "Named", "Listed"])
def test_a_class_that_nobody_changed_is_told_by_its_file_alone(given, name: str) -> None:
    model = getattr(given(), name)
    assert code._unfiled(model) == Typed()


def test_what_a_model_remembers_on_its_class_changes_nothing(given) -> None:
    model = given().Mine
    first = code_digest(model)
    model().fit(None, seed=3)
    assert (model._count, model._memory) == (1, {"seed": 3})
    assert code_digest(model) == first


@pytest.mark.parametrize("owner", ["Mine", "Base"])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("shift", (20, 30)),
        ("layers", ([3], [4])),
        ("depth", (7, 8)),
        ("scale", (2.0, 2)),
        ("added", ("a", "b")),
        ("_score", ("score", "score_otherwise")),
        ("predict", ("score", "score_otherwise")),
        ("__call__", ("score", "score_otherwise")),
    ],
)
def test_what_is_put_on_a_class_later_counts(given, owner: str, name: str, values: Any) -> None:
    module = given()
    digests = [code_digest(module.Mine)]
    for value in values:
        setattr(getattr(module, owner), name, vars(module).get(str(value), value))
        digests.append(code_digest(module.Mine))
    assert len(set(digests)) == 3


def test_a_private_constant_that_somebody_else_sets_counts(given) -> None:
    model = given().Other
    first = code_digest(model)
    model.__mro__[1]._Mine__secret = 2
    assert code_digest(model) != first


def test_a_list_that_is_filled_while_the_program_runs_counts(given) -> None:
    model = given().Mine
    first = code_digest(model)
    model.layers.append(3)
    assert code_digest(model) != first
    model.layers.pop()
    assert code_digest(model) == first


def test_the_file_of_a_function_that_was_put_on_a_class_counts(given, tmp_path: Path) -> None:
    model, other = given().Mine, given()
    model.predict = other.score
    assert code_files(model)[other.__name__] == Path(other.__file__)
    first = code_digest(model)
    Path(other.__file__).write_text(MODEL.replace("return 1", "return 5"))
    assert code_digest(model) != first


@pytest.mark.parametrize("value", [lambda self: 1, object()])
def test_a_change_whose_content_nobody_can_write_down_is_refused(given, value: object) -> None:
    model = given().Mine
    model.predict = value
    with pytest.raises(BenchError, match=r"'Mine\.predict' is set while the program runs"):
        code_digest(model)


def test_a_change_of_an_announced_model_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    first = configure("popularity", {}).code
    monkeypatch.setattr(entries()["popularity"].load(), "shift", 3, raising=False)
    assert configure("popularity", {}).code != first


@pytest.mark.parametrize(
    ("take", "why"),
    [
        (lambda module: module.make(1), "is made inside a function"),
        (lambda module: module.Named, "is made inside a function"),
        (lambda module: module.called(1), "is not written in"),
        (lambda module: type("Typed", (module.Mine,), {}), "is not written in"),
        (lambda module: module.Looped, "is made in a loop"),
        (lambda module: module.Mine, None),
    ],
)
def test_a_class_object_that_no_text_tells_is_refused(given, take, why: str | None) -> None:
    model = model_named(take(given()))
    if why is None:
        assert configure(model, {}).label == "Mine"
        return
    with pytest.raises(BenchError, match=rf"{why}.*could not be told from"):
        configure(model, {})


def test_a_class_that_its_file_names_is_told_by_that_name(given) -> None:
    file = given().__file__
    named = [configure(f"{file}:{name}", {}).entry.target for name in ("Named", "Listed")]
    assert [target.rpartition(":")[2] for target in named] == ["Named", "Listed"]


def test_the_class_of_a_file_that_was_read_again_is_refused(given) -> None:
    module = given()
    old = module.Mine
    importlib.reload(module)
    with pytest.raises(BenchError, match=r"is not the class that given_0\.py calls so now"):
        configure(model_named(old), {})
    assert configure(model_named(module.Mine), {}).label == "Mine"


def test_two_classes_of_one_name_are_refused_together(given) -> None:
    module = given()
    old, again = model_named(module.Mine), model_named(module.Mine)
    assert each_once([old, "bm25", again]) == [old, "bm25"]
    importlib.reload(module)
    for other in (model_named(module.Mine), str(old)):
        with pytest.raises(UsageError, match=r"named '.*given_0\.py:Mine', and are not the same"):
            each_once([old, other])
