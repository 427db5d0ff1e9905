"""Which values of a column lead it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Standing = Literal["best", "second"]


def standings(values: Sequence[float | None], higher_is_better: bool | None) -> dict[int, Standing]:
    """Positions of the best value and of the next one, all of them where several share it.

    ``None`` takes no part; nothing leads where nothing is better (``higher_is_better`` is
    ``None``).
    """
    if higher_is_better is None:
        return {}
    order = sorted({value for value in values if value is not None}, reverse=higher_is_better)
    names: tuple[Standing, ...] = ("best", "second")
    places = dict(zip(order, names, strict=False))
    return {i: places[value] for i, value in enumerate(values) if value in places}
