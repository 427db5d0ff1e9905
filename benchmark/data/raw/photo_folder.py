"""Find the photo of each item in a folder of files named after the items."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
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
    photos: list[tuple[str, Path]] = []
    missing: list[str] = []
    for item in items:
        usual = file_name(item, ENDS[0])
        path = found.get(_plain(item)) or found.get(_plain(usual.removesuffix(f".{ENDS[0]}")))
        if path is None:
            missing.append(item)
        photos.append((item, path or folder / usual))
    taken = {path for _, path in photos}  # it is no lost photo of another item
    free = {stem: path for stem, path in found.items() if path not in taken}
    _check_zeros(folder, missing, free, on_error, notes)
    return photos


def _stems(folder: Path) -> dict[str, Path]:
    """The photo under every name in the folder."""
    found: dict[str, tuple[int, Path]] = {}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise BenchError(
            f"The photo folder {str(folder)!r} cannot be read: {error.strerror}.",
            fix="Correct its path, or leave it out to prepare without photos.",
        ) from error
    for name in names:
        stem, _, end = name.rpartition(".")
        if stem and end.lower() in ENDS:
            rank = ENDS.index(end.lower())
            key = _plain(stem)
            if key not in found or rank < found[key][0]:
                found[key] = (rank, folder / name)
    return {stem: path for stem, (_, path) in found.items()}


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
        if item.isdecimal() and item.lstrip("0") in stripped
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
