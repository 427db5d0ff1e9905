"""Regions of photos: by place, kept on disk, and read back as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.multimodal.regions import Regions, photo_regions


def test_regions_tell_the_parts_of_a_photo_and_the_photos_apart(photo_shop):
    regions = photo_regions(photo_shop().view, "own", grid=4, steps=0)
    assert regions.names == ("a.png", "b.png", "c.png", "d.png", "e.png")
    assert regions.shape == (9, 256)  # the small CLIP has three places a side
    found = regions.of(np.arange(1, 6))
    assert found.square().mean() == pytest.approx(1, abs=0.01)
    assert torch.equal(found[0], found[1])  # both are red
    assert not torch.allclose(found[0], found[2])


def test_an_item_without_a_photo_has_regions_of_zeros(photo_shop):
    shop = photo_shop()
    regions = photo_regions(shop.view, "own", grid=4, steps=0)
    row = regions.row(shop.item("f"), "a system")
    assert row == 0
    assert not regions.of(np.array([row])).any()


def test_data_without_photos_have_one_region_of_nothing(photo_shop):
    view = photo_shop(photos=False).view
    regions = photo_regions(view, "own", grid=4, steps=0)
    assert regions.shape == (1, 1)
    assert not view.features_folder.exists()


def test_a_smaller_grid_averages_places(photo_shop):
    view = photo_shop().view
    fine, whole = (photo_regions(view, "own", grid=n, steps=0) for n in (3, 1))
    rows = np.array([1, 3])
    assert torch.allclose(whole.of(rows)[:, 0], fine.of(rows).mean(1), atol=2e-3)


def test_photos_are_encoded_once(photo_shop, monkeypatch):
    view = photo_shop().view
    first = photo_regions(view, "own", grid=4, steps=0).of(np.array([1]))
    monkeypatch.setattr("baselines.multimodal.regions.patch_tokens", None)
    assert torch.equal(photo_regions(view, "own", grid=4, steps=0).of(np.array([1])), first)


@pytest.mark.parametrize("grid", [4, 2])
def test_saved_regions_are_the_same_to_the_bit(photo_shop, tmp_path, grid):
    regions = photo_regions(photo_shop().view, "own", grid=grid, steps=0)
    regions.save(tmp_path / "regions.npy")
    loaded = Regions.load(tmp_path / "regions.npy", regions.names)
    rows = np.array([3, 0, 1])
    assert torch.equal(loaded.of(rows), regions.of(rows))
    with pytest.raises(ValueError, match="for 2 photos"):
        Regions.load(tmp_path / "regions.npy", regions.names[:2])
