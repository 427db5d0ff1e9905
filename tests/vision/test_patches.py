"""Patch features come from inside an image tower, or it is said that there are none."""

from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchError
from benchmark.vision.clip import SmallClip, build_small
from benchmark.vision.patches import check_gives_patches, patch_tokens


@pytest.mark.parametrize(("side", "patches", "width"), [(48, 9, 256), (64, 4, 512)])
def test_the_last_feature_map_with_more_than_one_place_is_taken(side, patches, width):
    visual = build_small(SmallClip(image=side), vocabulary=10).visual.eval()
    with torch.no_grad():
        assert patch_tokens(visual, torch.zeros(2, 3, side, side)).shape == (2, patches, width)


def test_a_tower_without_places_is_refused():
    with pytest.raises(BenchError, match="does not tell the parts of a photo apart"):
        check_gives_patches(torch.nn.Linear(3, 3), "somebody/else")
