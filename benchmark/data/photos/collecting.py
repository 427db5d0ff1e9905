"""Collect a photo of every item into one folder: from addresses, or out of another folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmark.data.photos.fetching import Fetcher, NotFetchedError, TooLargeError
from benchmark.data.photos.inspecting import (
    BROKEN,
    GOOD,
    PLACEHOLDER,
    TOO_LARGE,
    inspect,
)
from benchmark.data.photos.journal import Journal, Outcome
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.product_fields import is_placeholder
from benchmark.data.raw.source import file_name
from benchmark.host.files import atomic_path, cannot_write
from benchmark.host.progress import bar

#: What may become of a photo beside the kinds of :mod:`benchmark.data.photos.inspecting`: nobody
#: says where it is, the server has none, or it could not be fetched for now.
NO_ADDRESS, NOT_THERE, FOR_NOW = "no address", "not there", "failed for now"
#: Items that share one address or one content: it is a placeholder's.
MOST_ALIKE = 10


def download(
    items: Sequence[str],
    addresses: Mapping[str, Sequence[str]],
    folder: Path,
    fetcher: Fetcher,
    *,
    most_alike: int = MOST_ALIKE,
    workers: int = 8,
    again: bool = False,
) -> list[Outcome]:
    """Fetch the photo of each of ``items`` into ``folder/<item id>.<ext>``; one outcome an item.

    Of an item's ``addresses`` the first that leads to a good photo counts. Photos that the folder
    has are kept, checked, and not fetched again; of the others those that failed for good are
    passed over unless ``again``. An address or a content shared by ``most_alike`` items or more
    is a placeholder's. Raises :class:`~benchmark.errors.BenchError` where the folder cannot be
    written.
    """
    journal = Journal(folder)
    shared = Counter(address for item in items for address in set(addresses.get(item, ())))
    held = _photos_in(folder, items)

    def collect(item: str) -> None:
        known = journal.outcomes.get(item)
        if held[item].is_file():
            journal.record(_checked(item, held[item], known))
        elif known is None or again or known.kind in (GOOD, FOR_NOW, NO_ADDRESS):
            usual = [
                address
                for address in addresses.get(item, ())
                if not is_placeholder(address) and shared[address] < most_alike
            ]
            if usual or not addresses.get(item):
                journal.record(_fetched(item, usual, folder, fetcher))
            else:
                first = addresses[item][0]
                journal.record(Outcome(item, PLACEHOLDER, "by its address", first))

    pool = ThreadPoolExecutor(workers)
    try:
        with bar("photos", len(items)) as progress:
            for _ in pool.map(collect, items):
                progress.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    outcomes = [journal.outcomes[item] for item in items]
    return _without_alike(outcomes, folder, journal, most_alike)


def take(
    items: Sequence[str], source: Path, folder: Path | None, *, most_alike: int = MOST_ALIKE
) -> list[Outcome]:
    """Judge the photo of each item in the folder ``source``, and copy the good ones to ``folder``.

    ``folder`` ``None``: nothing is written. A photo that ``folder`` has of an item is replaced.
    """
    found = photos_of_items(source, items, on_error="skip", notes={})
    outcomes = []
    with bar("photos", len(items)) as progress:
        for item, path in found:
            outcomes.append(_judged(item, path))
            progress.advance()
    outcomes = _alike(outcomes, most_alike)
    if folder is not None and folder.resolve() != source.resolve():
        journal = Journal(folder)
        paths = dict(found)
        held = _photos_in(folder, items)
        for outcome in outcomes:
            if outcome.kind == GOOD and outcome.file is not None:
                content = paths[outcome.item].read_bytes()
                with atomic_path(folder / outcome.file) as temporary:
                    temporary.write_bytes(content)
                before = held[outcome.item]
                if before.name != outcome.file:  # of another format
                    before.unlink(missing_ok=True)
            journal.record(outcome)
    return outcomes


def counted(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many items came to each kind, the good first, then the most frequent."""
    counts = Counter(outcome.kind for outcome in outcomes)
    order = sorted(counts, key=lambda kind: (kind != GOOD, -counts[kind], kind))
    return {kind: counts[kind] for kind in order}


