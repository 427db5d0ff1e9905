"""Validate and record the parameters of preparation: one namespace of ``--set`` keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from benchmark.data.raw.source import Source
from benchmark.data.schema import DEFAULT_K, MOST_NEW_USERS
from benchmark.errors import UsageError, shown, unknown_name

M = TypeVar("M", bound=BaseModel)

#: What becomes of copied texts where a source says nothing else.
LEAVE_OUT: Final = "leave-out"
#: Settings that came later, and the value by which all is as before, unless a source has another
#: default: with it they are not recorded, so datasets from before there was a choice keep their
#: hashes.
_LATER: Mapping[str, object] = MappingProxyType(
    {"k": DEFAULT_K, "posters": None, "copied_texts": LEAVE_OUT, "test": None}
)
#: A split needs one interaction each for training, validation and test.
LEAST_INTERACTIONS = 3


def _whole(value: object) -> object:
    """The text of a small whole number as that number."""
    digits = isinstance(value, str) and len(value) < 10 and value.isdecimal()
    return int(str(value)) if digits else value


def _names(value: object) -> object:
    """The names in a text that separates them by commas, or in a list, each once."""
    if isinstance(value, str):
        value = [name for name in (part.strip() for part in value.split(",")) if name]
    listed = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    return tuple(dict.fromkeys(value)) if listed else value  # type: ignore[call-overload]


class SplitParams(BaseModel):
    """Validates the settings of every source, which change defaults by ``Source.defaults``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_users: float = Field(
        0.0, ge=0, le=MOST_NEW_USERS, description="share of users reserved as the cohort new-user"
    )
    new_domains: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (),
        description="domains reserved as the cohort new-domain, separated by commas: who uses "
        "nothing else is evaluated only, other users' interactions there are left out",
    )
    history_window: int = Field(
        50, ge=1, le=1000, description="longest history an instance carries"
    )
    min_interactions: int = Field(
        LEAST_INTERACTIONS,
        ge=LEAST_INTERACTIONS,
        description="users with fewer interactions are dropped (3: train, valid, test)",
    )
    selection_negatives: int = Field(
        6, ge=1, le=100, description="candidates per selection instance that are not positives"
    )
    k: Annotated[Literal[10, 20], BeforeValidator(_whole)] = Field(
        10, description="items a ranking holds; with 20, metrics at 20 are added"
    )
    copied_texts: Literal["leave-out", "keep"] = Field(
        LEAVE_OUT,
        description="instances of preference and explanation whose review the user had written of "
        "an earlier item, word for word: left out and counted, or kept",
    )
    seed: int = Field(0, ge=0, description="of cohorts, candidates and perturbations")


def parse_settings(
    source: Source, settings: Mapping[str, str] | None
) -> tuple[BaseModel, SplitParams]:
    """Return source and common parameters: ``settings`` (``--set`` strings) over the defaults.

    Raises :class:`UsageError` for an unknown key (with the nearest ones) or a bad value.
    """
    given = dict(settings or {})
    own, common = source.params.model_fields, SplitParams.model_fields
    for key in given:
        if key not in own and key not in common:
            raise unknown_name(f"setting of source {source.name}", key, {*own, *common})
    split_values: dict[str, Any] = {**source.defaults, **_only(given, common)}
    return (
        _validate(source.params, _only(given, own), source),
        _validate(SplitParams, split_values, source),
    )


def recorded(source: Source, source_params: BaseModel, split_params: SplitParams) -> dict[str, Any]:
    """Return both as one JSON-ready mapping; of a path only the file name, as folders move."""
    values = {**source_params.model_dump(mode="json"), **split_params.model_dump(mode="json")}
    values |= {key: value.name for key, value in source_params if isinstance(value, Path)}
    later = {key: source.defaults.get(key, usual) for key, usual in _LATER.items()}
    return {key: v for key, v in values.items() if key not in later or v != later[key]}


def _only(values: Mapping[str, str], fields: Mapping[str, object]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in fields}


def _validate(model: type[M], values: Mapping[str, Any], source: Source) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"Setting {key}={shown(first['input'])} of source {source.name!r} is not possible: "
            f"{first['msg']}.",
            fix=f"Correct --set {key}=VALUE or leave it out.",
        ) from None
