"""Find the photo of each item in a folder of files named after the items."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmark.data.raw.source import OnError, file_name
from benchmark.errors import BenchError, shown

#: Extensions of photos, in any case; of several files for one item the first kind here counts.
ENDS = ("jpg", "jpeg", "png", "webp", "gif", "bmp")


def photos_of_items(
    folder: Path, items: Iterable[str], *, on_error: OnError, notes: dict[str, object]
) -> list[tuple[str, Path]]:
    """Return (item id, photo) of every item; of one without a photo, where it would lie.

    A photo is ``<item id>.jpg`` (or another of :data:`ENDS`), its name escaped as
    :func:`~benchmark.data.raw.source.file_name` escapes it where the id is no plain name. Raises
    :class:`BenchError` where ``folder`` is none, and where names differ from ids by leading
    zeros only (``on_error="skip"``: such items count as without a photo, and in ``notes``).
    """
    found = _stems(folder)
    return _photos(folder, {"": found}, ((item, "") for item in items), on_error, notes)


def photos_in_folders(
    folder: Path,
    items: Iterable[tuple[str, str]],
    *,
    on_error: OnError,
    notes: dict[str, object],
) -> list[tuple[str, Path]]:
    """Return what :func:`photos_of_items` does, of items whose photos lie in folders of ``folder``.

    ``items`` are (item id, the folder its photo lies in). A folder that there is not holds none.
    """
    found: dict[str, dict[str, Path]] = {}
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise _unreadable(folder, error) from error
    for name in names:
        found[name] = _stems(folder / name)
    return _photos(folder, found, items, on_error, notes)


def _photos(
    folder: Path,
    found: Mapping[str, Mapping[str, Path]],
    items: Iterable[tuple[str, str]],
    on_error: OnError,
    notes: dict[str, object],
) -> list[tuple[str, Path]]:
    """Of each of ``items`` its photo among those ``found`` in the folder named with it."""
    photos: list[tuple[str, Path]] = []
    missing: list[str] = []
    for item, name in items:
        usual = file_name(item, ENDS[0])
        there = found.get(name, {})
        path = there.get(_plain(item)) or there.get(_plain(usual.removesuffix(f".{ENDS[0]}")))
        if path is None:
            missing.append(item)
        photos.append((item, path or folder / name / usual))
    taken = {path for _, path in photos}  # it is no lost photo of another item
    every = ((stem, path) for there in found.values() for stem, path in there.items())
    free = {stem: path for stem, path in every if path not in taken}
    _check_zeros(folder, missing, free, on_error, notes)
    return photos


def _stems(folder: Path) -> dict[str, Path]:
    """The photo under every name in the folder."""
    found: dict[str, tuple[int, Path]] = {}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from error
    for name in names:
        stem, _, end = name.rpartition(".")
        if stem and end.lower() in ENDS:
            rank = ENDS.index(end.lower())
            key = _plain(stem)
            if key not in found or rank < found[key][0]:
                found[key] = (rank, folder / name)
    return {stem: path for stem, (_, path) in found.items()}


def _unreadable(folder: Path, error: OSError) -> BenchError:
    return BenchError(
        f"The photo folder {str(folder)!r} cannot be read: {error.strerror}.",
        fix="Correct its path, or leave it out to prepare without photos.",
    )


def _plain(name: str) -> str:
    """One form for names that look alike: some systems write file names decomposed."""
    return unicodedata.normalize("NFC", name)


def _check_zeros(
    folder: Path,
    missing: list[str],
    found: dict[str, Path],
    on_error: OnError,
    notes: dict[str, object],
) -> None:
    stripped = {stem.lstrip("0"): path for stem, path in found.items() if stem.isdecimal()}
    lost = [
        (item, stripped[item.lstrip("0")])
        for item in missing
        # A name that is the very id lies in the folder of others.
        if item.isdecimal() and item not in found and item.lstrip("0") in stripped
    ]
    if not lost:
        return
    if on_error == "raise":
        item, path = lost[0]
        raise BenchError(
            f"Item {shown(item)} has no photo, but {str(folder)!r} has {path.name!r}: they differ "
            f"by leading zeros only ({len(lost):,} such items).",
            fix="Name the photos as the items are (ids read as numbers lose their zeros), or "
            "prepare without these photos with --on-error skip.",
        )
    notes["items without a photo: names differ by leading zeros"] = len(lost)
