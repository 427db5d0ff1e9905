"""Training epochs of our RecBole adapter beside RecBole's own pipeline, on the same rows.

    python benchmarks/recbole_training.py --data sim-s --model sasrec --model gru4rec --epochs 3

"recbole" is the library called directly: its Config, Dataset, DataLoader and Trainer, from files of
one row a prefix. Importing it switches autograd's anomaly detection on for the whole process;
"recbole, without" is the same with that switched off again, which is the fair comparison. "ours" is
what ``fit`` does in an epoch, validation aside. All train the same network at the same batch size;
contenders take turns, an epoch each, and the first epoch of each is not counted. Times are of this
process' processor, so that a busy machine slows none down.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.recbole.adapter import RecBoleModel
from baselines.recbole.sequential import SequenceModel
from baselines.training import train
from benchmark.data.dataset import ensure_dataset
from benchmark.data.timeline import Timeline
from benchmark.home import find_home
from benchmark.model import TrainingView
from benchmark.runs.config import configure

#: Systems whose training rows are the same in both: a prefix and its target.
MODELS = ("sasrec", "gru4rec")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=512)
    arguments = parser.parse_args()
    view = ensure_dataset(arguments.data, find_home(arguments.home)).training_view()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # RecBole's old spellings
    print(f"{'model':10} {'contender':18} {'seconds an epoch':>16} {'loss':>8}")
    for name in arguments.model or MODELS:
        for contender, seconds, loss in _compare(name, view, arguments):
            print(f"{name:10} {contender:18} {seconds:16.3f} {loss:8.4f}")


def _compare(
    name: str, view: TrainingView, arguments: argparse.Namespace
) -> list[tuple[str, float, float]]:
    epochs = arguments.epochs + 1
    settings = {
        "batch_size": arguments.batch_size, "threads": 1, "epochs": epochs, "patience": epochs,
    }  # fmt: skip
    model = configure(name, settings).build()
    assert isinstance(model, SequenceModel)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    torch.manual_seed(0)
    model._know(view.catalogue.ids, timeline.users)
    model._size(view, timeline)
    model._network = model._new_network()
    rows, rng = model._training_rows(timeline, minimum=1), np.random.default_rng(0)
    theirs = {
        "recbole": (True, _their_epoch(model, timeline)),
        "recbole, without": (False, _their_epoch(model, timeline)),
    }
    seconds: dict[str, list[float]] = {"ours": [], **{contender: [] for contender in theirs}}
    losses: dict[str, float] = {}
    torch.autograd.set_detect_anomaly(False)  # a pipeline of theirs has switched it on
    clock = time.process_time()

    def others_turn() -> float:
        """Called after each of our epochs, where ``fit`` would validate."""
        nonlocal clock
        seconds["ours"].append(time.process_time() - clock)
        for contender, (anomalies, epoch) in theirs.items():
            with torch.autograd.set_detect_anomaly(anomalies):
                clock = time.process_time()
                losses[contender] = epoch()
                seconds[contender].append(time.process_time() - clock)
        clock = time.process_time()
        return 0.0

    journal = train(
        model._network,
        batches=lambda: model._batches(timeline, rows, rng),
        steps=-(-len(rows) // model.config.batch_size),
        loss=model._loss,
        settings=model.config,
        label="",
        validate=others_turn,
    )
    losses["ours"] = journal.losses[-1]
    return [(c, statistics.median(seconds[c][1:]), losses[c]) for c in (*theirs, "ours")]


def _their_epoch(model: RecBoleModel, timeline: Timeline) -> Callable[[], float]:
    """RecBole's own pipeline on the same prefixes, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name, _inside(Path(name)):
        folder = Path(name)
        _write(folder / "bench", model, timeline)
        trainer, rows = _trainer(folder, model)

    def epoch() -> float:
        return float(trainer._train_epoch(rows, 0)) / len(rows)

    return epoch


def _trainer(folder: Path, model: RecBoleModel) -> tuple[Any, Any]:
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer

    def aliases(self: Any) -> None:
        """What RecBole still asks of numpy; its own list asks numpy for names that are gone."""
        np.float = float  # type: ignore[attr-defined]
        np.bool = bool  # type: ignore[misc, assignment]
        np.object = object  # type: ignore[attr-defined]

    Config.compatibility_settings = aliases
    ours = {
        key: value
        for key, value in model.config.model_dump().items()
        if key not in ("epochs", "patience", "batch_size", "targets", "threads", "window")
    }
    settings = {
        **ours,
        "data_path": str(folder),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id_list", "item_id"], "item": ["item_id"]},
        "alias_of_item_id": ["item_id_list"],
        "MAX_ITEM_LIST_LENGTH": model._sizes["window"],
        "train_batch_size": model.config.batch_size,
        "train_neg_sample_args": None,
        "gpu_id": "",
        "show_progress": False,
    }
    arguments, sys.argv = sys.argv, sys.argv[:1]  # RecBole reads them as settings
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            config = Config(model=model.network_name, dataset="bench", config_dict=settings)
            rows, _, _ = data_preparation(config, create_dataset(config))
            network = get_model(model.network_name)(config, rows.dataset).to(config["device"])
            return get_trainer(config["MODEL_TYPE"], config["model"])(config, network), rows
    finally:
        sys.argv = arguments


def _write(folder: Path, model: Any, timeline: Timeline) -> None:
    """RecBole's files: a row a prefix; valid and test rows are placeholders."""
    folder.mkdir()
    window = model._sizes["window"]
    header = "user_id:token\titem_id_list:token_seq\titem_id:token"
    lines = [header]
    for row in model._training_rows(timeline, minimum=1):
        begin = max(int(timeline.start_of(row)), int(row) - window)
        prefix = " ".join(f"i{item}" for item in timeline.item[begin:row])
        lines.append(f"u{timeline.user[row]}\t{prefix}\ti{timeline.item[row]}")
    for part, content in (("train", lines), ("valid", lines[:2]), ("test", lines[:2])):
        (folder / f"bench.{part}.inter").write_text("\n".join(content) + "\n")
    items = ["item_id:token", *(f"i{item}" for item in range(len(model.item_ids)))]
    (folder / "bench.item").write_text("\n".join(items) + "\n")


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    main()
