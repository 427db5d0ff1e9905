"""Attention heads share a layer's width evenly: one check for the settings that name both."""

from __future__ import annotations

from pydantic import ValidationInfo


def heads_divide_the_width(width: int, info: ValidationInfo) -> int:
    """Return ``width``, the value of the field that this validates.

    Raises :class:`ValueError` where ``n_heads``, declared before it, does not divide it.
    """
    heads = info.data.get("n_heads")  # absent when it was refused itself
    if heads and width % heads:
        raise ValueError(f"it is no multiple of n_heads {heads}")
    return width
