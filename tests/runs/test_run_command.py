"""The command ``run``: several models with settings of their own, and all of it in a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.main import get_command

from benchmark.cli import main
from benchmark.commands.run import app
from benchmark.runs.runner import execute_all

ROOT = Path(__file__).parents[2]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(run_home, monkeypatch, capsys) -> Call:
    """``call(*words)``: exit status, output and messages of ``unimp-bench run`` in a home."""

    def call(*words: str) -> tuple[int, str, str]:
        home = str(run_home.root)
        monkeypatch.setattr(sys, "argv", ["unimp-bench", "run", "--home", home, *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def settings_of(out: str) -> dict[str, dict[str, object]]:
    runs = json.loads(out)
    manifests = [json.loads((Path(run["run"]) / "manifest.json").read_text()) for run in runs]
    return {manifest["model"]: manifest["settings"] for manifest in manifests}


BOTH = ["--model", "bm25", "--model", "popularity", "--task", "search", "--data", "sim-xs"]


def test_a_run_of_several_models_sets_each_its_own(call) -> None:
    status, out, err = call(*BOTH, "--limit", "9", "--set", "bm25:k1=0.9", "--set", "b=0.5")
    assert status == 0, err
    stored = [line.removeprefix("Stored: ") for line in out.splitlines() if "Stored: " in line]
    assert [Path(folder).name.rpartition("-")[0] for folder in stored] == [
        "bm25_search_sim-xs_seen_seed0_limit9_b=0.5_k1=0.9",
        "popularity_search_sim-xs_seen_seed0_limit9",
    ]
    assert out.rstrip().endswith(stored[-1])
    assert all((Path(folder) / "manifest.json").is_file() for folder in stored)
    assert "--set b is ignored by popularity" in err
    status, again, err = call(*BOTH, "--limit", "9", "--set", "bm25:k1=0.9", "--set", "b=0.5")
    assert again == out
    assert err.count("the stored run is used") == 2


def test_the_example_file_is_run_as_the_guide_says(call, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    status, out, err = call("--config", "docs/examples/run.toml", "--json")
    assert status == 0, err
    assert settings_of(out) == {"bm25": {"k1": 0.9}, "popularity": {}}
    assert {run["scores"]["HR@5"]["n"] for run in json.loads(out)} == {100}
    again = ["--config", "docs/examples/run.toml", "--seed", "1", "--set", "bm25:b=0.5", "--json"]
    status, out, err = call(*again)
    assert status == 0, err
    assert settings_of(out) == {"bm25": {"k1": 0.9, "b": 0.5}, "popularity": {}}
    assert {run["seed"] for run in json.loads(out)} == {1}


def test_the_command_line_comes_before_the_file(call, file) -> None:
    path = file(
        'model = ["bm25", "popularity"]\ntask = "search"\ndata = "sim-xs"\nlimit = 9\n'
        'seed = [0, 1]\njson = true\ntuned = true\nset = ["bm25:k1=0.9", "b=0.5"]\n'
    )
    words = ["--config", path, "--no-tuned", "--limit", "5", "--seed", "2", "--set", "k1=1.0"]
    status, out, err = call(*words)
    assert status == 0, err
    assert settings_of(out) == {"bm25": {"k1": 1.0, "b": 0.5}, "popularity": {}}
    runs = json.loads(out)
    assert [(run["seed"], run["scores"]["HR@5"]["n"]) for run in runs] == [(2, 5), (2, 5)]
    status, out, err = call("--config", path)
    assert status == 2
    assert "has not been tuned" in err


def test_two_names_of_one_option_may_not_contradict_each_other_in_a_file(call, file) -> None:
    status, _, err = call("--config", file("force = true\nrefit = false\n"))
    assert status == 2
    assert "refit contradicts another key" in err


def test_a_files_dry_run_can_be_taken_back(call, file) -> None:
    path = file(
        'model = "popularity"\ntask = "search"\ndata = "sim-xs"\nlimit = 4\njson = true\n'
        "estimate = true\ndry-run = true\n"
    )
    status, out, err = call("--config", path, "--no-estimate", "--no-dry-run")
    assert status == 0, err
    assert json.loads(out)["scores"]["HR@5"]["n"] == 4


def test_what_only_an_estimate_needs_is_refused_without_one_but_may_wait_in_a_file(
    call, file
) -> None:
    status, _, err = call(*BOTH, "--estimate-seconds", "3")
    assert status == 2
    assert "--estimate-seconds belongs to --estimate" in err
    waiting = file("estimate-seconds = 3\n")
    assert call("--config", waiting, *BOTH, "--limit", "9")[0] == 0


@pytest.mark.parametrize("measured", [True, False])
def test_a_country_without_a_measurement_is_told_of(call, monkeypatch, measured: bool) -> None:
    monkeypatch.setenv("UNIMP_BENCH_COUNTRY", "")  # put back what the option sets
    meter = SimpleNamespace(name="m", start=lambda: None, stop=lambda: (0.1, 0.1))
    monkeypatch.setattr("benchmark.host.energy.find_meter", lambda: meter if measured else None)
    status, _, err = call(*BOTH, "--limit", "9", "--country", "DEU")
    assert status == 0
    assert ("--country is of no use" in err) is not measured


def test_a_file_can_name_a_variant_and_settings_for_all(call, file) -> None:
    path = file(
        'model = ["mean-rating:user", "mean-rating"]\ntask = "preference"\ndata = "sim-xs"\n'
        'limit = 9\njson = true\n[set]\neffects = "item"\n[set."mean-rating:user"]\n'
        'effects = "user"\n'
    )
    status, out, err = call("--config", path)
    assert status == 0, err
    manifests = [
        json.loads((Path(r["run"]) / "manifest.json").read_text()) for r in json.loads(out)
    ]
    assert [m["config"]["effects"] for m in manifests] == ["user", "item"]


def test_a_file_says_all_that_options_say_and_the_guide_names_them(call, file) -> None:
    options = {
        name.removeprefix("--"): option
        for option in get_command(app).params
        for name in option.opts
        if name.startswith("--") and not name.endswith("-completion")
    }
    del options["config"], options["help-settings"]  # the file itself, and what prints and ends
    values = {"model": '"bm25"', "set": '["k1=1"]'}
    typed = {name: "true" if option.is_flag else "1" for name, option in options.items()}
    lines = [f"{name} = {value}" for name, value in {**typed, **values}.items()]
    status, out, err = call("--config", file("\n".join(lines)), "--help-settings")
    assert status == 0, err
    assert json.loads(out)[0]["name"] == "backend"  # of the file's model, as its json = true says
    guide = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
    assert not [name for name in options if f"`{name}`" not in guide]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('modle = "bm25"', "'modle'.\nDid you mean 'model'"),
        ("model = {a = 1}", "no text or number"),
        ("tuned = 1", "tuned = 1 is not true or false"),
        ("limit = true", "limit = True is no text or number"),
        ('limit = "many"', "mine.toml: limit = 'many': "),
        ('seed = [1, "x"]', "mine.toml: seed = [1, 'x']: "),
        ("set = 3", "no list of pairs"),
        ('set = ["k1"]', "'k1' has no '='"),
        ('set = ["=1"]', "'=1' has no name before its '='"),
        ("[set.bm25]\nk1 = 1979-05-27", "is no setting"),
        ("model = [", "not valid TOML"),
        pytest.param(f"limit = {'9' * 9_999}", "not valid TOML", id="a number without end"),
        pytest.param(f"limit = {'[' * 9_999}", "not valid TOML", id="a nesting without end"),
        ("\ufeffcolour = 1", "'colour'"),  # behind a byte order mark
        ('model = "bm25"\ntask = "search"\n[set.bm26]\nk1 = 1', "Unknown model of this run 'bm26'"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(call, file, text, message) -> None:
    status, out, err = call("--config", file(text))
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) <= 2


def test_a_missing_file_is_named(call) -> None:
    status, _, err = call("--config", "nowhere.toml")
    assert (status, err.count("nowhere.toml")) == (2, 1)


def test_help_settings_prints_the_settings_of_one_model(call) -> None:
    pytest.importorskip("benchmark.commands.describing")
    status, out, err = call("--model", "bm25", "--help-settings")
    assert status == 0, err
    assert "k1" in out
    status, _, err = call("--help-settings")
    assert (status, "--model NAME" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "wrong", "printed"),
    [
        (["--model", "popularity"], 0, dict),
        (["--model", "popularity", "--model", "bm25"], 1, list),
        (["--model", "popularity", "--model", "bm25"], 2, list),
        (["--model", "popularity"], 1, None),
    ],
)
def test_json_is_a_list_where_several_were_asked_for_whatever_failed(
    call, monkeypatch, words: list[str], wrong: int, printed: type | None
) -> None:
    def executed(_, specs, home, *, force):
        done = execute_all(specs[: len(specs) - wrong], home, force=force)
        return done, ["it failed"] * wrong

    monkeypatch.setattr("benchmark.commands.workers.asked_cluster", lambda *_: "a cluster")
    monkeypatch.setattr("benchmark.commands.workers.executed_on", executed)
    asked = ["--task", "search", "--data", "sim-xs", "--limit", "9", "--json"]
    status, out, err = call(*words, *asked)
    assert status == (1 if wrong else 0), err
    assert out == "" if printed is None else isinstance(json.loads(out), printed)
    assert ("The others are stored" in err) == (0 < wrong < words.count("--model"))
