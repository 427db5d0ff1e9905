"""``import benchmark as ub``: the commands as functions, their results as objects."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import benchmark as ub
from benchmark.errors import BenchError, UsageError
from benchmark.face.runs import Run
from benchmark.host.home import Home
from benchmark.runs.store import load_run

_LIGHT = """
import sys
import benchmark as ub
heavy = ("torch", "polars", "numpy", "pandas")
assert not [name for name in heavy if name in sys.modules]
assert set(ub.EXPORTS) <= set(dir(ub)) and ub.__all__ == list(ub.EXPORTS)
functions = [ub.compare_runs, ub.report_table, ub.list_tasks, ub.list_models]
import benchmark.report.build as build, benchmark.tasks as tasks
assert build.build_report and tasks.TASKS
assert [ub.compare_runs, ub.report_table, ub.list_tasks, ub.list_models] == functions
from benchmark import errors, stats
print(errors.__name__, stats.__name__)
"""


def test_no_name_hides_a_module_of_the_package() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ub.__path__)}
    assert modules
    assert not modules & set(ub.EXPORTS)


def test_names_are_imported_when_they_are_used_and_stay_what_they_are() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["benchmark.errors", "benchmark.stats"], done.stderr


@pytest.mark.parametrize("name", ub.__all__)
def test_every_name_leads_somewhere_and_is_described(name: str) -> None:
    assert (getattr(ub, name).__doc__ or "").strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'benchmark' has no attribute 'rnu'"):
        _ = ub.rnu


class _Words(HTMLParser):
    """Collects the words of a fragment, and checks that its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def words_of(shown: object) -> list[str]:
    page = _Words()
    page.feed(shown._repr_html_())  # type: ignore[attr-defined]
    page.close()
    assert not page.open
    return page.words


@pytest.fixture
def pair(run_home: Home) -> ub.Runs:
    return ub.run_all(
        ["popularity", "repeat-last"], ["recommendation"], data="sim-xs", home=run_home.root
    )


def test_a_run_shows_itself_in_a_line_and_as_a_table(pair: ub.Runs, run_home: Home) -> None:
    run = pair[0]
    value = f"{run.scores['NDCG@5']['value']:.4f}"
    assert repr(run).startswith(
        f"popularity on recommendation, sim-xs (simulated), seed 0: NDCG@5 {value}"
    )
    assert "\n" not in repr(run)
    assert {"popularity", "NDCG@5", value} <= set(words_of(run))
    assert {"popularity", "repeat-last"} <= set(words_of(pair))
    assert repr(pair) == "2 runs of popularity, repeat-last on recommendation"
    again = ub.run("popularity", "recommendation", data="sim-xs", home=run_home.root)
    assert again == run
    assert again.scores == load_run(run.folder).scores
    assert ub.open_run(run.folder.name[:15], home=run_home.root) == run


def test_per_instance_results_are_frames(pair: ub.Runs) -> None:
    table = pair[0].per_instance()
    assert isinstance(table, pl.DataFrame)
    assert table["NDCG@5"].mean() == pytest.approx(pair[0].scores["NDCG@5"]["value"])
    assert pair[0].per_instance("pandas").equals(table.to_pandas())
    answers = pair[0].predictions()
    assert answers["instance_id"].sort().to_list() == table["instance_id"].to_list()
    with pytest.raises(UsageError, match="Unknown frame 'arrow'"):
        pair[0].per_instance("arrow")  # type: ignore[call-overload]


def test_predict_answers_what_a_run_stores(pair: ub.Runs, run_home: Home) -> None:
    fitted = ub.fit("popularity", "sim-xs", home=run_home.root)
    assert repr(fitted) == "popularity fitted on sim-xs, seed 0"
    dataset = ub.open_dataset("sim-xs", home=run_home.root)
    answers = ub.predict(fitted, dataset.instances("recommendation"))
    stored = pair[0].predictions()
    assert [list(answer.items) for answer in answers] == stored["items"].to_list()
    assert [answer.instance_id for answer in answers] == stored["instance_id"].to_list()


def test_a_comparison_shows_itself(pair: ub.Runs, run_home: Home) -> None:
    comparison = ub.compare_runs(*pair, metric="NDCG@5", home=run_home.root)
    assert repr(comparison).startswith("A popularity - B repeat-last: NDCG@5 ")
    assert comparison.render("md") in ub.compare_runs(
        pair[0].folder.name, str(pair[1].folder), metric=["NDCG@5"], home=run_home.root
    ).render("md")
    assert {"metric", "A - B", "NDCG@5"} <= set(words_of(comparison))


