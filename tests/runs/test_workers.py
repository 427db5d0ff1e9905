"""Runs divided over the workers of a cluster: the same bytes as alone, whatever happens to one."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmark.errors import BenchError
from benchmark.host.energy import VARIABLE as COUNTRY
from benchmark.host.home import Home, find_home
from benchmark.runs import performing
from benchmark.runs.performing import divide, perform
from benchmark.runs.resources import parse_resources, resources_of
from benchmark.runs.runner import execute
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PER_INSTANCE, PREDICTIONS, SCORES, stored_runs
from benchmark.runs.work import Outcome, Work

RANDOM = RunSpec("random", "search", "sim-xs", limit=4)


@pytest.fixture
def run(cli, run_home) -> Callable[..., tuple[int, str, str]]:
    """``run(*words)``: ``unimp-bench run`` on a few instances of sim-xs."""

    def run(*words: str, home: Home = run_home) -> tuple[int, str, str]:
        return cli("run", "--data", "sim-xs", "--limit", "4", *words, home=home)

    return run


def test_workers_hear_the_country_unless_their_machine_names_one(monkeypatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    from benchmark.runs import workers

    monkeypatch.setenv(COUNTRY, "DEU")
    asked = workers._environment(sees_gpus=True)
    for own, heard in (("", "DEU"), ("FRA", "FRA")):
        monkeypatch.setenv(COUNTRY, own)
        assert workers._child_environment(asked)[COUNTRY] == heard
    monkeypatch.delenv(COUNTRY)
    unasked = workers._environment(sees_gpus=True)
    monkeypatch.setenv(COUNTRY, "FRA")
    assert workers._child_environment(unasked)[COUNTRY] == "FRA"


def test_a_run_on_a_worker_has_the_arithmetic_and_the_judges_of_its_command(monkeypatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    from benchmark.runs import workers

    judge = "UNIMP_BENCH_BERTSCORE"
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    monkeypatch.setenv(judge, "/encoder")
    asked = workers._environment(sees_gpus=True)
    monkeypatch.delenv("MKL_CBWR")
    free = workers._environment(sees_gpus=True)  # UNIMP_BENCH_PIN_ARITHMETIC=0, say
    monkeypatch.setenv("MKL_CBWR", "AVX2,STRICT")  # as the worker's process has pinned it
    monkeypatch.delenv(judge)
    heard = workers._child_environment(asked)
    assert (heard["MKL_CBWR"], heard[judge]) == ("COMPATIBLE", "/encoder")
    assert "MKL_CBWR" not in workers._child_environment(free)
    monkeypatch.setenv(judge, "/own")
    assert workers._child_environment(asked)[judge] == "/own"


def test_work_is_a_piece_for_every_fit_in_the_order_of_its_first_run(sim_xs, run_home) -> None:
    specs = [
        RANDOM,
        replace(RANDOM, model="popularity"),
        replace(RANDOM, task="recommendation"),
        replace(RANDOM, seed=1),
        replace(RANDOM, model="popularity", perturb="nt", limit=None),
        replace(RANDOM, model="popularity:within-query"),
        replace(RANDOM, task="explanation"),
    ]
    work, refused = divide(specs, {"sim-xs": sim_xs}, run_home, force=False)
    assert [places for _, places in work] == [[0, 2], [1, 4], [3], [5]]
    assert all(piece.specs == tuple(specs[at] for at in places) for piece, places in work)
    assert len({piece.fit for piece, _ in work}) == 4
    assert list(refused) == [6]
    assert "does not answer 'explanation'" in str(refused[6].problem)
    assert [Work.from_json(piece.to_json()) for piece, _ in work] == [piece for piece, _ in work]


def performed(work: Work) -> list[Outcome]:
    results = io.StringIO()
    perform(work, results)
    return [Outcome.from_json(line) for line in results.getvalue().splitlines()]


def test_a_run_that_fails_leaves_the_others_of_its_fit(sim_xs, run_home, monkeypatch) -> None:
    specs = [RANDOM, replace(RANDOM, limit=3), replace(RANDOM, task="recommendation")]
    ((work, _),), refused = divide(specs, {"sim-xs": sim_xs}, run_home, force=False)
    assert not refused

    def failing(spec, *args, **kwargs):
        if spec.limit == 3:
            raise BenchError("The disk is full.", fix="Make room.")
        return execute(spec, *args, **kwargs)

    monkeypatch.setattr(performing, "execute", failing)
    first, second, third = performed(work)
    assert "The disk is full." in str(second.problem)
    assert [run.folder.name for run in stored_runs(run_home)] == sorted([first.run, third.run])


def test_another_fit_than_was_asked_for_is_refused(sim_xs, run_home) -> None:
    ((work, _),), _ = divide([RANDOM], {"sim-xs": sim_xs}, run_home, force=False)
    (outcome,) = performed(replace(work, fit="of another version"))
    assert "would be another fit" in str(outcome.problem)
    assert not list(stored_runs(run_home))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "--workers 0 does no work.\nGive 1"),
        (["--workers", "2", "--scheduler", "tcp://a:1"], "Leave out one of them"),
        (["--resources", "random:GPU=1"], "Give --workers N or --scheduler"),
        (["--workers", "2", "--resources", "random"], "'random' is not MODEL:NAME=AMOUNT"),
        (["--workers", "2", "--resources", "random:GPU=0"], "is not MODEL:NAME=AMOUNT"),
        (["--workers", "2", "--resources", "GPU=1"], "is not MODEL:NAME=AMOUNT"),
    ],
)
def test_options_that_contradict_each_other_are_refused(run, words, message) -> None:
    status, out, err = run("--model", "random", "--task", "search", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) <= 2


def test_resources_are_those_of_a_variant_else_of_its_model() -> None:
    wanted = parse_resources(["popularity:GPU=1", "popularity:within-query:MEMORY=2e9"])
    specs = [replace(RANDOM, model=name) for name in ("popularity", "popularity:within-query")]
    assert resources_of([*specs, RANDOM], wanted) == [{"GPU": 1.0}, {"MEMORY": 2e9}, {}]


def test_without_dask_a_run_is_alone_or_says_what_to_install(run, monkeypatch) -> None:
    find = importlib.util.find_spec
    for name in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "dask" else find(name)
    )
    status, _, err = run("--model", "random", "--task", "search", "--workers", "2")
    assert status == 1
    assert "pip install 'unimp-bench[cluster]'" in err
    assert run("--model", "random", "--task", "search")[0] == 0


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a cluster of two workers in this process, one of which offers a GPU."""
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    workers = {
        at: {"cls": distributed.Worker, "options": {"nthreads": 1, "resources": offered}}
        for at, offered in enumerate([{}, {"GPU": 1}])
    }
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard": False}}
    with distributed.SpecCluster(workers=workers, scheduler=scheduler) as cluster:
        yield cluster.scheduler_address


