"""``--workers`` and ``--scheduler``: runs and preparing on several processes or machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.errors import BenchError, UsageError
from benchmark.host.console import note

if TYPE_CHECKING:
    from distributed import Client

    from benchmark.host.home import Home
    from benchmark.runs.resources import Resources
    from benchmark.runs.spec import RunSpec
    from benchmark.runs.store import StoredRun
    from benchmark.runs.work import Outcome


@dataclass(frozen=True, slots=True)
class Cluster:
    """Names the cluster of a command: one to start here, or one that exists."""

    workers: int | None
    scheduler: str | None
    resources: Mapping[str, Resources]


def asked_cluster(
    workers: int | None, scheduler: str | None, resources: Sequence[str]
) -> Cluster | None:
    """Return the cluster that the options name, ``None`` where they name none.

    Raises :class:`UsageError` where they contradict each other, :class:`BenchError` where Dask is
    not installed.
    """
    from benchmark.host import processes
    from benchmark.models.registered import Needs
    from benchmark.runs.resources import parse_resources

    if workers is not None and scheduler is not None:
        raise UsageError(
            "--workers starts a cluster here and --scheduler names one that exists.",
            fix="Leave out one of them.",
        )
    if workers is None and scheduler is None:
        if resources:
            raise UsageError(
                "--resources is for the workers of a cluster.",
                fix="Give --workers N or --scheduler ADDRESS with it.",
            )
        return None
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} does no work.", fix="Give 1 or more.")
    if processes.count() > 1:
        raise UsageError(
            f"A run on workers was started in {processes.count()} processes.",
            fix="Start it without accelerate launch or torchrun, or leave out the workers.",
        )
    wanted = parse_resources(resources)
    missing = Needs(("dask", "distributed"), "cluster").missing()
    if missing is not None:
        raise BenchError("Workers need Dask.", fix=missing + ".")
    return Cluster(workers, scheduler, wanted)


def executed_on(
    cluster: Cluster, specs: Sequence[RunSpec], home: Home, *, force: bool
) -> tuple[list[StoredRun], list[str]]:
    """Execute ``specs`` on ``cluster``; returns the stored runs, and what was wrong with others.

    Runs that share a fit are executed one after another on one worker. Datasets are prepared
    here first.
    """
    from benchmark.data.opening import ensure_dataset
    from benchmark.runs.performing import divide
    from benchmark.runs.resources import resources_of
    from benchmark.runs.workers import Fleet, require_resources, require_same

    home.check_writable()
    if home.address is not None and home.address.startswith("memory:"):
        raise UsageError(
            f"{home.address!r} is the memory of one process: no worker sees it.",
            fix="Give a folder or another address as --home.",
        )
    asked = resources_of(specs, cluster.resources)
    datasets = {
        name: ensure_dataset(name, home) for name in dict.fromkeys(spec.data for spec in specs)
    }
    divided, outcomes = divide(specs, datasets, home, force=force)
    told = _Told(specs, [places for _, places in divided])
    for at, refused in outcomes.items():
        told.tell(at, refused)
    if divided:
        with _connected(cluster, len(divided)) as client:
            require_same(client, None if home.address is not None else home.root)
            require_resources(client, cluster.resources)
            needs = [asked[places[0]] for _, places in divided]
            found = Fleet(client).perform([w for w, _ in divided], needs, told=told.of_piece)
        for (_, places), of_piece in zip(divided, found, strict=True):
            outcomes |= dict(zip(places, of_piece, strict=True))
    for at, outcome in outcomes.items():  # what a cluster that broke told nobody
        told.tell(at, outcome)
    return _stored(specs, [outcomes[at] for at in range(len(specs))], home)


@contextmanager
def divided_work(cluster: Cluster | None) -> Iterator[None]:
    """Have what can be divided computed on ``cluster`` meanwhile, where one is asked for."""
    if cluster is None:
        yield
        return
    from benchmark.host.dividing import divided_over
    from benchmark.runs.sharding import Shards
    from benchmark.runs.workers import require_same

    with _connected(cluster) as client:
        require_same(client, None)
        with divided_over(Shards(client)):
            yield


def report_problems(problems: Sequence[str], total: int) -> None:
    """Raise :class:`BenchError` with the runs that failed, where any did."""
    if problems:
        listed = "\n".join(problems)
        stored = "The others are stored; the same command runs only what is missing."
        raise BenchError(
            f"{len(problems)} of {total} runs failed:\n{listed}",
            fix=stored if len(problems) < total else "The same command runs them again.",
        )


def _connected(cluster: Cluster, pieces: int | None = None) -> AbstractContextManager[Client]:
    """A client of ``cluster``; a local one has no more workers than there are ``pieces``."""
    from benchmark.runs.resources import GPU
    from benchmark.runs.workers import existing_cluster, local_cluster, local_gpus

    if cluster.scheduler is not None:
        return existing_cluster(cluster.scheduler)
    assert cluster.workers is not None
    divided = any(GPU in wanted for wanted in cluster.resources.values())
    workers = cluster.workers if pieces is None else min(cluster.workers, pieces)
    return local_cluster(workers, gpus=local_gpus() if divided else ())


class _Told:
    """Tells of every run on the console as it ends."""

    def __init__(self, specs: Sequence[RunSpec], places: Sequence[Sequence[int]]) -> None:
        self._specs = specs
        self._places = places
        self._ended: set[int] = set()

    def of_piece(self, piece: int, run: int, outcome: Outcome) -> None:
        """Tell of run number ``run`` of a piece of work."""
        self.tell(self._places[piece][run], outcome)

    def tell(self, at: int, outcome: Outcome) -> None:
        """Tell of the run at ``at``; once, although a worker that died may have told already."""
        if at in self._ended:
            return
        self._ended.add(at)
        spec = self._specs[at]
        how = f"stored as {outcome.run}" if outcome.problem is None else "failed"
        note(f"{len(self._ended)} of {len(self._specs)}: {spec.model} on {spec.task} {how}.")


def _stored(
    specs: Sequence[RunSpec], outcomes: Sequence[Outcome], home: Home
) -> tuple[list[StoredRun], list[str]]:
    from benchmark.runs.runner import warn_of_failures
    from benchmark.runs.store import load_run

    runs, problems = [], []
    for spec, outcome in zip(specs, outcomes, strict=True):
        problem = outcome.problem
        if outcome.run is not None:
            try:
                home.fetch("runs", outcome.run)
                runs.append(load_run(home.runs / outcome.run))
                warn_of_failures(runs[-1])
            except BenchError as error:
                problem = str(error)
        if problem is not None:
            lines = problem.replace("\n", "\n    ")
            problems.append(f"  {spec.command()}\n    {lines}")
    return runs, problems
