"""What a home holds, by kind, and which of it can be made again.

Only what is recognised is counted as a kind and cleared: a folder that merely has the name of one
of ours is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.data.listing import INFO, dataset_folders
from benchmark.errors import BenchError
from benchmark.host.files import holds, is_locked, locked_if_free
from benchmark.host.home import Home
from benchmark.host.owners import is_owned, may_be_in_use
from benchmark.host.removing import half_removed, remove, size_of
from benchmark.runs.listing import run_folders
from benchmark.runs.removing import why_kept
from benchmark.runs.spec import name_words
from benchmark.runs.store import FIT_RECORD, PARTIAL
from benchmark.runs.tuned import SEARCH

#: The folder of features in a prepared dataset.
_FEATURES = "features"
#: In a search: the trial that is going on.
_TRIAL = ".trial"


@dataclass(frozen=True, slots=True)
class Part:
    """Names something stored.

    ``guards`` are locks (:func:`benchmark.host.files.locked`) under which it is written or read;
    ``owned`` where no lock but its name says who writes it (:mod:`benchmark.host.owners`).
    """

    path: Path
    guards: tuple[Path, ...] = ()
    owned: bool = False

    def in_use(self) -> bool:
        """Return whether a live process writes or reads it."""
        return any(map(is_locked, self.guards)) or (self.owned and may_be_in_use(self.path))


def features(home: Home) -> Iterator[Part]:
    """Yield cached vectors of photos and texts, and encoders and checkpoints beside them."""
    for folder in _whole_datasets(home):
        found = folder / _FEATURES
        if found.is_dir() and not (folder.is_symlink() or found.is_symlink()):
            guards = tuple(working_on(home, folder.name))
            yield from (Part(path, guards) for path in sorted(found.iterdir()))


def fits(home: Home) -> Iterator[Part]:
    """Yield fitted models."""
    for folder in _folders(home.fitted):
        if holds(folder, FIT_RECORD) and not folder.name.startswith("."):
            yield Part(folder, (_lock(folder, folder.name),))


def partial(home: Home) -> Iterator[Part]:
    """Yield what was begun and not finished: runs, fits, datasets, trials, copies, removals."""
    for folder in _folders(home.runs):
        if folder.name.endswith(PARTIAL) and not folder.name.startswith("."):
            yield Part(folder, (_lock(folder, folder.name.removesuffix(PARTIAL)),))
    for folder in _folders(home.fitted):
        hidden = folder.name.startswith(".") and folder.name.endswith(PARTIAL)
        if hidden and not is_owned(folder):
            yield Part(folder, (_lock(folder, folder.name[1:].removesuffix(PARTIAL)),))
    # Datasets in the making, copies from an address, and the folders estimates work in.
    for place in (home.root, home.runs, home.fitted, home.datasets):
        for folder in _folders(place):
            if is_owned(folder):
                yield Part(folder, owned=True)
    for folder in _folders(home.tuning):
        if (folder / _TRIAL).is_dir():
            yield Part(folder / _TRIAL, (_lock(folder, folder.name),))
    places = (home.runs, home.fitted, home.datasets, home.tuning)
    for place in (*places, home.stamps, home.verified, home.comparisons):
        yield from map(Part, half_removed(place))


def verified(home: Home) -> Iterator[Part]:
    """Yield what builds of the leaderboard found of submissions."""
    yield from map(Part, sorted([*home.verified.glob("*.kept"), *home.verified.glob("*.json")]))


def comparisons(home: Home) -> Iterator[Part]:
    """Yield what comparisons of runs found."""
    yield from map(Part, sorted(home.comparisons.glob("*.json")))


#: What can be made again, by the option of ``cache clear``.
CLEARABLE: Mapping[str, Callable[[Home], Iterator[Part]]] = {
    "fits": fits,
    "features": features,
    "partial": partial,
    "verified": verified,
    "comparisons": comparisons,
}


def measure(home: Home) -> dict[str, Any]:
    """Measure count and size of everything stored: ``{"home", "kinds": [{"kind", "count", "bytes",
    "clear"}], "bytes"}``; ``clear`` is the option of ``cache clear`` that removes a kind."""
    of_features = [part.path for part in features(home)]
    begun = [part.path for part in partial(home)]
    trials = [path for path in begun if path.name == _TRIAL]
    rows = [
        _row("datasets", _whole_datasets(home), None, without=of_features),
        _row("features", of_features, "--features"),
        _row("fitted models", (part.path for part in fits(home)), "--fits"),
        _row("runs", run_folders(home), None),
        _row("unfinished", begun, "--partial"),
        _row("searches", _searches(home), None, without=trials),
        _row("raw files", _folders(home.raw), None),
        _row("stamps", sorted(home.stamps.glob("*.json")), None),
        _row("verified", [part.path for part in verified(home)], "--verified"),
        _row("comparisons", [part.path for part in comparisons(home)], "--comparisons"),
    ]
    return {
        "home": str(home.root),
        "kinds": rows,
        "bytes": sum(row["bytes"] for row in rows),
    }


def clear(home: Home, kinds: Iterable[str], *, dry_run: bool = False) -> dict[str, Any]:
    """Remove everything of ``kinds`` (of :data:`CLEARABLE`).

    What a live process uses stays, and so does what the file system does not let go. Runs and
    datasets are never of them. Returns ``{"dry_run", "removed": [{"kind", "path",
    "bytes"}], "kept": [{"kind", "path", "why"}], "bytes"}``, paths relative to the home.
    """
    removed: list[dict[str, Any]] = []
    kept: list[dict[str, str]] = []
    for kind in dict.fromkeys(kinds):
        for part in list(CLEARABLE[kind](home)):
            named = {"kind": kind, "path": str(part.path.relative_to(home.root))}
            size = size_of(part.path)
            try:
                gone = _clear(part, dry_run=dry_run)
            except BenchError as error:  # somebody else's, on a shared home: the others go
                kept.append({**named, "why": why_kept(error)})
                continue
            if gone:
                removed.append({**named, "bytes": size})
            else:
                kept.append({**named, "why": "a process is using it"})
    total = sum(each["bytes"] for each in removed)
    return {"dry_run": dry_run, "removed": removed, "kept": kept, "bytes": total}


def _clear(part: Part, *, dry_run: bool) -> bool:
    if dry_run:
        return not part.in_use()
    with _guarded(part) as free:
        if free:
            remove(part.path)
        return free


@contextmanager
def _guarded(part: Part) -> Iterator[bool]:
    """Whether ``part`` is free; its lock, where it has one of its own, is held meanwhile."""
    if len(part.guards) == 1:
        with locked_if_free(part.guards[0]) as held:
            yield held
    else:
        yield not part.in_use()


def working_on(home: Home, data: str) -> Iterator[Path]:
    """Yield the locks under which dataset ``data`` may be in use.

    They are those of its runs and searches, of every fit, whose name does not say its data, and
    those beside its features: verifying a submission writes some, and is none of the others.
    """
    name = re.escape(name_words("", "", data)[-1])
    of_data = re.compile(rf"\..*_{name}[_-].*\.lock")
    for folder in (home.runs, home.tuning):
        yield from (path for path in sorted(folder.glob(".*.lock")) if of_data.match(path.name))
    yield from sorted(home.fitted.glob(".*.lock"))
    yield from sorted((home.datasets / data / _FEATURES).rglob("*.lock"))


def _row(
    kind: str, paths: Iterable[Path], clear: str | None, *, without: Iterable[Path] = ()
) -> dict[str, Any]:
    """A kind's count and size; ``without`` are parts of it that are of another kind."""
    found = list(paths)
    size = sum(map(size_of, found)) - sum(map(size_of, without))
    return {"kind": kind, "count": len(found), "bytes": size, "clear": clear}


def _whole_datasets(home: Home) -> Iterator[Path]:
    return (folder for folder in dataset_folders(home) if holds(folder, INFO))


def _searches(home: Home) -> Iterator[Path]:
    return (folder for folder in _folders(home.tuning) if holds(folder, SEARCH))


def _folders(place: Path) -> Iterator[Path]:
    """Folders in ``place``, by name; links are not ours to follow."""
    if place.is_dir():
        yield from (p for p in sorted(place.iterdir()) if p.is_dir() and not p.is_symlink())


def _lock(folder: Path, name: str) -> Path:
    return folder.with_name(f".{name}.lock")
