"""One feature service: computed once, mapped from disk, the zero vector where there is nothing."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.multimodal import encoders, features
from baselines.multimodal.encoders import image_encoder, sentence_encoder, text_encoder
from baselines.multimodal.features import image_features, item_text, text_features
from benchmark.errors import BenchError, UsageError
from benchmark.host.torch_setup import prepare_torch
from benchmark.own_clip import photo_texts
from benchmark.training.stored import save_tensors
from benchmark.vision import efficientnet, lite_weights

STEPS = 3


@pytest.fixture
def counted(monkeypatch):
    """How many encoders were trained and tables written since the test began."""
    done = []
    for module, name in ((photo_texts, "train_on_texts"), (features, "write_table")):
        inner = getattr(module, name)

        def call(*arguments, inner=inner, name=name, **options):
            done.append(name)
            return inner(*arguments, **options)

        monkeypatch.setattr(module, name, call)
    return done


def test_photos_are_encoded_once_for_all_systems_and_mapped_from_disk(photo_shop, counted):
    view = photo_shop().view
    first = image_features(view, "own", steps=STEPS)
    second = image_features(view, "own", steps=STEPS)
    assert counted == ["train_on_texts", "write_table"]
    assert isinstance(second.table, np.memmap)
    assert np.array_equal(first.table, second.table)
    text_features(view, "own", steps=STEPS)
    assert counted == ["train_on_texts", "write_table", "write_table"]  # one encoder for both


def test_a_changed_photo_is_encoded_anew(photo_shop, counted):
    shop = photo_shop()
    before = image_features(shop.view, "own", steps=STEPS)
    Image.new("RGB", (48, 48), "green").save(shop.catalogue.images / "a.png")
    after = image_features(shop.view, "own", steps=STEPS)
    assert counted == ["train_on_texts", "write_table", "write_table"]
    moved = (before.table != after.table).any(1)
    assert moved.tolist() == [False, True, False, False, False, False]


def test_an_item_without_photo_has_the_zero_vector_and_a_flag(photo_shop):
    found = image_features(photo_shop().view, "own", steps=STEPS)
    assert found.present.tolist() == [True] * 5 + [False]
    for scaling in ("unit", "centred"):
        vectors = found.vectors(found.of_items, scaling).numpy()
        assert not vectors[5].any()
        lengths = np.square(vectors[:5]).sum(1)
        assert lengths.mean() == pytest.approx(1.0, abs=5e-3)
    assert np.allclose(found.vectors(found.of_items, "centred")[:5].mean(0), 0, atol=1e-3)


def test_equal_photos_have_equal_vectors_whatever_is_encoded_beside_them(photo_shop):
    found = image_features(photo_shop().view, "own", steps=STEPS)
    red = found.table[found.of_items[[0, 1, 4]]]
    assert np.array_equal(red[0], red[1])
    assert np.array_equal(red[0], red[2])
    assert not np.array_equal(red[0], found.table[found.of_items[2]])


def test_without_photos_no_encoder_is_loaded(photo_shop):
    found = image_features(photo_shop(photos=False).view, "no-such/weights", steps=STEPS)
    assert found.table.shape == (1, 1)
    assert not found.present.any()
    assert text_features(photo_shop(photos=False).view, "own", steps=STEPS)[1].name == "words"


def test_words_that_an_instance_lacks_change_its_text_vector(photo_shop):
    shop = photo_shop()
    found, encoder = text_features(shop.view, "own", steps=10)
    item = shop.item("a")
    stored = found.table[found.rows[item_text(item)]]
    assert np.allclose(encoder.texts([item_text(item)])[0], stored, atol=1e-3)
    lacking = dataclasses.replace(item, title="a", brand="mug")
    assert not np.allclose(encoder.texts([item_text(lacking)])[0], stored, atol=1e-3)
    assert item_text(dataclasses.replace(item, title=None)) is None


def test_a_name_that_cannot_be_had_is_refused_with_the_name(photo_shop, tmp_path):
    view = photo_shop().view
    with pytest.raises(UsageError, match="reads texts, not photos"):
        image_encoder("sentences:all-MiniLM-L6-v2", view, steps=STEPS)
    with pytest.raises(UsageError, match="image_encoder 'ViT-B-32' names no weights"):
        image_encoder("ViT-B-32", view, steps=STEPS)
    with pytest.raises(BenchError, match=r"Sentence encoder .* cannot be loaded"):
        text_encoder(f"sentences:{tmp_path / 'nowhere'}", view, [], steps=STEPS)


def test_pretrained_weights_on_disk_encode_photos_and_texts(photo_shop, tmp_path):
    open_clip = pytest.importorskip("open_clip")
    config = tmp_path / "tiny-photos.json"
    config.write_text(
        json.dumps(
            {
                "embed_dim": 16,
                "vision_cfg": {
                    "image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16,
                },
                "text_cfg": {
                    "context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
                },
            }
        )
    )  # fmt: skip
    open_clip.add_model_config(config)
    torch.manual_seed(0)
    weights = tmp_path / "w.safetensors"
    save_tensors(open_clip.create_model("tiny-photos").state_dict(), weights)
    view = photo_shop().view
    name = f"tiny-photos/{weights}"
    found = image_features(view, name, steps=STEPS)
    assert found.table.shape == (6, 16)
    words, _ = text_features(view, name, steps=STEPS)
    assert words.table.shape == (7, 16)


def test_a_sentence_encoder_is_the_mean_state_and_knows_no_company(tmp_path):
    prepare_torch()
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "oak", "mug", "red", "kite"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    model = BertModel(shape).eval()
    folder = tmp_path / "tiny"
    model.save_pretrained(folder)
    tokenizer = BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    encoder = sentence_encoder(str(folder))
    together = encoder.texts(["oak mug", "red kite red kite oak"])
    assert np.array_equal(encoder.texts(["oak mug"])[0], together[0])
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 1])
    with torch.inference_mode():
        states = model(**tokenizer("oak mug", return_tensors="pt")).last_hidden_state[0]
    mean = states.mean(0)
    assert np.allclose(together[0], (mean / mean.norm()).numpy(), atol=1e-6)
    assert encoder.sha256() == sentence_encoder(str(folder)).sha256()


@pytest.fixture
def packaged(monkeypatch):
    """EfficientNet-lite0 of random weights at 32 pixels, as if its package were installed."""
    monkeypatch.setattr(efficientnet, "SIZE", 32)
    monkeypatch.setattr(efficientnet, "CHUNK", 4)
    torch.manual_seed(0)
    encoder = efficientnet.frozen(efficientnet.LiteTower(), "random")
    monkeypatch.setattr(encoders, "lite_encoder", lambda: encoder)
    monkeypatch.setattr(lite_weights, "why_not", lambda: None)
    return encoder


def test_the_packaged_encoder_reads_a_catalogue_once_for_all_systems(
    photo_shop, packaged, monkeypatch
):
    view = photo_shop().view
    found = image_features(view, "efficientnet-lite0", steps=STEPS)
    assert found.table.shape == (6, 1280)
    assert np.linalg.norm(found.table[1:].astype(float), axis=1) == pytest.approx([1] * 5, abs=2e-3)
    monkeypatch.setattr(type(packaged.tower), "forward", lambda *_: pytest.fail("encoded again"))
    again = image_features(view, "own+efficientnet-lite0", steps=STEPS)
    own = image_features(view, "own", steps=STEPS)
    assert again.width == own.width + found.width
    for part, mine in ((own, slice(0, own.width)), (found, slice(own.width, None))):
        alone = part.table[1:].astype(np.float64)
        joined = again.table[1:, mine].astype(np.float64)
        factor = np.linalg.norm(joined[0]) / np.linalg.norm(alone[0])
        assert joined == pytest.approx(factor * alone, abs=2e-3)
    centred = again.vectors(again.of_items[:5], "centred").numpy()
    halves = np.square(centred[:, : own.width]).sum(), np.square(centred[:, own.width :]).sum()
    assert halves[0] == pytest.approx(halves[1], rel=0.05)


def test_auto_follows_the_data_and_the_package(photo_shop, packaged):
    view = photo_shop().view
    own = image_features(view, "own", steps=STEPS).width
    assert image_features(view, "auto", steps=STEPS).width == own
    view.simulated = False
    assert image_features(view, "auto", steps=STEPS).width == 1280 != own


def test_the_packaged_encoder_reads_no_texts(photo_shop):
    with pytest.raises(UsageError, match="reads photos, not texts"):
        text_encoder("efficientnet-lite0", photo_shop().view, [], steps=STEPS)
