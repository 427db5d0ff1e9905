"""What a careless or hostile hand does to the command line, a model, a dataset, a run, a disk."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from benchmark.host.files import sha256_json
from benchmark.host.home import Home
from benchmark.runs.spec import RunSpec

Command = Callable[..., tuple[int, str, str]]

_MODEL = """
import json, os, sys
from benchmark.instances import Ranking

class Base:
    tasks = frozenset({"search"})
    def fit(self, data, *, seed):
        self.ids = list(data.catalogue.ids)
    def predict(self, instances):
        for instance in instances:
            ids = [i for i in self.ids if i not in instance.exclude][: instance.k]
            scores = tuple(-float(i) for i in range(len(ids)))
            yield Ranking(instance.instance_id, tuple(ids), scores)
    def save(self, folder):
        (folder / "ids.json").write_text(json.dumps(self.ids))
    def load(self, folder):
        self.ids = json.loads((folder / "ids.json").read_text())
"""


@pytest.fixture
def place(sim_xs, tmp_path: Path) -> Path:
    """A home with its own copy of sim-xs, to be damaged."""
    shutil.copytree(sim_xs.folder, tmp_path / "home" / "datasets" / "sim-xs")
    return tmp_path / "home"


@pytest.fixture
def command(cli, place) -> Command:
    """``unimp-bench`` on that home; returns (status, stdout, stderr)."""
    return functools.partial(cli, home=Home(place))


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], str]:
    """``path:M`` of a file with a model whose class body is given."""

    def write(body: str) -> str:
        path = tmp_path / "outside.py"
        path.write_text(f"{_MODEL}\n{body}\n")
        return f"{path}:M"

    return write


RUN = ("run", "--data", "sim-xs", "--task", "search", "--model")


def assert_short(err: str, *words: str) -> None:
    assert "Traceback" not in err
    assert "Unexpected" not in err, err
    said = err[err.index("unimp-bench: ") :]  # before it, notes of what was reused
    assert 1 <= len(said.strip().splitlines()) <= 2, err
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("class M(Base): tasks = 5", "names no tasks"),
        ("class M(Base): tasks = 'search'", "names no tasks"),
        ("class M(Base): tasks = {'serch'}", "unknown task 'serch'"),
        ("class M(Base): fit = None", "has no method 'fit'"),
        ("class M(Base): Config = 3", "not a pydantic model"),
        ("class M(Base):\n  def __init__(self, a): pass", "failed while being built: TypeError"),
        ("class M(Base):\n  def fit(self, data, *, seed): sys.exit(0)", "fitting: SystemExit"),
        ("class M(Base):\n  def fit(self, data, *, seed): 1 / 0", "fitting: ZeroDivisionError"),
        ("class M(Base):\n  def save(self, folder): 1 / 0", "saving its state"),
        ("class M(Base):\n  def save(self, folder): pass", "cannot load its fitted state"),
        ("class M(Base):\n  def load(self, folder): 1 / 0", "cannot load its fitted state"),
        ("class M(Base):\n  def predict(self): pass", "predicting: TypeError"),
        ("class M(Base):\n  def predict(self, i): sys.exit(0)", "predicting: SystemExit"),
        ("class M(Base):\n  def predict(self, i): raise ValueError('a\\nb\\nc')", "ValueError: a"),
    ],
)
def test_a_broken_model_is_named_with_what_it_was_doing(command, model, body, words) -> None:
    status, out, err = command(*RUN, model(body))
    assert status == 1
    assert out == ""
    assert_short(err, words)


def test_a_setting_without_a_json_value_is_refused(command, model) -> None:
    body = (
        "import pydantic\nclass M(Base):\n  class Config(pydantic.BaseModel):\n"
        "    x: float = float('nan')\n  def __init__(self, config): pass"
    )
    status, _, err = command(*RUN, model(body))
    assert status == 2
    assert_short(err, "cannot be recorded")


def test_what_a_model_prints_stays_out_of_the_json(command, model) -> None:
    body = (
        "print('import')\nclass M(Base):\n  def fit(self, data, *, seed):\n"
        "    print('fit', flush=True); os.system('echo child'); super().fit(data, seed=seed)"
    )
    status, out, err = command(*RUN, model(body), "--json")
    assert status == 0
    assert json.loads(out)["model"] == "M"
    assert {"import", "fit", "child"} <= set(err.split())


@pytest.mark.parametrize(("pair", "word"), [("k9=1", "'k9'"), ("popularity:k1=1", "popularity")])
def test_a_setting_that_its_model_lacks_is_refused_before_the_first_runs(
    command, place, pair, word
) -> None:
    status, _, err = command(*RUN, "bm25", "--model", "popularity", "--set", pair)
    assert status == 2
    assert_short(err, word)
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((*RUN, "popularity:"), 2),
        (("run", "--model", "popularity", "--task", "search", "--data", ""), 2),
        (("data", "prepare", "sim", "--set", "size=xs", "--name", "x" * 300), 2),
        (("report", "--table", "1", "--out", ""), 2),
        (("report", "--table", "1", "--out", "/dev/null/x"), 1),
        (("doctor", "--model", "no.py:M"), 2),
    ],
)
def test_odd_values_get_a_short_message(command, arguments, status) -> None:
    actual, out, err = command(*arguments)
    assert actual == status
    assert out == ""
    assert_short(err)


def test_a_model_in_a_deep_folder_can_be_run(command, model, tmp_path) -> None:
    deep = tmp_path / ("d" * 150) / ("é ü" * 30)
    deep.mkdir(parents=True)
    shutil.copy(model("class M(Base): pass").partition(":")[0], deep / "deep.py")
    status, _, err = command(*RUN, f"{deep}/deep.py:M")
    assert status == 0, err


def test_a_limit_beyond_the_dataset_is_the_whole_run(command) -> None:
    _, whole, _ = command(*RUN, "popularity", "--json")
    _, limited, _ = command(*RUN, "popularity", "--limit", "100000", "--json")
    assert json.loads(limited)["run"] == json.loads(whole)["run"]


def test_doctor_names_a_failing_model_and_one_with_nothing_to_check(
    command, model, tmp_path
) -> None:
    status, _, err = command("doctor", "--model", model("class M(Base):\n def predict(s, i): 1/0"))
    assert status == 1
    assert_short(err, "ZeroDivisionError")
    users = [f"u{u} " + " ".join(str((u + i) % 15) for i in range(6)) for u in range(15)]
    (tmp_path / "ids.txt").write_text("\n".join(users))
    assert command("data", "prepare", "sequences", "--raw", str(tmp_path / "ids.txt"))[0] == 0
    status, _, err = command("doctor", "--model", "mean-rating", "--data", "sequences")
    assert status == 2
    assert_short(err, "none of the tasks", "preference")


def test_doctor_quotes_a_model_that_tells_what_it_learned(command, model) -> None:
    told = "class M(Base):\n def fit_summary(s): return {'gate': 0.25}"
    status, out, err = command("doctor", "--model", model(told), "--json")
    assert status == 0, err
    assert json.loads(out)["learned"] == {"gate": 0.25}


def _rewrite(path: Path, change: Callable[[dict], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("damage", "repaired"),
    [
        (lambda path: path.write_text("["), True),
        (lambda path: path.write_text("[]"), True),
        (lambda path: path.unlink(), True),
        (lambda path: path.write_bytes(b"\xff"), False),
        (lambda path: _rewrite(path, lambda info: info.pop("files")), False),
        (lambda path: _rewrite(path, lambda info: info.pop("sha256")), False),
        (lambda path: _rewrite(path, lambda info: info["statistics"].update(users=1)), False),
    ],
)
def test_a_damaged_dataset_json_is_refused_and_force_repairs_it(
    command, place, damage, repaired
) -> None:
    damage(place / "datasets" / "sim-xs" / "dataset.json")
    for arguments in ((*RUN, "popularity"), ("data", "verify", "sim-xs")):
        status, _, err = command(*arguments)
        assert status == 1
        if arguments[0] == "run":
            assert_short(err, "dataset", "--force")
        assert "Unexpected" not in err
    assert command("data", "list")[0] == 0
    if repaired:  # of each kind of damage one: to prepare takes most of this test
        assert command("data", "prepare", "sim", "--set", "size=xs", "--force")[0] == 0
        assert command(*RUN, "popularity")[0] == 0


def test_questions_that_were_exchanged_are_not_scored(command, place) -> None:
    tasks = place / "datasets" / "sim-xs" / "tasks"
    shutil.copy(tasks / "recommendation/test-seen.parquet", tasks / "search/test-seen.parquet")
    status, _, err = command(*RUN, "popularity")
    assert status == 1
    assert_short(err, "search/test-seen.parquet", "not as it was prepared")


@pytest.mark.parametrize("name", ["items.parquet", "perturbations/nt.parquet"])
def test_items_that_were_replaced_are_refused_whether_or_not_the_file_can_be_read(
    command, place, name
) -> None:
    path = place / "datasets" / "sim-xs" / name
    pl.read_parquet(path).head(7).write_parquet(path)
    status, _, err = command(*RUN, "popularity", "--perturb", "nt")
    assert status == 1
    assert_short(err, name, "not as it was prepared")


@pytest.fixture(scope="module")
def two_runs(execute, home_with, sim_xs, tmp_path_factory) -> Home:
    """A home with finished runs of BM25 and of popularity, whom a report compares it with."""
    home = home_with(tmp_path_factory.mktemp("runs") / "home", sim_xs)
    for name in ("popularity", "bm25"):
        execute(RunSpec(name, "search", data="sim-xs"), home)
    return home


@pytest.mark.parametrize(
    ("file", "content"),
    [
        *[(file, content) for file in ("manifest.json", "scores.json") for content in ("", "[]")],
        ("manifest.json", "{}"),
        ("scores.json", '{"scores": {"HR@5": {}}, "failure_rate": 0}'),
        ("per_instance.parquet", ""),
    ],
)
def test_a_damaged_run_is_named_and_deleting_its_folder_helps(
    command, place, two_runs, file, content
) -> None:
    shutil.copytree(two_runs.runs, place / "runs")
    shutil.copytree(two_runs.fitted, place / "fitted")
    _, out, _ = command(*RUN, "bm25", "--json")
    folder = Path(json.loads(out)["run"])
    (folder / file).write_text(content)
    for arguments in ((*RUN, "bm25"), ("report", "--table", "search", "--data", "sim-xs")):
        status, _, err = command(*arguments)
        assert status == 1
        assert_short(err, file, f"Delete the folder '{folder}'")
    shutil.rmtree(folder)
    assert command(*RUN, "bm25")[0] == 0


@pytest.mark.parametrize("file", ["scores.json", "per_instance.parquet"])
def test_a_run_whose_numbers_were_changed_is_told_by_all_that_show_them(
    command, place, two_runs, file
) -> None:
    shutil.copytree(two_runs.runs, place / "runs")
    changed, other = sorted(
        (path for path in (place / "runs").iterdir() if path.is_dir()), key=lambda p: p.name
    )
    if file == "scores.json":
        scores = json.loads((changed / file).read_text())
        scores["scores"]["HR@5"]["value"] = 0.9
        (changed / file).write_text(json.dumps(scores))
    else:
        table = pl.read_parquet(changed / file)
        table.with_columns(pl.lit(1.0).alias("HR@5")).write_parquet(changed / file)
    for arguments in (
        ("report", "--table", "search", "--data", "sim-xs"),
        ("compare", other.name, changed.name),
    ):
        status, _, err = command(*arguments)
        assert status == 1
        assert_short(err, file, "not as the run wrote it", f"Delete the folder '{changed}'")


@pytest.mark.parametrize("file", ["fitted.json", "state/items.json", "state"])
def test_a_damaged_fit_is_named_and_deleting_it_helps(command, place, file) -> None:
    command(*RUN, "bm25")
    shutil.rmtree(place / "runs")
    (folder,) = (path for path in (place / "fitted").iterdir() if path.is_dir())
    damaged = folder / file
    if damaged.is_dir():
        shutil.rmtree(damaged)
    else:
        damaged.write_text("{}" if file == "fitted.json" else "[")
    status, _, err = command(*RUN, "bm25")
    assert status == 1
    assert_short(err, f"Delete the folder '{folder}'")
    (folder / "fitted.json").unlink()  # half of the advice is enough
    assert command(*RUN, "bm25")[0] == 0


def test_a_state_cut_short_by_a_full_disk_is_not_kept(command, model, place) -> None:
    body = (
        "class M(Base):\n  def save(self, folder):\n    super().save(folder)\n"
        "    os.truncate(folder / 'ids.json', 100)"
    )
    status, _, err = command(*RUN, model(body))
    assert status == 1
    assert_short(err, "cannot load its fitted state", "free some space")
    assert not [path for path in (place / "fitted").iterdir() if path.is_dir()]


def test_a_damaged_shard_is_named_and_deleting_it_helps(command, place) -> None:
    _, out, _ = command(*RUN, "bm25", "--json")
    folder = Path(json.loads(out)["run"])
    shutil.rmtree(folder)
    shard = folder.with_name(folder.name + ".partial") / "shard-000000.parquet"
    shard.parent.mkdir()
    shard.write_bytes(b"PAR1 no")
    (fitted,) = place.glob("fitted/bm25-*/fitted.json")
    record = json.loads(fitted.read_text())
    (shard.parent / "fit.sha256").write_text(sha256_json([record["key"], record["files"]]))
    status, _, err = command(*RUN, "bm25")
    assert status == 1
    assert_short(err, str(shard), "Delete that file")
    shard.unlink()
    assert command(*RUN, "bm25")[0] == 0


def test_an_interrupt_says_that_finished_parts_are_kept(model, place) -> None:
    body = "import time\nclass M(Base):\n  def predict(self, i): time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", *RUN, model(body), "--home", str(place)],
        stderr=subprocess.PIPE,
        text=True,
        # Background jobs of some shells ignore the signal; a terminal's do not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 30
    while not list(place.glob("runs/*.partial")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "benchmark.cli", "tables"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert_short(done.stderr, "Cannot write the output")


def test_a_terminal_without_table_borders_still_gets_the_table(place) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.cli", *RUN, "popularity", "--home", str(place)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "popularity" in done.stdout


def test_help_is_what_a_call_without_a_command_gets(command) -> None:
    status, out, err = command()
    assert (status, out) == (2, "")
    assert err.startswith("Usage: unimp-bench")


_LONG = "a" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--table", "search", "--out", f"{_LONG}.md"),
        ("report", "--figure", "dots", "--table", "search", "--out", f"{_LONG}.png"),
        ("compare", "one", "other", "--out", f"{_LONG}.md"),
        ("report", "--table", f"{_LONG}.toml"),
        ("run", "--model", f"{_LONG}.py:M", "--task", "search"),
        ("run", "--model", "bm25", "--task", "search", "--home", _LONG),
    ],
)
def test_a_name_longer_than_a_file_can_have_is_no_bug(command, words) -> None:
    status, out, err = command(*words)
    assert (status, out) == (1, "")
    assert "File name too long" in err
    assert "bug" not in err
    assert len(err.splitlines()) == 2
    assert max(map(len, err.splitlines())) < 200


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_bug(place, closed) -> None:
    words = "runs list" if ">&-" in closed else "runs list --json"
    run = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m benchmark.cli {words} {closed}"],
        capture_output=True,
        env={**os.environ, "UNIMP_BENCH_HOME": str(place)},
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert "bug" not in run.stderr
