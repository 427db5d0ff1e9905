"""A home at an address: what one machine finished, another finds whole or not at all."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.verify import verify
from benchmark.errors import BenchError
from benchmark.host.home import Home, find_home
from benchmark.runs.store import as_written, load_run

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "file", "s3"])
def address(request, tmp_path) -> str:
    places = {"memory": f"memory://{uuid.uuid4().hex}", "file": f"file://{tmp_path}/there"}
    return request.getfixturevalue("s3") if request.param == "s3" else places[request.param]


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Callable[[str, str], Home]:
    """``machine(name, address)``: that home as a machine with a working copy of its own sees it."""

    def machine(name: str, address: str) -> Home:
        monkeypatch.setenv("UNIMP_BENCH_COPIES", str(tmp_path / name))
        return find_home(address)

    return machine


def leave(home: Home, name: str, **files: str) -> None:
    for file, text in files.items():
        path = home.runs / name / file.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def held(home: Home, name: str) -> dict[str, str]:
    folder = home.runs / name
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_folder_that_one_machine_sent_is_the_same_on_another(address, machine) -> None:
    first, second = machine("first", f"{address}/home/"), machine("second", f"{address}/home")
    assert first.root != second.root
    second.fetch("runs", "r=1")
    assert not second.runs.exists()
    leave(first, "r=1", a="1", b_c="2")
    first.send("runs", "r=1")
    second.fetch("runs", "r=1")
    assert held(second, "r=1") == {"a": "1", "b/c": "2"}
    # Another writer of that name: the later one counts, and is whole.
    leave(second, "r=1", a="3")
    shutil.rmtree(second.runs / "r=1" / "b")
    second.send("runs", "r=1")
    shared = machine("third", f"{address}/home").shared
    assert shared is not None
    assert shared.names("runs") == ["r=1"]
    shared.fetch_all("runs")
    first.fetch("runs", "r=1")
    for home in (first, machine("third", f"{address}/home")):
        assert held(home, "r=1") == {"a": "3"}


def test_a_fit_of_a_class_that_begins_with_another_letter_is_shared_as_well(machine) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    first, second = machine("first", address), machine("second", address)
    (first.fitted / "-Mine-0123").mkdir(parents=True)
    (first.fitted / "-Mine-0123" / "state").write_text("1")
    first.send("fitted", "-Mine-0123")
    second.fetch("fitted", "-Mine-0123")
    assert (second.fitted / "-Mine-0123" / "state").read_text() == "1"


def test_half_an_upload_and_a_spoilt_one_are_not_taken(machine, monkeypatch) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    first, second = machine("first", address), machine("second", address)
    leave(first, "r", a="1", b="2")
    with monkeypatch.context() as broken:
        broken.setattr("benchmark.host.stores.Store.write", lambda *_: 1 / 0)  # killed before it
        with pytest.raises(ZeroDivisionError):
            first.send("runs", "r")
    second.fetch("runs", "r")
    assert not second.runs.exists()
    first.send("runs", "r")
    files, root = fsspec.core.url_to_fs(address)
    (file,) = (path for path in files.find(root) if path.endswith("/b"))
    files.pipe_file(file, b"3")
    with pytest.raises(BenchError, match="/b is not as it was written"):
        second.fetch("runs", "r")
    assert not (second.runs / "r").exists()


def test_runs_that_others_add_appear_in_a_session_that_stays_open(machine, monkeypatch) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    first, second = machine("first", address), machine("second", address)
    second.fetch_runs()
    leave(first, "r", a="1")
    first.send("runs", "r")
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 60)
    second.fetch_runs()
    assert held(second, "r") == {"a": "1"}


def test_runs_are_listed_while_one_of_them_is_executed_again(machine, monkeypatch) -> None:
    home = machine("first", f"memory://{uuid.uuid4().hex}")
    leave(home, "r", a="1")
    home.send("runs", "r")
    monkeypatch.setattr("benchmark.host.shared.locked", lambda *_: 1 / 0)  # it would wait for it
    home.fetch_runs()
    assert held(home, "r") == {"a": "1"}


def test_what_is_spoilt_on_one_machine_does_not_reach_the_others(
    machine, sim_xs, cli, monkeypatch
) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    monkeypatch.delenv("UNIMP_BENCH_HOME", raising=False)
    first, second = machine("first", address), machine("second", address)
    machine("first", address)
    shutil.copytree(sim_xs.folder, first.datasets / "sim-xs")
    first.send("datasets", "sim-xs")
    words = ["run", "--model", "popularity", "--task", "search", "--data", "sim-xs", "--limit", "4"]
    assert cli(*words, "--home", address)[0] == 0
    (run,) = first.runs.glob("popularity*")
    (run / "per_instance.parquet").write_bytes(b"spoilt")
    status, _, err = cli(*words, "--home", address)
    assert (status, "is not as the run wrote it" in err) == (1, True)
    (first.datasets / "sim-xs" / "items.parquet").write_bytes(b"spoilt")
    status, _, err = cli("data", "prepare", "sim", "--set", "size=xs", "--home", address)
    assert (status, "items.parquet of dataset 'sim-xs' is not as it was" in err) == (1, True)
    second.fetch_runs()
    as_written(load_run(second.runs / run.name))
    second.fetch("datasets", "sim-xs")
    assert not verify(Dataset(second.datasets / "sim-xs"))


def test_what_one_machine_ran_another_reports_and_goes_on_from(
    machine, sim_xs, cli, tmp_path, monkeypatch
) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    monkeypatch.delenv("UNIMP_BENCH_HOME", raising=False)
    first = machine("first", address)
    shutil.copytree(sim_xs.folder, first.datasets / "sim-xs")
    first.send("datasets", "sim-xs")
    words = ["--model", "popularity", "--task", "search", "--data", "sim-xs", "--home", address]
    status, _, err = cli("run", *words, "--limit", "4")
    assert status == 0, err
    machine("second", address)
    status, out, err = cli("runs", "list", "--json", "--home", address)
    (row,) = json.loads(out)
    assert Path(row["run"]).is_relative_to(tmp_path / "second")
    status, out, err = cli("run", *words, "--limit", "4")
    assert (status, "the stored run is used" in err) == (0, True)
    status, out, err = cli("run", *words, "--limit", "5")
    assert (status, "the stored fit is used" in err) == (0, True)
    status, out, err = cli("runs", "rm", "--yes", row["id"], "--home", address)
    assert (status, f"not from '{address}'" in err) == (2, True)
