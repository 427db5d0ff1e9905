"""One JSON document."""

from __future__ import annotations

import json
from typing import Any


def render_json(value: Any) -> str:
    """Indented JSON; NaN and infinities are refused rather than written as invalid JSON."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
