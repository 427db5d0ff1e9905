"""Runs on several processes or machines: work divided over the workers of a Dask cluster.

Everything that imports Dask is here or in :mod:`.sharding`, and only the options ``--workers`` and
``--scheduler`` import these. Of a run only text goes between the machines
(:class:`~benchmark.runs.work.Work`); shards of preparing are objects.
"""

from __future__ import annotations

import functools
import logging
import os
import platform
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
import distributed
from distributed import Client, Future, Nanny, Scheduler, SpecCluster
from distributed.comm import parse_address, parse_host_port
from distributed.comm.registry import get_backend

import benchmark
from benchmark.errors import BenchError, UsageError, in_one_line, listed
from benchmark.host.console import note
from benchmark.host.energy import VARIABLE as COUNTRY
from benchmark.host.orphans import helper
from benchmark.host.provenance import package_versions
from benchmark.models.code import digest
from benchmark.models.imports import PACKAGES
from benchmark.runs.resources import GPU, Resources
from benchmark.runs.work import Outcome, Work

#: Seconds for a scheduler to answer.
PATIENCE = 10
#: Seconds for the processes of a cluster to start, on a machine that is busy.
_START = 300
#: Seconds between two looks at whether work is still wanted, and at whether workers are left.
_LOOK = 0.5
#: What decides how many threads the libraries of a process use, and with which arithmetic.
_THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "UNIMP_BENCH_PIN_ARITHMETIC", "MKL_CBWR"),
)
#: What a worker's machine may name itself, and hears of the command where it does not: whose the
#: electricity is, and which encoders score.
_TOLD = (COUNTRY, "UNIMP_BENCH_BERTSCORE", "UNIMP_BENCH_IMAGE_ENCODER")
#: What a worker begins with: Ctrl-C at a terminal reaches it too, and is for the command, which
#: ends it; it would answer with a traceback.
_LEAVE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_SILENT = logging.CRITICAL
#: Hides all GPUs from a process.
_GPUS_SEEN = "CUDA_VISIBLE_DEVICES"


def versions() -> dict[str, Any]:
    """Return what must be the same on all machines: our code, Python, Dask and the packages."""
    return {
        "unimp-bench": benchmark.__version__,
        "code of unimp-bench": _code(),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        **package_versions(),
    }


@functools.cache
def _code() -> str:
    root = Path(__file__).resolve().parents[2]
    files = [
        path
        for package in sorted(PACKAGES)
        for pattern in ("*.py", "*.safetensors")
        for path in (root / package).rglob(pattern)
    ]
    return digest({path.relative_to(root).as_posix(): path for path in files})[:12]


@contextmanager
def local_cluster(workers: int, *, gpus: Sequence[str] = ()) -> Iterator[Client]:
    """Start ``workers`` processes on this machine and yield a client; they end with the block.

    The first ones get one each of ``gpus`` (as ``CUDA_VISIBLE_DEVICES`` names them) and declare
    the resource ``GPU``.
    """
    specs = {}
    for at in range(workers):
        options: dict[str, Any] = {"nthreads": 1, "memory_limit": 0, "silence_logs": _SILENT}
        options["preload"] = [_LEAVE_CTRL_C]
        if at < len(gpus):
            options |= {"resources": {GPU: 1}, "env": {_GPUS_SEEN: gpus[at]}}
        specs[at] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": {"dashboard": False, "host": "127.0.0.1"}}
    with (
        _quiet_dask(),
        SpecCluster(workers=specs, scheduler=scheduler) as cluster,
        Client(cluster, timeout=_START, set_as_default=False) as client,
    ):
        try:
            client.wait_for_workers(workers, timeout=_START)
        except TimeoutError as error:
            raise BenchError(
                f"{workers} workers did not start within {_START} s.", fix="Start fewer."
            ) from error
        yield client


