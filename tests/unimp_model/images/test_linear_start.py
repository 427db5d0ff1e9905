"""Before the first step the network already paints about as well as PCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unimp_model.images.linear_start import start_linear
from unimp_model.images.tokenizer import paint
from unimp_model.images.tokenizer_training import TokenizerShape


def test_the_start_explains_what_principal_components_explain():
    pytest.importorskip("diffusers", reason="needs the package diffusers")
    shape = TokenizerShape(size=16, grid=4, codes=8, code_width=8, width=32)
    generator = np.random.default_rng(0)
    factors = generator.normal(size=(40 * 16, 8)) * np.linspace(3, 0.5, 8)
    mixing = np.linalg.qr(generator.normal(size=(48, 8)))[0]
    patches = factors @ mixing.T + 0.02 * generator.normal(size=(40 * 16, 48)) + 0.5
    x = torch.from_numpy(patches).float().view(40, 4, 4, 48).permute(0, 3, 1, 2).contiguous()
    torch.manual_seed(0)
    vq = shape.build().eval()
    start_linear(vq, x)
    with torch.no_grad():
        latents = vq.encode(x).latents
        painted = paint(vq, latents)
    unexplained = (painted - x).square().mean() / (
        x - x.mean((0, 2, 3), keepdim=True)
    ).square().mean()
    assert unexplained < 0.05
    # and latents are the components themselves: the strongest keeps its variance
    centred = patches - patches.mean(0)
    strongest = np.linalg.svd(centred, full_matrices=False)[1][0] / np.sqrt(len(patches))
    assert abs(latents[:, 0].std().item() / strongest - 1) < 0.1
