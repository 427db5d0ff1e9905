"""A model given as a class object, for instance one that was written in a notebook."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

from benchmark.errors import UsageError, shown
from benchmark.models.from_file import import_folders


class ClassName(str):
    """Stands as a word for a class wherever a model is named, with the class itself.

    Messages, labels and the names of folders show the word: the command line's ``FILE.py:CLASS``
    where there is a file.
    """

    model_class: type

    def __new__(cls, model_class: type) -> ClassName:
        file = source_file(model_class)
        name = model_class.__qualname__
        self = super().__new__(cls, name if file is None else f"{file}:{name}")
        self.model_class = model_class
        return self


def model_named(model: str | type) -> str:
    """Return the name of ``model``, by which :func:`benchmark.models.registered.find` finds it.

    Raises :class:`UsageError` for what is neither a name nor a class.
    """
    if isinstance(model, type):
        return ClassName(model)
    if isinstance(model, str):
        return model
    raise UsageError(
        f"{shown(model)} is no model.",
        fix="Give a name, FILE.py:CLASS, or a class (no object of it).",
    )


def each_once(models: Iterable[str]) -> list[str]:
    """Return the names ``models``, none twice.

    Raises :class:`UsageError` where two classes have one name: their runs could not be told apart.
    """
    found: dict[str, str] = {}
    for model in models:
        first = found.setdefault(model, model)
        if getattr(first, "model_class", None) is not getattr(model, "model_class", None):
            raise UsageError(
                f"Two of the models are named {str(model)!r}, and are not the same class.",
                fix="Give one of the classes another name, or run them one after the other.",
            )
    return list(found)


def source_file(model_class: type) -> Path | None:
    """Return the file a class was read from; ``None`` for one that was typed in."""
    from benchmark.models.typed import is_typed

    if is_typed(model_class):
        return None
    try:
        return Path(inspect.getfile(model_class))
    except (TypeError, OSError):
        return None


def target_of(model_class: type) -> str:
    """Return where a class lies, as its ``ModelEntry`` says it: the same for the same class.

    ``FILE.py:CLASS`` for a lone file, ``notebook:CLASS`` for what was typed, else
    ``package.module:CLASS``.
    """
    file, name = source_file(model_class), model_class.__qualname__
    if file is None:
        return f"notebook:{name}"
    if model_class.__module__ == "__main__" or import_folders(model_class.__module__):
        return f"{file.name}:{name}"
    return f"{model_class.__module__}:{name}"
