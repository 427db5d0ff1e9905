"""Photos become codes and come back recognisable, the same bytes every time."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchError, UsageError
from benchmark.vision.photos import load_photo
from unimp_model.images.tokenizer import ImageTokenizer, named_tokenizer, photo_codes
from unimp_model.images.tokenizer_training import TokenizerShape, own_image_tokenizer

needs_diffusers = pytest.mark.skipif(
    importlib.util.find_spec("diffusers") is None, reason="needs the package diffusers"
)

SHAPE = TokenizerShape(size=16, grid=4, codes=32, code_width=8, width=32)
TRAINING = {"steps": 120, "batch": 8, "seed": 0, "shape": SHAPE}
COLOURS = ["red", "green", "blue", "black", "orange", "purple"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for number in range(24):
        image = Image.new("RGB", (32, 32), "white")
        draw = ImageDraw.Draw(image)
        draw_shape = draw.ellipse if number % 2 else draw.rectangle
        draw_shape((4, 4, 28, 28), fill=COLOURS[number % len(COLOURS)])
        if number >= 12:
            draw.rectangle((0, 14, 31, 18), fill=COLOURS[(number + 1) % len(COLOURS)])
        paths.append(folder / f"p{number:02}.png")
        image.save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def pixels(photos):
    return np.stack([load_photo(path, SHAPE.size) for path in photos])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def tokenizer(photos, cache):
    return own_image_tokenizer(photos, cache=cache, **TRAINING)


@needs_diffusers
def test_a_photo_is_a_row_of_codes_and_a_row_of_codes_is_a_photo(tokenizer, pixels):
    codes = tokenizer.encode(pixels)
    assert codes.shape == (24, tokenizer.length) == (24, 16)
    assert codes.dtype == np.int64
    assert 0 <= codes.min() <= codes.max() < tokenizer.codes == 32
    painted = tokenizer.decode(codes)
    assert painted.shape == pixels.shape
    assert painted.dtype == np.uint8


@needs_diffusers
def test_no_photos_give_no_codes(tokenizer, pixels):
    codes = tokenizer.encode(pixels[:0])
    assert codes.shape == (0, 16)
    assert tokenizer.decode(codes).shape == (0, 3, 16, 16)


@needs_diffusers
def test_codes_run_row_by_row(tokenizer, pixels):
    # A mark in the lower left corner of a white photo is seen by the codes there, the last row's
    # first, more than by any other.
    white = np.full((1, 3, 16, 16), 255, np.uint8)
    marked = white.copy()
    marked[:, :, 12:, :4] = 0
    with torch.no_grad():
        moved = (tokenizer.latents(marked) - tokenizer.latents(white)).square().sum(1)
    assert int(moved.flatten().argmax()) == 12
    numbers = np.arange(16)[None]
    grid = tokenizer.vq.quantize.embedding.weight[:16].T.reshape(1, 8, 4, 4)
    with torch.no_grad():
        expected = tokenizer.pixels(tokenizer.vq.decode(grid, force_not_quantize=True).sample)
    assert np.abs(tokenizer.decode(numbers).astype(int) - expected).max() <= 1


@needs_diffusers
def test_training_paints_far_better_than_the_mean_photo(tokenizer, pixels):
    painted = tokenizer.decode(tokenizer.encode(pixels))
    error = np.abs(painted.astype(float) - pixels).mean()
    baseline = np.abs(pixels.mean(0) - pixels).mean()
    assert error < 0.35 * baseline


@needs_diffusers
def test_the_codebook_does_not_collapse(tokenizer, pixels):
    assert len(np.unique(tokenizer.encode(pixels))) >= 16  # of 32


@needs_diffusers
def test_company_does_not_matter(tokenizer, pixels):
    together = tokenizer.encode(pixels)
    assert np.array_equal(together[20:21], tokenizer.encode(pixels[20:21]))
    assert np.array_equal(together[::-1], tokenizer.encode(pixels[::-1]))
    assert np.array_equal(tokenizer.decode(together)[20], tokenizer.decode(together[20:21])[0])


@needs_diffusers
def test_the_same_seed_gives_the_same_bytes(photos, tmp_path):
    first, again, other = (
        own_image_tokenizer(
            photos,
            cache=tmp_path / folder,
            seed=seed,
            steps=12,
            batch=4,
            shape=SHAPE,
        )
        for folder, seed in [("a", 3), ("b", 3), ("c", 4)]
    )
    assert first.sha256() == again.sha256() != other.sha256()


@needs_diffusers
def test_training_is_done_once(tokenizer, photos, cache, monkeypatch):
    monkeypatch.setattr(
        "unimp_model.images.tokenizer_training.reproducible", lambda *_, **__: pytest.fail("again")
    )
    again = own_image_tokenizer(photos, cache=cache, **TRAINING)
    assert again.sha256() == tokenizer.sha256()


@needs_diffusers
def test_a_saved_tokenizer_gives_identical_codes(tokenizer, pixels, tmp_path):
    tokenizer.save(tmp_path / "saved")
    assert sorted(file.suffix for file in (tmp_path / "saved").iterdir()) == [
        ".json",
        ".safetensors",
    ]
    loaded = ImageTokenizer.load(tmp_path / "saved")
    assert loaded.sha256() == tokenizer.sha256()
    codes = tokenizer.encode(pixels)
    assert np.array_equal(loaded.encode(pixels), codes)
    assert np.array_equal(loaded.decode(codes), tokenizer.decode(codes))


@needs_diffusers
def test_a_folder_is_a_name_too(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "saved")
    assert named_tokenizer(str(tmp_path / "saved")).sha256() == tokenizer.sha256()


@needs_diffusers
def test_a_damaged_folder_is_named(tokenizer, tmp_path):
    with pytest.raises(BenchError, match="no file"):
        ImageTokenizer.load(tmp_path / "nothing")
    tokenizer.save(tmp_path / "saved")
    weights = tmp_path / "saved" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    del state["quant_conv.weight"]
    save_file(state, weights)
    with pytest.raises(BenchError, match=r"saved.*cannot be loaded"):
        ImageTokenizer.load(tmp_path / "saved")
    with pytest.raises(BenchError, match="quant_conv"):
        named_tokenizer(str(tmp_path / "saved"))


@needs_diffusers
def test_weights_that_are_not_finite_are_named(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "saved")
    weights = tmp_path / "saved" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    state["quant_conv.bias"][0] = float("nan")
    save_file(state, weights)
    for load in (ImageTokenizer.load, lambda folder: named_tokenizer(str(folder))):
        with pytest.raises(BenchError, match=r"saved.*quant_conv\.bias holds 1 NaN"):
            load(tmp_path / "saved")


@needs_diffusers
def test_codes_that_are_none_are_refused(tokenizer):
    with pytest.raises(ValueError, match="shape"):
        tokenizer.decode(np.zeros((1, 15), np.int64))
    with pytest.raises(ValueError, match="outside"):
        tokenizer.decode(np.full((1, 16), 32))


@needs_diffusers
def test_codes_of_photos_are_computed_once_and_mapped(tokenizer, photos, pixels, tmp_path):
    rows, codes = photo_codes(tokenizer, photos, tmp_path)
    assert isinstance(codes, np.memmap)
    assert rows["p05.png"] == 5
    assert np.array_equal(codes, tokenizer.encode(pixels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageTokenizer, "encode", lambda *_: pytest.fail("again"))
        photo_codes(tokenizer, photos, tmp_path)
    fewer, codes = photo_codes(tokenizer, photos[3:6], tmp_path)
    assert fewer == {"p03.png": 0, "p04.png": 1, "p05.png": 2}
    assert len(codes) == 3


@needs_diffusers
def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(UsageError, match="grid of 6"):
        TokenizerShape(size=64, grid=6).build()
    with pytest.raises(UsageError, match="width of 40"):
        TokenizerShape(code_width=16, width=40).build()


def test_no_photos_are_an_error(tmp_path):
    with pytest.raises(BenchError, match="no photos"):
        own_image_tokenizer([], cache=tmp_path, **TRAINING)


@needs_diffusers
def test_a_name_out_of_reach_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BenchError, match="no-such-owner/no-such-vqgan"):
        named_tokenizer("no-such-owner/no-such-vqgan/vq")
    with pytest.raises(BenchError, match="nowhere"):
        named_tokenizer(str(tmp_path / "nowhere"))


@needs_diffusers
def test_weights_that_are_pickles_are_not_read(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "saved")
    (tmp_path / "saved" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(tokenizer.vq.state_dict(), tmp_path / "saved" / "diffusion_pytorch_model.bin")
    with pytest.raises(BenchError, match="cannot be loaded"):
        named_tokenizer(str(tmp_path / "saved"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(BenchError, match="pip install diffusers"):
        TokenizerShape().build()


@needs_diffusers
def test_the_configuration_is_readable_json(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["_class_name"] == "VQModel"
    assert (config["sample_size"], config["num_vq_embeddings"]) == (16, 32)
