"""UniMP under a packaged encoder, alone and beside its own: fitted, saved and read again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.errors import BenchError
from benchmark.vision import efficientnet
from unimp_model import storage
from unimp_model.adapter import UniMP
from unimp_model.images import of_catalogue


@pytest.fixture
def packaged(monkeypatch):
    """EfficientNet-lite0 of random weights at 32 pixels."""
    monkeypatch.setattr(efficientnet, "SIZE", 32)
    monkeypatch.setattr(efficientnet, "CHUNK", 32)
    torch.manual_seed(0)
    encoder = efficientnet.frozen(efficientnet.LiteTower(), "random")
    for module in (of_catalogue, storage):
        monkeypatch.setattr(module, "lite_encoder", lambda: encoder)
    return encoder


@pytest.mark.parametrize("name", ["efficientnet-lite0", "own+efficientnet-lite0"])
def test_a_model_with_a_packaged_encoder_is_saved_and_reads_new_photos_alike(
    name, packaged, fit, sim_xs, tmp_path
):
    view = sim_xs.training_view()
    view.tasks = ("search",)
    model = fit(view, image_encoder=name, image_tokens="none", most_rows=8, own_rows=8)
    photos, encoder = model.parts.photos, model.parts.encoder
    assert encoder.name == name
    width = 320 + 256 * name.startswith("own+")
    assert photos.shape == (1, width)  # of 32 pixels one place is left
    some = of_catalogue.catalogue_photos(view)[:3]
    new = encoder.features(some, model.config.image_grid)
    assert np.allclose(new.photo_vectors, photos.table.photo_vectors[:3], atol=2e-3)
    assert np.allclose(new.patches, photos.table.patches[:3], atol=2e-2)
    folder = tmp_path / "saved"
    folder.mkdir()
    model.save(folder)
    again = UniMP()
    again.load(folder)
    assert again.parts.encoder.sha256() == encoder.sha256()
    for one, other in zip(again.parts.encoder.features(some, 4), new, strict=True):
        assert np.array_equal(one, other)


def test_a_saved_model_refuses_an_encoder_of_other_weights(
    packaged, fit, sim_xs, tmp_path, monkeypatch
):
    view = sim_xs.training_view()
    view.tasks = ("search",)
    model = fit(
        view, image_encoder="efficientnet-lite0", image_tokens="none", most_rows=8, own_rows=8
    )
    model.save(tmp_path)
    other = efficientnet.LiteEncoder(packaged.tower, "others")
    monkeypatch.setattr(storage, "lite_encoder", lambda: other)
    with pytest.raises(BenchError, match="other weights of its image encoder"):
        UniMP().load(tmp_path)
