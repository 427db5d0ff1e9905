"""Shared by all tests: one throw-away home with the smallest simulated dataset in it."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmark.host import provenance
from benchmark.host.home import Home

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset
    from benchmark.runs.store import StoredRun


@pytest.fixture(scope="session", autouse=True)
def _git_is_asked_once() -> Iterator[None]:
    """For the manifests of all runs: the checkout is what it was when its code was loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "git_state", functools.cache(provenance.git_state))
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home folder that lives as long as the test session."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def sim_xs(home: Home) -> Dataset:
    """``sim-xs``, prepared once per session."""
    from benchmark.data.opening import ensure_dataset

    return ensure_dataset("sim-xs", home)


@pytest.fixture(scope="session")
def home_with() -> Callable[..., Home]:
    """``home_with(folder, dataset, name=...)``: a home of its own that shares a dataset."""

    def build(root: Path, dataset: Dataset, *, name: str | None = None) -> Home:
        home = Home(root)
        home.datasets.mkdir(parents=True)
        (home.datasets / (name or dataset.name)).symlink_to(
            dataset.folder.resolve(), target_is_directory=True
        )
        return home

    return build


@pytest.fixture
def run_home(home_with: Callable[..., Home], sim_xs: Dataset, tmp_path: Path) -> Home:
    """A home of its own for runs, sharing the session's prepared sim-xs."""
    return home_with(tmp_path / "home", sim_xs)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """``cli(*words, home=...)``: run ``unimp-bench`` in this process.

    Returns (exit status, standard output, standard error). Without ``home``, the one of the
    environment or of ``--home``.
    """
    from benchmark.cli import main

    def call(*words: str, home: Home | None = None) -> tuple[int, str, str]:
        if home is not None:
            monkeypatch.setenv("UNIMP_BENCH_HOME", str(home.root))
        monkeypatch.setattr("sys.argv", ["unimp-bench", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., BaseProcess]:
    """``forked(code, NAME=value, ...)``: a process of its own that runs ``code``, started at once.

    It is forked from a server that has imported what every command does and done nothing yet, so
    that a test of processes does not wait for imports. What it prints lies in ``printed``.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmark.cli", "benchmark.runs.runner", "pyarrow.parquet"])
    folder = tmp_path_factory.mktemp("forked")
    numbers = itertools.count()

    def start(code: str, **environment: str) -> BaseProcess:
        printed = folder / str(next(numbers))
        first = (
            f"import os\nos.environ.update({environment!r})\n"
            f"file = os.open({str(printed)!r}, os.O_CREAT | os.O_WRONLY)\n"
            "os.dup2(file, 1), os.dup2(file, 2)\n"
        )
        process = context.Process(target=exec, args=(first + code, {}))
        process.printed = printed  # type: ignore[attr-defined]
        process.start()
        return process

    return start


@pytest.fixture(scope="session")
def execute() -> Callable[..., StoredRun]:
    """``execute(spec, home, ...)``: the stored run of ``spec`` on the dataset that it names."""
    from benchmark.data.opening import ensure_dataset
    from benchmark.runs import runner
    from benchmark.runs.spec import RunSpec

    def execute(spec: RunSpec, home: Home, **options: Any) -> StoredRun:
        return runner.execute(spec, ensure_dataset(spec.data, home), home, **options)

    return execute


@pytest.fixture(scope="session")
def leave_run() -> Callable[..., StoredRun]:
    """``leave_run(folder, scores, users=..., **manifest)``: a run folder written by hand.

    ``scores`` is of ``scores.json``; ``statistics`` (metric -> a value per instance) with the
    ``users`` of the instances makes the per-instance table; more names change the manifest.
    """

    def leave(
        folder: Path,
        scores: Mapping[str, Mapping[str, float]],
        *,
        statistics: Mapping[str, Any] | None = None,
        users: Sequence[str] = (),
        ids: Sequence[str] | None = None,
        failure_rate: float = 0.0,
        **changes: Any,
    ) -> StoredRun:
        import polars as pl

        from benchmark.host.files import write_json
        from benchmark.runs.store import MANIFEST, PER_INSTANCE, SCORES, load_run

        manifest = {
            "model": "made-up",
            "variant": None,
            "task": "search",
            "data": "made-up",
            "simulated": False,
            "dataset_sha256": "d0",
            "instances_sha256": "i0",
            "cohort": "seen",
            "perturb": None,
            "seed": 0,
            "limit": None,
            "settings": {},
            "fit_seconds": 1.0,
            "predict_seconds": 1.0,
            "created": "2025-01-01T00:00:00+00:00",
        }
        write_json(folder / SCORES, {"scores": scores, "failure_rate": failure_rate})
        write_json(folder / MANIFEST, {**manifest, **changes})
        if statistics is not None:
            columns = {
                "instance_id": ids or [f"q{i:03d}" for i in range(len(users))],
                "user_id": list(users),
                **{
                    name: pl.Series(values, dtype=pl.Float64) for name, values in statistics.items()
                },
            }
            pl.DataFrame(columns).write_parquet(folder / PER_INSTANCE)
        return load_run(folder)

    return leave


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket of a server that this test starts."""
    pytest.importorskip("s3fs", reason="needs the extra s3")
    server = pytest.importorskip("moto.server", reason="needs moto[server]")
    import s3fs

    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    try:
        host, port = started.get_host_and_port()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem.clear_instance_cache()
        bucket = f"b-{uuid.uuid4().hex}"
        s3fs.S3FileSystem().mkdir(bucket)
        yield f"s3://{bucket}"
    finally:
        started.stop()
        s3fs.S3FileSystem.clear_instance_cache()
