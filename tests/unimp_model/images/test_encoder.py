"""Photos in, features out: any shape of photo, computed once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.errors import BenchError, UsageError
from benchmark.vision.clip import SmallClip, build_small
from benchmark.vision.photo_table import pool_to_grid
from benchmark.vision.photos import load_photo
from unimp_model.images.encoder import as_encoder, cached_features, named_encoder


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return as_encoder(build_small(SmallClip(), vocabulary=10).visual, SmallClip().image)


@pytest.fixture
def photos(tmp_path):
    paths = []
    for number, colour in enumerate(["red", "green", "blue"]):
        path = tmp_path / f"p{number}.png"
        Image.new("RGB", (50 + 30 * number, 80), colour).save(path)
        paths.append(path)
    return paths


def test_photos_are_fitted_into_a_white_square(tmp_path):
    Image.new("RGB", (20, 40), "red").save(tmp_path / "tall.png")
    pixels = load_photo(tmp_path / "tall.png", 64)
    assert pixels.shape == (3, 64, 64)
    assert pixels[:, 32, 32].tolist() == [255, 0, 0]
    assert pixels[:, 32, 2].tolist() == [255, 255, 255]


def test_transparency_is_white(tmp_path):
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (load_photo(tmp_path / "clear.png", 8) == 255).all()


def test_a_broken_photo_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(BenchError, match=r"broken\.png"):
        load_photo(tmp_path / "broken.png", 8)


def test_features_do_not_depend_on_company(encoder, photos):
    together, alone = encoder.features(photos, 2), encoder.features(photos[1:2], 2)
    assert together.patches.shape[:2] == (3, 4)
    assert np.array_equal(together.patches[1:2], alone.patches)
    assert np.array_equal(together.photo_vectors[1:2], alone.photo_vectors)


def test_features_are_computed_once(encoder, photos, tmp_path, monkeypatch):
    first = cached_features(encoder, photos, grid=2, folder=tmp_path / "cache")
    monkeypatch.setattr(type(encoder), "features", lambda *_: pytest.fail("computed again"))
    again = cached_features(encoder, photos, grid=2, folder=tmp_path / "cache")
    assert isinstance(again.table.patches, np.memmap)
    assert np.array_equal(first.table.patches, again.table.patches)
    assert again.index == {"p0.png": 0, "p1.png": 1, "p2.png": 2}


def test_a_changed_photo_gives_other_features(encoder, photos, tmp_path):
    before = cached_features(encoder, photos, grid=2, folder=tmp_path / "cache")
    Image.new("RGB", (50, 80), "yellow").save(photos[0])
    after = cached_features(encoder, photos, grid=2, folder=tmp_path / "cache")
    assert not np.array_equal(before.table.patches[0], after.table.patches[0])
    assert np.array_equal(before.table.patches[1:], after.table.patches[1:])


def test_pooling_averages_neighbouring_patches():
    tokens = torch.arange(16.0).view(1, 16, 1)
    assert pool_to_grid(tokens, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert torch.equal(pool_to_grid(tokens, 4), tokens)


def test_an_encoder_without_weights_is_refused():
    with pytest.raises(UsageError, match="names no weights"):
        named_encoder("ViT-B-32")
    with pytest.raises(BenchError, match="cannot be loaded"):
        named_encoder("ViT-B-32/no-such-weights")
