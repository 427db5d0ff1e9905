"""A script: fit a small UniMP as one of several processes and note down what happened.

Arguments: the home folder, a folder for notes, how often the checkpoint may be written before the
process dies (0: any number). Each process writes ``losses-N.json`` and ``weights-N.safetensors``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from benchmark.data.opening import ensure_dataset
from benchmark.host import processes
from benchmark.host.home import Home
from benchmark.training.checkpoint import Checkpoint
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.training import step

#: Five rows a step do not divide evenly, and seven leave two for the last: one step too few
#: for three processes.
SETTINGS: dict[str, Any] = {
    "width": 32, "depth": 2, "heads": 2, "text_tokens": 600, "epochs": 3, "batch_rows": 5,
    "most_rows": 7, "own_rows": 5, "encoder_steps": 2,
    "image_token_steps": 2, "image_token_batch": 4, "validation_users": 8,
    "validation_others": 8, "answer_tokens": 12, "learning_rate": 1e-3, "dropout": 0.0,
    "history_items": 3, "targets_per_row": 2, "words_per_attribute": 4, "choosing_users": 10,
    "optimiser": "adamw",  # Muon rounds to bfloat16 inside: last bits of a gradient then show
}  # fmt: skip


def fit(home: Path, notes: Path, *, writes: int = 0, **settings: Any) -> UniMP:
    """Fit with seed 1, all caches under ``notes``; the loss of every step goes into notes."""
    view = ensure_dataset("sim-xs", Home(home)).training_view()
    view.features_folder = notes / "features"
    losses: list[float] = []
    cut: set[bool] = set()
    inner = step.training_loss

    def noting(*args: Any, **kwargs: Any) -> Any:
        loss, rest = inner(*args, **kwargs)
        losses.append(loss.item())
        cut.add(any(hasattr(p, "full_tensor") for p in args[0].parameters()))
        return loss, rest

    write, written = Checkpoint.write, [0]

    def counting(self: Checkpoint, *args: Any) -> None:
        write(self, *args)
        written[0] += 1
        if written[0] == writes:
            os._exit(9)

    step.training_loss, Checkpoint.write = noting, counting
    model = UniMP(UniMPConfig(**{**SETTINGS, **settings}))
    try:
        if processes.is_main():
            model.fit(view, seed=1)
        else:
            model.assist(view, seed=1)
    finally:
        step.training_loss, Checkpoint.write = inner, write
    number = os.environ.get("RANK", "0")
    record = {
        "losses": losses,
        "writes": written[0],
        "cut": cut == {True},
        "journal": model.journal.timeless(),
    }
    (notes / f"losses-{number}.json").write_text(json.dumps(record))
    weights = {n: p.detach().clone() for n, p in model.parts.network.named_parameters()}
    for task, own in model.own_weights.items():
        weights |= {f"{task} {name}": value for name, value in own.items()}
    save_file(weights, notes / f"weights-{number}.safetensors")
    return model


def pretend_devices() -> None:
    """Accelerate uses FSDP on devices only: let it take these processes for some."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    processes.state()
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


if __name__ == "__main__":
    if os.environ.get("ACCELERATE_USE_FSDP"):
        pretend_devices()
    settings = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    fit(Path(sys.argv[1]), Path(sys.argv[2]), writes=int(sys.argv[3]), **settings)