@contextmanager
def existing_cluster(address: str) -> Iterator[Client]:
    """Yield a client of the scheduler at ``address``.

    Raises :class:`BenchError` where it does not answer within :data:`PATIENCE` seconds or has no
    workers, :class:`UsageError` for what is no address.
    """
    _check_address(address)
    with _quiet_dask():
        try:
            client = Client(address, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise BenchError(
                f"The scheduler at {address!r} does not answer within {PATIENCE} s.",
                fix="Check the address and that dask scheduler runs there, or use --workers N.",
            ) from error
        with client:
            if not workers_of(client):
                raise BenchError(
                    f"The scheduler at {address!r} has no workers.",
                    fix=f"Start some: dask worker {address} --nthreads 1",
                )
            yield client


def _check_address(address: str) -> None:
    try:
        scheme, place = parse_address(address)
        get_backend(scheme)
        if scheme != "inproc":
            parse_host_port(place)
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(
            f"--scheduler {address!r} is no address: {in_one_line(error)}.",
            fix="Give the one that dask scheduler prints, such as tcp://10.0.0.5:8786.",
        ) from error


def require_same(client: Client, home: Path | None) -> None:
    """Raise :class:`BenchError` where a worker has another version of anything, or another home.

    ``home`` is the folder that all must see; ``None``: they share an address.

    A worker that comes later is told apart by the key of the fit
    (:mod:`benchmark.runs.performing`).
    """
    expected = versions()
    with _probe(home) as probe:
        answers = client.run(_described, probe, on_error="return")
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, BaseException):
            raise BenchError(
                f"Worker {worker} cannot load this unimp-bench: {in_one_line(answer)}.",
                fix="Install the same version there, and start the worker with that Python.",
            )
        theirs, sees_home = answer
        different = [
            f"{name} {theirs.get(name, 'absent')} (here {expected.get(name, 'absent')})"
            for name in {**expected, **theirs}
            if theirs.get(name) != expected.get(name)
        ]
        if different:
            raise BenchError(
                f"Worker {worker} has other versions: {listed(different, most=5)}.",
                fix="Install the same on all machines and start the workers again.",
            )
        if not sees_home:
            raise BenchError(
                f"Worker {worker} does not see the home folder {str(home)!r}.",
                fix="Give a --home that all machines see at that path, or an address.",
            )


@contextmanager
def _probe(home: Path | None) -> Iterator[str | None]:
    """A file in ``home`` that workers look for."""
    if home is None:
        yield None
        return
    probe = home / f".seen-by-workers-{uuid.uuid4().hex}"
    probe.touch()
    try:
        yield str(probe)
    finally:
        probe.unlink(missing_ok=True)


def _described(probe: str | None) -> tuple[dict[str, Any], bool]:
    return versions(), probe is None or os.path.exists(probe)


def require_resources(client: Client, wanted: Mapping[str, Resources]) -> None:
    """Raise :class:`UsageError` where no worker offers what ``wanted`` asks for a model."""
    offered = [worker["resources"] for worker in workers_of(client).values()]
    for model, resources in wanted.items():
        if not any(
            all(have.get(name, 0) >= amount for name, amount in resources.items())
            for have in offered
        ):
            asked = ", ".join(f"{name}={amount:g}" for name, amount in resources.items())
            raise UsageError(
                f"No worker offers {asked}, which --resources asks for {model!r}.",
                fix=f'Start workers that do: dask worker ADDRESS --resources "{asked}"',
            )


