"""The small CLIP of a dataset learns from what is drawn for it, and the same every time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from benchmark.own_clip.small_clip import Pairs, Recipe, rounds, train_small_clip
from benchmark.vision.clip import END, SmallClip, build_small

SHAPE = SmallClip(image=32, width=8, text_width=16, text_length=4, embedding=16)
#: Four photos of one colour each, and a word for each.
PHOTOS = torch.tensor([[2, -2, -2], [-2, 2, -2], [-2, -2, 2], [2, 2, 2]]).float()
PHOTOS = PHOTOS[:, :, None, None].expand(4, 3, 32, 32)
TEXTS = torch.tensor([[END + 1 + n, END, 0, 0] for n in range(4)])


def trained(*, steps: int = 120, seen=None):
    torch.manual_seed(0)
    model = build_small(SHAPE, 4)
    generator = torch.Generator().manual_seed(1)

    def draw(step):
        if seen is not None:
            seen.append(step)
        noise = 0.1 * torch.randn(PHOTOS.shape, generator=generator)
        return Pairs(PHOTOS + noise, PHOTOS, TEXTS)

    recipe = Recipe(steps, view_weight=0.5)
    train_small_clip(model, draw, recipe, label="test")
    return model.eval()


def test_photos_find_their_words():
    model = trained()
    with torch.inference_mode():
        similar = model.encode_image(PHOTOS, normalize=True) @ model.encode_text(
            TEXTS, normalize=True
        ).T  # fmt: skip
    assert similar.argmax(1).tolist() == [0, 1, 2, 3]


def test_the_same_draws_give_the_same_weights_and_each_step_draws_once():
    seen = []
    first, second = (trained(steps=3, seen=seen).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert seen == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(("count", "size"), [(5, 2), (3, 3), (2, 5)])
def test_every_photo_comes_once_a_round(count, size):
    generator = np.random.default_rng(0)
    batches = rounds(count, size, lambda n: generator.permutation(n).tolist())
    drawn = list(itertools.chain.from_iterable(itertools.islice(batches, count)))
    assert len(drawn) == count * size
    for start in range(0, len(drawn), count):
        assert sorted(drawn[start : start + count]) == list(range(count))