def test_a_report_shows_itself(pair: ub.Runs, run_home: Home) -> None:
    report = ub.report_table("recommendation", data="sim-xs", home=run_home.root)
    assert "Measured on sim-xs (simulated): " in repr(report)
    assert "| Popularity" in report.render("md")
    assert f"{pair[0].scores['NDCG@5']['value']:.4f}" in words_of(report)


def test_words_are_escaped_in_a_notebook(leave_run, tmp_path) -> None:
    scores = {"HR@5": {"value": 0.5, "low": None, "high": None, "n": 3, "users": 3}}
    run = leave_run(tmp_path / "odd", scores, model="<script>alert(1)</script>", run_id="odd")
    page = ub.Runs([run])._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_registries_are_listed(run_home: Home) -> None:
    assert repr(ub.list_tasks()).startswith("6 tasks: recommendation, ")
    assert {"unimp", "bm25"} <= set(ub.list_models().names)
    assert ub.list_datasets(home=run_home.root).names == ["sim-xs"]
    assert {"number", "name", "title"} == set(ub.list_tables()[0])
    for listing in (
        ub.list_tasks(),
        ub.list_models(),
        ub.list_datasets(home=run_home.root),
        ub.list_tables(),
    ):
        assert set(listing.names) <= set(words_of(listing))


def test_a_search_shows_itself_and_its_settings_are_used(run_home: Home) -> None:
    pytest.importorskip("optuna")
    search = ub.tune("bm25", "search", 2, data="sim-xs", home=run_home.root)
    assert repr(search).startswith("bm25 on search, sim-xs: ")
    assert "the best of 2 trials" in repr(search)
    assert {"trial", "1", "2"} <= set(words_of(search))
    tuned = ub.run("bm25", "search", data="sim-xs", tuned=True, home=run_home.root)
    assert dict(tuned.manifest["settings"]) == search.settings_of(search.best)


def test_seeds_and_limits_are_those_of_the_command_line(run_home: Home) -> None:
    runs = ub.run_all(
        ["random"], ["search"], data="sim-xs", seeds=[0, 1], limit=30, home=run_home.root
    )
    assert [run.manifest["seed"] for run in runs] == [0, 1]
    assert all(isinstance(run, Run) and run.manifest["limit"] == 30 for run in runs)
    assert "first 30 instances" in repr(runs[0])


def test_a_dataset_is_prepared_with_its_settings(tmp_path) -> None:
    dataset = ub.prepare("sim", name="mine", settings={"size": "xs", "seed": 5}, home=tmp_path)
    assert repr(dataset).startswith("mine (simulated): 132 users, ")
    assert ub.list_datasets(home=tmp_path).names == ["mine"]


def test_several_processes_do_not_each_do_all_of_the_work(monkeypatch, run_home: Home) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for work in (
        lambda: ub.run("popularity", "search", data="sim-xs", home=run_home.root),
        lambda: ub.fit("popularity", "sim-xs", home=run_home.root),
    ):
        with pytest.raises(UsageError, match="started in 2 processes"):
            work()
    assert not run_home.runs.exists()


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_fit_refuses_the_seeds_that_a_run_refuses(seed) -> None:
    with pytest.raises(UsageError, match=f"seed {seed} is out of range"):
        ub.fit("popularity", "sim-xs", seed=seed)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("run", {"seed": 1.5}, "seed 1.5 is no integer"),
    ("run", {"seed": "1"}, "seed '1' is no integer"),
    ("run", {"seed": True}, "seed True is no integer"),
    ("run", {"limit": 2.5}, "limit 2.5 is no integer"),
    ("run", {"limit": True}, "limit True is no integer"),
    ("run", {"cohort": None}, "cohort None is no name"),
    ("run", {"data": None}, "data None is no name"),
    ("run", {"perturb": 3}, "perturb 3 is no name"),
    ("run", {"settings": ["own=whole"]}, r"settings \['own=whole'\] are no mapping"),
    ("run", {"settings": {"own": object()}}, "Setting own = .* cannot be recorded"),
    ("run", {"settings": {"own": float("nan")}}, "Setting own = nan cannot be recorded"),
    ("run", {"model": object()}, "is no model"),
    ("run", {"task": 1}, "task 1 is no name"),
    ("run", {"home": 5}, "home 5 is no path"),
    ("run_all", {"seeds": 3}, "seeds 3 are no list"),
    ("run_all", {"seeds": "01"}, "seeds '01' are no list"),
    ("run_all", {"models": None}, "models None are no list"),
    ("run_all", {"tasks": 1}, "tasks 1 are no list"),
    ("run_table", {"seeds": [0.5]}, "seed 0.5 is no integer"),
    ("fit", {"seed": True}, "seed True is no integer"),
    ("fit", {"data": 5}, "data 5 is no name"),
    ("fit", {"settings": {"own": b"whole"}}, "Setting own = b'whole' cannot be recorded"),
    ("tune", {"trials": 1.0}, "trials 1.0 is no integer"),
    ("tune", {"seed": None}, "seed None is no integer"),
    ("tune", {"timeout": "1"}, "timeout '1' is no number"),
    ("tune", {"space": 5}, "space 5 is no path"),
    ("tune", {"settings": {"own": {1j}}}, "Setting own = 1j cannot be recorded"),
    ("prepare", {"settings": {"seed": object()}}, "Setting seed = .* cannot be recorded"),
    ("open_dataset", {"name": None}, "data None is no name"),
]
FITTING: dict[str, dict[str, Any]] = {
    "run": {"model": "popularity", "task": "recommendation", "data": "sim-xs"},
    "run_all": {"models": ["popularity"], "tasks": ["recommendation"], "data": "sim-xs"},
    "run_table": {"table": "recommendation", "data": "sim-xs"},
    "fit": {"model": "popularity", "data": "sim-xs"},
    "tune": {"model": "popularity", "task": "recommendation", "trials": 1, "data": "sim-xs"},
    "prepare": {"source": "sim"},
    "open_dataset": {},
}


