"""What a model's code sets for the whole process holds for that model alone.

Torch's default type and device, whether gradients are kept, numpy's way with an overflow and the
working folder belong to a process. A model that sets one would change the numbers of the next one,
or make it fail, and a notebook that does would change those of all: they would be stored under
identities that say nothing of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Setting:
    """Describes one setting of a process; ``usual`` is that of a new one, where it is the same."""

    get: Callable[[], Any]
    set: Callable[[Any], object]
    usual: Any = None


def process_state() -> dict[str, Any]:
    """Return what is set now, by name; of numpy and torch only where they are loaded."""
    return {name: setting.get() for name, setting in _settings().items()}


def set_process_state(state: State) -> None:
    """Set what ``state`` says; of what it says nothing, the usual where there is one."""
    for name, setting in _settings().items():
        value = state.get(name, setting.usual)
        if value is not None and setting.get() != value:
            setting.set(value)


class OwnState:
    """Surrounds the calls of one model's code; torch and others are put back behind each.

    What one call leaves is there for the next, as in a process of the model's own. ``begin`` is
    what the first finds: what it does not hold is usual, and ``None`` leaves all as it is.
    """

    def __init__(self, begin: State | None) -> None:
        self._inside = begin
        self._outside: State = MappingProxyType({})

    def __enter__(self) -> None:
        self._outside = process_state()
        if self._inside is not None:
            set_process_state(self._inside)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inside = process_state()
        set_process_state(self._outside)


def _settings() -> dict[str, _Setting]:
    found = {"working folder": _Setting(_folder, os.chdir)}
    for name, settings in (("numpy", _of_numpy), ("torch", _of_torch)):
        if name in sys.modules:
            found |= settings(sys.modules[name])
    return found


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return None


def _of_numpy(numpy: Any) -> dict[str, _Setting]:
    usual = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    return {"errors": _Setting(numpy.geterr, lambda said: numpy.seterr(**said), usual)}


def _of_torch(torch: Any) -> dict[str, _Setting]:
    usual_device = torch.device("cpu")

    def set_device(device: Any) -> None:
        torch.set_default_device(None if device == usual_device else device)

    def precision() -> str | None:
        try:
            return str(torch.get_float32_matmul_precision())
        except RuntimeError:  # it was set in a newer way, which this cannot name
            return None

    def set_precision(value: str) -> None:
        if precision() is not None:
            torch.set_float32_matmul_precision(value)

    return {
        "type": _Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        "device": _Setting(torch.get_default_device, set_device, usual_device),
        "gradients": _Setting(torch.is_grad_enabled, torch.set_grad_enabled, True),
        "precision": _Setting(precision, set_precision, "highest"),
        "determinism": _Setting(
            torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0
        ),
        "threads": _Setting(torch.get_num_threads, torch.set_num_threads),
    }
