"""What an outcome of verification hangs on besides submission and data: code, libraries, models.

Whatever is kept of an outcome is kept under a hash of these, so that nothing is out of date.
"""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.provenance import package_versions
from benchmark.metrics import bertscore, image_judge
from benchmark.models import registered

#: Folders of our code, beside each other in a checkout and where it is installed.
CODE = ("baselines", "benchmark", "leaderboards", "unimp_model")


def surroundings() -> dict[str, Any]:
    """Return the code's hash, the versions of Python and libraries, the names of listed models and
    the encoders, as JSON."""
    return {
        "code": _code_sha256(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "models": sorted(registered.entries()),
        "encoders": [_text_encoder(), os.environ.get(image_judge.VARIABLE)],
    }


def _text_encoder() -> str | None:
    try:
        encoder = bertscore.find_encoder()
    except BenchError as error:
        return error.message
    return None if encoder is None else f"{encoder.name} {encoder.folder}"


@cache
def _code_sha256() -> str:
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in CODE:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
