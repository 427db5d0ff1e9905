"""Killed, or started twice at once, a search ends as one that was left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import pytest

from benchmark.host.home import Home
from benchmark.runs.tuned import stored_searches
from benchmark.tuning.search import tune


@pytest.fixture
def start(forked, knob, place, space) -> Callable[..., BaseProcess]:
    """``start(trials)``: the process of a search."""

    def start(trials: int, **environment: str) -> BaseProcess:
        words = ["tune", "--model", knob, "--task", "search", "--data", "sim-xs", "--json"]
        words += ["--trials", str(trials), "--space", str(space), "--home", str(place.root)]
        code = f"import sys\nsys.argv = ['unimp-bench', *{words}]\n"
        return forked(
            code + "from benchmark.cli import main\nmain()", KNOB_SLEEP="0.3", **environment
        )

    return start


def ended(process: BaseProcess) -> None:
    process.join()
    assert process.exitcode == 0, process.printed.read_text()


def test_kills_change_no_trial(start, knob, space, place, outcomes, elsewhere) -> None:
    process = start(4)
    for least in (1, 2):
        wait_for(place, least)
        process.kill()
        process.join()
        process = start(4)
    ended(process)
    (killed,) = stored_searches(place)
    assert outcomes(killed) == outcomes(
        tune(knob, "search", data="sim-xs", trials=4, home=elsewhere, space=space)
    )
    assert not (killed.folder / ".trial").exists()


def wait_for(place: Home, least: int) -> None:
    """Until a search has ``least`` trials."""
    for _ in range(600):
        found = list(stored_searches(place))
        if found and len(found[0].trials) >= least:
            return
        time.sleep(0.05)
    raise AssertionError("no trial was stored")


def test_two_processes_share_one_search(start, place, tmp_path) -> None:
    count = tmp_path / "count"
    for process in [start(2, KNOB_COUNT=str(count)) for _ in range(2)]:
        ended(process)
    assert count.read_text().count("fit") == 2
    (search,) = stored_searches(place)
    assert [trial.number for trial in search.trials] == [1, 2]
