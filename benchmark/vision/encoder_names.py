"""The names of encoders of photos: the one place that says what ``image_encoder`` may be.

Light on purpose: settings are described without torch.
"""

from __future__ import annotations

from benchmark.host.console import note
from benchmark.model import TrainingView
from benchmark.vision import lite_weights

#: Chosen by the dataset, and by what is installed: :func:`chosen_encoder`.
AUTO = "auto"
#: A small CLIP trained on the dataset's own photos and texts.
OWN = "own"
#: EfficientNet-lite0 with ImageNet weights that a package carries.
LITE0 = lite_weights.NAME
#: Joins the names of encoders whose features are used side by side.
JOIN = "+"
#: What ``auto`` is for real photos where the package is there (docs/encoders.md says why).
FOR_REAL_PHOTOS = LITE0

#: Of a setting ``image_encoder``.
DESCRIPTION = (
    f"{AUTO}: {OWN} for simulated photos, {FOR_REAL_PHOTOS} for real ones where that is installed; "
    f"{OWN}: trained on the dataset's photos; {LITE0}: pretrained, from a package; {OWN}{JOIN}"
    f"{LITE0}: both; else an open_clip name as ARCHITECTURE/WEIGHTS or hf-hub:REPOSITORY"
)


def chosen_encoder(name: str, data: TrainingView) -> str:
    """Return the encoder that the setting ``name`` means for ``data``: ``auto`` is resolved.

    A note says when a real dataset's photos are read by the own encoder alone because the package
    is missing. The choice is part of a fit's identity through the package's version.
    """
    if name != AUTO:
        return name
    if data.simulated or not any(item.image is not None for item in data.catalogue):
        return OWN
    missing = lite_weights.why_not()
    if missing is None:
        return FOR_REAL_PHOTOS
    note(f"note: image_encoder is {OWN}, not {FOR_REAL_PHOTOS}: {missing}")
    return OWN


def parts_of(name: str) -> tuple[str, ...]:
    """Return the encoders that ``name`` joins; a name that joins none is its only part."""
    parts = tuple(name.split(JOIN))
    return parts if set(parts) <= {OWN, LITE0} and len(set(parts)) == len(parts) else (name,)
