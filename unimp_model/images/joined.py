"""Several frozen encoders of photos used as one: their features side by side, each scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.host.files import sha256_json
from benchmark.vision.encoder_names import JOIN
from benchmark.vision.photo_table import PhotoTable, Scale, join, scale_of
from unimp_model.images.encoder import PhotoEncoder, PhotoFeatures


@dataclass(frozen=True, slots=True)
class JoinedEncoder:
    """Encodes by each of ``parts`` and joins the features, scaled by the catalogue's ``scales``."""

    parts: tuple[PhotoEncoder, ...]
    scales: tuple[Scale, ...]

    @property
    def name(self) -> str:
        """Return the parts' names, joined."""
        return JOIN.join(part.name for part in self.parts)

    def sha256(self) -> str:
        """Return the hash over the parts and their scales."""
        return sha256_json([[part.sha256() for part in self.parts], self.scales])

    def features(self, photos: Sequence[Path], grid: int) -> PhotoTable:
        """Encode photos: patch features pooled to ``grid`` x ``grid``, one vector a whole photo.

        The grid is the smallest that a part has.
        """
        return join([part.features(photos, grid) for part in self.parts], self.scales)


def joined_features(
    found: Sequence[tuple[PhotoEncoder, PhotoFeatures]],
) -> tuple[JoinedEncoder, PhotoFeatures]:
    """Join encoders and the features they gave of the same photos, scales measured on these."""
    tables = [features.table for _, features in found]
    scales = tuple(scale_of(table) for table in tables)
    encoder = JoinedEncoder(tuple(encoder for encoder, _ in found), scales)
    return encoder, PhotoFeatures(found[0][1].index, join(tables, scales))
