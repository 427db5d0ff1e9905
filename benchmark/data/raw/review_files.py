"""Find the files of a review collection: of each category X one of reviews and one of metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import BenchError, UsageError, unknown_name

#: Which file of a category's reviews: all of them, or those that were published as a 5-core.
Which = Literal["all", "5core"]


@dataclass(frozen=True)
class FileNames:
    """Spells the names of a collection's files, plain or with ``.gz``; ``{}`` is the category."""

    metadata: str
    all: str
    core: str | None = None
    """Of a published 5-core, where the collection has one."""

    @property
    def help(self) -> str:
        """Return what ``--raw`` must point at."""
        reviews = " or ".join(self._shown(name) for name in (self.all, self.core) if name)
        return f"the folder with {reviews} and {self._shown(self.metadata)} of each category X"

    def parse(self, file: str) -> tuple[str, str] | None:
        """Return (category, kind) of a file's name: ``metadata``, ``5core`` or ``all``."""
        stem = file.removesuffix(".gz")
        for kind, name in (("metadata", self.metadata), ("5core", self.core), ("all", self.all)):
            if name is None:
                continue
            start, end = name.split("{}")
            if stem.startswith(start) and stem.endswith(end) and len(stem) > len(start + end):
                return stem[len(start) : len(stem) - len(end)], kind
        return None

    def _shown(self, name: str) -> str:
        return name.format("X") + ".gz"


@dataclass(frozen=True)
class CategoryFiles:
    """Holds a category's name and files; ``metadata`` is ``None`` where none is wanted."""

    category: str
    reviews: Path
    metadata: Path | None


def found(raw: Path, names: FileNames) -> dict[str, dict[str, Path]]:
    """Return the files in ``raw`` by category and kind; a plain file goes before a gzipped one.

    Categories without a file of reviews are left out.
    """
    every: dict[str, dict[str, Path]] = {}
    try:
        paths = sorted(path for path in raw.iterdir() if not path.name.startswith("."))
    except OSError:
        return {}
    for path in paths:
        parsed = names.parse(path.name)
        if parsed is not None and path.is_file():
            category, kind = parsed
            every.setdefault(category, {}).setdefault(kind, path)
    return {name: kinds for name, kinds in every.items() if kinds.keys() - {"metadata"}}


def choose(
    raw: Path,
    names: FileNames,
    *,
    categories: Iterable[str],
    which: Which | None,
    metadata: bool,
) -> list[CategoryFiles]:
    """Return the files to read, by category; all categories where ``categories`` names none.

    ``which`` decides where a category has two files of reviews. Raises :class:`BenchError` for
    files that are missing and :class:`UsageError` for a choice that is open.
    """
    every = found(raw, names)
    if not every:
        kinds = " or ".join(name.format("X") for name in (names.all, names.core) if name)
        raise BenchError(
            f"{str(raw)!r} holds no reviews ({kinds}).", fix=f"Give --raw {names.help}."
        )
    chosen = []
    for category in tuple(categories) or sorted(every):
        if category not in every:
            raise unknown_name(f"category of {raw}", category, every)
        kinds_found = every[category]
        if metadata and "metadata" not in kinds_found:
            raise BenchError(
                f"{str(raw)!r} has no file {names.metadata.format(category)!r}.",
                fix=f"Give --raw {names.help}, name categories that have one with "
                "--set categories=X, or do without product texts with --set metadata=no.",
            )
        chosen.append(
            CategoryFiles(
                category,
                _reviews(raw, category, kinds_found, which),
                kinds_found["metadata"] if metadata else None,
            )
        )
    return chosen


def _reviews(raw: Path, category: str, kinds: Mapping[str, Path], which: Which | None) -> Path:
    reviews = {kind: path for kind, path in kinds.items() if kind != "metadata"}
    if which is not None:
        if which not in reviews:
            (path,) = reviews.values()
            raise BenchError(
                f"Of category {category!r}, {str(raw)!r} has {path.name} only.",
                fix="Leave --set reviews out, or add the other file.",
            )
        return reviews[which]
    if len(reviews) > 1:
        both = " and ".join(path.name for path in reviews.values())
        raise UsageError(
            f"Of category {category!r}, {str(raw)!r} has {both}.",
            fix="Choose one with --set reviews=all or --set reviews=5core.",
        )
    (path,) = reviews.values()
    return path
