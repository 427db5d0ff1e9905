"""A search space is checked, name by name and value by value, before anything is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.models.building import configure
from benchmark.models.registered import entries
from benchmark.tuning.space import Choices, Range, defaults_in, space_for, space_json
from benchmark.tuning.suggesting import told


def read(knob: str, tmp_path: Path, text: str, **fixed):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return space_for(configure(knob, fixed), fixed, path)


def test_ranges_and_choices_are_read(knob, tmp_path) -> None:
    space = read(
        knob,
        tmp_path,
        "rate = { low = 0, high = 1 }\nsize = { low = 1, high = 64, log = true }\n"
        'mode = ["plain", "short"]\nwords = [["a"], ["a", "b"]]\n',
    )
    assert space == {
        "mode": Choices(("plain", "short")),
        "rate": Range(0.0, 1.0, log=False, whole=False),  # the setting is no whole number
        "size": Range(1, 64, log=True, whole=True),
        "words": Choices((["a"], ["a", "b"])),
    }


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("raet = [1.0, 2.0]", "Unknown setting of Knob in .* 'raet'", "Did you mean 'rate'"),
        ("rate = { low = 0.1, hihg = 1 }", "Unknown key of rate in .* 'hihg'", "'high'"),
        ("rate = { low = 0.1 }", "high of rate is None", "low = A, high = B"),
        ("rate = { low = 1.0, high = 1.0 }", "holds no choice", "low = A"),
        ("rate = { low = 0.0, high = 1.0, log = true }", "no logarithm", "above 0"),
        ("rate = { low = 0.0, high = inf }", "high of rate is inf", "low = A"),
        ("rate = { low = 0.1, high = 1.0, log = 1 }", "log of rate is 1", "log = true"),
        ("rate = 0.5", "rate = 0.5 is no search space", "rate = "),
        ("rate = [0.5]", "no choice between distinct values", "two values or more"),
        ("rate = [0.5, 0.5]", "no choice between distinct values", "each once"),
        ("rate = [2001-01-01, 2002-01-01]", "no choice between distinct values", "two values"),
        ('mode = ["plain", "plian"]', "refuses mode = 'plian'", "values of mode"),
        ("size = { low = 1.5, high = 3.5 }", "refuses size = 1.5", "values of size"),
        ("size = { low = 1.0, high = 3.0 }", "refuses size = 1.5", "whole numbers"),
        ("", "names no setting", "TOML"),
        ("rate = ", "not valid TOML", "TOML"),
    ],
)
def test_what_is_wrong_is_named_with_a_fix(knob, tmp_path, text, message, fix) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(knob, tmp_path, text)
    assert fix in str(caught.value.fix)


def test_numbers_and_nestings_without_end_are_refused_in_a_line(knob, tmp_path) -> None:
    with pytest.raises(UsageError, match=r"high of rate is 1000\d+\.\.\., not a number"):
        read(knob, tmp_path, f"rate = {{ low = 1, high = 1{'0' * 400} }}")
    for text in ("9" * 5_000, "[" * 100_000):
        with pytest.raises(UsageError, match="is not valid TOML"):
            read(knob, tmp_path, f"rate = {text}")


def test_a_setting_cannot_be_fixed_and_searched(knob, tmp_path) -> None:
    with pytest.raises(UsageError, match="searches 'rate', which --set fixes"):
        read(knob, tmp_path, "rate = [0.1, 0.2]", rate=0.1)


def test_what_a_variant_or_a_setting_fixes_is_not_searched() -> None:
    whole = space_for(configure("unimp", {}), {}, None)
    assert {"gamma", "context_weight", "learning_rate"} <= set(whole)
    variant = configure("unimp:no-reweighting", {"dropout": 0.2})
    assert set(whole) - set(space_for(variant, {"dropout": 0.2}, None)) == {"gamma", "dropout"}


def test_a_model_without_a_space_asks_for_one() -> None:
    with pytest.raises(UsageError, match="'popularity' has no settings to search") as caught:
        space_for(configure("popularity", {}), {}, None)
    assert "--space" in str(caught.value.fix)


@pytest.mark.parametrize("name", [n for n, entry in entries().items() if entry.space])
def test_every_declared_space_fits_its_model_and_holds_its_defaults(name: str) -> None:
    if entries()[name].why_not():
        pytest.skip(str(entries()[name].why_not()))
    built = configure(name, {})
    space = space_for(built, {}, None)
    assert space_json(space).keys() == entries()[name].space.keys()
    assert defaults_in(space, built.config) is not None


@pytest.mark.parametrize(
    "name",
    [
        *("mf", "lightgcn", "hgn", "gru4rec", "sasrec", "bert4rec", "s3rec"),
        *("ultragcn", "macr"),
        *("bm25", "hem", "zam", "rtm", "unimp"),
    ],
)
def test_these_models_can_be_tuned(name: str) -> None:
    assert entries()[name].space


def test_values_are_told_apart_by_kind() -> None:
    choices = Choices((1, True, 1.0))
    assert [choices.position(v) for v in (1, True, 1.0, "1")] == [0, 1, 2, None]


def test_rounding_stays_inside() -> None:
    within = Range(1.23444e-4, 9.87654e-3, log=True, whole=False)
    assert within.rounded(1.23445e-4) == 1.23444e-4
    assert within.rounded(9.876539e-3) == 9.87654e-3
    assert within.rounded(0.00123456) == 0.001235


def test_a_narrow_range_is_not_rounded_to_its_ends() -> None:
    within = Range(0.50001, 0.50004, log=False, whole=False)
    assert within.rounded(0.5000231234) == 0.5000231
    assert Range(1000.1, 1000.9, log=False, whole=False).rounded(1000.54321) == 1000.54
    assert Range(-1e308, 1e308, log=False, whole=False).rounded(1.23456) == 1.235


def test_a_default_is_held_by_a_choice_of_an_equal_number(knob, tmp_path) -> None:
    space = read(knob, tmp_path, "rate = [0, 0.5]\nsize = [2, 4]\nmode = ['plain', 'short']")
    config = {"rate": 0.0, "size": 4, "mode": "plain"}
    # As the space has it, so that no later trial is the same and looks like another.
    assert told(defaults_in(space, config)) == told({"mode": "plain", "rate": 0, "size": 4})
    assert defaults_in(space, {**config, "rate": False}) is None


def test_a_setting_that_is_none_is_searched_in_fractions_where_it_takes_them(
    write_knob, tmp_path
) -> None:
    name, _ = write_knob(tmp_path)
    file = tmp_path / "knob.py"
    more = "    decay: float | None = None\n    warm: int | None = None\n"
    file.write_text(file.read_text().replace("    size: int = 4\n", f"    size: int = 4\n{more}"))
    space = read(name, tmp_path, "decay = { low = 0, high = 1 }\nwarm = { low = 0, high = 9 }")
    assert space == {
        "decay": Range(0.0, 1.0, log=False, whole=False),
        "warm": Range(0, 9, log=False, whole=True),
    }


def test_a_space_may_begin_with_a_byte_order_mark(knob, tmp_path) -> None:
    assert read(knob, tmp_path, "\ufeffrate = [0.1, 0.2]")