@pytest.mark.parametrize(("function", "argument", "message"), WRONG)
def test_what_a_shell_could_not_ask_is_refused_before_any_work(
    function: str, argument: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        getattr(ub, function)(**{"home": tmp_path / "home", **FITTING[function], **argument})
    assert not (tmp_path / "home").exists()


def test_numbers_of_numpy_are_numbers_and_a_single_model_needs_no_list(run_home: Home) -> None:
    given: dict[str, Any] = {"data": "sim-xs", "limit": np.int64(30), "home": run_home.root}
    runs = ub.run_all("popularity", "recommendation", seeds=np.arange(2), **given)
    plain = ub.run_all(["popularity"], ["recommendation"], seeds=[0, 1], **{**given, "limit": 30})
    assert [run.folder for run in runs] == [run.folder for run in plain]
    for run in runs:
        assert load_run(run.folder).scores == run.scores


ENDLESS = """
import enum, itertools, json
from pathlib import Path
from typing import Any
import pydantic
from benchmark.predictions import Ranking
class Kind(enum.Enum):
    A, B = "a", "b"
class Settings(pydantic.BaseModel, extra="forbid"):
    place: Path = Path("x")
    kind: Kind = Kind.A
    many: set[int] = set()
    rate: float = 0.5
    other: Any = None
class Settled:
    tasks = frozenset({"recommendation"})
    Config = Settings
    def __init__(self, config): pass
    def fit(self, data, *, seed): self.items = [item.item_id for item in data.catalogue]
    def predict(self, instances):
        for one in instances:
            items = tuple([i for i in self.items if i not in one.exclude][: one.k])
            yield Ranking(one.instance_id, items, tuple(-float(n) for n in range(len(items))))
    def save(self, folder): (folder / "items.json").write_text(json.dumps(self.items))
    def load(self, folder): self.items = json.loads((folder / "items.json").read_text())
class Endless(Settled):
    def predict(self, instances):
        answers = list(super().predict(instances))
        yield from answers
        yield from itertools.repeat(answers[-1], 10**6)
        raise AssertionError("asked for ever")
"""


@pytest.fixture
def outside(tmp_path: Path) -> str:
    (tmp_path / "outside.py").write_text(ENDLESS)
    return f"{tmp_path / 'outside.py'}"


def test_settings_of_a_program_are_recorded_as_json_says_them(outside: str, run_home: Home) -> None:
    place: dict[str, Any] = {"data": "sim-xs", "home": run_home.root}
    given = {"place": Path("y"), "many": {2, 1}, "rate": np.float32(0.25), "other": (1, {"a"})}
    run = ub.run(f"{outside}:Settled", "recommendation", settings=given, **place)
    plain = {"place": "y", "many": [1, 2], "rate": 0.25, "other": [1, ["a"]]}
    assert run.manifest["settings"] == plain
    again = ub.run(f"{outside}:Settled", "recommendation", settings=plain, **place)
    assert again.folder == run.folder


def test_a_model_that_never_stops_answering_is_refused(outside: str, run_home: Home) -> None:
    fitted = ub.fit(f"{outside}:Endless", "sim-xs", home=run_home.root)
    instances = ub.open_dataset("sim-xs", home=run_home.root).instances("recommendation")[:5]
    with pytest.raises(BenchError, match="did not give one prediction per instance"):
        ub.predict(fitted, instances)
