"""What a file is: a photo, or what stands in its place."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmark.data.photos import inspecting
from benchmark.data.photos.inspecting import inspect
from benchmark.data.preparing.photos import copy_photos
from benchmark.data.raw.product_fields import is_placeholder
from benchmark.vision.photos import load_photo


def saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def photo(shade: int = 0, size: int = 24, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(shade).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), kind)


def flat(colour: tuple[int, int, int]) -> bytes:
    return saved(Image.new("RGB", (24, 24), colour), "JPEG")


def grey_tail(share: float) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pixels[int(64 * (1 - share)) :] = 128
    return saved(Image.fromarray(pixels), "PNG")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (photo(), "good"),
        (photo(kind="PNG"), "good"),
        (photo(kind="WEBP"), "good"),
        (photo(kind="TIFF"), "wrong type"),
        (b"<!DOCTYPE html><html></html>", "wrong type"),
        (b"\n <svg xmlns='x'/>", "wrong type"),
        (b'{"error": "no photo"}', "wrong type"),
        (b"\0\1\2\3" * 50, "wrong type"),
        (b"", "broken"),
        (photo(2, 200)[:3000], "broken"),
        (photo(2, 200, "PNG")[:3000], "broken"),
        (grey_tail(0.3), "broken"),
        (grey_tail(0.02), "good"),
        (flat((128, 128, 128)), "blank"),
        (flat((255, 255, 255)), "blank"),
        (saved(Image.new("L", (20, 20), 90), "PNG"), "blank"),
        (saved(Image.new("RGB", (1, 1)), "GIF"), "placeholder"),
        (saved(Image.new("RGB", (400, 2)), "PNG"), "placeholder"),
    ],
)
def test_every_kind_of_file_is_told(content, kind) -> None:
    found = inspect(content)
    assert found.kind == kind
    assert (found.why is None) == (kind == "good") == (found.extension is not None)


def test_a_jpeg_with_a_second_picture_is_the_photo_of_its_first(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    first, second = (Image.fromarray(each) for each in pixels)
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    assert inspect(buffer.getvalue()) == inspecting.Inspected("good", extension="jpg")
    (copied,) = copy_photos([("a", tmp_path / "a.jpg")], tmp_path / "images")
    assert (copied.file, copied.problem) == ("a.jpg", None)
    (tmp_path / "first.jpg").write_bytes(saved(first, "JPEG"))
    read, alone = (load_photo(tmp_path / name, 24) for name in ("images/a.jpg", "first.jpg"))
    assert (read == alone).all()


def test_more_pixels_than_anybody_needs_are_not_decoded(monkeypatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    bomb = saved_bomb()
    assert inspect(bomb).kind == inspecting.TOO_LARGE


def saved_bomb() -> bytes:
    """A PNG of few bytes that announces 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + end


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("http://g-ecx.example/G/01/x-site/icons/no-img-lg._V192198674_.gif", True),
        ("https://x.example/images/no_image.png", True),
        ("https://x.example/placeholder.jpg", True),
        ("https://x.example/image-not-available.jpg", True),
        ("https://x.example/blank.gif", True),
        ("https://x.example/I/51b5WDjdhPL.jpg", False),
        ("https://x.example/noimagination.jpg", False),
        ("https://x.example/volcano-images/1.jpg", False),
        (None, False),
    ],
)
def test_placeholders_are_known_by_their_address(address, is_one) -> None:
    assert is_placeholder(address) is is_one
