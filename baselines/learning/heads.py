"""Attention heads share a layer's width evenly: one check for all settings that name both."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator


def heads_divide(*, width: str = "hidden_size", heads: str = "n_heads") -> Any:
    """Return a validator of settings whose fields have these names.

    It refuses a width that is no multiple of the heads.
    """

    def check(settings: Any) -> Any:
        given, shared_by = getattr(settings, width), getattr(settings, heads)
        if given % shared_by:
            raise ValueError(f"{width} {given} is no multiple of {heads} {shared_by}")
        return settings

    return model_validator(mode="after")(check)
