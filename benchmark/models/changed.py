"""A class from a file beside the file's text: is it written there, and is it still what that says?

The digest of a file tells a class by its text. A class that is made while the program runs is not
told by one, nor is what is put on a class later.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from abc import ABCMeta
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MemberDescriptorType
from typing import Any, Generic

from benchmark.errors import BenchError
from benchmark.models.typed import is_reached, written

#: What a body binds a name to, beside values in words: a function or class, or nobody can say.
_DEFINED, _UNKNOWN = "def", None
#: Their wrapping changes nothing of where a function comes from.
_PLAIN_DECORATORS = {"staticmethod", "classmethod", "property"}
#: What binds names that no text shows.
_BINDING_CALLS = {"setattr", "locals", "vars", "globals", "exec"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Text:
    """Holds what a file says of a class: what its body binds each name to, in words."""

    names: dict[str, set[str | None]]
    is_looped: bool
    """Whether it is made in a loop, each time as another class."""
    is_whole: bool
    """Whether its body shows every name that it has: no decorator or call adds one."""
    kept: frozenset[str]
    """Names that its own methods set on the class."""
    set_after: frozenset[str]
    """Names that the file sets on it behind its definition."""


def require_written(model_class: type, file: Path) -> None:
    """Raise :class:`BenchError` where the text of ``file`` does not say what ``model_class`` is."""
    if file.suffix != ".py":
        return
    name = model_class.__qualname__
    texts = _texts(_read(file)).get(name, ())
    if "<locals>" in name:
        why = "is made inside a function"
    elif not texts:
        why = f"is not written in {file.name}"
    elif all(text.is_looped for text in texts):
        why = "is made in a loop"
    elif model_class.__module__ in sys.modules and not is_reached(model_class):
        why = f"is not the class that {file.name} calls so now"
    else:
        return
    raise BenchError(
        f"Model class {name!r} {why}: its results could not be told from those of another.",
        fix="Write it at the top of a file, with what differs as a setting in its Config; or give "
        "FILE.py:NAME where a file has it under a name of its own.",
    )


def changes(each: type, file: Path) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a class from ``file`` that are not what its text says, by name.

    What it keeps on itself under a private name is no change, and of what an expression makes
    nothing is said.
    """
    texts = _texts(_read(file)).get(each.__qualname__, ()) if file.suffix == ".py" else ()
    if not texts:
        return
    is_whole = _adds_nothing(each) and all(text.is_whole for text in texts)
    kept = {name for text in texts for name in text.kept if name.startswith("_")}
    if each.__module__ != "__main__":  # whose lines are still being run
        kept = kept.union(*(text.set_after for text in texts))
    for name, value in vars(each).items():
        said = set[str | None]().union(*(text.names.get(name, ()) for text in texts))
        is_slot = isinstance(value, MemberDescriptorType)
        if name in kept or _UNKNOWN in said or is_slot or _is_own(name, value, each):
            continue
        is_named = isinstance(_unwrapped(value), FunctionType | type)
        in_words = written(value)
        if said:
            changed = in_words not in said and (is_named or in_words is not None or is_whole)
        elif name.startswith("_"):  # Python's own, and what libraries remember of a class
            is_dunder = name.endswith("__")
            changed = is_whole and (is_named or (in_words is not None and not is_dunder))
        else:
            changed = is_whole
        if changed:
            yield f"{each.__qualname__}.{name}", _unwrapped(value) if is_named else value


def _is_own(name: str, value: Any, each: type) -> bool:
    """Whether ``value`` is a function or class defined in the body of ``each`` as ``name``."""
    inner = _unwrapped(value)
    if not isinstance(inner, FunctionType | type):
        return False
    place, _, last = inner.__qualname__.rpartition(".")
    is_named_so = last == name or name == f"_{each.__name__.lstrip('_')}{last}"
    return inner.__module__ == each.__module__ and place == each.__qualname__ and is_named_so


def _unwrapped(value: Any) -> Any:
    inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
    return inspect.unwrap(inner) if isinstance(inner, FunctionType) else inner


