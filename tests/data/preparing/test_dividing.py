"""Preparing divided over other processes gives the bytes of preparing alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle as pickle
import psutil
import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.preparing import finishing
from benchmark.data.preparing.prepare import prepare
from benchmark.data.raw import json_columns
from benchmark.data.simulator import drawing
from benchmark.errors import BenchError
from benchmark.host.dividing import divided, divided_over, ways
from benchmark.host.home import Home
from tests.data.fuzzing.formats import FORMATS


class Elsewhere:
    """Computes everything from bytes, the last value first, as another process would."""

    count = 3

    def __init__(self) -> None:
        self.functions: set[str] = set()

    def mapped(
        self,
        function: Callable[[Any, Any], Any],
        values: Iterable[Any],
        shared: Any,
        sent: Callable[[Any], Any],
    ) -> Iterator[tuple[Any, Any]]:
        self.functions.add(function.__name__)
        held = list(values)
        asked = [pickle.dumps((function, shared, sent(value))) for value in held]
        answers = []
        for text in reversed(asked):
            function, there, what = pickle.loads(text)
            answers.append(pickle.loads(pickle.dumps(function(there, what))))
        yield from zip(held, reversed(answers), strict=True)


def content(dataset: Dataset) -> dict[str, bytes]:
    """All that was prepared; models keep features of a shared dataset beside it."""
    paths = (path for path in dataset.folder.rglob("*") if path.is_file())
    files = {path.relative_to(dataset.folder).as_posix(): path for path in paths}
    return {
        name: path.read_bytes() for name, path in files.items() if not name.startswith("features/")
    }


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_columns, "BLOCK", 700)
    monkeypatch.setattr(finishing, "_ROWS", 16)
    monkeypatch.setattr(drawing, "_SHARD", 50)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"ml-100k"}))  # which brings its files
def test_every_raw_format_divided_is_the_same_dataset(name, tmp_path) -> None:
    form, raw = FORMATS[name], tmp_path / "raw"
    raw.mkdir()
    form.write(raw)

    def prepared(folder: str) -> dict[str, bytes]:
        home = Home(tmp_path / folder)
        where = raw / form.raw if form.raw else raw
        return content(
            prepare(form.source, home=home, name="one", raw=where, settings=form.settings)
        )

    alone, workers = prepared("alone"), Elsewhere()
    with divided_over(workers):
        assert prepared("divided") == alone
    json_files = name.startswith("amazon")
    assert workers.functions == {"explained", *(["columns_of"] if json_files else [])}


@pytest.mark.usefixtures("small_shards")
def test_a_simulated_shop_divided_is_the_same_dataset(sim_xs, tmp_path) -> None:
    workers = Elsewhere()
    with divided_over(workers):
        found = prepare("sim", home=Home(tmp_path), settings={"size": "xs"})
    assert workers.functions == {"_draw_elsewhere", "_drawn_elsewhere", "explained"}
    assert content(found) == content(sim_xs)


def test_without_workers_work_is_divided_over_threads() -> None:
    assert ways() is None
    found = list(divided(pow, range(5), shared=2, sent=lambda value: value + 1))
    assert found == [(n, 2 ** (n + 1)) for n in range(5)]
    with divided_over(Elsewhere()):
        assert ways() == 3
    assert ways() is None


def test_preparing_takes_workers_only_one_way(cli, tmp_path) -> None:
    words = ["data", "prepare", "sim", "--set", "size=xs", "--workers", "2"]
    status, out, err = cli(*words, "--scheduler", "tcp://a:1", home=Home(tmp_path))
    assert (status, out) == (2, "")
    assert "Leave out one of them" in err


@pytest.fixture
def one_worker() -> Iterator[Any]:
    """A client of a worker in this process."""
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard": False}}
    workers = {0: {"cls": distributed.Worker, "options": {"nthreads": 1}}}
    with (
        distributed.SpecCluster(workers=workers, scheduler=scheduler) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _inverse(one: int, value: int) -> float:
    return one / value


def test_what_fails_is_raised_behind_what_came_before_it(one_worker) -> None:
    from benchmark.runs.sharding import Shards

    shards = Shards(one_worker)
    assert shards.count == 1
    with divided_over(shards):
        found = divided(_inverse, [4, 2, 0, 1], shared=1)
        assert [next(found), next(found)] == [(4, 0.25), (2, 0.5)]
        with pytest.raises(ZeroDivisionError):
            next(found)

    def broken() -> Iterator[int]:
        yield from [4, 2]
        raise BenchError("The file ends here.", fix="Get all of it.")

    with divided_over(shards):
        found = divided(_inverse, broken(), shared=1)
        assert [next(found), next(found)] == [(4, 0.25), (2, 0.5)]
        with pytest.raises(BenchError, match="The file ends here"):
            next(found)


def _command(home: Path, *words: str) -> list[str]:
    start = "import sys; from benchmark.cli import main; sys.argv[0] = 'unimp-bench'; main()"
    said = ["data", "prepare", "sim", "--set", "size=m", "--name", "shop", "--home", str(home)]
    return [sys.executable, "-c", start, *said, *words]


def _workers_of(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    below = psutil.Process(process.pid).children(recursive=True)
    return [each for each in below if "spawn_main" in " ".join(each.cmdline())]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_killed_in_the_middle_changes_no_byte(workers, tmp_path) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    alone = subprocess.run(_command(tmp_path / "alone"), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    errors = tmp_path / "errors"
    with open(errors, "w") as stream:
        process = subprocess.Popen(
            _command(tmp_path / "divided", "--workers", str(workers)),
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
    for _ in range(1200):  # its photos are being drawn, or it ended
        drawn = list((tmp_path / "divided").glob("datasets/.*/images/*"))
        if drawn or process.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(_workers_of(process)[0].pid, signal.SIGKILL)
    assert process.wait(timeout=300) == 0, errors.read_text()
    one, other = (Dataset(tmp_path / home / "datasets" / "shop") for home in ("alone", "divided"))
    assert content(one) == content(other)
