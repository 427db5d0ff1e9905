"""A model given as a class object, for instance one that was written in a notebook."""

from __future__ import annotations

import inspect
from pathlib import Path

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
    """Return the name of ``model``, by which :func:`benchmark.models.registered.find` finds it."""
    return ClassName(model) if isinstance(model, type) else model


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