ONE = ["--model", "random", "--task", "search"]


def test_workers_of_another_version_are_refused(run, scheduler, monkeypatch) -> None:
    from benchmark.runs import workers

    here = workers.versions()
    told = iter([here, *[{**here, "numpy": "1.0", "polars": "0.1"}] * 2])
    monkeypatch.setattr(workers, "versions", lambda: next(told))
    status, out, err = run(*ONE, "--scheduler", scheduler)
    assert (status, out) == (1, "")
    assert f"has other versions: numpy 1.0 (here {here['numpy']}), polars 0.1" in err


def test_a_resource_that_no_worker_offers_is_refused(run, scheduler) -> None:
    status, out, err = run(*ONE, "--scheduler", scheduler, "--resources", "random:GPU=2")
    assert (status, out) == (2, "")
    assert "No worker offers GPU=2, which --resources asks for 'random'" in err


@pytest.mark.parametrize(
    ("address", "expected", "message"),
    [
        ("nonsense", 2, "is no address"),
        ("foo://localhost:1", 2, "unknown address scheme 'foo'"),
        ("tcp://127.0.0.1:9", 1, "does not answer within"),
    ],
)
def test_a_scheduler_that_is_not_there_is_named(
    run, address, expected, message, monkeypatch
) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    monkeypatch.setattr("benchmark.runs.workers.PATIENCE", 0.5)
    status, out, err = run(*ONE, "--scheduler", address)
    assert (status, out) == (expected, "")
    assert message in err
    assert address in err


def content(home: Home) -> dict[str, bytes]:
    """Run and file -> bytes of everything that does not tell time."""
    return {
        f"{run.folder.name}/{name}": (run.folder / name).read_bytes()
        for run in stored_runs(home)
        for name in (PREDICTIONS, SCORES, PER_INSTANCE)
    }


@pytest.fixture
def second_home(home_with, sim_xs, tmp_path) -> Home:
    """Another home with the same dataset."""
    return home_with(tmp_path / "alone", sim_xs)


@pytest.mark.slow
def test_a_failing_run_stops_no_other_and_sees_no_gpu_that_it_did_not_ask_for(
    run, odd_model, scheduler, run_home, second_home, monkeypatch, tmp_path
) -> None:
    text = Path(odd_model.removesuffix(":Odd")).read_text()
    seen = text.replace('"fit\\n"', "f\"{__name__[-3:]} {os.environ['CUDA_VISIBLE_DEVICES']}\\n\"")
    assert seen != text
    asking = tmp_path / "gpu.py"
    for path in (tmp_path / "odd.py", asking):
        path.write_text(seen)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    monkeypatch.setenv("ODD", "raises")
    monkeypatch.setenv("ODD_COUNT", str(tmp_path / "count"))
    others = ["--model", "random", "--model", "popularity"]
    where = ["--task", "search", "--task", "recommendation", "--seed", "3"]
    words = ["--model", odd_model, "--model", f"{asking}:Odd", *others, *where, "--json"]
    status, out, err = run(*words, "--scheduler", scheduler, "--resources", f"{asking}:Odd:GPU=1")
    assert status == 1
    assert "4 of 8 runs failed:" in err
    assert err.count("ZeroDivisionError: no such luck") == 4
    assert f"unimp-bench run --model {odd_model} --task search" in err
    assert "8 of 8: " in err
    fits = (tmp_path / "count").read_text().splitlines()
    assert sorted(fits) == ["gpu 7", "odd "]  # one fit for both tasks
    assert run(*others, *where, home=second_home)[0] == 0
    assert content(run_home) == content(second_home)
    assert {each["model"] for each in json.loads(out)} == {"random", "popularity"}
    command = next(stored_runs(run_home)).manifest["command"]
    assert command.startswith("unimp-bench run --data sim-xs")


