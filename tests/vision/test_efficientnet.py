"""EfficientNet-lite0: keys renamed without loss, features computed once, gone on with, checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.errors import BenchError
from benchmark.vision import efficientnet, lite_weights
from benchmark.vision.efficientnet import LiteEncoder, LiteTower, frozen, lite_encoder, timm_key

SIZE = 32


@pytest.fixture
def small(monkeypatch):
    """Photos of 32 pixels, in chunks of 2 and blocks of 4: the network's sizes stay."""
    monkeypatch.setattr(efficientnet, "SIZE", SIZE)
    monkeypatch.setattr(efficientnet, "CHUNK", 2)
    monkeypatch.setattr(efficientnet, "BLOCK", 4)


@pytest.fixture(scope="module")
def random_encoder():
    """Random weights: nothing has to be installed."""
    torch.manual_seed(0)
    return frozen(LiteTower(), "random")


@pytest.fixture
def encoder(small, random_encoder):
    return random_encoder


@pytest.fixture
def photos(tmp_path):
    paths = []
    generator = np.random.default_rng(0)
    for number in range(7):
        path = tmp_path / f"p{number}.png"
        Image.fromarray(generator.integers(0, 256, (40, 24, 3), np.uint8)).save(path)
        paths.append(path)
    return paths


def test_features_do_not_depend_on_company(encoder, photos):
    together, alone = encoder.features(photos, 4), encoder.features(photos[3:4], 4)
    assert together.photo_vectors.shape == (7, 1280)
    assert together.patches.shape[2] == 320
    assert np.array_equal(together.patches[3:4], alone.patches)
    assert np.array_equal(together.photo_vectors[3:4], alone.photo_vectors)
    vectors = encoder.photos(photos)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-6)
    direction = together.photo_vectors[3].astype(np.float32)
    assert vectors[3] == pytest.approx(direction / np.linalg.norm(direction), abs=1e-3)


def test_a_catalogue_is_encoded_once_and_mapped_from_disk(encoder, photos, tmp_path, monkeypatch):
    first = encoder.stored(photos, tmp_path)
    monkeypatch.setattr(LiteTower, "forward", lambda *_: pytest.fail("encoded again"))
    again = encoder.stored(photos, tmp_path)
    assert isinstance(again.photo_vectors, np.memmap)
    assert np.array_equal(first.photo_vectors, again.photo_vectors)
    assert np.array_equal(first.patches, again.patches)
    assert len(again.photo_vectors) == 7


def test_an_interrupted_catalogue_is_gone_on_with(encoder, photos, tmp_path, monkeypatch):
    whole = encoder.stored(photos, tmp_path / "whole")
    inner, calls = LiteTower.forward, []

    def stopping(self, x):
        calls.append(len(x))
        if len(calls) == 3:  # of the second block
            raise KeyboardInterrupt
        return inner(self, x)

    monkeypatch.setattr(LiteTower, "forward", stopping)
    with pytest.raises(KeyboardInterrupt):
        encoder.stored(photos, tmp_path / "cut")
    assert not list((tmp_path / "cut").rglob("*.patches.npy"))
    calls.clear()
    calls.append(0)
    calls.append(0)
    calls.append(0)  # past the point of stopping
    again = encoder.stored(photos, tmp_path / "cut")
    assert len(calls) - 3 == 2  # three photos in two chunks: the first block was kept
    assert np.array_equal(again.patches, whole.patches)
    assert np.array_equal(again.photo_vectors, whole.photo_vectors)
    assert not [path.name for path in (tmp_path / "cut").rglob("*") if ".partial" in path.name]


def test_a_changed_photo_is_encoded_anew(encoder, photos, tmp_path):
    before = encoder.stored(photos, tmp_path).photo_vectors.copy()
    Image.new("RGB", (24, 40), "red").save(photos[0])
    after = encoder.stored(photos, tmp_path).photo_vectors
    assert (before != after).any(1).tolist() == [True, *[False] * 6]


def test_other_weights_and_sizes_have_other_hashes(encoder, monkeypatch):
    before = encoder.sha256()
    assert LiteEncoder(encoder.tower, "random").sha256() == before
    assert LiteEncoder(encoder.tower, "others").sha256() != before
    monkeypatch.setattr(efficientnet, "SIZE", 64)
    assert encoder.sha256() != before


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(lite_weights, "MODULE", "no_such_package_at_all")
    assert "make models" in lite_weights.why_not()
    with pytest.raises(BenchError, match="is not installed") as failure:
        lite_encoder()
    assert "make models" in failure.value.fix


def test_a_file_with_another_hash_is_refused(monkeypatch, tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"not the weights")
    monkeypatch.setattr(lite_weights, "installed_file", lambda: file)
    with pytest.raises(BenchError, match=r"is not the file of .*SHA-256"):
        lite_encoder()


@pytest.mark.parametrize(
    "key", ["_blocks.16._bn0.weight", "_blocks.0._expand_conv.weight", "_conv.weight", "fc.weight"]
)
def test_a_tensor_that_the_architecture_has_not_is_refused(key):
    with pytest.raises(ValueError, match="no tensor of EfficientNet-lite0"):
        timm_key(key)


@pytest.fixture
def packaged():
    """The encoder with its true weights."""
    if missing := lite_weights.why_not():
        pytest.skip(missing)
    return lite_encoder()


def test_the_packages_weights_have_every_tensor_of_the_network_once():
    if missing := lite_weights.why_not():
        pytest.skip(missing)
    state = torch.load(lite_weights.checked_file(), map_location="cpu", weights_only=True)
    renamed = [timm_key(key) for key in state]
    assert len(set(renamed)) == len(renamed)
    assert set(renamed) == set(LiteTower().network.state_dict())


def test_the_network_is_the_packages_own(packaged):
    theirs = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed"
    ).EfficientNet.from_name("efficientnet-lite0")
    state = torch.load(lite_weights.checked_file(), map_location="cpu", weights_only=True)
    theirs.load_state_dict(state)
    theirs.eval()
    x = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs.extract_features(x).mean((2, 3))
        _, vectors = packaged.tower(x)
    assert float((vectors - expected).abs().max()) < 1e-4
    assert float(expected.abs().max()) > 1


def test_the_packaged_encoder_tells_shapes_and_colours_apart(packaged, tmp_path):
    """Two drawings of a look are nearer to each other than to another shape in another colour."""
    from benchmark.data.simulator.photos import draw_photo

    drawn = []
    for number, (colour, shape) in enumerate(
        [("red", "star"), ("red", "star"), ("blue", "square"), ("blue", "square")]
    ):
        path = tmp_path / f"{number}.png"
        path.write_bytes(draw_photo(colour, shape, "plain", np.random.default_rng(number)))
        drawn.append(path)
    vectors = packaged.photos(drawn)
    near = vectors @ vectors.T
    assert min(near[0, 1], near[2, 3]) > near[:2, 2:].max() + 0.1
