"""``models NAME`` and ``data sources NAME``: every setting, as the classes have it."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

from baselines.search.backends import BACKENDS
from baselines.search.bm25 import BM25
from benchmark.commands.describing import print_settings
from benchmark.data.sources import SOURCES
from benchmark.models.building import configure
from benchmark.models.describing import describe_model
from benchmark.models.registered import entries

RUNNABLE = [name for name, entry in entries().items() if entry.why_not() is None]


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_setting_of_a_model_is_said_with_its_meaning_and_true_default(cli, name) -> None:
    status, out, err = cli("models", name, "--json")
    assert (status, err) == (0, "")
    said = {setting["name"]: setting for setting in json.loads(out)["settings"]}
    assert {key: each["default"] for key, each in said.items()} == dict(configure(name, {}).config)
    assert [key for key, each in said.items() if not each["meaning"]] == []
    assert [key for key, each in said.items() if not each["type"] or each["type"] == "value"] == []


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_setting_of_a_source_is_said_with_its_meaning(cli, name) -> None:
    said = json.loads(cli("data", "sources", name, "--json")[1])
    settings = {setting["name"]: setting for setting in said["settings"]}
    source = SOURCES.get(name)
    assert settings.keys() >= {*source.params.model_fields, "new_users", "history_window", "k"}
    assert [key for key, each in settings.items() if not each["meaning"]] == []
    for key, value in source.defaults.items():
        assert settings[key]["default"] == json.loads(json.dumps(value))


def test_a_variant_shows_the_defaults_it_has(cli) -> None:
    def default(model: str, setting: str) -> object:
        settings = json.loads(cli("models", model, "--json")[1])["settings"]
        return next(each["default"] for each in settings if each["name"] == setting)

    assert default("unimp", "fusion") == "cross-attention"
    assert default("unimp:early-fusion", "fusion") == "early"
    assert default("unimp", "optimiser") == "muon"  # what the preset makes of it


def test_a_variant_says_what_it_needs_and_what_of_it_is_searched(cli) -> None:
    def said(model: str, key: str) -> list[str]:
        return list(json.loads(cli("models", model, "--json")[1])[key])

    assert said("bm25", "needs") == ["bm25s"]
    assert said("bm25:lucene", "needs") == ["bm25s", *BACKENDS["lucene"].needs.modules]
    assert said("bm25", "searched") == ["k1", "b", "fields"]
    assert said("bm25:category", "searched") == ["k1", "b"]  # it fixes the fields


def test_ranges_and_choices_are_those_of_the_class(cli) -> None:
    said = {s["name"]: s for s in json.loads(cli("models", "bm25", "--json")[1])["settings"]}
    assert said["b"]["range"] == "0 to 1"
    assert said["backend"]["choices"] == ["bm25s", "rank-bm25", "lucene"]
    assert said["fields"]["type"] == "list of text"
    said = {s["name"]: s for s in json.loads(cli("models", "sasrec", "--json")[1])["settings"]}
    assert said["hidden_act"]["choices"] == ["gelu", "relu", "swish", "tanh", "sigmoid"]
    assert said["hidden_act"]["range"] == "gelu, relu, swish, tanh, sigmoid"  # no pattern to read


def test_a_model_is_described_in_words(cli, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = cli("models", "bm25")
    assert status == 0
    assert "baselines.search.backends states their formulas" in " ".join(out.split())
    assert "rank-bm25  backend=rank-bm25" in out
    assert "k1=1.2" in out
    assert "saturation of repeated words" in out
    assert "Variants (--model bm25:VARIANT)" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
@pytest.mark.parametrize("words", [["models"], ["data", "sources"], ["tasks"], ["models", "unimp"]])
def test_listings_fit_the_terminal(cli, monkeypatch, columns, words) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    status, out, _ = cli(*words)
    assert status == 0
    assert max(map(len, out.splitlines())) <= max(80, int(columns))


def test_a_model_that_lacks_its_packages_says_which(cli, monkeypatch) -> None:
    monkeypatch.setattr("benchmark.models.registered.Needs.missing", lambda self: "missing wings")
    status, out, _ = cli("models", "sasrec", "--json")
    described = json.loads(out)
    assert status == 0
    assert (described["available"], described["why_not"]) == (False, "missing wings")
    assert described["settings"] is None
    status, out, _ = cli("models", "sasrec")
    assert status == 0
    assert "missing wings" in out


def test_every_model_that_lacks_packages_says_what_to_type(monkeypatch) -> None:
    monkeypatch.setattr("benchmark.models.registered.importlib.util.find_spec", lambda name: None)
    said = {
        f"{name}:{variant}": why
        for name, entry in entries().items()
        for variant, why in [(None, entry.why_not()), *entry.variants_why_not().items()]
        if why is not None
    }
    assert {"sasrec:None", "unisrec:minilm"} <= said.keys()
    every_installation_has = ("missing bm25s:", "missing torch, ")
    for why in said.values():
        assert ": pip install " in why or why.startswith(every_installation_has)


FILE = '''
from pathlib import Path
from pydantic import BaseModel, Field

class Odd:
    """Answers oddly, as :func:`random.random` would.

    More is not said."""

    tasks = frozenset({"search"})

    class Config(BaseModel):
        depth: int = Field(..., gt=0, description="of thought")
        wait: float = float("inf")
        where: Path = Path("here")
        parts: dict[str, int] = {"a": 1}
        other: object = None
'''


def test_a_class_in_a_file_is_described_as_well(cli, tmp_path) -> None:
    (tmp_path / "odd.py").write_text(FILE)
    status, out, err = cli("models", f"{tmp_path}/odd.py:Odd", "--json")
    assert (status, err) == (0, "")
    described = json.loads(out)
    assert described["summary"] == "Answers oddly, as random.random would."
    said = {setting["name"]: setting for setting in described["settings"]}
    assert said["depth"]["required"] is True
    assert said["depth"]["range"] == "above 0"
    assert (said["wait"]["default"], said["where"]["default"]) == ("inf", "here")
    assert said["parts"]["type"] == "mapping of integer"
    assert "depth=(required)" in cli("models", f"{tmp_path}/odd.py:Odd")[1]


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (":mod:`.backends`", "baselines.search.backends"),
        (":mod:`baselines.search.text`", "baselines.search.text"),
        (":class:`~benchmark.errors.BenchError`", "BenchError"),
        (":py:class:`~.errors.BenchError`", "BenchError"),
        (":meth:`.fit`", "fit"),
        (":class:`its index <baselines.search.backends.Index>`", "its index"),
        ("``k < 3``", "k < 3"),
        ("`one word`", "one word"),
    ],
)
def test_a_reference_in_a_summary_reads_as_what_it_leads_to(
    cli, monkeypatch, written, printed
) -> None:
    monkeypatch.setattr(BM25, "__doc__", f"Ranks as {written} says.\n\n    More.")
    described = json.loads(cli("models", "bm25", "--json")[1])
    assert described["summary"] == f"Ranks as {printed} says."


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_module_that_a_summary_names_is_one_that_can_be_imported(name) -> None:
    summary = describe_model(name)["summary"]
    assert "`" not in summary
    assert ":mod" not in summary
    for module in re.findall(r"\b(?:baselines|benchmark|unimp_model)\.[\w.]*\w", summary):
        assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["models", "bm26"], "'bm25'"),
        (["models", "bm25:lucen"], "'lucene'"),
        (["models", "nowhere.py:Model"], "nowhere.py"),
        (["data", "sources", "amazon2032"], "'amazon2023'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(cli, words, named) -> None:
    status, out, err = cli(*words)
    assert (status, out) == (2, "")
    assert named in err


def test_settings_alone_are_what_help_settings_prints(capsys) -> None:
    print_settings("bm25")
    assert capsys.readouterr().out.startswith("Settings (--set NAME=VALUE), with their defaults\n")
    print_settings("random")
    assert capsys.readouterr().out == "random has no settings.\n"
