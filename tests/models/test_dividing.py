"""In a run of several models a setting goes to the model it names, or to all that have it."""

from __future__ import annotations

import pytest

from benchmark.errors import UsageError
from benchmark.models.dividing import divide_settings

MODELS = ["bm25", "bm25:lucene", "mean-rating", "popularity"]


@pytest.fixture
def outside(tmp_path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(
        "from pydantic import BaseModel\n"
        "class Mine:\n"
        "    tasks = frozenset({'search'})\n"
        "    class Config(BaseModel):\n"
        "        k1: float\n"
        "        depth: int = 1\n"
    )
    return f"{path}:Mine"


def test_a_bare_setting_goes_to_the_models_that_have_it_and_a_note_names_the_others(capsys) -> None:
    models = [model for model in MODELS if model != "bm25:lucene"]
    divided = divide_settings({"k1": 0.9, "effects": "user"}, models)
    assert divided == {"bm25": {"k1": 0.9}, "mean-rating": {"effects": "user"}, "popularity": {}}
    assert capsys.readouterr().err.splitlines() == [
        "--set k1 is ignored by mean-rating, popularity: no such setting.",
        "--set effects is ignored by bm25, popularity: no such setting.",
    ]


def test_a_named_setting_goes_to_that_model_alone_and_comes_before_a_bare_one(capsys) -> None:
    given = {"bm25:rank-bm25:k1": 2.0, "b": 0.5, "bm25:b": 0.1}
    divided = divide_settings(given, ["bm25", "bm25:rank-bm25"])
    assert divided == {"bm25": {"b": 0.1}, "bm25:rank-bm25": {"k1": 2.0, "b": 0.5}}
    assert capsys.readouterr().err == ""


def test_a_class_in_a_file_is_named_by_its_path_or_its_name(outside) -> None:
    expected = {outside: {"k1": 1.0, "depth": 3}, "popularity": {}}
    for owner in (outside, "Mine"):
        given = {f"{owner}:k1": 1.0, f"{owner}:depth": 3}
        assert divide_settings(given, [outside, "popularity"]) == expected


def test_a_class_name_that_two_files_share_names_neither(outside, tmp_path) -> None:
    other = tmp_path / "other.py"
    other.write_text((tmp_path / "mine.py").read_text())
    models = [outside, f"{other}:Mine"]
    with pytest.raises(UsageError, match="Unknown model of this run 'Mine'"):
        divide_settings({"Mine:depth": 3}, models)
    divided = divide_settings({f"{other}:Mine:depth": 3}, models)
    assert divided == {outside: {}, f"{other}:Mine": {"depth": 3}}


def test_a_setting_without_a_default_is_known_of_a_model_in_a_run_of_several(outside) -> None:
    assert divide_settings({"k1": 1.0}, [outside, "bm25"]) == {
        outside: {"k1": 1.0},
        "bm25": {"k1": 1.0},
    }


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("k2", "Unknown setting of any model of this run 'k2'.\nDid you mean 'k1'"),
        ("bm26:k1", "Unknown model of this run 'bm26'.\nDid you mean 'bm25'"),
        ("bm25:lucen:k1", "Unknown model of this run 'bm25:lucen'"),
    ],
)
def test_what_no_model_of_the_run_can_take_is_refused_with_the_nearest(key, message) -> None:
    with pytest.raises(UsageError) as caught:
        divide_settings({key: 1}, ["bm25", "popularity"])
    assert message in str(caught.value)


def test_a_single_model_refuses_by_itself_what_it_does_not_have(capsys) -> None:
    assert divide_settings({"k2": 1}, ["bm25"]) == {"bm25": {"k2": 1}}
    assert capsys.readouterr().err == ""
