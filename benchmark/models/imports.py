"""What a source file imports, read from its syntax; nothing is executed.

Python cannot say in general what a program will import. What can be read is: every ``import``
statement (also inside functions; not under ``if TYPE_CHECKING``), the attributes that are taken
from an imported module (``import package as p; p.name``), ``importlib.import_module`` of a
literal, and literal ``"package.module:attribute"`` strings, which is how registries name what
they import later.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

#: This project's import packages.
PACKAGES = frozenset({"benchmark", "baselines", "unimp_model", "leaderboards"})

_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """Names one thing a file imports: ``from <level dots><module> import <name>``.

    ``name`` is ``None`` where a module is imported whole; ``string`` marks what a registry's
    string names and nothing imports before somebody asks.
    """

    module: str
    name: str | None = None
    level: int = 0
    string: bool = False


@dataclass(frozen=True, slots=True)
class Root:
    """Names a folder that modules are looked for in, as an entry of ``sys.path`` is.

    ``names`` are the top-level packages it stands for; ``None``: whatever lies there.
    """

    folder: Path
    names: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Module:
    """Locates a module: its dotted name and its file."""

    name: str
    file: Path

    @property
    def package(self) -> str:
        """Return what its relative imports start from."""
        return self.name if self.file.name == "__init__.py" else self.name.rpartition(".")[0]


@functools.cache
def references(source: bytes) -> tuple[Reference, ...]:
    """Return everything ``source`` refers to. Broken syntax imports nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    nodes = list(_nodes(tree))
    found = (reference for node in nodes for reference in _of_one(node))
    return tuple(dict.fromkeys([*found, *_of_attributes(nodes)]))


@functools.cache
def exported(source: bytes) -> Mapping[str, str]:
    """Return the literal ``EXPORTS`` of a package: lazy name -> ``"module:attribute"``.

    Empty where the package has none.
    """
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if [getattr(target, "id", None) for target in targets] == ["EXPORTS"]:
            assert isinstance(node, ast.Assign)
            return MappingProxyType(dict(ast.literal_eval(node.value)))
    return MappingProxyType({})


def _of_attributes(nodes: Sequence[ast.AST]) -> Iterator[Reference]:
    """What is taken from modules by attribute, for the names that ``import`` statements bind."""
    bound: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound.setdefault(alias.asname or top, set()).add(
                    alias.name if alias.asname else top
                )
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            for module in sorted(bound.get(node.value.id, ())):
                yield Reference(module, node.attr)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers."""
    waiting: list[ast.AST] = [tree]
    while waiting:  # no recursion: generated code may be deeper than Python's stack
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_for_type_checkers(node.test):
            waiting += node.orelse
        else:
            yield node
            waiting += ast.iter_child_nodes(node)


def _is_for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _of_one(node: ast.AST) -> Iterator[Reference]:
    if isinstance(node, ast.Import):
        yield from (Reference(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield Reference(node.module or "", alias.name, node.level)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        target = _TARGET.fullmatch(node.value)
        if target is not None:
            yield Reference(target[1], string=True)


def _of_call(node: ast.Call) -> Iterator[Reference]:
    called = (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    )
    if called not in ("import_module", "__import__") or not node.args:
        return
    name = node.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        module = name.value.lstrip(".")
        yield Reference(module, level=len(name.value) - len(module))


class Finder:
    """Finds modules in ``roots``, the first that has a top-level name deciding for all below it.

    ``elsewhere`` may give one more root for a top-level name that none of them has.
    """

    def __init__(
        self, roots: Sequence[Root], elsewhere: Callable[[str], Root | None] | None = None
    ) -> None:
        self._roots = tuple(roots)
        self._elsewhere = elsewhere
        self._folders: dict[str, Path | None] = {}
        self._files: dict[str, Path | None] = {}

    def file(self, name: str) -> Path | None:
        """Return the source file of a dotted name; ``None`` for what is no module of the roots."""
        if name not in self._files:
            if not name:
                return None
            top, *rest = name.split(".")
            folder = self._folder(top)
            self._files[name] = None if folder is None else _file(folder.joinpath(top, *rest))
        return self._files[name]

    def reached(self, importer: Module, reference: Reference) -> tuple[list[Module], list[Module]]:
        """Return the modules a reference names, and the packages above them, which it runs as well.

        ``from package import name`` names the submodule where there is one, else ``package``,
        whose attribute ``name`` then is.
        """
        base = _absolute(importer.package, reference)
        if base is None:
            return [], []
        named = base
        if reference.name is not None and reference.name != "*":
            below = f"{base}.{reference.name}" if base else reference.name
            if self.file(below) is not None or self.file(base) is None:
                named = below
        parts = named.split(".")
        above = [".".join(parts[:end]) for end in range(1, len(parts))]
        return self._modules([named]), self._modules(above)

    def _modules(self, names: Sequence[str]) -> list[Module]:
        files = ((name, self.file(name)) for name in names)
        return [Module(name, file) for name, file in files if file is not None]

    def _folder(self, top: str) -> Path | None:
        if top not in self._folders:
            self._folders[top] = self._look(top)
        return self._folders[top]

    def _look(self, top: str) -> Path | None:
        folders = [r.folder for r in self._roots if r.names is None or top in r.names]
        for folder in folders:
            if _file(folder / top) is not None:
                return folder
        # A folder without __init__.py counts where no regular package of the name is found.
        other = None if self._elsewhere is None else self._elsewhere(top)
        if other is not None:
            return other.folder
        return next((folder for folder in folders if (folder / top).is_dir()), None)


def _absolute(package: str, reference: Reference) -> str | None:
    """The dotted name that ``reference`` starts from; ``None`` above the top-level package."""
    if reference.level == 0:
        return reference.module
    parts = package.split(".") if package else []
    if reference.level - 1 > len(parts):
        return None
    parts = parts[: len(parts) - reference.level + 1]
    return ".".join([*parts, *filter(None, [reference.module])])


def _file(stem: Path) -> Path | None:
    for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if file.is_file():
            return file
    return None
