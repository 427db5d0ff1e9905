"""The one place that prepares torch: its arithmetic, and torchvision importable beside it.

Arithmetic. Intel's matrix library, which torch uses on x86 processors, chooses its code path by
the processor, the shape of a product and the place of its operands in memory, so the same row can
end in other digits beside other rows. ``MKL_CBWR`` binds it to one path. It is read once, when the
library is first used, so it is set when ``benchmark`` is imported, before torch is loaded.

Torchvision. Its wheel on the package index is built for CUDA. Beside a CPU-only torch its C++
extension does not load, its operators are never declared, and ``import torchvision`` (hence
``open_clip``, hence parts of ``transformers``) fails with "operator torchvision::nms does not
exist". Only two operators are named at import time; declaring their signatures is enough,
since nothing here calls them.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import Any

#: ``0`` in this environment variable leaves the matrix library its own choice.
PIN_VARIABLE = "UNIMP_BENCH_PIN_ARITHMETIC"
_PATH_VARIABLE = "MKL_CBWR"
#: Settings of ``MKL_CBWR`` under which the library still chooses freely.
_FREE = ("", "AUTO", "OFF")

#: Whether torch was there before the pinning could be.
_came_too_late = False

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_MISSING_AT_IMPORT = ("nms", "qnms")

#: A declaration lives as long as this object does.
_declarations: Any = None


def pin_arithmetic() -> None:
    """Set ``MKL_CBWR`` for this process and those it starts; imports nothing heavy.

    AVX2 where the processor has it, about as fast as the library's own choice, and strictly, for
    any number of threads; else the path that every x86 processor has, at half the speed. Nothing is
    set where the user has set it, where :data:`PIN_VARIABLE` is 0, on other processors, and where
    torch is loaded already: that it came too late is then said by :func:`arithmetic`.
    """
    global _came_too_late
    if _PATH_VARIABLE in os.environ or not _is_wanted() or not is_x86():
        return
    if "torch" in sys.modules:
        _came_too_late = True
        return
    os.environ[_PATH_VARIABLE] = "AVX2,STRICT" if "avx2" in processor_flags() else "COMPATIBLE"


def arithmetic() -> dict[str, Any]:
    """Return what the last digits of results hang on, for manifests and ``doctor``.

    ``MKL_CBWR`` as it is set, ``pinned``, with ``not_pinned_because`` where it is not, and
    ``ATEN_CPU_CAPABILITY``: the vector instructions torch uses, its own word once it is loaded.
    """
    found: dict[str, Any] = {
        _PATH_VARIABLE: os.environ.get(_PATH_VARIABLE),
        "ATEN_CPU_CAPABILITY": _vector_instructions(),
    }
    reason = _why_not_pinned()
    return {"pinned": reason is None, **({"not_pinned_because": reason} if reason else {}), **found}


def _why_not_pinned() -> str | None:
    setting = os.environ.get(_PATH_VARIABLE, "")
    if _came_too_late:
        return "torch was loaded before benchmark: import benchmark first"
    if not is_x86():
        return f"{_PATH_VARIABLE} is for x86 processors, this is {platform.machine()}"
    if setting.partition(",")[0].upper() not in _FREE:
        return None
    if not _is_wanted():
        return f"{PIN_VARIABLE} is {os.environ[PIN_VARIABLE]}"
    return f"{_PATH_VARIABLE} is {setting!r}"


def _is_wanted() -> bool:
    return os.environ.get(PIN_VARIABLE, "1").strip().lower() not in ("0", "false", "no", "off")


def is_x86() -> bool:
    """Return whether this processor is one that the matrix library is made for."""
    return platform.machine().lower() in ("x86_64", "amd64")


def processor_flags() -> list[str]:
    """Return the instruction sets of the processor, such as ``avx2``; empty where unknown."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return line.partition(":")[2].split()
    except OSError:
        pass  # not Linux: unknown, so the path that every processor has
    return []


def _vector_instructions() -> str | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return os.environ.get("ATEN_CPU_CAPABILITY")
    return str(torch.backends.cpu.get_cpu_capability())


def prepare_torch() -> None:
    """Declare torchvision's operators where its extension cannot; otherwise do nothing.

    Call before the first import of ``open_clip``, ``transformers`` or ``torchvision``; calling
    again costs nothing.
    """
    global _declarations
    if _declarations is not None or "torchvision" in sys.modules:
        return
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    import torch

    for extension in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(extension)  # type: ignore[no-untyped-call]
        except OSError:  # built for another torch: exactly the case cured below
            continue
    if hasattr(torch.ops.torchvision, "nms"):
        _declarations = ()
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in _MISSING_AT_IMPORT:
        library.define(f"{name}{_NMS}")  # type: ignore[no-untyped-call]
    _declarations = library
