"""Load a model class from a lone file: ``--model path/to/file.py:Class``.

The file sees the modules beside it, as under ``python file.py``, and nobody else does: it is
loaded as a module of a package of its own, whose folder is the file's, and its ``import``
statements look there first. So two files may each have a ``helper.py``, ``sys.path`` is left as
it was, and an edited file is read again although the process has loaded it before.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmark.errors import BenchError, UsageError, in_one_line
from benchmark.models.imports import PACKAGES
from benchmark.models.own_state import OwnState, State, process_state

_PREFIX = "unimp_bench_file_"


def split_name(name: str) -> tuple[Path, str] | None:
    """Return path and class name of ``"path/to/file.py:Class"``; ``None`` for a registered name.

    The last colon divides, since a path may hold others. The class name is empty where
    ``name`` is a path alone.
    """
    if name.endswith(".py"):
        return Path(name), ""
    head, colon, tail = name.rpartition(":")
    return (Path(head), tail) if colon and head.endswith(".py") else None


def load_file(path: Path) -> ModuleType:
    """Return the module in ``path``, loaded anew where it or a module beside it was edited since.

    Raises :class:`UsageError` where there is no file, :class:`BenchError` where it fails.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.", fix="Check the path after --model.")
    path = path.resolve()
    top = f"{_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    package = sys.modules.get(top)
    name = f"{top}.{path.stem.replace('.', '_')}"
    if package is not None and name in sys.modules and not _edited(package):
        return sys.modules[name]
    _forget(top)
    if _Beside not in sys.meta_path:
        sys.meta_path.insert(0, _Beside)
    importlib.invalidate_caches()  # a file made a moment ago
    try:
        return _load(path, top, name)
    except (Exception, SystemExit) as error:
        _forget(top)
        raise BenchError(
            f"{path} cannot be imported: {in_one_line(error)}.",
            fix="Correct the file; --debug shows the whole traceback.",
        ) from error


def import_folders(module: str) -> tuple[Path, ...]:
    """Return the folders in which a module of a lone file looks first; none for other modules."""
    package = _package_of(module)
    return () if package is None else tuple(Path(folder) for folder in package.__path__)


def loaded_beside(module: str) -> list[tuple[str, Path]]:
    """Return name and file of everything that was loaded with the lone file of ``module``."""
    package = _package_of(module)
    return [] if package is None else list(package.__dict__["__beside__"])


def state_of(module: str) -> State | None:
    """Return what the lone file of ``module`` left set in the process, ``None`` for others."""
    package = _package_of(module)
    return None if package is None else package.__dict__["__state__"]


def _package_of(module: str) -> ModuleType | None:
    top = module.partition(".")[0]
    return sys.modules.get(top) if top.startswith(_PREFIX) else None


def _files(top: str) -> Iterator[tuple[str, Path]]:
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.startswith(f"{top}.") and file is not None:
            yield name.partition(".")[2], Path(file)


def _load(path: Path, top: str, name: str) -> ModuleType:
    package = ModuleType(top)
    package.__path__ = [str(path.parent)]
    package.__dict__["__loaded__"] = {}
    sys.modules[top] = package
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    assert spec is not None  # a loader was given
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with OwnState(None), _as_a_script(package):
        assert spec.loader is not None
        spec.loader.exec_module(module)
        package.__dict__["__state__"] = process_state()
    # As of now: what a fit loads later may not change an identity between two looks at it.
    package.__dict__["__beside__"] = list(_files(top))
    return module


@contextmanager
def _as_a_script(package: ModuleType) -> Iterator[None]:
    """Let the file find its folder on ``sys.path``, and undo what it does to that and others.

    Folders that the file puts on the path itself become ones that only it looks in.
    """
    path, modules = list(sys.path), set(sys.modules)
    package.__dict__["__outside__"] = path
    sys.path.insert(0, package.__path__[0])
    try:
        yield
    finally:
        _take_folders(package)
        del package.__dict__["__outside__"]
        sys.path[:] = [folder for folder in sys.path if folder in path or is_installed(folder)]
        own = set(package.__path__) - {str(Path(folder).resolve()) for folder in path}
        new = sys.modules.keys() - modules  # importlib.import_module leaves plain names
        for name in [name for name in new if _folder_of(name.partition(".")[0]) in own]:
            del sys.modules[name]


def _take_folders(package: ModuleType) -> None:
    """While the file is run: what it has put on ``sys.path`` is where its modules are found."""
    if "__outside__" in package.__dict__:
        new = [f for f in sys.path if f not in package.__outside__ and not is_installed(f)]
        folders = [str(Path(folder).resolve()) for folder in new]
        package.__path__ = list(dict.fromkeys([*folders, *package.__path__]))


def _folder_of(top: str) -> str | None:
    """The folder that a loaded top-level module was found in, unless it is the harness's."""
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None or top in PACKAGES:
        return None
    path = Path(file)
    return str(path.parents[1] if path.name == "__init__.py" else path.parent)


def is_installed(path: str | Path) -> bool:
    """Return whether ``path`` is Python's own or was put there by an installer."""
    if {"site-packages", "dist-packages"} & set(Path(path).parts):
        return True
    return any(Path(path).resolve().is_relative_to(folder) for folder in _libraries())


@functools.cache
def _libraries() -> frozenset[Path]:
    """The folders of Python's own modules."""
    return frozenset(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def _forget(top: str) -> None:
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]


def _edited(package: ModuleType) -> bool:
    loaded: Mapping[str, str] = package.__dict__["__loaded__"]
    return any(_sha256(file) != known for file, known in loaded.items())


def _sha256(file: str) -> str | None:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return None


class _Beside:
    """Finds the modules of lone files' packages; they are loaded by :class:`_Fresh`."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if not name.startswith(_PREFIX):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Fresh(name, spec.loader.path)
        return spec


class _Fresh(SourceFileLoader):
    """Runs a file's present source; its imports look beside the file first."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        # No bytecode: it is told from the source by whole seconds, and edits come faster.
        raise OSError

    def get_data(self, path: str) -> bytes:
        content = super().get_data(path)
        top = self.name.partition(".")[0]
        sys.modules[top].__dict__["__loaded__"][path] = hashlib.sha256(content).hexdigest()
        return content

    def exec_module(self, module: ModuleType) -> None:
        package = sys.modules[self.name.partition(".")[0]]
        # An import statement calls the __import__ of its module's builtins.
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _importing(package)}
        super().exec_module(module)


def _importing(package: ModuleType) -> Any:
    def import_beside(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or not _is_beside(top, package):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        full = f"{package.__name__}.{name}"
        importlib.import_module(full)
        if fromlist:
            return builtins.__import__(full, globals, locals, fromlist, 0)
        return sys.modules[f"{package.__name__}.{top}"]

    return import_beside


def _is_beside(top: str, package: ModuleType) -> bool:
    # A second copy of the harness would equal nothing.
    if top in PACKAGES or top in sys.builtin_module_names:
        return False
    name = f"{package.__name__}.{top}"
    if name in sys.modules:
        return True
    _take_folders(package)
    spec = PathFinder.find_spec(name, package.__path__)
    if spec is None or spec.origin is not None:
        return spec is not None
    # A folder without __init__.py gives way to a regular package of its name, as it does anywhere.
    try:
        regular = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        regular = None
    return regular is None or regular.origin is None
