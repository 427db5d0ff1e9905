"""What doctor says of a model that answers wrongly, and of one that only writes otherwise."""

from __future__ import annotations

import json

import pytest

from benchmark.doctor import check_model
from benchmark.models.calling import ModelFailure
from benchmark.runs.store import FIT_RECORD

_MODEL = """
import numpy as np
from benchmark.predictions import Image, Ranking, Rating, Selection, Text
from benchmark.vision.png import encode


class Plain:
    tasks = frozenset({"recommendation", "preference", "selection"})

    def fit(self, data, *, seed): ...
    def save(self, folder): ...
    def load(self, folder): ...

    def predict(self, instances):
        return [self.answer(each) for each in instances]

    def answer(self, each):
        if hasattr(each, "candidates"):
            chosen = (each.candidates[0].item_id,)
            return Selection(each.instance_id, chosen, (0.5,) * len(each.candidates))
        if hasattr(each, "exclude"):
            items = [f"i{n:05d}" for n in range(60)]
            items = [item for item in items if item not in each.exclude][: each.k]
            return Ranking(each.instance_id, tuple(items), (0.5,) * len(items))
        return Rating(each.instance_id, 3.0)


class Arrays(Plain):
    def answer(self, each):
        found = super().answer(each)
        if isinstance(found, Ranking):
            return Ranking(found.instance_id, np.array(found.items), np.array(found.scores))
        return found


class Drawing(Plain):
    tasks = frozenset({"image-generation"})

    def answer(self, each):
        pixels = np.zeros((3, each.size, each.size), np.uint8)
        return Image(each.instance_id, encode(pixels), np.array(["i00001", "i00002"]))


class Nothing(Plain):
    def answer(self, each):
        found = super().answer(each)
        if isinstance(found, Ranking):
            return Ranking(found.instance_id, None, None)
        if isinstance(found, Selection):
            return Selection(found.instance_id, None, None)
        return Rating(found.instance_id, None)


class Together(Plain):  # right when many are asked, nothing usable when one is
    tasks = frozenset({"preference"})

    def predict(self, instances):
        value = None if len(instances) == 1 else 3.0
        return [Rating(each.instance_id, value) for each in instances]


class Counting(Plain):
    tasks = frozenset({"preference"})

    def parameter_counts(self):
        return {"trainable": np.prod((3, 4)), "total": np.int64(13)}

    def fit_summary(self):
        return {"width": np.float32(0.5), "kind": "plain"}


class Broken(Plain):
    tasks = frozenset({"preference"})

    def fit_summary(self):
        raise KeyError("width")


class Half(Plain):
    tasks = frozenset({"explanation"})

    def predict(self, instances):
        return [Text(each.instance_id, "half a character: \\ud800") for each in instances]


class Silent(Plain):
    def answer(self, each):
        return None
"""


@pytest.fixture
def asked(tmp_path, run_home):
    """``asked(name)``: what doctor says of a class of the file."""
    file = tmp_path / "answering.py"
    file.write_text(_MODEL)
    return lambda name: check_model(f"{file}:{name}", "sim-xs", run_home, {})


@pytest.fixture
def problems(asked):
    """``problems(name)``: what is found of a class of the file, by task."""
    return lambda name: asked(name).problems


@pytest.mark.parametrize("name", ["Plain", "Arrays"])
def test_answers_that_are_right_are_found_right_in_whatever_they_are_held(problems, name) -> None:
    assert problems(name) == {"recommendation": [], "preference": [], "selection": []}


def test_a_model_may_count_and_tell_by_numbers_of_numpys(asked, run_home) -> None:
    assert json.dumps(asked("Counting").learned) == '{"width": 0.5, "kind": "plain"}'
    (record,) = run_home.fitted.glob(f"*/{FIT_RECORD}")
    assert json.loads(record.read_text())["parameters"] == {"trainable": 12, "total": 13}


def test_a_model_that_fails_to_tell_what_it_learned_is_named(asked) -> None:
    with pytest.raises(ModelFailure, match="'Broken' failed while telling what its fit learned"):
        asked("Broken")


def test_retrieved_items_may_be_an_array_too(problems) -> None:
    assert problems("Drawing") == {"image-generation": []}


@pytest.mark.parametrize("name", ["Nothing", "Silent"])
def test_answers_of_a_wrong_type_are_named_as_a_run_names_them(problems, name) -> None:
    found = problems(name)
    assert set(found) == {"recommendation", "preference", "selection"}
    for some in found.values():
        assert some
        wanted = "wrong type" if name == "Nothing" else "no prediction given"
        assert all(wanted in problem for problem in some)


def test_answers_that_are_none_only_now_and_then_are_found(problems) -> None:
    (found,) = problems("Together").values()
    assert found == ["answers depend on how many instances are asked at once"]


def test_an_answer_that_no_run_could_store_is_named(problems) -> None:
    (found,) = problems("Half").values()
    assert found
    assert all("cannot be stored" in problem for problem in found)
