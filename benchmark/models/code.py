"""The identity of a model's code: a digest of every source file its numbers follow from.

That is what the model's module reaches by import, the modules of its base classes, and what
stands behind the interface although no model imports it. Of packages that others made the
version counts (:func:`benchmark.host.provenance.package_versions`), not the files.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType, MappingProxyType

from benchmark.errors import BenchError
from benchmark.models.changed import changes
from benchmark.models.from_file import import_folders, is_installed, loaded_beside
from benchmark.models.imports import (
    PACKAGES,
    Finder,
    Module,
    Reference,
    Root,
    exported,
    references,
)
from benchmark.models.prose import without_prose
from benchmark.models.typed import Typed, is_typed, typed

#: What decides a model's fitted state and its predictions, whatever it imports; beside these
#: the module of each task it answers.
INTERFACE = (
    "benchmark.data.dataset",
    "benchmark.data.instances.lazily",
    "benchmark.data.perturbations",
    "benchmark.data.view",
    "benchmark.host.threads",
    "benchmark.host.torch_setup",
    "benchmark.instances",
    "benchmark.model",
    "benchmark.runs.fitting",
    "benchmark.runs.predictions",
)

#: Modules (with all below them) that can change no number: they never count.
PLUMBING = (
    "baselines.choice.entries",
    "baselines.collaborative.entries",
    "baselines.entries",
    "baselines.generative.entries",
    "baselines.multimodal.entries",
    "baselines.neighbours.entries",
    "baselines.recbole.entries",
    "baselines.reviews.entries",
    "baselines.search.entries",
    "baselines.simulated.entries",
    "baselines.trivial.entries",
    "benchmark.cli",
    "benchmark.commands",
    "benchmark.compare",
    "benchmark.data.listing",
    "benchmark.data.opening",
    "benchmark.data.unchanged",
    "benchmark.doctor",
    "benchmark.errors",
    "benchmark.face",
    "benchmark.host.console",
    "benchmark.host.energy",
    "benchmark.host.files",
    "benchmark.host.finite",
    "benchmark.host.home",
    "benchmark.host.installed",
    "benchmark.host.processes",
    "benchmark.host.progress",
    "benchmark.host.provenance",
    "benchmark.host.stamps",
    "benchmark.models",
    "benchmark.registry",
    "benchmark.report",
    "benchmark.runs.account",
    "benchmark.runs.estimating",
    "benchmark.runs.manifest",
    "benchmark.runs.runner",
    "benchmark.runs.spec",
    "benchmark.runs.store",
    "benchmark.runs.tuned",
    "benchmark.settings",
    "benchmark.tuning",
    "unimp_model.entries",
)

#: Modules of the harness (with all below them) whose work another part of an identity holds:
#: the dataset's hash, or the task's version. They count for a model that imports them itself.
COVERED = (
    "benchmark.data.photos",
    "benchmark.data.preparing",
    "benchmark.data.queries",
    "benchmark.data.raw",
    "benchmark.data.simulator",
    "benchmark.data.sources",
    "benchmark.data.verify",
    "benchmark.equal_users",
    "benchmark.metrics",
    "benchmark.resampling",
    "benchmark.runs.scoring",
    "benchmark.stats",
)

_HARNESS = "benchmark"
_TASKS = "benchmark.tasks"


def code_digest(model_class: type) -> str:
    """Return the SHA-256 over the source that a class's fits and predictions follow from.

    That of a class typed into a notebook is what was typed (:mod:`benchmark.models.typed`) and
    the files it reaches; what was put on a class later counts beside its file. Raises
    :class:`BenchError` for a class that has no source.
    """
    written = _unfiled(model_class)
    return digest(_files(model_class, written), written.texts)


def code_files(model_class: type) -> dict[str, Path]:
    """Return those files by dotted module name; see :func:`reached`."""
    return _files(model_class, _unfiled(model_class))


def _unfiled(model_class: type) -> Typed:
    """What of a class lies in no file: what was typed, or put on a class while the program ran."""
    parts = _from_files(model_class)
    return typed(model_class, (change for each, file in parts for change in changes(each, file)))


def _files(model_class: type, written: Typed) -> dict[str, Path]:
    if written.texts or model_class.__module__.partition(".")[0] not in PACKAGES:
        return _found_files(model_class, written)
    return dict(_own_files(model_class))


@functools.cache
def _own_files(model_class: type) -> Mapping[str, Path]:
    """The files of a class of ours, found once: every check of a setting asks for its digest.

    What they hold is read each time, so an edited file counts at once; a new import in one counts
    for the next process, which is the first to run it.
    """
    return _found_files(model_class, Typed())


def _found_files(model_class: type, written: Typed) -> dict[str, Path]:
    starts, roots = _starts(model_class, written.put_on)
    if not starts and not written.texts:
        raise BenchError(
            f"The code of model class {model_class.__qualname__!r} lies in no file.",
            fix="Write the class to a file and import it: a run's identity is the code's.",
        )
    project = project_root(Path(__file__).resolve().parents[2])
    ours = bool(starts) and starts[0].name.partition(".")[0] in PACKAGES
    return reached(
        starts,
        [project, *roots],
        tasks=_tasks_of(model_class),
        # What our packages import is installed.
        elsewhere=None if ours and not written.texts else _local_root,
        typed=written.references,
    )


def project_root(folder: Path) -> Root:
    """Return the checkout (or site-packages) that this project's packages lie in."""
    return Root(folder, PACKAGES)


