"""Pictures may be rounded to fewer levels before they are submitted; the rounded ones count."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from benchmark.errors import UsageError
from benchmark.vision import png
from leaderboards.submission import levels
from leaderboards.submission.pack import Reduction, files_of
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification.rescoring import scores_of_run
from tests.leaderboards.conftest import DECLARATION


@pytest.mark.parametrize("number", [2, 3, 32, 128])
def test_rounding_is_to_the_nearest_level_and_changes_nothing_twice(number) -> None:
    values = np.arange(256, dtype=np.uint8)
    rounded = levels.rounded(values, number)
    assert len(np.unique(rounded)) == number
    assert (rounded[0], rounded[-1]) == (0, 255)
    assert np.abs(rounded.astype(int) - values).max() <= 255 / (number - 1) / 2 + 0.5
    assert (levels.rounded(rounded, number) == rounded).all()


def test_a_picture_that_cannot_be_decoded_stays_as_it_is() -> None:
    assert levels.picture(b"no picture", 32) == b"no picture"


@pytest.fixture
def reduction(data_home) -> Reduction:
    return Reduction(32, partial(scores_of_run, home=data_home))


@pytest.fixture
def reduced(stored, reduction):
    """The files of a submission whose pictures have 32 levels."""
    return files_of([stored("image-generation")], DECLARATION, reduction=reduction)


def test_a_reduced_submission_is_accepted_by_the_scores_of_its_own_pixels(
    forge, reduced, packed
) -> None:
    (run,) = json.loads(reduced[MANIFEST])["runs"]
    (whole,) = json.loads(packed("image-generation")[MANIFEST])["runs"]
    assert run["levels"] == 32
    assert "levels" not in whole
    assert run["predictions_sha256"] != whole["predictions_sha256"]
    result = forge.verify(forge.archive(reduced))
    assert (result.problems, result.badge) == ([], "re-scored")


def test_a_claim_of_levels_that_the_pictures_do_not_have_is_refused(forge, packed) -> None:
    def claim(manifest) -> None:
        manifest["runs"][0]["levels"] = 32

    result = forge.verify(forge.manifest(claim, "image-generation"))
    assert {finding.code for finding in result.problems} == {"levels-exceeded"}
    assert "levels-impossible" in {
        finding.code for finding in forge.verify(forge.manifest(claim)).problems
    }


def test_levels_of_no_pictures_are_refused(stored, reduction) -> None:
    with pytest.raises(UsageError, match="No run predicts pictures"):
        files_of([stored("search")], DECLARATION, reduction=reduction)


def test_a_rerun_of_reduced_pictures_gives_the_same(forge, reduced) -> None:
    result = forge.verify(forge.archive(reduced), reproduce="random-photo")
    (found,) = result.reproductions
    assert found.same == found.sampled
    assert result.badge == "reproduced"


def test_reduced_pictures_take_less_room() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    content = levels.picture(png.encode(noise), 16)
    assert (png.decode(content, 32) == levels.rounded(noise, 16)).all()