class Fleet:
    """Executes work on the workers of ``client`` and tells of every run as it ends.

    Where any work asks for a GPU, work that asks for none sees none: results do not hang on
    where it happens to be done.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def perform(
        self,
        work: Sequence[Work],
        resources: Sequence[Resources],
        *,
        told: Callable[[int, int, Outcome], None],
    ) -> list[list[Outcome]]:
        """Return the outcomes of every piece, the first ones begun first.

        ``resources`` are what a worker must offer for each piece. ``told(piece, run, outcome)``
        is called from another thread as soon as a run ends. When this is interrupted, nothing
        new is begun and what is under way is ended.
        """
        topic = f"unimp-bench-{uuid.uuid4().hex}"

        def hear(event: tuple[float, Any]) -> None:
            piece, run, outcome = event[1]
            told(piece, run, Outcome.from_json(outcome))

        self._client.subscribe_topic(topic, hear)
        divided = any(GPU in asked for asked in resources)
        futures = [
            self._client.submit(
                performed,
                each.to_json(),
                environment=_environment(sees_gpus=not divided or GPU in asked),
                topic=topic,
                piece=piece,
                key=f"fit-{topic}-{piece}",
                priority=-piece,
                resources=dict(asked) or None,
                pure=False,
            )
            for piece, (each, asked) in enumerate(zip(work, resources, strict=True))
        ]
        try:
            self._wait(futures)
            return [self._gathered(*pair) for pair in zip(work, futures, strict=True)]
        finally:
            with suppress(Exception):  # the scheduler may be gone
                self._client.cancel(futures, force=True)
                self._client.unsubscribe_topic(topic)

    def _wait(self, futures: Sequence[Future]) -> None:
        alone = False
        while any(not future.done() for future in futures):
            time.sleep(_LOOK)
            nobody = not workers_of(self._client)
            if nobody and not alone and any(not future.done() for future in futures):
                note("No worker is left; waiting for one. Ctrl-C ends this.")
            alone = nobody

    def _gathered(self, work: Work, future: Future) -> list[Outcome]:
        try:
            return [Outcome.from_json(line) for line in future.result(timeout=PATIENCE)]
        except distributed.KilledWorker as error:
            problem = (
                f"Each of {error.allowed_failures + 1} workers in turn died of it.\n"
                "Give it more memory, or fewer workers a machine."
            )
        except Exception as error:  # of Dask: the scheduler has gone, the future was cancelled
            problem = f"The cluster lost it: {in_one_line(error)}.\nThe same command goes on."
        return [Outcome(problem=problem)] * len(work.specs)


def performed(
    text: str, *, environment: Mapping[str, str | None], topic: str, piece: int
) -> list[str]:
    """Have a process of this worker's machine perform a :class:`Work`; returns its answers.

    Dask calls it on a worker. The process is killed when the work is no longer wanted: cancelled,
    or its client has gone.
    """
    worker = distributed.get_worker()
    key = worker.get_current_task()
    command, path = helper("benchmark.runs.performing")
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**_child_environment(environment), "PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C at a terminal is for the command, which decides
    )
    assert process.stdin is not None
    assert process.stdout is not None
    over = threading.Event()
    looking = threading.Thread(target=_end_when_unwanted, args=(worker, key, process, over))
    looking.start()
    answers = []
    try:
        with suppress(BrokenPipeError):  # it died at once: said below
            process.stdin.write(text + "\n")
            process.stdin.flush()
        for run, line in enumerate(process.stdout):
            answers.append(line.strip())
            worker.log_event(topic, [piece, run, answers[-1]])
    finally:
        over.set()
        process.kill() if sys.exc_info()[0] else process.stdin.close()
        status = process.wait()
        looking.join()
    missing = len(Work.from_json(text).specs) - len(answers)
    if missing:
        ended = f"signal {-status}" if status < 0 else f"status {status}"
        lost = Outcome(
            problem=f"Its process on {platform.node()} ended with {ended}.\n"
            "Signal 9 mostly means too little memory; the worker's log may say more."
        )
        for run in range(len(answers), len(answers) + missing):
            answers.append(lost.to_json())
            worker.log_event(topic, [piece, run, answers[-1]])
    return answers


def _end_when_unwanted(
    worker: Any, key: str, process: subprocess.Popen[str], over: threading.Event
) -> None:
    while not over.wait(_LOOK):
        task = worker.state.tasks.get(key)
        if task is None or task.state in ("cancelled", "released", "forgotten"):
            process.kill()
            return


def _environment(*, sees_gpus: bool) -> dict[str, str | None]:
    """What a process needs to compute as one that this command would start itself."""
    here = {name: os.environ.get(name) for name in _THREADS}
    here |= {name: os.environ[name] for name in _TOLD if os.environ.get(name)}
    return here if sees_gpus else {**here, _GPUS_SEEN: ""}


def _child_environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    # Dask sets its workers' threads.
    environment = {**os.environ, **{k: v for k, v in changes.items() if v is not None}}
    environment |= {name: os.environ[name] for name in _TOLD if os.environ.get(name)}
    for name in (name for name, value in changes.items() if value is None):
        environment.pop(name, None)
    return environment


def local_gpus() -> list[str]:
    """Return the GPUs of this machine as ``CUDA_VISIBLE_DEVICES`` names them."""
    seen = os.environ.get(_GPUS_SEEN)
    if seen is not None:
        return [name for name in seen.split(",") if name]
    import torch

    return [str(at) for at in range(torch.cuda.device_count())]


def workers_of(client: Client) -> Mapping[str, Any]:
    """Return what is known of each worker, by address; nothing between two connections."""
    with suppress(Exception):
        return dict(client.scheduler_info(n_workers=-1)["workers"])
    return {}


@contextmanager
def _quiet_dask() -> Iterator[None]:
    """Keep Dask's log of lost connections off the console: what matters we say ourselves."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(_SILENT)
    try:
        with dask.config.set({"distributed.admin.log-length": 0}):
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