@pytest.mark.slow
def test_workers_without_a_common_folder_share_a_home_at_an_address(
    cli, sim_xs, second_home, tmp_path, monkeypatch, request
) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    address = request.getfixturevalue("s3")
    monkeypatch.setenv("UNIMP_BENCH_COPIES", str(tmp_path / "asking"))
    asking = find_home(address)
    shutil.copytree(sim_xs.folder, asking.datasets / "sim-xs")
    asking.send("datasets", "sim-xs")
    workers = {
        at: {
            "cls": distributed.Nanny,
            "options": {
                "nthreads": 1,
                "env": {"UNIMP_BENCH_COPIES": str(tmp_path / f"worker{at}")},
            },
        }
        for at in range(2)
    }
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard": False}}
    words = ["run", "--data", "sim-xs", "--model", "random", "--model", "popularity"]
    words += ["--task", "search", "--limit", "4"]
    with distributed.SpecCluster(workers=workers, scheduler=scheduler) as cluster:
        where = ["--home", address, "--scheduler", cluster.scheduler_address]
        status, _, err = cli(*words, *where)
    assert status == 0, err
    assert len(list((tmp_path / "worker0").rglob("dataset.json"))) == 1
    assert len(list((tmp_path / "worker1").rglob("dataset.json"))) == 1
    assert cli(*words, home=second_home)[0] == 0
    assert content(asking) == content(second_home)
    assert len(content(asking)) == 2 * 3


def command(home: Home, model: str, *words: str) -> list[str]:
    start = "import sys; from benchmark.cli import main; sys.argv[0] = 'unimp-bench'; main()"
    seeds = [word for seed in range(4) for word in ("--seed", str(seed))]
    said = ["run", "--model", model, "--task", "search", "--data", "sim-xs", *seeds, *words]
    return [sys.executable, "-c", start, *said, "--home", str(home.root)]


def working(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """The processes that execute runs, below a command and its workers."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [each for each in below if "benchmark.runs.performing" in _words(each)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    for _ in range(1200):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(what)


def begun(home: Home) -> bool:
    """Whether some fit is under way."""
    return home.fitted.is_dir() and any(home.fitted.glob(".*.partial"))


@pytest.mark.slow
def test_one_of_three_workers_killed_changes_no_byte(
    odd_model, run_home, second_home, tmp_path
) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    alone = subprocess.run(command(second_home, odd_model), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    environment = {**os.environ, "ODD_SLEEP": "1"}
    errors = tmp_path / "errors"
    with open(errors, "w") as stream:
        process = subprocess.Popen(
            command(run_home, odd_model, "--workers", "3"),
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    wait_for(lambda: begun(run_home) and len(working(process)) >= 2, "nothing was begun")
    victim = working(process)[0].parent()
    assert victim is not None
    victim.kill()
    assert process.wait(timeout=300) == 0, errors.read_text()
    assert len(content(run_home)) == 4 * 3
    assert content(run_home) == content(second_home)
    assert not list(run_home.runs.glob("*.partial"))


@pytest.mark.slow
def test_ctrl_c_ends_everything_and_the_same_command_goes_on(
    odd_model, run_home, second_home, tmp_path
) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    process = subprocess.Popen(
        command(run_home, odd_model, "--workers", "2"),
        env={**os.environ, "ODD_SLEEP": "20"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: begun(run_home), "nothing was begun")
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.rstrip().endswith("the same command goes on from there.")
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    for home, words in ((run_home, ["--workers", "2"]), (second_home, [])):
        done = subprocess.run(command(home, odd_model, *words), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert content(run_home) == content(second_home)


def test_a_process_ends_when_nobody_listens(tmp_path: Path) -> None:
    """A worker that is killed leaves no process behind that goes on alone."""
    code = (
        "import time, benchmark.runs.performing as p\n"
        "p.perform = lambda *_: time.sleep(60)\n"
        "p.main()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(Work(str(tmp_path), "", (), False, ()).to_json() + "\n")
    process.stdin.close()
    assert process.wait(timeout=50) == 1
