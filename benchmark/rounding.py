"""How precisely scores are compared, so that no order hangs on the last digits of arithmetic.

The same sum is rounded differently by another processor, library or batch. Scores that are equal
in exact arithmetic (two items with the same description, or the same row of a table) then differ
in their last bits, and which of them comes first would be an accident. So wherever scores decide
an order or a choice they are rounded first, and equal ones are told apart by place.

The rounding is relative to a score's own size, not to the largest of its row: probabilities keep
their order down to the least, a constant such as -1e9 for "never" coarsens nothing else, and what
becomes of a score depends on nothing asked beside it. What it cannot do: two scores that really
differ, but by no more than the noise, lie on two sides of a border now and then. Rounding makes
such disagreement confined to scores that close, not impossible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Last bits of a score's significand that are not compared. The sums of a network of a few layers
#: were seen to differ by up to 5 units in the last place of their largest term (about 3 bits)
#: from one code path of a matrix library to another; cancellation costs some more. Of float32's
#: 24 bits 16 are left, nearly five decimal digits; of float64's 53, 45: counts stay exact.
SPARE_BITS = 8


def kept_bits(dtype: DTypeLike) -> int:
    """Return the significant bits in which scores computed in ``dtype`` are compared: 16 or 45.

    Half precision is narrower than what is kept of float32, and integers are exact in float64.
    """
    floating = np.result_type(dtype, np.float32)
    return int(np.finfo(floating).nmant) + 1 - SPARE_BITS


def rounded(values: NDArray[np.floating], *, computed_in: DTypeLike) -> NDArray[np.float64]:
    """Round ``values`` to the nearest number of ``kept_bits(computed_in)`` significant bits.

    ``computed_in`` is the precision of the arithmetic that made them, which a later conversion to
    float64 hides. Never decreasing in ``values``; infinities and zeros stay.
    """
    bits = kept_bits(computed_in)
    significand, exponent = np.frexp(np.asarray(values, np.float64))  # 0.5 <= |significand| < 1
    whole = np.rint(np.ldexp(significand, bits))
    nearest: NDArray[np.float64] = np.ldexp(whole, exponent - bits)
    return nearest


def step(value: float, *, computed_in: DTypeLike) -> float:
    """Return the largest distance of ``value`` from its neighbours after rounding."""
    return float(np.ldexp(abs(value), 1 - kept_bits(computed_in)))
