"""One decoder for every photo: 16 bits, EXIF orientation, palettes, CMYK, transparency."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmark.vision.photos import as_pixels, flattened, load_photo
from benchmark.vision.png import decode, encode


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(levels: np.ndarray, *, colour_type: int, transparent: int | None = None) -> bytes:
    """A PNG of 16 bits a channel, written by hand: levels (h, w, channels)."""
    height, width, _ = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head)]
    if transparent is not None:
        parts.append(chunk(b"tRNS", struct.pack(">H", transparent)))
    return b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def opened(content: bytes) -> np.ndarray:
    """RGB (h, w, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        return as_pixels(flattened(image)).transpose(1, 2, 0).astype(int)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_levels_are_scaled_to_eight(colour_type, channels) -> None:
    ramp = np.arange(0, 65536, 257, dtype=np.int64).reshape(16, 16, 1).repeat(channels, axis=2)
    if channels in (2, 4):
        ramp[..., -1] = 65535  # opaque
    pixels = opened(png16(ramp, colour_type=colour_type))
    assert np.abs(pixels - (ramp[..., :1] / 257)).max() <= 1


def test_the_transparent_level_of_a_sixteen_bit_grey_png_is_white() -> None:
    levels = np.full((2, 2, 1), 20_000)
    levels[0, 0] = 300
    pixels = opened(png16(levels, colour_type=0, transparent=300))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [78, 78, 78]


def test_a_judge_of_drawn_pngs_scales_sixteen_bits_too() -> None:
    levels = np.full((4, 4, 1), 65_535 // 2)
    assert set(np.unique(decode(png16(levels, colour_type=0), 4))) == {127}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_that_exif_names_is_applied(tmp_path, orientation) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (250, 0, 0)
    upright[8:, :16] = (0, 250, 0)
    upright[:8, 16:] = (0, 0, 250)
    # How a camera held this way stores the scene, from the meaning of the tag: row 0 and
    # column 0 of the stored image are these sides of the scene.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    square = load_photo(path, 32)[:, 8:24].transpose(1, 2, 0)
    assert np.array_equal(square, upright)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_that_cannot_be_read_leaves_the_photo_as_it_is(tmp_path) -> None:
    buffer = io.BytesIO()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03\xff\xff\xff\xff"
    Image.new("RGB", (8, 8), (9, 99, 199)).save(buffer, "PNG", exif=exif)
    assert opened(buffer.getvalue())[0, 0].tolist() == [9, 99, 199]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


WHITE = (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100), (0, 255, 255)),
        (saved(Image.new("L", (8, 8), 77), "JPEG", quality=100), (77, 77, 77)),
        (saved(Image.new("1", (8, 8), 1), "PNG"), WHITE),
        (saved(Image.new("RGB", (8, 8), (1, 200, 3)).quantize(4), "GIF"), (1, 200, 3)),
        (saved(Image.new("RGBA", (8, 8), (10, 20, 30, 0)), "PNG"), WHITE),
        (saved(Image.new("LA", (8, 8), (50, 0)), "PNG"), WHITE),
        (saved(Image.new("P", (8, 8), 0), "PNG", transparency=0), WHITE),
        (saved(Image.new("RGB", (8, 8), (7, 8, 9)), "PNG", transparency=(7, 8, 9)), WHITE),
        (saved(Image.new("RGB", (8, 8), (7, 8, 9)), "WEBP", lossless=True), (7, 8, 9)),
    ],
    ids=["cmyk", "grey", "bits", "palette", "rgba", "la", "p-clear", "rgb-clear", "webp"],
)  # fmt: skip
def test_every_mode_becomes_rgb_with_transparency_on_white(content, expected) -> None:
    assert np.abs(opened(content) - np.array(expected)).max() <= 2


def test_pixels_of_plain_rgb_are_kept_to_the_bit() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9), dtype=np.uint8)
    assert np.array_equal(decode(encode(pixels), 9), pixels)
