"""What a shell may complete a value to: names of models, tasks, datasets and tables."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

#: Words that bash makes of what separates the parts of a word.
_SEPARATOR = re.compile("[:=]+")


@dataclass(frozen=True, slots=True)
class _Offer:
    """What Typer prints for a shell, with Click or without it."""

    value: str
    type: str = "plain"
    help: str | None = None


def joined_words(environment: MutableMapping[str, str]) -> bool:
    """Put together again what bash took apart at ``:`` and ``=``, as in ``unimp:no-vision``.

    Returns whether the word at the cursor was taken apart at a ``:``. Then bash replaces only what
    stands behind the last one, and is to be told no more than that.
    """
    try:
        words, at = environment["COMP_WORDS"].split("\n"), int(environment["COMP_CWORD"])
    except (KeyError, ValueError):  # another shell
        return False
    before: list[str] = []
    glued, apart = False, False
    for word in words[: at + 1]:
        separates = _SEPARATOR.fullmatch(word) is not None
        if before and (separates or glued):
            before[-1] += word
            apart = (apart and glued) or ":" in word
        else:
            before.append(word)
            apart = False
        glued = separates
    environment["COMP_WORDS"] = "\n".join([*before, *words[at + 1 :]])
    environment["COMP_CWORD"] = str(at - (len(words[: at + 1]) - len(before)))
    return apart


def offer_values(command: Any, *, apart: bool = False) -> None:
    """Let the options of ``command`` and of all commands below it complete their values.

    ``apart`` is what :func:`joined_words` says of the word at the cursor.
    """
    for below in getattr(command, "commands", {}).values():
        offer_values(below, apart=apart)
    for parameter in command.params:
        names = next((_NAMES[o] for o in parameter.opts if o in _NAMES), None)
        if names is not None:
            parameter.shell_complete = _offering(names, apart=apart)


def _offering(
    names: Callable[[Any], Iterable[str]], *, apart: bool
) -> Callable[[Any, str], list[_Offer]]:
    def offered(context: Any, incomplete: str) -> list[_Offer]:
        known = incomplete.rfind(":") + 1 if apart else 0
        found = (name for name in _silently(names, context) if name.startswith(incomplete))
        return [_Offer(name[known:]) for name in found]

    return offered


def _silently(names: Callable[[Any], Iterable[str]], context: Any) -> list[str]:
    """The ``names``, none where they cannot be had: a line that is being typed is no place to
    complain, nor for what an installed package prints as it is imported."""
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            return list(names(context))
    except Exception:
        return []


def _models(context: Any) -> Iterable[str]:
    from benchmark.models.registered import entries

    for name, entry in entries().items():
        yield name
        yield from (f"{name}:{variant}" for variant in entry.variants)


def _tasks(context: Any) -> Iterable[str]:
    from benchmark.tasks import TASKS

    return TASKS


def _datasets(context: Any) -> Iterable[str]:
    from benchmark.data.listing import dataset_folders
    from benchmark.host.home import find_home

    return (folder.name for folder in dataset_folders(find_home(context.params.get("home"))))


def _tables(context: Any) -> Iterable[str]:
    from benchmark.report.table.listing import list_tables

    return (table["name"] for table in list_tables())


_NAMES: dict[str, Callable[[Any], Iterable[str]]] = {
    "--model": _models,
    "--task": _tasks,
    "--data": _datasets,
    "--table": _tables,
    "--cohort": lambda context: ("seen", "new-user", "new-domain"),
}
