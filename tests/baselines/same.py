"""Whether two fitted models learnt the same."""

from __future__ import annotations

from typing import Any

import torch


def same_tensors(a: Any, b: Any) -> bool:
    """Compare what two models give as ``tensors()``, to the bit."""
    left, right = a.tensors(), b.tensors()
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)
