"""Cross-attention: exclusive, gated, silent where there is no image (Eq. 3, 4)."""

from __future__ import annotations

import pytest
import torch

from unimp_model.network.fusion import GatedCrossAttention, exclusive_mask
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch


@pytest.fixture
def layer():
    torch.manual_seed(1)
    return GatedCrossAttention(16, 4).eval()


SLOTS = torch.tensor([[-1, 0, 0, 1, 1, 2, -1]])


def test_the_mask_follows_the_slots():
    assert exclusive_mask(SLOTS, 3)[0].int().tolist() == [
        [0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0],
    ]  # fmt: skip


def test_another_items_photo_changes_exactly_nothing_its_own_does(layer):
    text, visual = torch.randn(1, 7, 16), torch.randn(1, 3, 5, 16)
    changed = visual.clone()
    changed[:, 1] = torch.randn(5, 16) * 100
    mask = exclusive_mask(SLOTS, 3)
    before, after = layer.attend(text, visual, mask), layer.attend(text, changed, mask)
    own = (SLOTS == 1)[0]
    assert torch.equal(before[:, ~own], after[:, ~own])
    assert (before[:, own] != after[:, own]).any(-1).all()


def test_no_gradient_reaches_another_items_photo(layer):
    text, visual = torch.randn(1, 7, 16), torch.randn(1, 3, 5, 16, requires_grad=True)
    layer.attend(text, visual, exclusive_mask(SLOTS, 3))[0, 1].sum().backward()
    assert visual.grad is not None
    assert visual.grad[0, 0].abs().sum() > 0
    assert visual.grad[0, 1:].abs().sum() == 0


def test_a_token_without_an_image_gets_exactly_zero(layer):
    out = layer.attend(torch.randn(1, 7, 16), torch.randn(1, 3, 5, 16), exclusive_mask(SLOTS, 3))
    assert torch.equal(out[0, [0, 6]], torch.zeros(2, 16))
    assert out.isfinite().all()


def test_attention_equals_a_hand_written_softmax_over_the_own_image(layer):
    text, visual = torch.randn(1, 7, 16), torch.randn(1, 3, 5, 16)
    out = layer.attend(text, visual, exclusive_mask(SLOTS, 3))[0, 3]
    q = layer.to_q(layer.norm(text[0, 3])).view(4, 4)  # (heads, e)
    k, v = (t.view(5, 4, 4) for t in layer.to_kv(visual[0, 1]).chunk(2, dim=-1))
    weights = (torch.einsum("he,che->hc", q, k) / 2.0).softmax(-1)  # sqrt(e) = 2
    expected = layer.to_out(torch.einsum("hc,che->he", weights, v).flatten())
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)


def _hidden(w, item_numbers, photos):
    trunk = w.template.history([w.items[i] for i in item_numbers])
    row = w.template.row(
        trunk, [Branch(len(item_numbers), w.template.instruction(["mug"]))], context=False
    )
    batch = collate([row], photos.index, all_photos=False, slots=1)
    with torch.no_grad():
        visual = w.network.visual_tokens(photos.rows(batch.photos))
        return w.network(batch, w.network.tables(), visual), batch


def test_with_gates_closed_an_untrained_model_is_its_language_model(world):
    w = world(open_gates=False, gate_start=0.0)
    hidden, batch = _hidden(w, [0, 1], w.photos)
    with torch.no_grad():
        plain = w.network(batch, w.network.tables(), None)
    assert torch.equal(hidden, plain)


def test_with_open_gates_photos_count(world):
    w = world(open_gates=True)
    hidden, batch = _hidden(w, [0, 1], w.photos)
    with torch.no_grad():
        plain = w.network(batch, w.network.tables(), None)
    assert not torch.allclose(hidden, plain)


def test_gates_start_small_and_open(world):
    gates = [x.gate.item() for x in world(open_gates=False).network.cross_attention.values()]
    assert gates == pytest.approx([0.1, 0.1])


def test_cross_attention_sits_before_every_second_layer_of_more_than_two(world):
    assert list(world().network.cross_attention) == ["0", "2"]
    assert list(world(depth=2).network.cross_attention) == ["0", "1"]
    assert list(world(fusion_every=1).network.cross_attention) == ["0", "1", "2", "3"]
