"""A class typed into a notebook is identified by what was typed."""

from __future__ import annotations

import itertools
import linecache
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from benchmark.errors import BenchError
from benchmark.models.building import configure
from benchmark.models.code import code_digest, code_files
from benchmark.models.from_class import model_named
from benchmark.models.registered import entries

MODEL = """
import benchmark as ub
DEPTH = 1
def level(item):
    return helper(item)[:DEPTH]
def helper(item):
    return item.category
class Base:
    def save(self, folder): pass
class Mine(Base):
    tasks = frozenset({"search"})
    def fit(self, data, *, seed):
        rows = data.interactions("train")
        self.first = [level(item) for item in data.catalogue]
    def predict(self, instances):
        return [ub.Ranking(one.instance_id, (), ()) for one in instances]
    def load(self, folder): pass
"""


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """``cell(source)`` runs a cell as IPython does: text in linecache, names in ``__main__``."""
    notebook = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    numbers = itertools.count(1)
    files = []

    def run(source: str) -> ModuleType:
        file = f"<ipython-input-{next(numbers)}>"
        files.append(file)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), notebook.__dict__)
        return notebook

    yield run
    for file in files:
        linecache.cache.pop(file, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('interactions("train")', 'interactions("valid")'),
        ("DEPTH = 1", "DEPTH = 2"),
        ("return helper(item)[:DEPTH]", "return helper(item)[DEPTH:]"),
        ("return item.category", "return item.category[::-1]"),
        (
            "class Base:\n    def save(self, folder): pass",
            "class Base:\n    def save(self, to): pass",
        ),
    ],
)
def test_what_a_typed_class_uses_is_its_identity(cell, before: str, after: str) -> None:
    first = code_digest(cell(MODEL).Mine)
    assert code_digest(cell(MODEL).Mine) == first
    assert before in MODEL
    assert code_digest(cell(MODEL.replace(before, after)).Mine) != first


def test_what_it_does_not_use_is_not(cell) -> None:
    first = code_digest(cell(MODEL).Mine)
    assert code_digest(cell("# a comment\nrows = object()\n" + MODEL + "OTHER = 3").Mine) == first


def test_a_function_put_on_the_class_later_counts(cell) -> None:
    first = code_digest(cell(MODEL).Mine)
    patch = "def fit(self, data, *, seed):\n    self.first = []\nMine.fit = fit"
    second = code_digest(cell(patch).Mine)
    assert len({first, second, code_digest(cell("Mine.weight = 3").Mine)}) == 3


def test_files_that_it_imports_count(cell, tmp_path, monkeypatch) -> None:
    (tmp_path / "beside_notebook.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    uses = MODEL.replace("return helper(item)", "return beside_notebook.A")
    model = cell(uses + "import beside_notebook").Mine
    assert code_files(model)["beside_notebook"] == tmp_path / "beside_notebook.py"
    first = code_digest(model)
    (tmp_path / "beside_notebook.py").write_text("A = 2\n")
    assert code_digest(model) != first


def test_the_interface_counts_as_for_any_model(cell) -> None:
    files = code_files(cell(MODEL).Mine)
    assert {"benchmark.data.view", "benchmark.tasks.search", "benchmark.predictions"} <= set(files)
    assert "benchmark" not in files


def test_an_object_whose_content_cannot_be_written_down_is_refused(cell) -> None:
    model = cell(MODEL.replace("DEPTH = 1", "DEPTH = slice(0, 1)")).Mine
    with pytest.raises(BenchError, match="uses 'DEPTH' of the notebook"):
        code_digest(model)


def test_bases_and_functions_of_libraries_are_no_part_of_the_notebook(cell) -> None:
    # Python keeps these frozen: their code names no file.
    uses = MODEL.replace("class Base:", "class Base(Mapping):").replace(
        "[:DEPTH]", "[join('a', 'b')]"
    )
    model = cell("from collections.abc import Mapping\nfrom os.path import join\n" + uses).Mine
    assert code_digest(model) == code_digest(model)


def test_a_class_whose_text_is_gone_is_refused(cell) -> None:
    model = cell(MODEL).Mine
    linecache.cache.pop(model.fit.__code__.co_filename)
    with pytest.raises(BenchError, match="has no source text"):
        code_digest(model)


def test_a_class_without_functions_is_found_or_refused(cell) -> None:
    uses = MODEL.replace("DEPTH = 1", "class Fixed:\n    depth = 1").replace("DEPTH", "Fixed.depth")
    model = cell(uses).Mine
    first = code_digest(model)
    with pytest.raises(BenchError, match="defined in several ways"):
        code_digest(cell(uses.replace("depth = 1", "depth = 2")).Mine)
    assert first


def test_a_class_is_configured_like_a_name(cell) -> None:
    built = configure(model_named(cell(MODEL).Mine), {})
    assert (built.label, built.entry.target) == ("Mine", "notebook:Mine")
    assert built.model_class.__name__ == "Mine"


def test_the_class_of_an_announced_model_is_that_model() -> None:
    entry = entries()["popularity"]
    by_class, by_name = configure(model_named(entry.load()), {}), configure("popularity", {})
    assert (by_class.entry, by_class.code) == (by_name.entry, by_name.code)


def test_the_class_of_a_lone_file_is_that_of_the_command_line(tmp_path, monkeypatch) -> None:
    (tmp_path / "lone.py").write_text(MODEL)
    named = configure(f"{tmp_path / 'lone.py'}:Mine", {})
    given = configure(model_named(named.model_class), {})
    assert (given.entry.target, given.code) == (named.entry.target, named.code)