def _adds_nothing(each: type) -> bool:
    """Whether Python makes ``each`` of its body alone, without hooks of a base or metaclass."""
    hooks = {base for base in each.__mro__ if "__init_subclass__" in vars(base)}
    return type(each) in (type, ABCMeta) and hooks <= {object, Generic}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


@functools.lru_cache(maxsize=256)
def _texts(source: bytes) -> dict[str, list[_Text]]:
    """What ``source`` says of its classes, by qualified name; of one that it writes twice, both."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, list[_Text]] = {}
    outside = list(_outside_functions(tree))
    hidden = any(_is_binding_call(node) for node in outside)
    for name, node, is_looped in _classes(tree):
        after = frozenset(_set_on(name.rpartition(".")[2], outside))
        inside = [part for part in ast.walk(node) if isinstance(part, _Function)]
        within = [part for function in inside for part in ast.walk(function)]
        text = _Text(
            names=_bound(node),
            is_looped=is_looped,
            is_whole=not hidden and not node.decorator_list,
            kept=frozenset(_set_on(node.name, within)),
            set_after=after,
        )
        found.setdefault(name, []).append(text)
    return found


def _classes(
    node: ast.AST, outer: str = "", *, is_looped: bool = False
) -> Iterator[tuple[str, ast.ClassDef, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{outer}{child.name}", child, is_looped
            yield from _classes(child, f"{outer}{child.name}.", is_looped=is_looped)
        elif not isinstance(child, _Function | ast.expr):
            loops = is_looped or isinstance(child, ast.For | ast.While)
            yield from _classes(child, outer, is_looped=loops)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _Function | ast.Lambda):
            yield from _outside_functions(child)


def _is_binding_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", None) in _BINDING_CALLS


def _set_on(name: str, nodes: list[ast.AST]) -> Iterator[str]:
    """The attributes that ``nodes`` set on the class ``name``, as itself or through an object."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            of = node.value
            by_call = isinstance(of, ast.Call) and getattr(of.func, "id", None) == "type"
            by_object = isinstance(of, ast.Attribute) and of.attr == "__class__"
            if by_call or by_object or (isinstance(of, ast.Name) and of.id in ("cls", name)):
                yield node.attr


def _bound(node: ast.ClassDef) -> dict[str, set[str | None]]:
    """What the body of a class binds each of its names to."""
    names: dict[str, set[str | None]] = {}
    for name, what in _bindings(node.body):
        is_mangled = name.startswith("__") and not name.endswith("__")
        names.setdefault(f"_{node.name.lstrip('_')}{name}" if is_mangled else name, set()).add(what)
    return names


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, str | None]]:
    for node in body:
        if isinstance(node, _Function | ast.ClassDef):
            known = all(getattr(d, "id", None) in _PLAIN_DECORATORS for d in node.decorator_list)
            yield node.name, _DEFINED if known else _UNKNOWN
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, _in_words(target.id, node.value)
                else:
                    yield from _unknown(target)
        elif isinstance(node, ast.If | ast.Try):
            handlers = [handler.body for handler in getattr(node, "handlers", [])]
            parts = [node.body, node.orelse, getattr(node, "finalbody", []), *handlers]
            for part in parts:
                yield from _bindings(part)
        elif not isinstance(node, ast.AnnAssign):
            yield from _unknown(node)


def _unknown(node: ast.AST) -> Iterator[tuple[str, None]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            yield part.id, _UNKNOWN
        elif isinstance(part, ast.alias):
            yield (part.asname or part.name).partition(".")[0], _UNKNOWN
        elif isinstance(part, _Function | ast.ClassDef):
            yield part.name, _UNKNOWN


def _in_words(name: str, value: ast.expr) -> str | None:
    """A value that is written out, in words; a private one that can be filled is a memory."""
    is_frozen = isinstance(value, ast.Call) and getattr(value.func, "id", None) == "frozenset"
    inner = value.args[0] if is_frozen and len(value.args) == 1 else value  # type: ignore[attr-defined]
    try:
        literal = ast.literal_eval(inner)
        literal = frozenset(literal) if is_frozen else literal
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN
    can_be_filled = isinstance(literal, dict | list | set)
    return _UNKNOWN if can_be_filled and name.startswith("_") else written(literal)
