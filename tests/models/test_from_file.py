"""A model from a lone file sees the modules beside it, and nobody else does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.models.code import code_digest, code_files
from benchmark.models.from_file import split_name
from benchmark.models.registered import find
from benchmark.runs.spec import RunSpec

#: Shared case 02: a helper beside the model, found by a path that the file sets itself.
FIT_MINE = """
import sys, os, json
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import helperfit
from benchmark.instances import Ranking
class FitMine:
    tasks = frozenset({"recommendation"})
    def fit(self, data, *, seed):
        self.ids = [item.item_id for item in data.catalogue][::helperfit.SIGN]
    def predict(self, instances):
        for x in instances:
            ok = [i for i in self.ids if i not in x.exclude][:x.k]
            yield Ranking(x.instance_id, tuple(ok), tuple(-float(n) for n in range(len(ok))))
    def save(self, folder): (folder / "i.json").write_text(json.dumps(self.ids))
    def load(self, folder): self.ids = json.loads((folder / "i.json").read_text())
"""
MODEL = "import helper\nclass Mine:\n    tasks = frozenset({'search'})\n    value = helper.VALUE\n"
LATE = MODEL + "    def later(self):\n        import late\n        return late.VALUE\n"


def load(path: Path, name: str = "Mine") -> type:
    return find(f"{path}:{name}")[0].load()


def write(folder: Path, **files: str) -> Path:
    """A folder with these modules; the path of ``model.py`` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder / "model.py"


def test_an_edited_helper_gives_a_new_fit_and_a_new_run(
    execute, run_home: Home, tmp_path: Path
) -> None:
    path = write(tmp_path / "case", model=FIT_MINE, helperfit="SIGN=1\n")
    spec = RunSpec(f"{path}:FitMine", "recommendation", data="sim-xs")
    first = execute(spec, run_home)
    assert execute(spec, run_home).folder == first.folder
    write(path.parent, helperfit="SIGN=-1\n")
    second = execute(spec, run_home)
    assert second.folder != first.folder
    assert len(list(run_home.fitted.iterdir())) >= 2
    values = [run.scores["HR@10"]["value"] for run in (first, second)]
    assert [round(value, 4) for value in values] == [0.0926, 0.0]


def test_two_files_of_one_process_each_get_their_own_helper(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / name, model=LATE, helper=f"VALUE = {name!r}\n", late=f"VALUE = {name!r}\n")
        for name in ("one", "two")
    ]
    before = list(sys.path)
    one, two = map(load, paths)
    assert (one.value, two.value) == ("one", "two")
    assert (one().later(), two().later()) == ("one", "two")  # an import inside a function
    assert sys.path == before
    assert not {"helper", "late", "model"} & set(sys.modules)
    assert code_digest(one) != code_digest(two)


@pytest.mark.parametrize("edited", ["model", "helper", "behind"])
def test_an_edit_is_seen_by_the_same_process_at_once(tmp_path: Path, edited: str) -> None:
    files = {"model": MODEL, "helper": "from behind import VALUE\n", "behind": "VALUE = 1\n"}
    path = write(tmp_path, **files)
    before = load(path)
    assert load(path) is before  # nothing changed: the same class
    new = {**files, "behind": "VALUE = 2\n", "helper": "VALUE = 2\n"}[edited]
    if edited == "model":
        new = MODEL.replace("helper.VALUE", "1 + helper.VALUE")
    write(tmp_path, **{edited: new})  # as long as before, within the same second
    after = load(path)
    assert (before.value, after.value) == (1, 2)
    assert code_digest(after) != code_digest(load(write(tmp_path, **files)))


def test_what_counts_is_what_the_file_reaches(tmp_path: Path) -> None:
    package = write(tmp_path / "parts", inner="from . import deep\n", deep="A = 1\n").parent
    (package / "__init__.py").touch()
    (tmp_path / "unrelated.py").write_text("B = 1\n")
    path = write(
        tmp_path,
        base="class Base:\n    pass\n",
        helper="VALUE = 1\n",
        model="from base import Base\nimport parts.inner\n" + MODEL.replace("Mine:", "Mine(Base):"),
    )
    local = {name for name in code_files(load(path)) if not name.startswith("benchmark")}
    assert local == {"model", "base", "helper", "parts", "parts.inner", "parts.deep"}


def test_a_folder_that_the_file_puts_on_the_path_counts(tmp_path: Path) -> None:
    write(tmp_path / "library", helper="VALUE = 1\n")
    lines = f"import sys\nsys.path.insert(0, {str(tmp_path / 'library')!r})\n"
    path = write(tmp_path / "own", model=lines + MODEL)
    before, first = list(sys.path), code_digest(load(path))
    write(tmp_path / "library", helper="VALUE = 2\n")
    assert load(path).value == 2
    assert code_digest(load(path)) != first
    assert sys.path == before


def test_the_place_of_the_file_does_not_count(tmp_path: Path) -> None:
    here, there = (
        load(write(tmp_path / name, model=MODEL, helper="VALUE = 1\n")) for name in ("a", "b")
    )
    assert code_digest(here) == code_digest(there)


def test_import_module_of_a_file_beside_leaves_nothing_to_others(tmp_path: Path) -> None:
    source = "import importlib\nhelper = importlib.import_module('helper')\n"
    source += MODEL.removeprefix("import helper\n")
    paths = [
        write(tmp_path / name, model=source, helper=f"VALUE = {name!r}\n") for name in ("a", "b")
    ]
    a, b = map(load, paths)
    assert (a.value, b.value) == ("a", "b")
    assert "helper" not in sys.modules
    assert "helper" in code_files(a)


def test_the_harness_is_never_loaded_twice(tmp_path: Path) -> None:
    import benchmark.instances

    write(tmp_path / "benchmark", instances="raise SystemExit\n")
    source = "from benchmark.instances import Ranking\nclass Mine:\n    tasks = {'search'}\n"
    model = load(write(tmp_path, model=source + "    ranking = Ranking\n"))
    assert model.ranking is benchmark.predictions.Ranking


def test_a_path_is_divided_at_its_last_colon(tmp_path: Path) -> None:
    path = write(tmp_path / "has:colon", model=MODEL, helper="VALUE = 3\n")
    assert load(path).value == 3
    assert split_name("a:b/c.py:Class") == (Path("a:b/c.py"), "Class")
    assert split_name("unimp:no-vision") is None
    with pytest.raises(UsageError, match="does not say which class"):
        find(str(path))


def test_a_file_that_fails_is_named_with_a_way_to_the_traceback(tmp_path: Path) -> None:
    path = write(tmp_path, model="import no_such_module_anywhere\n")
    with pytest.raises(BenchError, match="no_such_module_anywhere") as raised:
        load(path)
    assert "--debug" in str(raised.value)
    assert "python" not in str(raised.value.fix)
    write(tmp_path, model=MODEL, helper="VALUE = 1\n")
    assert load(path).value == 1
