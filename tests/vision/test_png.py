"""PNG bytes from outside: what is harmless and of the size asked for decodes, nothing else."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmark.instances import History, ImageGenerationInstance
from benchmark.predictions import Image as Answer
from benchmark.tasks import TASKS
from benchmark.vision import png

SIZE = 8


def _png(size=(SIZE, SIZE), mode="RGB", colour=(200, 10, 30), **options) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "PNG", **options)
    return stream.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _header(width: int, height: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def _bomb() -> bytes:
    """64 KB that ask for 3.6 GB of pixels."""
    rows = zlib.compress(b"\0" * 10_000_000, 9)
    return png.SIGNATURE + _header(30_000, 40_000) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _two_headers() -> bytes:
    honest = _png()
    start = len(png.SIGNATURE) + 25
    return honest[:start] + _header(30_000, 40_000) + honest[start:]


def _fitting(content: bytes) -> bytes:
    """A right header with ``content`` in the place of the compressed rows."""
    return png.SIGNATURE + _header(SIZE, SIZE) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


HOSTILE = {
    "empty": b"",
    "text": b"no image at all",
    "signature only": png.SIGNATURE,
    "another format": b"GIF89a" + b"\0" * 100,
    "no header chunk": png.SIGNATURE + _chunk(b"IDAT", zlib.compress(b"\0" * 100)),
    "header only": png.SIGNATURE + _header(SIZE, SIZE),
    "too large": _png((SIZE + 1, SIZE)),
    "bomb": _bomb(),
    "second header": _two_headers(),
    "without its end": _png()[:-12],
    "without its last bytes": _png()[:-20],
    "no zlib stream": _fitting(b"\xff" * 50),
    "wrong checksum": _png()[:40] + bytes([_png()[40] ^ 1]) + _png()[41:],
    "padded to megabytes": _png() + b"\0" * 2_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(name):
    with pytest.raises(ValueError, match=r"PNG|bytes"):
        png.decode(HOSTILE[name], SIZE)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_task_refuses_it_too(name):
    question = ImageGenerationInstance("i", "u", History(), "mugs", size=SIZE)
    problem = TASKS.get("image-generation").problem(
        question, Answer("i", HOSTILE[name]), lambda item_id: True
    )
    assert problem


def test_what_a_png_carries_beside_its_pixels_is_not_unpacked():
    text = _chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 40_000_000, 9))
    content = png.SIGNATURE + _header(SIZE, SIZE) + text + _png()[33:]
    tracemalloc.start()
    pixels = png.decode(content, SIZE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (pixels == png.decode(_png(), SIZE)).all()
    assert peak < 4_000_000


def test_the_task_takes_a_png_of_the_size_asked():
    question = ImageGenerationInstance("i", "u", History(), "mugs", size=SIZE)
    task = TASKS.get("image-generation")
    assert task.problem(question, Answer("i", _png(), ("a",)), "a".__eq__) is None
    assert "catalogue" in task.problem(question, Answer("i", _png(), ("b",)), "a".__eq__)
    assert "not bytes" in task.problem(question, Answer("i", "text"), "a".__eq__)


def test_a_bomb_is_refused_by_its_header():
    assert "30000 x 40000" in png.header_problem(_bomb(), SIZE)
    assert "at most" in png.header_problem(HOSTILE["padded to megabytes"], SIZE)


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGB", (200, 10, 30), (200, 10, 30)),
        ("L", 70, (70, 70, 70)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(mode, colour, seen):
    pixels = png.decode(_png(mode=mode, colour=colour), SIZE)
    assert pixels.shape == (3, SIZE, SIZE)
    assert pixels[:, 3, 3].tolist() == list(seen)


def test_decoding_gives_back_what_was_encoded():
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    assert np.array_equal(png.decode(png.encode(pixels), SIZE), pixels)
