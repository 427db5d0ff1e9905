"""What ``image_encoder`` may be called, and what ``auto`` stands for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchmark.instances import Item
from benchmark.vision import lite_weights
from benchmark.vision.encoder_names import FOR_REAL_PHOTOS, chosen_encoder, parts_of


@dataclass
class Data:
    simulated: bool
    catalogue: tuple[Item, ...]


def _data(*, simulated: bool, photos: bool = True) -> Data:
    return Data(simulated, (Item("a"), Item("b", image="b.png" if photos else None)))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("own", ("own",)),
        ("own+efficientnet-lite0", ("own", "efficientnet-lite0")),
        ("ViT-B-32/laion+x", ("ViT-B-32/laion+x",)),
        ("own+own", ("own+own",)),
        ("hf-hub:a/b+own", ("hf-hub:a/b+own",)),
    ],
)
def test_only_encoders_that_can_be_joined_are_taken_apart(name, parts):
    assert parts_of(name) == parts


def test_auto_is_the_own_encoder_for_simulated_photos(monkeypatch):
    monkeypatch.setattr(lite_weights, "why_not", lambda: None)
    assert chosen_encoder("auto", _data(simulated=True)) == "own"
    assert chosen_encoder("auto", _data(simulated=False)) == FOR_REAL_PHOTOS
    assert chosen_encoder("own", _data(simulated=False)) == "own"


def test_auto_without_the_package_says_what_is_read_instead(monkeypatch, capsys):
    monkeypatch.setattr(lite_weights, "why_not", lambda: "it is not installed")
    assert chosen_encoder("auto", _data(simulated=False)) == "own"
    assert "it is not installed" in capsys.readouterr().err
    assert chosen_encoder("auto", _data(simulated=False, photos=False)) == "own"
    assert capsys.readouterr().err == ""
