"""The source of classes that lie in no file: typed into a notebook, cell by cell.

Python keeps the text of a cell while the session lasts (:mod:`linecache`). What counts for the
identity of such a class is the text of its cell's statement, of the notebook's functions and
classes that it uses, directly or through others, and the values of the notebook's constants that
it uses. An object whose content cannot be written down so is refused: a model that follows from it
would be taken for the same when the object has changed.
"""

from __future__ import annotations

import ast
import linecache
import re
import symtable
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import CodeType, FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any, NoReturn

from benchmark.errors import BenchError
from benchmark.models.imports import Reference, references

#: What code compiled by a library is filed under, as dataclasses and attrs do for ``__init__``.
_GENERATED = re.compile("<string>|<attrs ")
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), PurePath)


@dataclass(slots=True)
class Typed:
    """Collects what was typed: ``texts`` by name, and what they import or take from modules."""

    texts: dict[str, str] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    put_on: list[type | FunctionType] = field(default_factory=list)
    """Functions and classes of files that were put on the model's classes later."""


def is_typed(each: type | FunctionType) -> bool:
    """Return whether a class or function was typed in rather than read from a file."""
    if each.__module__ != "__main__":
        return False
    functions = [each] if isinstance(each, FunctionType) else list(_own_functions(each))
    functions = [f for f in functions if f.__module__ == "__main__"]
    if functions:  # a script has a file, and what it runs as cells (doctest) has none
        return not any(Path(f.__code__.co_filename).is_file() for f in functions)
    return getattr(sys.modules.get("__main__"), "__file__", None) is None


def typed(model_class: type, changes: Iterable[tuple[str, Any]] = ()) -> Typed:
    """Return what ``model_class`` consists of as far as it was typed; empty for one from files.

    ``changes`` are attributes that its classes from files have beside what is written there
    (:mod:`benchmark.models.changed`). Raises :class:`BenchError` where a source is gone, and for
    what cannot be written down.
    """
    found = Typed()
    waiting: list[Any] = [each for each in model_class.__mro__ if is_typed(each)]
    for name, value in changes:
        waiting += _put_on(name, value, found)
    done: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in done:
            continue
        done.add(id(thing))
        source = _source(thing)
        found.texts[f"{thing.__module__}.{thing.__qualname__} {len(done)}"] = source
        found.references += references(source.encode())
        for name, value in _used(thing, source):
            waiting += _taken(name, value, source, model_class, found)
    return found


def _own_functions(each: type) -> Iterator[FunctionType]:
    """The functions in a class body whose code somebody wrote."""
    for value in vars(each).values():
        inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
        if isinstance(inner, FunctionType) and not _GENERATED.match(inner.__code__.co_filename):
            yield inner


def _source(thing: Any) -> str:
    """The text of the statement at the top of a cell that ``thing`` comes from."""
    if "<locals>" in thing.__qualname__:
        _refuse(thing.__qualname__, "is made inside a function", "Define it in a cell by itself.")
    if isinstance(thing, FunctionType):
        return _statement(thing.__qualname__, thing.__code__)
    outer, _, _ = thing.__qualname__.partition(".")
    for function in _own_functions(thing):
        if function.__qualname__.startswith(f"{outer}."):
            return _statement(outer, function.__code__)
    return _statement_of_class(outer)


def _statement(name: str, code: CodeType) -> str:
    text = "".join(linecache.getlines(code.co_filename))
    for node in _statements(text):
        if _first_line(node) <= code.co_firstlineno <= (node.end_lineno or node.lineno):
            return ast.unparse(node)
    _refuse(name, "has no source text", "Write it in a notebook's cell, or to a file.")


def _statement_of_class(name: str) -> str:
    """The definition of a class without functions: there must be one in all cells."""
    cells = [file for file in list(linecache.cache) if not Path(file).is_file()]
    sources = {
        ast.unparse(node)
        for file in cells
        for node in _statements("".join(linecache.getlines(file)))
        if isinstance(node, ast.ClassDef) and node.name == name
    }
    if len(sources) != 1:
        what = "has no source text" if not sources else "was defined in several ways"
        _refuse(name, what, "Define it inside the model class, or write both to a file.")
    return sources.pop()


