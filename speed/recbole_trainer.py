"""Training epochs of our adapter beside RecBole's own pipeline, on the same prefixes.

    python speed/recbole_trainer.py --data ml-100k --model sasrec --set window=20

"recbole" is the library with all it brings: its Config, Dataset, DataLoader and Trainer, from files
of one row a prefix. Importing it switches autograd's anomaly detection on for the whole process;
"recbole, without" is the same with that switched off again, which is the fair comparison. "ours" is
what ``fit`` does in an epoch, validation aside, and "all positions" the same with a target at every
place of a sequence. All train the same network on the same targets; contenders take turns, an epoch
each. With several epochs the first of each is not counted. Times are of this process' processor, so
that a busy machine slows none down.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole_training import training_stages
from scipy.sparse import dok_matrix

from baselines.learning.loop import train
from baselines.recbole.sequential import SequenceModel
from benchmark.commands.options import parse_settings
from benchmark.data.instances.timeline import Timeline
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.model import TrainingView
from benchmark.models.building import configure
from benchmark.training.reproducible import reproducible

#: Systems whose training rows are the same in both: a prefix and its target.
MODELS = ("sasrec", "gru4rec")


def main() -> None:
    """Time epochs of RecBole's trainer and of ours, in turns, and print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    settings = parse_settings(arguments.set)
    view = ensure_dataset(arguments.data, find_home(arguments.home)).training_view()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # RecBole's old spellings
    print(f"{'model':10} {'contender':18} {'seconds an epoch':>16} {'loss':>8}")
    for name in arguments.model or MODELS:
        for contender, seconds, loss in _compare(name, view, settings, arguments.epochs):
            print(f"{name:10} {contender:18} {seconds:16.1f} {loss:8.4f}", flush=True)


def _compare(
    name: str, view: TrainingView, settings: dict[str, object], epochs: int
) -> Iterator[tuple[str, float, float]]:
    ours = {
        "ours": our_epoch(f"{name}:prefixes", view, settings),
        "all positions": our_epoch(f"{name}:all-positions", view, settings),
    }
    model = configure(f"{name}:prefixes", settings).build()
    assert isinstance(model, SequenceModel)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    model._know(view.catalogue.ids, timeline.users)
    model._size(view, timeline)
    contenders = {
        "recbole": (True, their_epoch(model, timeline)),
        "recbole, without": (False, their_epoch(model, timeline)),
        **{contender: (False, epoch) for contender, epoch in ours.items()},
    }
    seconds: dict[str, list[float]] = {contender: [] for contender in contenders}
    losses: dict[str, float] = {}
    for _ in range(epochs):
        for contender, (anomalies, epoch) in contenders.items():
            with torch.autograd.set_detect_anomaly(anomalies):
                clock = time.process_time()
                losses[contender] = epoch()
                seconds[contender].append(time.process_time() - clock)
    for contender, taken in seconds.items():
        yield contender, statistics.median(taken[1:] or taken), losses[contender]


def our_epoch(name: str, view: TrainingView, settings: Mapping[str, object]) -> Callable[[], float]:
    """Return what trains ``name`` for another epoch and gives its mean loss."""
    model = configure(name, {**settings, "threads": 1}).build()
    (stage,) = training_stages(model, view)

    def epoch() -> float:
        with reproducible(0, 1):
            return train(**stage, epochs=1).values("loss")[0]

    return epoch


def their_epoch(model: SequenceModel, timeline: Timeline) -> Callable[[], float]:
    """Return an epoch of RecBole's own pipeline, on the same prefixes, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name, inside(Path(name)):
        folder = Path(name)
        _write(folder / "bench", model, timeline)
        settings = {
            key: value
            for key, value in model.config.model_dump().items()
            if key not in ("epochs", "patience", "batch_size", "targets", "threads", "window")
        }
        trainer, rows = trainer_of(
            model.name,
            folder,
            {
                **settings,
                "load_col": {"inter": ["user_id", "item_id_list", "item_id"], "item": ["item_id"]},
                "alias_of_item_id": ["item_id_list"],
                "MAX_ITEM_LIST_LENGTH": model._sizes["window"],
                "train_batch_size": model.config.batch_size,
                "train_neg_sample_args": None,
            },
        )
    return lambda: float(trainer._train_epoch(rows, 0)) / len(rows)


def trainer_of(name: str, folder: Path, settings: Mapping[str, object]) -> tuple[Any, Any]:
    """Return RecBole's trainer of model ``name`` and its rows, from files below ``folder``.

    They lie in ``bench``, as :func:`write` and its like leave them, a file for each part.
    """
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer

    def aliases(self: Any) -> None:
        """Give numpy the names that RecBole asks for; its own list asks for some that are gone."""
        np.float = float  # type: ignore[attr-defined]
        np.bool = bool  # type: ignore[misc, assignment]
        np.object = object  # type: ignore[attr-defined]

    Config.compatibility_settings = aliases
    if not hasattr(dok_matrix, "_update"):  # by which RecBole fills a graph; gone from scipy
        dok_matrix._update = lambda self, entries: self._dict.update(entries)
    chosen = {
        **settings,
        "data_path": str(folder),
        "benchmark_filename": ["train", "valid", "test"],
        "gpu_id": "",
        "show_progress": False,
    }
    arguments, sys.argv = sys.argv, sys.argv[:1]  # RecBole reads them as settings
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            config = Config(model=name, dataset="bench", config_dict=chosen)
            rows, _, _ = data_preparation(config, create_dataset(config))
            network = get_model(name)(config, rows.dataset).to(config["device"])
            return get_trainer(config["MODEL_TYPE"], config["model"])(config, network), rows
    finally:
        sys.argv = arguments


def _write(folder: Path, model: Any, timeline: Timeline) -> None:
    """RecBole's files: a row a prefix."""
    window = model._sizes["window"]
    header = "user_id:token\titem_id_list:token_seq\titem_id:token"
    lines = [header]
    for row in model.training_rows(timeline, minimum=1):
        begin = max(int(timeline.start_of(row)), int(row) - window)
        prefix = " ".join(f"i{item}" for item in timeline.item[begin:row])
        lines.append(f"u{timeline.user[row]}\t{prefix}\ti{timeline.item[row]}")
    write(folder, lines, items=len(model.item_ids))


def write(folder: Path, lines: Sequence[str], *, items: int) -> None:
    """Write RecBole's files of training ``lines``; valid and test rows are placeholders."""
    folder.mkdir()
    for part, content in (("train", lines), ("valid", lines[:2]), ("test", lines[:2])):
        (folder / f"bench.{part}.inter").write_text("\n".join(content) + "\n")
    named = ["item_id:token", *(f"i{item}" for item in range(items))]
    (folder / "bench.item").write_text("\n".join(named) + "\n")


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in ``folder``, where RecBole leaves its logs."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    main()
