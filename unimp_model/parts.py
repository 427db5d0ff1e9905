"""The parts a UniMP consists of, untrained or fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.instances import Item
from unimp_model.images.encoder import PhotoEncoder, PhotoFeatures
from unimp_model.images.tokenizer import ImageTokenizer
from unimp_model.network.model import UniMPNetwork
from unimp_model.sequence.template import Template
from unimp_model.sequence.tokens import Vocabulary


@dataclass
class Parts:
    """Joins vocabulary, template and network, and the frozen models of photos around them."""

    vocabulary: Vocabulary
    template: Template
    network: UniMPNetwork
    photos: PhotoFeatures | None
    """Encoder features of every photo; ``None`` without vision."""
    encoder: PhotoEncoder | None
    items: Mapping[str, Item]
    """The catalogue by item id: retrieved items are shown when an image is drawn."""
    image_tokenizer: ImageTokenizer | None
    """Turns photos into image codes and back; ``None`` where no images are drawn."""
    language_sha256: str | None
    """Of the pretrained language model; ``None`` where it was made from scratch."""