def digest(files: Mapping[str, Path], texts: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the SHA-256 over names and content, in the order of names; places are left out.

    Of this project's modules comments, docstrings and blank lines do not count
    (:mod:`benchmark.models.prose`); of others every byte does.
    """
    total = hashlib.sha256()
    contents = [(name, _counted(name, file)) for name, file in sorted(files.items())]
    contents += [(name, text.encode()) for name, text in sorted(texts.items())]
    for name, content in contents:
        total.update(f"{name}\n{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def _counted(name: str, file: Path) -> bytes:
    source = file.read_bytes()
    ours = name.partition(".")[0] in PACKAGES and file.suffix == ".py"
    return without_prose(source) if ours else source


def reached(
    starts: Iterable[Module],
    roots: Sequence[Root],
    *,
    tasks: Collection[str],
    elsewhere: Callable[[str], Root | None] | None = None,
    typed: Iterable[Reference] = (),
) -> dict[str, Path]:
    """Return the files that count for a model that begins with the modules ``starts``.

    ``tasks`` are those it answers; ``typed`` is what it refers to from outside any file. Two rules
    keep a hub of the harness from leading everywhere: from one of its modules no way goes on to
    what is :data:`COVERED`, and a registry's strings are followed only where a module outside the
    harness names the registry itself.
    """
    finder = Finder(roots, elsewhere)
    found: dict[str, Path] = {}
    done: set[tuple[str, bool]] = set()
    waiting = [(module, True) for module in starts]
    for module in starts:
        _, above = finder.reached(module, Reference(module.name))
        waiting += [(package, False) for package in above]
    behind = [*INTERFACE, *(f"{_TASKS}.{task.replace('-', '_')}" for task in tasks)]
    for name in behind:
        file = finder.file(name)
        if file is not None:
            waiting.append((Module(name, file), False))
    waiting += _led_to(Module("", Path()), typed, finder, with_strings=True)
    while waiting:
        module, with_strings = waiting.pop()
        if (module.name, with_strings) in done:
            continue
        done.add((module.name, with_strings))
        found[module.name] = module.file
        waiting += _onwards(module, finder, with_strings=with_strings)
    return found


def _onwards(
    module: Module, finder: Finder, *, with_strings: bool
) -> Iterator[tuple[Module, bool]]:
    found = references(module.file.read_bytes())
    return _led_to(module, found, finder, with_strings=with_strings)


def _led_to(
    module: Module, found: Iterable[Reference], finder: Finder, *, with_strings: bool
) -> Iterator[tuple[Module, bool]]:
    ours = _is_in(module.name, (_HARNESS,))
    for reference in (lead for each in found for lead in _through_the_face(each, finder)):
        if reference.string and not with_strings:
            continue
        named, above = finder.reached(module, reference)
        for other, is_named in [(n, True) for n in named] + [(a, False) for a in above]:
            covered = ours and _is_in(other.name, COVERED) and not _is_in(module.name, COVERED)
            if not covered and not _is_plumbing(other.name):
                yield other, is_named and not ours


def _through_the_face(reference: Reference, finder: Finder) -> list[Reference]:
    """What ``from benchmark import name`` takes: the module that the lazy name leads to."""
    file = finder.file(_HARNESS)
    if reference.module != _HARNESS or reference.level or reference.name is None or file is None:
        return [reference]
    exports = exported(file.read_bytes())
    names = exports if reference.name == "*" else {reference.name} & exports.keys()
    targets = [exports[name].partition(":") for name in sorted(names)]
    return [Reference(target, name) for target, _, name in targets] or [reference]


def _is_plumbing(name: str) -> bool:
    # The harness's own __init__ holds its version and lazy names: a way to everything.
    return name == _HARNESS or _is_in(name, PLUMBING)


def _is_in(name: str, packages: tuple[str, ...]) -> bool:
    return f"{name}.".startswith(_prefixes(packages))


@functools.cache
def _prefixes(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{package}." for package in packages)


def _tasks_of(model_class: type) -> frozenset[str]:
    given = getattr(model_class, "tasks", ())
    return frozenset(map(str, given)) if isinstance(given, Collection) else frozenset()


def _starts(
    model_class: type, put_on: Iterable[type | FunctionType]
) -> tuple[list[Module], list[Root]]:
    """The modules of a class, of its bases and of what was put on them, with their roots."""
    starts: list[Module] = []
    roots: list[Root] = []
    others = [(each, file) for each in put_on if (file := _source(each)) and not is_installed(file)]
    for each, file in [*_from_files(model_class), *others]:
        module, found = _placed(each.__module__, file)
        starts += [module, *(Module(*pair) for pair in loaded_beside(each.__module__))]
        roots += [root for root in found if root not in roots]
    return starts, roots


def _from_files(model_class: type) -> Iterator[tuple[type, Path]]:
    """A class and its bases as far as they come from files of its authors, each with its file."""
    for each in model_class.__mro__:
        file = None if is_typed(each) else _source(each)
        if file is not None and (each is model_class or not is_installed(file)):
            yield each, file


def _source(each: type | FunctionType) -> Path | None:
    try:
        return Path(inspect.getfile(each)).resolve()
    except (TypeError, OSError):  # built in
        return None


def _placed(name: str, file: Path) -> tuple[Module, list[Root]]:
    """A loaded module under the name that identifies it, and where it imports from."""
    top = name.partition(".")[0]
    folders = import_folders(name)
    if folders:
        return Module(name.partition(".")[2], file), [Root(folder) for folder in folders]
    if name == "__main__":
        return Module(file.stem, file), [Root(file.parent)]
    depth = name.count(".") + (file.name == "__init__.py")
    folder = file.parents[depth]
    if depth >= len(file.parents) or folder.joinpath(*name.split(".")[:-1]) != file.parent:
        return Module(file.stem, file), [Root(file.parent)]  # a script, or loaded by hand
    return Module(name, file), [Root(folder, frozenset({top}))]


def _local_root(top: str) -> Root | None:
    """Where a top-level module lies that is neither installed nor Python's own."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    file = Path(spec.origin).resolve()
    if file.suffix != ".py" or is_installed(file):
        return None
    folder = file.parents[1] if file.name == "__init__.py" else file.parent
    return Root(folder, frozenset({top}))
