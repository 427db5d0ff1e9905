"""Item rows are tied to what the items are."""

from __future__ import annotations

import torch

from unimp_model.network.item_rows import ItemRows

WORDS = torch.arange(12.0).view(4, 3)  # rows of four words
PHOTOS = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])


def test_a_row_is_its_words_mean_plus_its_photo_plus_its_own_part():
    rows = ItemRows([[0, 2], [3], [1]], PHOTOS, width=3, content=True)
    with torch.no_grad():
        rows.output_delta[2] = 5.0
        _, out = rows(WORDS, WORDS)
    content = torch.stack([(WORDS[0] + WORDS[2]) / 2, WORDS[3], WORDS[1] + 5.0])
    content[0] += rows.output_photo.weight[:, 0]
    torch.testing.assert_close(out, content + rows.code_delta)


def test_an_item_has_the_same_code_in_and_out_and_its_own():
    rows = ItemRows([[0, 2], [0, 2], [0, 2]], None, width=3, content=True)
    into, out = rows(WORDS, WORDS)
    torch.testing.assert_close(into - out, rows.input_mark.expand(3, 3))
    assert len(out.unique(dim=0)) == 3


def test_photos_start_as_themselves_in_dimensions_of_their_own():
    rows = ItemRows([[0], [3], [1]], PHOTOS, width=5, content=True, own_dims=True)
    blank = torch.zeros(4, 5)
    into, out = rows(blank, blank)
    assert torch.equal(into[:, :2], PHOTOS)
    assert torch.equal(out[:, :2], PHOTOS)


def test_photos_can_be_kept_out_of_the_input_rows_alone():
    rows = ItemRows([[0, 2], [3], []], PHOTOS, width=3, content=True, photos_enter=False)
    into, out = rows(WORDS, WORDS)
    code = rows.code_delta[0]
    torch.testing.assert_close(into[0], (WORDS[0] + WORDS[2]) / 2 + rows.input_mark + code)
    assert not torch.isclose(out[0], (WORDS[0] + WORDS[2]) / 2).any()
    assert rows.input_photo is None


def test_own_parts_start_at_zero_except_where_there_is_no_content():
    rows = ItemRows([[0], [], []], torch.tensor([[1.0], [1.0], [0.0]]), width=3, content=True)
    assert rows.output_delta.any(1).tolist() == [False, False, True]
    assert rows.input_delta.any(1).tolist() == [False, False, True]
    unseen = ItemRows([[0], [], []], PHOTOS, width=3, content=True, photos_enter=False)
    assert unseen.input_delta.any(1).tolist() == [False, True, True]


def test_a_catalogue_without_any_content_still_has_distinct_rows():
    rows = ItemRows([[], [], []], None, width=3, content=True)
    into, out = rows(WORDS, WORDS)
    assert len(out.unique(dim=0)) == len(into.unique(dim=0)) == 3


def test_random_rows_ignore_words_and_photos():
    rows = ItemRows([[0, 2], [3], [1]], PHOTOS, width=3, content=False)
    _, out = rows(WORDS, WORDS)
    _, other = rows(WORDS * 7, WORDS * 7)
    assert torch.equal(out, other)
    assert rows.photos is None
