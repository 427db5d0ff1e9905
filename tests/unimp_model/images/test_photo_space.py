"""A photo's vector holds what the encoder says of the whole and of each place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.vision.photo_table import PhotoTable
from unimp_model.images.photo_space import PhotoSpace


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    return PhotoTable(
        generator.normal(size=(40, 4, 6)).astype(np.float16),
        generator.normal(size=(40, 8)).astype(np.float16),
    )


def test_vectors_are_centred_and_of_unit_length_on_average(table):
    vectors = PhotoSpace.of(table, 10)(table)
    assert vectors.shape == (40, 10)
    torch.testing.assert_close(vectors.mean(0), torch.zeros(10), rtol=0, atol=1e-4)
    assert vectors.square().sum(1).mean().item() == pytest.approx(1.0, rel=1e-3)


def test_all_directions_together_keep_every_distance(table):
    """With as many dimensions as photos nothing is lost: distances are those of the two parts."""
    whole = table.photo_vectors.astype(np.float64)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    places = table.patches.astype(np.float64).reshape(40, -1)
    parts = [x - x.mean(0) for x in (whole, places)]
    joined = np.hstack([x / np.sqrt((x**2).sum(1).mean()) for x in parts]) / np.sqrt(2)
    expected = torch.cdist(torch.from_numpy(joined), torch.from_numpy(joined)).float()
    found = PhotoSpace.of(table, 40)(table)
    torch.testing.assert_close(torch.cdist(found, found), expected, rtol=1e-3, atol=1e-3)


def test_what_only_the_places_tell_tells_photos_apart(table):
    same = PhotoTable(table.patches, np.ones_like(table.photo_vectors))
    vectors = PhotoSpace.of(same, 10)(same)
    assert torch.pdist(vectors).min() > 0.1


def test_a_photo_has_the_same_vector_in_any_company(table):
    space = PhotoSpace.of(table, 10)
    together = space(table)
    for i in (0, 17):
        alone = space(PhotoTable(*(part[i : i + 1] for part in table)))
        assert torch.equal(alone[0], together[i])


def test_there_are_no_more_dimensions_than_photos_span(table):
    few = PhotoTable(*(part[:3] for part in table))
    assert PhotoSpace.of(few, 10)(few).shape == (3, 3)
    assert PhotoSpace.of(few, 10)(few).isfinite().all()
