"""Copy photos byte for byte once each of them has proved readable."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from benchmark.data.photos.inspecting import EXTENSIONS
from benchmark.data.raw.source import file_name
from benchmark.data.schema import PhotoFile
from benchmark.host.files import cannot_write
from benchmark.host.progress import bar
from benchmark.vision.photos import flattened

#: ``Copied.problem`` of a photo that is not there.
MISSING = "missing"
_BATCH = 256


class Copied(NamedTuple):
    """Holds a photo's file name in images/ and SHA-256, or why it cannot be used.

    ``problem`` without a word of a file system's paths: the same raw files give the same text.
    """

    item_id: str
    file: str | None
    sha256: str | None
    problem: str | None


def copy_photos(
    photos: Iterable[tuple[str, PhotoFile | bytes]], folder: Path, *, total: int | None = None
) -> Iterator[Copied]:
    """Write every readable photo to ``folder/<item_id>.<ext>``, in order.

    A photo is readable when Pillow decodes all of it. Decoding runs on all cores; only a few
    hundred photos are in memory at a time. Raises :class:`~benchmark.errors.BenchError` when
    ``folder`` cannot be written.
    """
    source = iter(photos)
    # A photo over Pillow's lower limit is large, not broken; the upper limit still refuses it.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar("photos", total) as progress:
        while batch := list(islice(source, _BATCH)):
            for copied in pool.map(lambda photo: _copy(photo[0], photo[1], folder), batch):
                yield copied
                progress.advance()


def _copy(item_id: str, photo: PhotoFile | bytes, folder: Path) -> Copied:
    try:
        content = photo if isinstance(photo, bytes) else photo.read_bytes()
        extension = _readable(content)
    except FileNotFoundError:
        return Copied(item_id, None, None, MISSING)
    except Exception as error:  # Pillow's decoders raise anything on broken bytes
        name = item_id if isinstance(photo, bytes) else photo.name
        return Copied(item_id, None, None, f"{name}: {_reason(error)}")
    path = folder / file_name(item_id, extension)
    try:
        try:
            path.write_bytes(content)
        except FileNotFoundError:  # the first one
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise cannot_write(path, error) from error
    return Copied(item_id, path.name, hashlib.sha256(content).hexdigest(), None)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"  # Pillow names a memory address here: not the same twice
    if isinstance(error, OSError) and error.strerror is not None:
        return error.strerror  # the whole text would name the raw folder
    return f"{type(error).__name__}: {error}"


def _readable(content: bytes) -> str:
    """The extension of an image; raises when models could not read the whole of it."""
    with Image.open(io.BytesIO(content)) as image:
        if image.format not in EXTENSIONS:
            raise ValueError(f"{image.format} is not a supported format")
        flattened(image)
        return EXTENSIONS[image.format]