def _statements(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):
        return []


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _used(thing: Any, source: str) -> Iterator[tuple[str, Any]]:
    """Names that ``source`` looks up in the notebook with their values, and what was put in later.

    Names that the notebook lacks are Python's own, or would fail.
    """
    functions = [thing] if isinstance(thing, FunctionType) else list(_own_functions(thing))
    module = sys.modules.get(thing.__module__)
    space = functions[0].__globals__ if functions else vars(module) if module else {}
    for name in sorted(_global_names(symtable.symtable(source, "<typed>", "exec"))):
        if name in space:
            yield name, space[name]
    for function in functions:
        if function.__closure__ and set(function.__code__.co_freevars) != {"__class__"}:
            _refuse(function.__qualname__, "is made inside a function", "Define it in a cell.")
        if _statement(function.__qualname__, function.__code__) != source:
            yield function.__qualname__, function  # assigned to the class after its definition
    if isinstance(thing, type):
        for name, value in vars(thing).items():
            if not name.startswith("__") and written(value) is not None:
                yield f"{thing.__qualname__}.{name}", value


def _global_names(table: symtable.SymbolTable) -> set[str]:
    top = table.get_type() == "module"
    names = {
        s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())
    }
    return names.union(*map(_global_names, table.get_children()))


def _taken(name: str, value: Any, source: str, model_class: type, found: Typed) -> list[Any]:
    """Note what a name stands for; the typed functions and classes among it are returned."""
    if isinstance(value, ModuleType):
        found.references += _of_module(name, value.__name__, source)
        return []
    if isinstance(value, type | FunctionType):
        if is_typed(value):
            return [value]
        found.references.append(Reference(value.__module__, value.__qualname__))
        return []
    text = written(value)
    if text is not None:
        found.texts[f"{name} ="] = text
        return []
    module = getattr(value, "__module__", None)
    if callable(value) and isinstance(module, str) and hasattr(value, "__qualname__"):
        found.references.append(Reference(module, value.__qualname__))
        return []
    _refuse(
        model_class.__qualname__,
        f"uses {name!r} of the notebook, whose content ({type(value).__name__}) its identity "
        "cannot hold",
        "Make it a setting in Config, compute it in fit, or write the model to a file.",
    )


def _put_on(name: str, value: Any, found: Typed) -> list[Any]:
    """Note what was put on a class from a file; a typed function or class is returned."""
    why, text = "is set while the program runs", written(value)
    fix = "Write it in its file, make it a setting in Config, or compute it in fit."
    if text is None and isinstance(value, type | FunctionType):
        if not is_reached(value) and not is_typed(value):
            _refuse(name, f"{why} to what is made inside a function", fix)
        text = f"{value.__module__}.{value.__qualname__}"
    if text is None:
        what = type(value).__name__
        _refuse(name, f"{why}, to a content ({what}) that a model's identity cannot hold", fix)
    found.texts[f"{name} ="] = text
    if not isinstance(value, type | FunctionType):
        return []
    if is_typed(value):
        return [value]
    found.put_on.append(value)
    return []


def is_reached(thing: type | FunctionType) -> bool:
    """Return whether a module has a class or function under its own name."""
    found: Any = sys.modules.get(thing.__module__)
    for name in thing.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is thing


def _of_module(alias: str, module: str, source: str) -> Iterator[Reference]:
    yield Reference(module)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == alias:
            yield Reference(module, node.attr)


def written(value: Any) -> str | None:
    """Return ``value`` in words that equal values alone share; ``None`` where it has none."""
    if isinstance(value, _ATOMS):
        return repr(value)
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if isinstance(value, GenericAlias | UnionType) or type(value).__module__ == "typing":
        return repr(value)
    if type(value) in (list, tuple, set, frozenset):
        parts = [written(part) for part in value]
        if isinstance(value, set | frozenset):
            parts.sort(key=str)
    elif isinstance(value, Mapping) and type(value) is dict:
        parts = [part for pair in value.items() for part in map(written, pair)]
    else:
        return None
    known = [part for part in parts if part is not None]
    return None if len(known) < len(parts) else f"{type(value).__name__}({', '.join(known)})"


def _refuse(name: str, why: str, fix: str) -> NoReturn:
    raise BenchError(f"Model code {name!r} {why}.", fix=fix)