def _photos_in(folder: Path, items: Sequence[str]) -> dict[str, Path]:
    """Where the photo of each item lies in ``folder``, or would lie; the folder is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return dict(photos_of_items(folder, items, on_error="skip", notes={}))


def _checked(item: str, path: Path, known: Outcome | None) -> Outcome:
    """The outcome of a photo in the folder: good while its bytes are those the journal calls so.

    Another is judged anew: how many may be alike can have changed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        return _unreadable(item, path, error)
    sha256 = hashlib.sha256(content).hexdigest()
    same = known is not None and known.sha256 == sha256 and known.file == path.name
    if known is not None and same and known.kind == GOOD:
        return known
    inspected = inspect(content)
    return Outcome(item, inspected.kind, inspected.why, file=path.name, sha256=sha256)


def _unreadable(item: str, path: Path, error: OSError) -> Outcome:
    """The outcome of a photo that is not there, or that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return Outcome(item, NOT_THERE)
    return Outcome(item, BROKEN, f"{path.name}: {error.strerror}")


def _judged(item: str, path: Path) -> Outcome:
    try:
        content = path.read_bytes()
    except OSError as error:
        return _unreadable(item, path, error)
    inspected = inspect(content)
    sha256 = hashlib.sha256(content).hexdigest()
    name = None if inspected.extension is None else file_name(item, inspected.extension)
    return Outcome(item, inspected.kind, inspected.why, file=name, sha256=sha256)


def _fetched(item: str, addresses: Sequence[str], folder: Path, fetcher: Fetcher) -> Outcome:
    """The outcome of the first address that leads to a photo, else of the most hopeful one."""
    outcome = Outcome(item, NO_ADDRESS)
    for address in addresses:
        new = _from(item, address, folder, fetcher)
        if new.kind == GOOD:
            return new
        if outcome.kind != FOR_NOW:
            outcome = new
    return outcome


def _from(item: str, address: str, folder: Path, fetcher: Fetcher) -> Outcome:
    try:
        content = fetcher.fetch(address)
    except TooLargeError as error:
        return Outcome(item, TOO_LARGE, error.why, address)
    except NotFetchedError as error:
        return Outcome(item, NOT_THERE if error.final else FOR_NOW, error.why, address)
    inspected = inspect(content)
    sha256 = hashlib.sha256(content).hexdigest()
    if inspected.extension is None:
        return Outcome(item, inspected.kind, inspected.why, address, sha256=sha256)
    name = file_name(item, inspected.extension)
    with atomic_path(folder / name) as temporary:
        temporary.write_bytes(content)
    return Outcome(item, GOOD, None, address, name, sha256)


def _alike(outcomes: Sequence[Outcome], most_alike: int) -> list[Outcome]:
    """``outcomes``, with contents of too many items judged as placeholders.

    Those that an earlier run has judged so, and not kept, are still items with that content.
    """
    shared = Counter(each.sha256 for each in outcomes if each.kind in (GOOD, PLACEHOLDER))
    return [
        replace(outcome, kind=PLACEHOLDER, why=f"the same file for {n} items")
        if outcome.kind == GOOD and (n := shared[outcome.sha256]) >= most_alike
        else outcome
        for outcome in outcomes
    ]


def _without_alike(
    outcomes: Sequence[Outcome], folder: Path, journal: Journal, most_alike: int
) -> list[Outcome]:
    """The same, with fetched placeholders taken out of the folder; files of the user's stay."""
    judged = _alike(outcomes, most_alike)
    final = []
    for before, after in zip(outcomes, judged, strict=True):
        if after is not before:
            if before.address is not None and before.file is not None:
                (folder / before.file).unlink(missing_ok=True)
                after = replace(after, file=None)
            journal.record(after)
        final.append(after)
    return final
