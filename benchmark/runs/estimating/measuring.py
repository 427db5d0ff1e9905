"""Start the process that tries a fit, follow its reports, and end it where it falls silent."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import psutil

from benchmark.data.dataset import Dataset
from benchmark.host.home import Home
from benchmark.host.orphans import helper
from benchmark.runs.estimating.mirror import mirrored
from benchmark.runs.estimating.stages import Stage, stages_of
from benchmark.runs.spec import RunSpec

#: What has no progress to tell may compute for so many times the seconds that a stage is watched
#: for before it is given up, ...
_SILENCE = 6
#: ... and for no less than this: by then it may have ended.
_LEAST_SILENCE = 180.0
#: A process that computes nothing (it waits, or others take the machine) may be silent so many
#: times as long.
_PATIENCE = 10
#: Seconds between two looks at a silent one.
_LOOK = 1.0


@dataclass(slots=True)
class Measured:
    """Records what was seen of a fit and of the cells asked of it."""

    stages: list[Stage] = field(default_factory=list)
    fit_seconds: float | None = None
    """The fit's own seconds as far as it was seen; ``None`` where it did not begin."""
    whole: bool = False
    """Whether it came to its end, stages cut short aside."""
    problem: str | None = None
    """Why not."""
    peak_mib: float | None = None
    mib: float | None = None
    """What it wrote."""
    cells: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """By their position: as :func:`.probe.ask` returns it, or ``failed``, the reason."""

    @property
    def cut(self) -> list[Stage]:
        """Return the stages whose whole length is extrapolated."""
        return [stage for stage in self.stages if stage.cut or stage.ended is None]


def measure(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    home: Home,
    fit: Path | None,
    seconds: float,
    *,
    cut: bool = True,
) -> Measured:
    """Try the fit behind ``specs``, of one model, dataset and seed, and ask some instances of each.

    A stored ``fit`` is taken instead. Stages are watched for ``seconds`` each, unless none is to be
    ``cut`` short. Nothing stays behind, in ``home`` or elsewhere.
    """
    with mirrored(home, dataset, fit) as mirror, tempfile.TemporaryFile() as said:
        request = {
            "home": str(mirror.root),
            "cells": [as_json(spec) for spec in specs],
            "seconds": seconds,
            "cut": cut,
            "parent": os.getpid(),
        }
        command, path = helper("benchmark.runs.estimating.probe")
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError), process.stdin as stream:
                stream.write(json.dumps(request).encode())
            silence = max(_LEAST_SILENCE, _SILENCE * seconds)
            reports = list(reports_of(process, silence))
        finally:
            end(process)
        return understood(reports, _last_words(said))


def as_json(spec: RunSpec) -> dict[str, Any]:
    """Return the fields of ``spec`` as JSON can hold them."""
    return {**asdict(replace(spec, settings={})), "settings": dict(spec.settings)}


def reports_of(process: subprocess.Popen[bytes], silence: float) -> Iterator[dict[str, Any]]:
    """Yield the reports of ``process`` until it ends, or computes for ``silence`` without one."""
    assert process.stdout is not None
    buffer = b""
    since, computed = time.monotonic(), _computed(process.pid)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(_LOOK):
                waited = time.monotonic() - since
                if waited > silence and (
                    waited > _PATIENCE * silence or _computed(process.pid) - computed > silence
                ):
                    yield {"kind": "silent", "t": waited}
                    return
                continue
            read = os.read(process.stdout.fileno(), 65536)
            if not read:
                return
            *lines, buffer = (buffer + read).split(b"\n")
            since, computed = time.monotonic(), _computed(process.pid)
            for line in lines:
                yield json.loads(line)


def _family(pid: int) -> list[psutil.Process]:
    """The process and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _computed(pid: int) -> float:
    """Processor seconds of the process and of all that it started."""
    total = 0.0
    for member in _family(pid):
        with suppress(psutil.Error):
            times = member.cpu_times()
            total += times.user + times.system
    return total


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it started, also in sessions of their own."""
    for member in _family(process.pid):
        with suppress(psutil.Error):
            member.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def understood(reports: Sequence[Mapping[str, Any]], last_words: str = "") -> Measured:
    """Return what the reports of a process say; ``last_words`` are what it printed at its end."""
    found = Measured(stages=stages_of(reports))
    kinds = {report["kind"] for report in reports}
    found.peak_mib = max((r["peak_mib"] for r in reports if "peak_mib" in r), default=None)
    for report in reports:
        if report["kind"] == "fitted":
            found.whole, found.fit_seconds, found.mib = True, report["seconds"], report["mib"]
        elif report["kind"] == "asked":
            found.cells[report["cell"]] = report
        elif report["kind"] == "failed":
            found.problem = report["why"]
        elif report["kind"] == "silent":
            found.problem = f"nothing was told of its progress for {report['t']:.0f} s"
    if not found.whole:
        found.problem = found.problem or f"the process ended: {last_words or 'no reason given'}"
        if "fitting" in kinds:
            found.fit_seconds = max((r["t"] for r in reports if "t" in r), default=None)
    return found


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""
