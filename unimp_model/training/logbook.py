"""Training curves for TensorBoard, where ``$UNIMP_BENCH_TENSORBOARD`` names a folder.

An environment variable and no setting: looking at a training must not make it another one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError

VARIABLE = "UNIMP_BENCH_TENSORBOARD"


class Logbook:
    """Writes each epoch's numbers under ``run``, the training's name; does nothing when unasked,
    or where another process has to ``keep`` it."""

    def __init__(self, run: str, *, keep: bool = True) -> None:
        folder = os.environ.get(VARIABLE)
        self._writer: Any = None
        if not folder or not keep:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise BenchError(
                f"${VARIABLE} is set, but the package tensorboard is not installed.",
                fix="Run pip install tensorboard, or unset the variable.",
            ) from error
        try:
            self._writer = SummaryWriter(str(Path(folder) / run))
        except OSError as error:
            raise BenchError(
                f"${VARIABLE} names {folder!r}, which cannot be written: {error}.",
                fix="Name a folder that can be written.",
            ) from error

    def add(self, epoch: int, record: Mapping[str, Any]) -> None:
        """Log the numbers of one epoch; what is none (the stage's name) is left out."""
        if self._writer is None:
            return
        for name, value in record.items():
            if isinstance(value, float):
                self._writer.add_scalar(name.replace(" ", "/", 1), value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
