"""What runs will cost: from earlier ones, from a fit that is tried, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.commands.estimating import print_comparison, print_estimate
from benchmark.host import owners
from benchmark.host.files import sha256_json
from benchmark.host.home import find_home
from benchmark.host.removing import size_of
from benchmark.models.building import configure
from benchmark.models.registered import entries
from benchmark.runs.account import ACCOUNT
from benchmark.runs.estimating import earlier, measuring, probe
from benchmark.runs.estimating import estimate as estimating
from benchmark.runs.estimating.earlier import Earlier, Share
from benchmark.runs.estimating.estimate import SHARED, STORED, CellCost, Estimate, estimate
from benchmark.runs.estimating.mirror import mirrored
from benchmark.runs.estimating.stops import OURS, Stop, known_stops, to_json
from benchmark.runs.fitting import fit_folder
from benchmark.runs.spec import RunSpec

_MODEL = '''
import json, os, time
from pathlib import Path
from pydantic import BaseModel
from benchmark.host.progress import track
from benchmark.instances import Ranking


class Config(BaseModel):
    steps: int = 400
    fails: str = ""


class Slow:
    """Learns nothing in many equal steps; ``fails`` says where it fails."""

    tasks = frozenset({"search", "recommendation"})
    Config = Config

    def __init__(self, config):
        self.config = config

    def fit(self, data, *, seed):
        if self.config.fails == "fit":
            raise ZeroDivisionError("no such luck")
        if self.config.fails == "dies":
            os._exit(3)
        cache = data.features_folder / "slow"
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "cached.bin").write_bytes(bytes(2**20))
        done = sum(1 for _ in track(range(self.config.steps), "steps") if not time.sleep(0.01))
        if self.config.fails == "when cut" and done < self.config.steps:
            raise KeyError("the rest")
        self.ids = list(data.catalogue.ids)

    def predict(self, instances):
        if self.config.fails == "predict":
            raise ZeroDivisionError("no answer")
        for instance in instances:
            time.sleep(0.002)
            ids = [i for i in self.ids if i not in instance.exclude][: instance.k]
            scores = tuple(float(-place) for place in range(len(ids)))
            yield Ranking(instance.instance_id, tuple(ids), scores)

    def save(self, folder):
        (folder / "state.json").write_text(json.dumps(self.ids))

    def load(self, folder):
        self.ids = json.loads((folder / "state.json").read_text())
'''


@pytest.fixture
def slow(tmp_path: Path) -> str:
    path = tmp_path / "slow.py"
    path.write_text(_MODEL)
    return f"{path}:Slow"


@pytest.fixture
def here(monkeypatch):
    """Measure in this process, by a clock that only sleeping moves.

    The process of its own is tested once, below.
    """
    now = [100.0]
    monkeypatch.setattr(time, "sleep", lambda seconds: now.append(now.pop() + seconds))
    for clock in ("monotonic", "perf_counter"):
        monkeypatch.setattr(time, clock, lambda: now[0])

    def measure(specs, dataset, home, fit, seconds, *, cut=True):
        reports = []
        with mirrored(home, dataset, fit) as mirror:
            cells = [measuring.as_json(spec) for spec in specs]
            request = {"home": str(mirror.root), "cells": cells, "seconds": seconds, "cut": cut}
            probe.answer(
                json.loads(json.dumps(request)), lambda r: reports.append({**r, "peak_mib": 1})
            )
        return measuring.understood(reports)

    monkeypatch.setattr(estimating, "measure", measure)


def specs(model, *tasks, **changes):
    return [RunSpec(model, task, data="sim-xs", **changes) for task in tasks]


def left_in(home) -> set[str]:
    return {p.relative_to(home.root).as_posix() for p in home.root.rglob("*")}


def test_a_fit_is_extrapolated_once_for_all_tasks_and_nothing_stays(slow, here, run_home, sim_xs):
    run_home.check_writable()
    before = left_in(run_home), {p.name for p in sim_xs.folder.rglob("*")}
    asked = specs(slow, "search", "recommendation")
    found = estimate(asked, {"sim-xs": sim_xs}, run_home, seconds=0.2)
    first, second = found.cells
    assert first.fit.seconds == pytest.approx(400 * 0.01)
    assert first.fit.bound == "at most"
    assert first.fit.source.startswith("measured now on ")
    assert (second.fit.seconds, second.fit.source) == (0.0, SHARED)
    assert first.predict.seconds == pytest.approx(len(sim_xs.instances("search")) * 0.002)
    assert first.score.seconds is not None
    assert first.disk_mib > 1 > second.disk_mib > 0
    assert found.seconds == pytest.approx(first.seconds + second.seconds)
    assert (left_in(run_home), {p.name for p in sim_xs.folder.rglob("*")}) == before


def test_what_scoring_takes_however_many_there_are_counts_once(
    slow, here, run_home, sim_xs, monkeypatch
):
    def scored(plan, dataset, folder, start, stop, rows=None):
        return 5.0 + 0.001 * (rows or stop - start)

    monkeypatch.setattr(probe, "_scored", scored)
    asked = specs(slow, "search", settings={"steps": 3})
    found = estimate(asked, {"sim-xs": sim_xs}, run_home, seconds=100.0)
    total = len(sim_xs.instances("search"))
    assert found.cells[0].score.seconds == pytest.approx(5.0 + 0.001 * total)


def test_a_line_through_few_and_the_parts_is_that_of_a_fixed_cost_and_one_an_instance():
    assert probe.line(8, 1.08, [100, 200], [2.0, 3.0], 1000) == pytest.approx(11.0)
    assert probe.line(8, 1.08, [100, 200], [1.0, 1.0], 1000) == 1.08  # faster than few: noise


def test_what_ran_earlier_is_told_instead(slow, here, execute, run_home, sim_xs):
    run = execute(*specs(slow, "search", settings={"steps": 3}), run_home)
    again = specs(slow, "search", settings={"steps": 3}, seed=1)
    (cell,) = estimate(again, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert cell.fit.seconds == run.manifest["fit_seconds"]
    assert cell.predict.seconds == pytest.approx(run.manifest["predict_seconds"])
    assert cell.fit.source == cell.predict.source == f"measured earlier ({run.folder.name})"
    assert cell.peak_mib >= run.manifest["peak_memory_mib"]
    other = specs(slow, "recommendation", settings={"steps": 3})
    (cell,) = estimate(other, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert (cell.fit.seconds, cell.fit.source) == (0.0, STORED)
    assert cell.predict.source.startswith("measured now on ")


def test_what_another_machine_did_at_an_address_is_known(
    slow, here, execute, home_with, sim_xs, tmp_path, monkeypatch
):
    pytest.importorskip("fsspec")
    homes = {}
    for name in ("first", "second"):
        monkeypatch.setenv("UNIMP_BENCH_COPIES", str(tmp_path / name))
        homes[name] = find_home("memory://estimated")
        home_with(homes[name].root, sim_xs)
    asked = specs(slow, "search", "recommendation")
    execute(asked[0], homes["first"])
    found = estimate(asked, {"sim-xs": sim_xs}, homes["second"], seconds=1)
    assert found.stored == 1
    assert [cell.fit.source for cell in found.cells] == [STORED]


def test_earlier_fits_tell_where_a_training_stops(slow, here, execute, run_home, sim_xs):
    run = execute(*specs(slow, "search", settings={"steps": 4}), run_home)
    file = fit_folder(run.manifest["fit_key"], run_home) / ACCOUNT
    account = json.loads(file.read_text())
    assert [(s["label"], s["done"], s["total"]) for s in account["stages"]] == [("steps", 4, 4)]
    same = account["config"] | {"steps": 400}
    for config, done, bound, said in (
        (same, 1, "about", "steps"),
        (account["config"], 1, "about", "stopping as on other data or settings"),
        (account["config"], 4, "at most", "stopping as on other data or settings"),  # nothing did
    ):
        account["stages"][0]["done"] = done
        file.write_text(json.dumps({**account, "config": config}))
        (cell,) = estimate(specs(slow, "search"), {"sim-xs": sim_xs}, run_home, seconds=0.2).cells
        assert cell.fit.bound == bound
        assert cell.fit.source.endswith(said)
        assert cell.fit.seconds == pytest.approx(100 * done * 0.01)


def test_trainings_that_did_not_stop_equally_soon_give_a_span(
    slow, here, execute, run_home, sim_xs, capsys
):
    run = execute(*specs(slow, "search", settings={"steps": 4}), run_home)
    first = fit_folder(run.manifest["fit_key"], run_home)
    account = json.loads((first / ACCOUNT).read_text())
    account["config"] |= {"steps": 400}
    shutil.copytree(first, run_home.fitted / "another")
    for name, done in ((first.name, 1), ("another", 2)):
        account["stages"][0]["done"] = done
        (run_home.fitted / name / ACCOUNT).write_text(json.dumps(account))
    found = estimate(specs(slow, "search"), {"sim-xs": sim_xs}, run_home, seconds=0.2)
    figure = found.cells[0].fit
    assert figure.span == pytest.approx((1, 2), rel=0.05)
    assert figure.seconds == pytest.approx(2**0.5, rel=0.05)
    print_estimate(found)
    shown = capsys.readouterr().out
    assert re.search(r"1\.[345] s \(", shown)
    assert "In brackets: as soon and as late" in " ".join(shown.split())


ACCOUNTS = {
    "a": ({"epochs": 9}, "music", [("photos encoded", 5, 5), ("training MF on music", 10, 100)]),
    "b": ({"epochs": 9}, "films", [("training MF on films", 40, 100)]),
    "c": ({"epochs": 3}, "films", [("training MF on films", 90, 100)]),
    "d": ({"epochs": 3}, "pop", [("training MF on pop", 80, 100)]),
    "of a variant": ({"epochs": 3}, "plays", [("training MF on plays", 70, 100)]),
    "of another": ({"epochs": 3}, "books", [("training MF on books", 60, 100)]),
}


@pytest.mark.parametrize(
    ("config", "data", "expected", "here"),
    [
        ({"epochs": 9}, "music", 0.1, True),  # these settings on these data
        ({"epochs": 9}, "pop", 0.8, False),  # any settings on these data
        ({"epochs": 9}, "plays", 0.7, False),  # any variant on these data
        ({"epochs": 9}, "books", 0.2, False),  # these settings on any data
        ({"epochs": 5}, "books", (0.1 * 0.4 * 0.9 * 0.8) ** 0.25, False),  # any settings
    ],
)
def test_how_far_a_training_went_on_other_data_is_told_of_where_nothing_is_nearer(
    run_home, config, data, expected, here
):
    for name, (settings, of_data, stages) in ACCOUNTS.items():
        folder = run_home.fitted / name
        folder.mkdir(parents=True)
        (folder / "fitted.json").write_text("{}")
        told = [{"label": at, "done": done, "total": total} for at, done, total in stages]
        model = {"of a variant": "mf:wide", "of another": "mfs"}.get(name, "mf")
        account = {"model": model, "config": settings, "data": of_data, "stages": told}
        (folder / "account.json").write_text(json.dumps(account))
    share = Earlier(run_home).share("mf", None, f"training MF on {data}", config, data)
    assert share.value == pytest.approx(expected)
    assert share.here == here


def test_where_the_home_says_nothing_the_fits_of_the_project_tell(run_home, monkeypatch):
    ours = [
        Stop("mf", "music", sha256_json({"epochs": 9}), "training MF", 0.25, ours=True),
        Stop("mf", "films", sha256_json({"epochs": 3}), "training MF", 0.5, ours=True),
    ]
    monkeypatch.setattr(earlier, "known_stops", lambda: ours)

    def told(epochs: int, data: str) -> Share | None:
        stage = f"training MF on {data}"
        return Earlier(run_home).share("mf", None, stage, {"epochs": epochs}, data)

    assert told(9, "music") == Share(0.25, 0.25, 0.25, here=True, ours=True)
    assert told(9, "books") == Share(0.25, 0.25, 0.25, here=False, ours=True)
    middle = pytest.approx(0.125**0.5)
    assert told(5, "books") == Share(middle, 0.25, 0.5, here=False, ours=True)
    assert Earlier(run_home).share("hgn", None, "training MF", {}, "music") is None
    account = {"model": "mf", "config": {"epochs": 9}, "data": "books"}
    stages = [{"label": "training MF on books", "done": 3, "total": 4}]
    (run_home.fitted / "a").mkdir(parents=True)
    (run_home.fitted / "a" / "fitted.json").write_text("{}")
    (run_home.fitted / "a" / "account.json").write_text(json.dumps(account | {"stages": stages}))
    assert told(9, "books") == Share(0.75, 0.75, 0.75, here=True)
    nearest = Share(0.25, 0.25, 0.25, here=True, ours=True)
    assert told(9, "music") == nearest  # nearer than another dataset's
    assert told(9, "toys") == Share(0.75, 0.75, 0.75, here=False)


def test_the_stops_of_the_project_are_of_its_models_and_written_as_they_are_read():
    stops = known_stops()
    assert {stop.model.partition(":")[0] for stop in stops} <= set(entries())
    assert all(0 < stop.share < 1.2 and len(stop.config) == 64 for stop in stops)
    assert to_json(stops) == OURS.read_text()
    default = configure("sasrec", {}).config
    assert any(s.model == "sasrec" and s.config == sha256_json(default) for s in stops)


@pytest.mark.parametrize(
    ("fails", "fit", "problem"),
    [
        ("fit", None, "failed while fitting: ZeroDivisionError: no such luck"),
        ("predict", "at most", "failed while predicting: ZeroDivisionError: no answer"),
        ("when cut", "at least", "failed while fitting: KeyError: 'the rest'"),
    ],
)
def test_a_model_that_fails_is_told_of_and_the_others_go_on(
    slow, here, run_home, sim_xs, fails, fit, problem
):
    asked = specs(slow, "search", settings={"fails": fails}) + specs("popularity", "search")
    bad, good = estimate(asked, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert problem in bad.problem
    assert bad.predict.seconds is None
    assert not bad.is_known
    assert (None if bad.fit.seconds is None else bad.fit.bound) == fit
    assert good.is_known


def test_a_run_whose_scoring_has_no_known_time_is_told_of_and_the_sum_is_at_least(
    here, run_home, sim_xs, monkeypatch, capsys
):
    def ask(*args):
        return {**asked(*args), "score": None}

    asked = probe.ask
    monkeypatch.setattr(probe, "ask", ask)
    found = estimate(specs("popularity", "search"), {"sim-xs": sim_xs}, run_home, seconds=0.1)
    (cell,) = found.cells
    assert cell.predict.seconds is not None
    assert cell.score.seconds is None
    assert not cell.is_known
    assert found.unknown == found.to_json()["not_known"] == 1
    print_estimate(found)
    out = " ".join(capsys.readouterr().out.split())
    assert "scoring not known" in out
    assert "In all at least " in out
    assert "something is not known, and counts as nothing: 1." in out


@pytest.mark.parametrize("lacking", ["peak_mib", "fit_mib", "run_mib"])
def test_unknown_memory_or_disk_counts_as_not_known_and_leaves_the_time_as_it_is(
    here, run_home, sim_xs, capsys, lacking
):
    found = estimate(specs("popularity", "search"), {"sim-xs": sim_xs}, run_home, seconds=0.1)
    assert found.unknown == 0
    setattr(found.cells[0], lacking, None)
    assert found.unknown == 1
    print_estimate(found)
    out = capsys.readouterr().out
    assert "?" in out
    assert "In all about " in out


def test_what_a_fit_that_failed_leaves_on_disk_is_not_known(slow, here, run_home, sim_xs):
    asked = specs(slow, "search", settings={"fails": "fit"})
    (cell,) = estimate(asked, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert cell.disk_mib is None


def test_a_fit_told_of_by_an_earlier_run_takes_its_disk_once(slow, here, execute, run_home, sim_xs):
    run = execute(*specs(slow, "search", settings={"steps": 3}), run_home)
    size = size_of(fit_folder(run.manifest["fit_key"], run_home)) / 2**20
    again = specs(slow, "recommendation", settings={"steps": 3}, seed=1)
    (cell,) = estimate(again, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert cell.predict.source.startswith("measured now")
    assert cell.fit_mib == pytest.approx(size)


def test_a_fit_that_cannot_be_ended_early_is_gone_through_by_brief_settings(
    slow, here, run_home, sim_xs, monkeypatch
):
    def briefly(name, settings):
        built = configure(name, settings)
        return replace(built, entry=replace(built.entry, brief={"steps": 5}))

    monkeypatch.setattr("benchmark.runs.runner.configure", briefly)
    asked = specs(slow, "search", settings={"fails": "when cut"})
    (cell,) = estimate(asked, {"sim-xs": sim_xs}, run_home, seconds=0.1).cells
    assert cell.problem is None
    assert cell.fit.seconds == pytest.approx(400 * 0.01)
    assert cell.fit.bound == "at most"
    assert cell.predict.seconds is not None


@pytest.mark.parametrize("fails", ["", "dies"])
def test_the_command_measures_in_a_process_of_its_own_and_compares(
    slow, cli, run_home, fails, tmp_path, monkeypatch
):
    (tmp_path / "random.py").write_text("raise SystemExit('a file of mine')")
    monkeypatch.chdir(tmp_path)
    words = ["run", "--model", slow, "--task", "search", "--data", "sim-xs", "--estimate",
             "--estimate-seconds", "0.2", "--set", f'fails="{fails}"']  # fmt: skip
    if fails:
        status, out, _ = cli(*words, "--dry-run", "--json", home=run_home)
        (run,) = json.loads(out)["runs"]
        assert (status, run["fit_seconds"]) == (0, None)
        assert "the process ended" in run["problem"]
    else:
        status, out, _ = cli(*words, "--set", "steps=60", home=run_home)
        assert status == 0
        assert "measured now" in out
        assert "Estimated and taken" in out
        assert "; the estimate was" in out
        status, out, _ = cli(*words, "--set", "steps=60", home=run_home)
        assert "Nothing is missing: the run is stored." in out
    assert not list(run_home.root.glob(".estimate*"))


def test_a_mirror_of_another_machine_stays_until_it_is_idle(run_home, sim_xs, monkeypatch):
    with monkeypatch.context() as there:
        there.setattr(owners, "_machine", lambda: "m0123abcd")
        with mirrored(run_home, sim_xs, None) as theirs, monkeypatch.context() as here:
            here.setattr(owners, "_machine", lambda: "m4567cdef")  # whose process has its number
            with mirrored(run_home, sim_xs, None) as ours:
                assert ours.root != theirs.root
            assert theirs.root.is_dir()
            for path in (theirs.root, *theirs.root.iterdir()):
                os.utime(path, (0, 0))
            with mirrored(run_home, sim_xs, None):
                assert not theirs.root.exists()


def test_a_mirror_of_a_dead_process_goes(run_home, sim_xs):
    dead = run_home.root / ".estimate.2147483646.partial"
    (dead / "datasets").mkdir(parents=True)
    with mirrored(run_home, sim_xs, None):
        assert not dead.exists()


def test_what_a_process_of_the_same_number_left_is_in_nobodys_way(run_home, sim_xs):
    left = run_home.root / owners.owned_name("estimate", "partial")
    (left / "datasets" / "sim-xs").mkdir(parents=True)
    with mirrored(run_home, sim_xs, None) as mirror:
        assert (mirror.datasets / "sim-xs" / "dataset.json").is_file()


def test_a_dry_run_is_one_of_an_estimate(cli, run_home):
    words = ("run", "--model", "popularity", "--task", "search", "--dry-run")
    status, _, err = cli(*words, home=run_home)
    assert status == 2
    assert "--dry-run belongs to --estimate." in err


def test_a_run_that_failed_is_left_out_of_what_was_taken(capsys, tmp_path):
    failed = CellCost(SimpleNamespace(folder=tmp_path / "failed"))
    print_comparison(Estimate([failed]), [], 1.0)
    assert capsys.readouterr().out == ""
