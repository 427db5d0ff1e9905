"""Settings of UniMP. A preset fills in what is not given; every field can be ``--set``."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS
from unimp_model.match_parts import MatchPart

Preset = Literal["tiny", "small", "smollm2", "mpt-1b", "incite-3b", "pretrained"]
TaskName = Literal[
    "recommendation", "search", "preference", "selection", "explanation", "image-generation"
]

#: The number of the task whose answers are ratings.
RATING_TASK = get_args(TaskName).index("preference")

#: Long answers and long prompts are asked of fewer examples: each costs as much as many ranks.
_TASK_SHARES: dict[TaskName, float] = {
    "recommendation": 1.0,
    "search": 1.0,
    "preference": 0.25,
    "selection": 0.06,
    "explanation": 0.1,
    "image-generation": 0.3,
}
_TASK_WEIGHTS: dict[TaskName, float] = {
    "recommendation": 0.8,
    "search": 0.8,
    "preference": 0.4,
    "selection": 1.0,
    "explanation": 0.2,
    "image-generation": 0.2,
}

#: What a small network trained from scratch on the dataset itself wants, on a CPU.
_FROM_SCRATCH: dict[str, Any] = {
    "optimiser": "muon",
    "learning_rate": 6e-3,
    "item_learning_rate": 5e-4,
    "resampler_layers": 1,
    "batch_rows": 12,
    "threads": 2,
}
#: What a frozen pretrained language model wants.
_FROZEN: dict[str, Any] = {
    "learning_rate": 2e-4,
    "item_learning_rate": 1e-3,
    "epochs": 3,
    "resampler_layers": 2,
    "choosing_users": 200,
    "answer_rows": 4,
}

#: ``tiny`` and ``small`` have nothing pretrained: a Llama and an image encoder are trained on the
#: dataset itself; ``small`` has half the width. The others freeze a pretrained model: ``smollm2``
#: one that a package carries, ``incite-3b`` and ``mpt-1b`` the paper's (appendix, Table 10),
#: ``pretrained`` the one that ``language_model`` names.
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": _FROM_SCRATCH,
    "small": {**_FROM_SCRATCH, "width": 48},
    "smollm2": _FROZEN,
    "mpt-1b": _FROZEN,
    "incite-3b": _FROZEN,
    "pretrained": _FROZEN,
}

#: Presets whose language model is made, and trained, here.
_TRAINED_WHOLE = ("tiny", "small")

#: Optimiser steps where none are asked for.
_LEAST_STEPS, _MOST_STEPS = 1040, 3120
#: ... and epochs: with fewer, the rate falls before every target was met twice.
_LEAST_EPOCHS = 2

#: Hub names of the paper's language models, by preset.
HUB_NAMES: dict[str, str] = {
    "mpt-1b": "mosaicml/mpt-1b-redpajama-200b-dolly",
    "incite-3b": "togethercomputer/RedPajama-INCITE-Instruct-3B-v1",
}


class UniMPConfig(BaseModel):
    """Sets everything that defines a UniMP model and its training, apart from data and seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Preset = Field("tiny", description="which language model, and defaults to suit it")

    # language model: a pretrained one, or the sizes of one trained from scratch
    language_model: str | None = Field(
        None,
        min_length=1,
        description="hub name or local folder of a causal language model, instead of the preset's",
    )
    trust_remote_code: bool = Field(
        False, description="run the Python code that comes with language_model's files"
    )
    width: int = Field(96, ge=16, le=4096, description="hidden size d of a model from scratch")
    depth: int = Field(2, ge=1, le=64, description="layers of a model from scratch")
    heads: int = Field(4, ge=1, le=64, description="attention heads of a model from scratch")
    likeness: float = Field(
        0.7,
        ge=0,
        le=4,
        description="queries and keys of a model from scratch start as so much of the identity, "
        "beside noise: like attends to like; 0: noise alone",
    )
    text_tokens: int = Field(
        2048, ge=300, le=65536, description="largest vocabulary of its tokenizer"
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="bf16: matrix products and frozen language model weights in bfloat16"
    )
    gradient_checkpointing: bool = Field(
        False, description="recompute each layer in the backward pass: less memory, more time"
    )
    lora_rank: int = Field(
        0, ge=0, le=1024, description="r of LoRA in a pretrained language model; 0: no LoRA"
    )
    lora_alpha: float = Field(
        16.0, gt=0, le=10_000, description="LoRA's update is scaled by alpha / r"
    )
    lora_targets: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        None,
        min_length=1,
        description='linear maps LoRA adapts, such as ["q_proj", "v_proj"]; not given: peft\'s '
        "choice for the architecture, else all inside the layers",
    )

    # vision and fusion
    vision: Literal["photos", "none"] = Field(
        "photos", description="none: no image is seen at all (ablation)"
    )
    fusion: Literal["cross-attention", "concatenation", "early", "late"] = Field(
        "cross-attention",
        description="cross-attention: photos condition layers inside the language model; "
        "concatenation: visual tokens stand in the sequence behind [IMG]; early: added to an "
        "item's input embeddings; late: combined with what the last layer puts out",
    )
    exclusive_attention: bool = Field(
        True,
        description="cross-attention reads the photo of a token's own item; false: every photo "
        "up to the token",
    )
    image_encoder: str = Field(AUTO, description=ENCODERS)
    image_grid: int = Field(4, ge=1, le=16, description="patch features pooled to grid x grid")
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")
    visual_tokens: int = Field(4, ge=1, le=256, description="C, visual tokens per image")
    resampler_layers: int = Field(1, ge=1, le=12, description="layers of the perceiver resampler")
    fusion_every: int | None = Field(
        None,
        ge=1,
        le=16,
        description="cross-attention before every n-th layer; not given: 2 (paper), and every "
        "layer of a language model of one or two",
    )
    gate_start: float = Field(
        0.1, ge=0, le=3, description="gates g start here (Flamingo: 0, where little passes a while)"
    )
    gate_learning_rate: float = Field(1e-2, gt=0, le=1, description="of gates, AdamW: peak")
    attend_last_image: bool = Field(
        False,
        description="instruction tokens cross-attend to the latest history image (released code)",
    )

    # image generation
    image_tokens: str = Field(
        "own",
        description="VQGAN of image generation. own: trained on the dataset's photos, then frozen; "
        "none: the model draws nothing; else a folder or hub name for diffusers.VQModel",
    )
    image_token_steps: int = Field(240, ge=1, le=1_000_000, description="training steps of own")
    image_token_batch: int = Field(16, ge=2, le=4096, description="photos a step of own")

    drawing_temperature: float = Field(
        0.4, gt=0, le=2, description="of sampling image tokens: less is plainer, more is wilder"
    )

    # items
    item_rows: Literal["content", "random"] = Field(
        "content", description="item token rows start from content, or from noise"
    )
    carried_rows: bool = Field(
        True,
        description="what ends an item (its rating, [EOC], an instruction about it) carries its "
        "row; in a language model from scratch",
    )
    photo_dims: int = Field(
        48,
        ge=0,
        le=4096,
        description="dimensions of their own, at most half of all, that photos start in where a "
        "language model is trained from scratch; 0: none, photos are mixed with words",
    )
    history_items: int = Field(
        5, ge=1, le=200, description="latest history items that are read (paper: 5)"
    )
    targets_per_row: int = Field(
        5, ge=1, le=200, description="next items asked for per shared history in training"
    )
    other_attributes: int = Field(
        4, ge=0, le=100, description="attributes an item's text shows beside the paper's five"
    )
    words_per_attribute: int = Field(20, ge=1, le=500, description="truncation c of a value")

    # our extension, not in the paper
    matching: tuple[MatchPart, ...] = Field(
        (),
        description="EXTENSION, not in the paper: in what history and answers are matched (photo, "
        "identity, category, brand, attributes, price, title), and transitions, query, ratings; "
        "words: explanations point at the item's words, codes: drawings at retrieved photos'; "
        "none: the paper's model, bit for bit",
    )
    matching_rate: float = Field(2e-2, gt=0, le=1, description="of the match head, AdamW: peak")
    own_loss: float = Field(
        1.0,
        ge=0,
        le=10,
        description="beside matching, weight of the loss of UniMP's own logits of items; 0: none",
    )

    # objective and optimisation
    gamma: float = Field(1.0, ge=0, le=10, description="focusing parameter of Eq. 8")
    task_weights: dict[TaskName, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: dict(_TASK_WEIGHTS), description="lambda of Eq. 6, by task"
    )
    task_shares: dict[TaskName, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=lambda: dict(_TASK_SHARES),
        description="share of a task's examples asked per joint epoch, by task",
    )
    temperature: float = Field(
        1.0, ge=1, le=100, description="of task sampling: 1 keeps shares, more evens tasks out"
    )
    strategy: Literal["multi-task-efficient", "multi-task-full", "multi-task", "continual"] = Field(
        "multi-task-efficient", description="learning strategy (Table 7)"
    )
    own_rows: int | None = Field(
        600, ge=1, description="user sequences, at most, of a fine-tuning epoch"
    )
    own_epochs: int = Field(1, ge=1, le=1000, description="fine-tuning epochs of each task")
    own_rate: float = Field(0.3, gt=0, le=10, description="factor on learning rates in them")
    answer_tokens: int = Field(40, ge=1, le=500, description="longest explanation, in tokens")
    context_weight: float = Field(0.15, ge=0, le=10, description="weight of context loss, Eq. 7")
    context_share: float = Field(
        0.35, gt=0, le=1, description="share of context tokens reconstructed per epoch, drawn anew"
    )
    epochs: int | None = Field(
        None, ge=1, le=1000, description="passes over the training part; not given: see steps"
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="optimiser steps the number of epochs is chosen for, at least 2 epochs; not "
        "given: two per catalogue item, within 1040 to 3120",
    )
    most_rows: int | None = Field(
        None, ge=1, description="user sequences per epoch at most, drawn anew each epoch"
    )
    shuffle: float = Field(
        0.0, ge=0, le=1, description="share of training sequences read in random order"
    )
    batch_rows: int = Field(24, ge=1, le=4096, description="user sequences a step")
    optimiser: Literal["adamw", "muon"] = Field(
        "adamw", description="adamw (paper); muon: Muon for linear maps inside layers, AdamW else"
    )
    learning_rate: float = Field(6e-3, gt=0, le=1, description="of AdamW: peak, cosine schedule")
    muon_learning_rate: float = Field(1e-2, gt=0, le=1, description="of Muon: peak, same schedule")
    item_learning_rate: float = Field(5e-4, gt=0, le=1, description="of the free item rows")
    weight_decay: float = Field(0.3, ge=0, le=1, description="AdamW, on matrices")
    item_decay: float = Field(0.05, ge=0, le=10, description="AdamW, on the free item rows")
    dropout: float = Field(0.1, ge=0, lt=1, description="on input embeddings in training")
    warmup: float = Field(0.01, ge=0, lt=1, description="share of steps with rising rate")
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    answer_rows: int = Field(
        32, ge=1, le=4096, description="questions in a forward pass; fewer are filled up"
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="processor threads, at most; the same digits with one and two; not given: "
        "torch's own choice",
    )
    patience: int = Field(6, ge=1, description="epochs without a better validation score")
    validation_users: int = Field(
        300, ge=1, description="validation users whose rankings are scored per epoch"
    )
    validation_others: int = Field(
        300, ge=1, description="validation users scored per epoch on each other task"
    )
    choosing_users: int = Field(
        2000, ge=1, description="validation users a threshold or temperature is chosen on, at most"
    )

    def layers_between(self, depth: int) -> int:
        """Return n of "cross-attention before every n-th of ``depth`` layers"."""
        return self.fusion_every or (1 if depth <= 2 else 2)

    @property
    def row_items(self) -> int:
        """Return how many items a long training row holds: a window before each of its targets."""
        return self.history_items + self.targets_per_row - 1

    @property
    def carries_rows(self) -> bool:
        """Return whether tokens that end an item carry its row."""
        return self.carried_rows and not self.freezes_language_model

    @property
    def freezes_language_model(self) -> bool:
        """Return whether the language model is a pretrained one, which stays as it is."""
        return self.preset not in _TRAINED_WHOLE

    @property
    def pretrained_name(self) -> str | None:
        """Return the language model's hub name or folder; ``None`` where the preset has its own."""
        return self.language_model or HUB_NAMES.get(self.preset)

    def epochs_for(self, rows: int, items: int) -> int:
        """Return epochs over ``rows`` user sequences: as set, else enough for ``steps`` steps.

        Without ``steps``: two a row of the ``items``, as each has to be learned, within limits.
        """
        if self.epochs is not None:
            return self.epochs
        steps = self.steps or min(max(2 * items, _LEAST_STEPS), _MOST_STEPS)
        return max(_LEAST_EPOCHS, round(steps / math.ceil(rows / self.batch_rows)))

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if isinstance(values, dict):
            named = values.get("language_model") is not None
            preset = values.get("preset", "pretrained" if named else "tiny")
            filled = {**PRESETS.get(preset, {}), "preset": preset, **values}
            if filled.get("matching"):  # its votes are learned from ratings; the network's are not
                filled.setdefault("task_shares", {**_TASK_SHARES, "preference": 1.0})
            return filled
        return values

    @field_validator("fusion", "exclusive_attention", "attend_last_image")
    @classmethod
    def _check_fusion(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse, rather than ignore, a way of reading photos that another setting rules out."""
        if info.field_name is None or value == cls.model_fields[info.field_name].default:
            return value
        if info.data.get("vision") == "none":
            raise ValueError("with vision = none there are no photos to read")
        if info.field_name != "fusion" and info.data.get("fusion") != "cross-attention":
            raise ValueError(
                f"with fusion = {info.data.get('fusion')} there is no cross-attention to change"
            )
        if info.field_name == "attend_last_image" and not info.data.get("exclusive_attention"):
            raise ValueError("with exclusive_attention = false every token sees that image anyway")
        return value

    def share(self, task: str) -> float:
        """Return the share, 0..1, of ``task``'s examples that a joint epoch asks; 1 unless set."""
        return dict[str, float](self.task_shares.items()).get(task, 1.0)

    def weight(self, task: str) -> float:
        """Return ``task``'s lambda of Eq. 6; 1 unless set."""
        return dict[str, float](self.task_weights.items()).get(task, 1.0)

    @field_validator("lora_rank", "lora_alpha", "lora_targets")
    @classmethod
    def _check_lora(cls, value: Any, info: ValidationInfo) -> Any:
        """LoRA where nothing is frozen, or its settings without it, are refused, not ignored."""
        if info.field_name is None or value == cls.model_fields[info.field_name].default:
            return value
        preset = info.data.get("preset")
        if info.field_name == "lora_rank" and preset in _TRAINED_WHOLE:
            raise ValueError(
                f"LoRA adapts a frozen language model, and preset {preset} trains its own whole: "
                "name a language_model, or choose a preset that does"
            )
        if info.field_name != "lora_rank" and info.data.get("lora_rank") == 0:
            raise ValueError("with lora_rank = 0 there is no LoRA to change")
        return value

    @model_validator(mode="after")
    def _check_language_model(self) -> UniMPConfig:
        if self.language_model is not None and not self.freezes_language_model:
            raise ValueError(
                f"preset {self.preset} makes its own language model: to use "
                f"{self.language_model!r}, leave preset out or set it to pretrained"
            )
        if self.preset == "pretrained" and self.language_model is None:
            raise ValueError("preset pretrained needs language_model: a hub name or a folder")
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> UniMPConfig:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of twice the {self.heads} heads"
            )
        return self
