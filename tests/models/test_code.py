"""A model's identity follows every file its numbers come from, and no other."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import BenchError
from benchmark.models import code
from benchmark.models.code import code_digest, code_files, digest, project_root, reached
from benchmark.models.imports import Module
from benchmark.models.registered import entries

CHECKOUT = Path(code.__file__).parents[2]
MODELS = {name: (entry.target.partition(":")[0], entry.tasks) for name, entry in entries().items()}


def identities(sources: Path) -> Mapping[str, str]:
    """The digest of every registered model, with the packages in ``sources``."""
    return _of_every_model(sources, digest)


def _of_every_model(sources: Path, what: Callable[[Mapping[str, Path]], Any]) -> dict[str, Any]:
    """``what`` of the files that each registered model reaches in ``sources``."""

    @functools.cache
    def of(module: str, tasks: tuple[str, ...]) -> Any:
        start = Module(module, sources.joinpath(*module.split(".")).with_suffix(".py"))
        return what(reached([start], [project_root(sources)], tasks=tasks))

    return {name: of(module, tuple(tasks)) for name, (module, tasks) in MODELS.items()}


@functools.cache
def untouched() -> Mapping[str, str]:
    """The digests of the checkout itself; an unedited copy has the same."""
    return identities(CHECKOUT)


@dataclass
class Copy:
    """A copy of the packages to be edited; each edit tells whose identity it changed."""

    folder: Path
    digests: Mapping[str, str] = field(default_factory=untouched)

    def edit(self, *files: str, text: str = "\nEDITED = 1\n") -> set[str]:
        """Put ``text`` at the end of ``files`` and return the models that changed with it."""
        for file in files:
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a") as stream:
                stream.write(text)
        return self.changed()

    def changed(self) -> set[str]:
        """Return the models whose identity is another than at the last look."""
        before, self.digests = self.digests, identities(self.folder)
        return {name for name in MODELS if before[name] != self.digests[name]}


@pytest.fixture
def sources(sources: Path) -> Copy:
    return Copy(sources)


def answering(task: str) -> set[str]:
    return {name for name, (_, tasks) in MODELS.items() if task in tasks}


def test_the_place_of_the_checkout_does_not_count(sources: Copy) -> None:
    assert sources.changed() == set()
    assert len(set(untouched().values())) == len(set(MODELS.values()))


def test_the_class_finds_what_its_module_name_finds() -> None:
    model = entries()["bm25"].load()
    assert code_digest(model) == untouched()["bm25"]


def test_the_simulators_truth_is_the_ceilings_alone(sources: Copy) -> None:
    ceilings = {name for name, entry in entries().items() if entry.role == "ceiling"}
    assert sources.edit("benchmark/data/simulator/truth.py") == ceilings


@pytest.mark.parametrize("task", ["explanation", "preference"])
def test_a_prompt_is_of_the_models_that_answer_its_task(sources: Copy, task: str) -> None:
    changed = sources.edit(f"benchmark/tasks/{task}.py")
    assert changed == answering(task)
    assert "unimp" in changed
    assert "popularity" not in changed


def test_a_threshold_is_of_the_models_that_choose_one(sources: Copy) -> None:
    groups = {"choice", "recbole", "collaborative", "multimodal", "generative"}
    choosing = {name for name, entry in entries().items() if entry.group in groups}
    embeddings = {"hem", "zam", "rtm"}  # by the kit that they share with RecBole's models
    assert sources.edit("benchmark/training/thresholds.py") == choosing | embeddings


def test_a_file_in_a_new_subfolder_counts_once_it_is_imported(sources: Copy) -> None:
    assert sources.edit("unimp_model/parts/deep/new.py") == set()
    importing = "\ndef later():\n    from unimp_model.parts.deep import new\n"
    assert sources.edit("unimp_model/training/losses.py", text=importing) == {"unimp"}
    for file in ("unimp_model/parts/deep/new.py", "unimp_model/parts/__init__.py"):
        assert sources.edit(file) == {"unimp"}


def test_a_helper_two_imports_away_counts(sources: Copy) -> None:
    changed = sources.edit("baselines/search/noise.py")  # by vectors, and by RTM's transformer
    assert changed == {"hem", "zam", "rtm"}


def test_what_a_registry_names_in_a_string_counts(sources: Copy) -> None:
    changed = sources.edit("baselines/search/lucene_index.py")
    assert changed == {"bm25", "rtm"}  # rtm ranks what bm25 finds


def test_what_stands_behind_the_interface_is_everybodys(sources: Copy) -> None:
    files = {
        sources.folder / "benchmark/data/view.py",
        sources.folder / "benchmark/data/perturbations.py",
        sources.folder / "benchmark/data/instances/building.py",
        sources.folder / "benchmark/instances.py",
        sources.folder / "benchmark/runs/predictions.py",
        sources.folder / "benchmark/host/threads.py",
    }
    for name, known in _of_every_model(sources.folder, dict).items():
        assert files - {*known.values()} == set(), name
    assert sources.edit("benchmark/host/threads.py") == set(MODELS)


def test_what_changes_no_number_changes_no_identity(sources: Copy) -> None:
    files = [
        "benchmark/__init__.py",
        "benchmark/face/work.py",
        "benchmark/commands/data/listing.py",
        "benchmark/host/console.py",
        "benchmark/data/listing.py",
        "benchmark/data/preparing/prepare.py",
        "benchmark/data/simulator/photos.py",
        "benchmark/data/sources/hm.py",
        "benchmark/metrics/ranking.py",
        "benchmark/models/registered.py",
        "benchmark/host/progress.py",
        "benchmark/report/build.py",
        "baselines/entries.py",
        "unimp_model/entries.py",
        "leaderboards/verification/verify.py",
    ]
    assert all((sources.folder / file).is_file() for file in files)
    changed = sources.edit(*files)
    by_file = {file: sources.edit(file) for file in files} if changed else {}
    assert (changed, by_file) == (set(), {})


#: The ways to take a name from the public face, each for a model of its own.
TAKING = {
    "unimp_model/training/losses.py": "from benchmark import Added",
    "baselines/trivial/template.py": "import benchmark\nbenchmark.Added",
    "baselines/trivial/mean_rating.py": (
        "import benchmark as ub\ndef later():\n    return ub.Added()"
    ),
    "baselines/trivial/select_all.py": "from benchmark import *",
}


def test_a_comment_is_nobodys(sources: Copy) -> None:
    words = '\n\n# A reason.\n"""Told at length."""\n'
    assert sources.edit("baselines/search/bm25.py", "unimp_model/adapter.py", text=words) == set()
    assert "bm25" in sources.edit("baselines/search/bm25.py")


def test_what_is_taken_from_the_public_face_counts(sources: Copy) -> None:
    (sources.folder / "benchmark" / "added.py").write_text("class Added:\n    pass\n")
    face = sources.folder / "benchmark" / "__init__.py"
    entry = '    "Added": "benchmark.added:Added",\n'
    face.write_text(face.read_text().replace("EXPORTS = {\n", "EXPORTS = {\n" + entry))
    assert sources.changed() == set()
    for file, taking in TAKING.items():
        with open(sources.folder / file, "a") as stream:
            stream.write(f"\n{taking}\n")
    takers = {"unimp", "template", "mean-rating", "select-all"}
    assert sources.changed() == takers
    assert sources.edit("benchmark/added.py") == takers


@pytest.mark.parametrize("name", [*code.INTERFACE, *code.PLUMBING, *code.COVERED])
def test_every_listed_module_exists(name: str) -> None:
    stem = CHECKOUT.joinpath(*name.split("."))
    assert stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An outside package with a model, a base class in another file and a helper behind that."""
    root = tmp_path / "shop"
    (root / "families").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "families" / "__init__.py").touch()
    (root / "other.py").write_text("C = 1\n")
    (root / "helper.py").write_text("A = 1\n")
    (root / "base.py").write_text("from . import helper\nclass Base:\n    pass\n")
    (root / "families" / "model.py").write_text(
        "from ..base import Base\nclass Model(Base):\n    tasks = frozenset({'search'})\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield root
    for name in [n for n in sys.modules if n == "shop" or n.startswith("shop.")]:
        del sys.modules[name]


@pytest.mark.parametrize("file", ["families/model.py", "base.py", "helper.py", "__init__.py"])
def test_an_outside_packages_own_files_count(shop: Path, file: str) -> None:
    model = importlib.import_module("shop.families.model").Model
    before = code_digest(model)
    (shop / "other.py").write_text("C = 2\n")
    assert code_digest(model) == before
    with open(shop / file, "a") as stream:
        stream.write("\n# Of others every byte counts: their strings may be read.\n")
    assert code_digest(model) != before


def test_a_base_class_put_in_at_run_time_counts(shop: Path) -> None:
    (shop / "mixed.py").write_text("class Mixed:\n    pass\n")
    mixed = importlib.import_module("shop.mixed").Mixed
    plain = importlib.import_module("shop.families.model").Model
    model = type("Model", (plain, mixed), {"__module__": plain.__module__})
    assert "shop.mixed" in code_files(model)


def test_a_class_without_a_file_is_refused() -> None:
    typed = type("Typed", (), {"__module__": "no_such_module", "tasks": frozenset({"search"})})
    with pytest.raises(BenchError, match="lies in no file"):
        code_digest(typed)
