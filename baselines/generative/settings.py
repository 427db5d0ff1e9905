"""Settings of P5, and the presets that fill in what is not given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from baselines.generative.numbering import Numbering
from baselines.learning.heads import heads_divide
from baselines.learning.loop import TrainingSettings

#: Where the hub keeps the weights of P5's smaller size.
T5_SMALL = "google-t5/t5-small"


class P5Settings(TrainingSettings):
    """Sets P5's own values (jeykigung/P5 1fa28ba, script of t5-small on Beauty) where it has one.

    Those are ``epochs``, ``learning_rate`` of a pretrained T5, ``weight_decay``, ``warmup``,
    ``clip``, ``dropout``, ``source_pieces``, ``answer_pieces``, ``whole_words`` and ``beams``. The
    sizes and the rate of ``tiny``, the batch (theirs is 4 x 32), shares and patience are ours.
    """

    preset: Literal["tiny", "t5-small"] = Field(
        "tiny", description="a small T5 trained from scratch, or the pretrained t5-small"
    )
    language_model: str | None = Field(
        None, min_length=1, description="hub name or folder of a T5, instead of the preset's"
    )
    width: int = Field(64, ge=8, le=4096, description="hidden size d of a T5 from scratch")
    depth: int = Field(2, ge=1, le=64, description="its layers, in encoder and in decoder")
    heads: int = Field(4, ge=1, le=64, description="its attention heads")
    pieces: int = Field(2048, ge=300, le=65_536, description="most pieces of its tokenizer")
    numbering: Numbering = Field(
        "shuffled", description="of items and users; in-order leaks where ids tell what comes next"
    )
    epochs: int = Field(10, ge=1, le=100_000, description="most passes over the training data")
    patience: int = Field(
        3, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    learning_rate: float = Field(
        4e-3, gt=0, le=10, description="of AdamW; by default 1e-3 where a pretrained T5 is trained"
    )
    batch_size: int = Field(64, ge=1, le=1_000_000, description="training examples a step")
    weight_decay: float = Field(0.01, ge=0, le=10, description="of AdamW; 0 is plain Adam")
    warmup: float = Field(
        0.05, ge=0, le=1, description="share of the steps over which the rate rises, then it falls"
    )
    clip: float = Field(1.0, gt=0, le=1e6, description="largest norm of a step's gradient")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of values left out in training")
    task_share: float = Field(
        0.5, gt=0, le=1, description="of other tasks' examples that an epoch takes beside "
        "all of recommendation"
    )  # fmt: skip
    stranger_share: float = Field(
        0.2, ge=0, le=1, description="of training examples whose user is told by history alone, "
        "as new users are"
    )  # fmt: skip
    histories: Literal["sequential", "always"] = Field(
        "sequential", description="tasks that read a known user's history: recommendation, or all"
    )
    source_pieces: int = Field(
        512, ge=32, le=65_536, description="most pieces of a source; the history is cut to it"
    )
    answer_pieces: int = Field(64, ge=1, le=1024, description="most pieces of an explanation")
    whole_words: int = Field(512, ge=2, le=65_536, description="rows of the whole-word table")
    beams: int = Field(20, ge=1, le=1000, description="beam width of recommendation, k at least")
    rating: Literal["text", "mean"] = Field(
        "text", description="the likeliest number of stars written, or the mean of all"
    )
    validation_users: int = Field(
        1000, ge=1, description="most validation examples of a task after an epoch, evenly spaced"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_pretrained(cls, given: Any) -> Any:
        """Fill in the authors' rate where there are weights to start from."""
        if not isinstance(given, Mapping):
            return given
        if given.get("preset") == "t5-small" or given.get("language_model") is not None:
            return {"learning_rate": 1e-3, **given}
        return given

    _heads_divide = heads_divide(width="width", heads="heads")

    @property
    def pretrained(self) -> str | None:
        """Return the hub name or folder of the T5 to start from; ``None``: from scratch."""
        if self.language_model is not None:
            return self.language_model
        return T5_SMALL if self.preset == "t5-small" else None
