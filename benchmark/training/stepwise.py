"""A training counted in steps, not epochs, that goes on where it was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from benchmark.host.console import note
from benchmark.training import checkpoint
from benchmark.training.journal import Journal


class Steps:
    """Stores a training in one file: ``network``, ``optimiser``, ``rates``, what ``draws`` batches.

    ``label`` says in a note which training goes on. Without ``draws`` the caller draws the batches
    of the finished steps again. A killed training does at most the steps of
    :data:`benchmark.training.checkpoint.SECONDS_BETWEEN` again.
    """

    def __init__(
        self,
        file: Path,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        rates: LRScheduler,
        draws: torch.Generator | None = None,
        *,
        label: str,
    ) -> None:
        self._network, self._optimiser, self._rates = network, optimiser, rates
        self._draws, self._label = draws, label
        numbers = np.random.default_rng(0)  # draws nothing
        self._file = checkpoint.Checkpoint(file, numbers, checkpoint.SECONDS_BETWEEN)

    def resume(self) -> int:
        """Put everything back as it was kept, and return how many steps were done by then."""
        saved = self._file.read()
        if saved is None:
            return 0
        done = int(saved.position["steps"])
        self._network.load_state_dict(saved.weights["now"])
        if self._draws is not None:
            self._draws.set_state(saved.weights["draws"]["state"])
        checkpoint.restore_optimiser(self._optimiser, saved.optimiser)
        self._file.restore_chance(saved)
        at = {"last_epoch": done - 1, "_step_count": done + 1}
        self._rates.load_state_dict({**self._rates.state_dict(), **at})
        self._rates.step()  # sets rate and momentum
        note(f"{self._label} goes on after step {done}")
        return done

    def keep(self, done: int) -> None:
        """Write what the steps after the first ``done`` follow from, if it is time to."""
        if self._file.is_due():
            weights = {"now": self._network.state_dict()}
            if self._draws is not None:
                weights["draws"] = {"state": self._draws.get_state()}
            optimiser = checkpoint.optimiser_tensors(self._optimiser)
            self._file.write(weights, optimiser, Journal(), {"steps": done})

    def remove(self) -> None:
        """Delete the file: training is over."""
        self._file.remove()
