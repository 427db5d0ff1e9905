"""Refuse weights with NaN or infinities where they are read: later nothing says whence they came.

One such value makes scores of its own, or all of them, meaningless, and whichever check fails
first then blames something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from benchmark.errors import BenchError


def check_finite(
    owner: str, tensors: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]], *, fix: str
) -> None:
    """Raise :class:`BenchError` where a tensor of ``owner`` holds NaN or an infinity.

    It names the first such tensor, how many of its values are not finite, and how many tensors
    there are more. ``owner`` begins the message. Tensors of integers are finite.
    """
    pairs = tensors.items() if isinstance(tensors, Mapping) else tensors
    odd = [(name, tensor) for name, tensor in pairs if not _is_finite(tensor)]
    if not odd:
        return
    name, tensor = odd[0]
    more = f" (and {len(odd) - 1} more such tensors)" if odd[1:] else ""
    raise BenchError(
        f"{owner} has weights that are not finite: {name} holds {_counted(tensor)}{more}.", fix=fix
    )


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _counted(tensor: Tensor) -> str:
    """Say how many values of which kind, such as ``1 NaN among 2,048 values``."""
    kinds = {"NaN": torch.isnan, "infinite": torch.isinf}
    counts = {kind: int(test(tensor).sum()) for kind, test in kinds.items()}
    found = " and ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    return f"{found} among {tensor.numel():,} values"
