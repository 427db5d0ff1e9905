"""An epoch of our systems beside the implementation their users would take otherwise, in one run.

    python speed/baseline_epochs.py --data ml-100k --model mf --model lightgcn --model sasrec
    python speed/baseline_epochs.py --data sim-s --model vbpr --model causalrec

Each is the library with all it brings: RecBole's Config, Dataset, DataLoader and Trainer (with
autograd's anomaly detection, which importing it switches on, off again), Cornac's Dataset and
``fit`` divided by its epochs. The same model is trained on the same pairs, in batches of the same
size, with vectors of the same width. "ours" is what ``fit`` does in an epoch, validation aside;
where nothing is learnt by epochs, it is the whole ``fit``, and theirs too. Contenders take turns
on one thread, an epoch each; the first of each is not counted. Times are of this process'
processor, so that a busy machine slows none down. A library that is not installed
(``pip install cornac``) is left out and named; UltraGCN and MACR, which neither has, stand alone.
The last column is their time over ours: above 1, ours is faster.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole_trainer import inside, our_epoch, their_epoch, trainer_of, write

from baselines.learning.ranker import CatalogueRanker
from baselines.multimodal.photo_pairs import PhotoPairs
from benchmark.commands.options import parse_settings
from benchmark.data.instances.timeline import Timeline
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.model import TrainingView
from benchmark.models.building import configure


@dataclass(frozen=True)
class Contender:
    """Trains for ``epochs`` epochs, or learns once, each time it is run."""

    run: Callable[[], object]
    epochs: int = 1


#: Our models by the library that has them, and their names there.
RECBOLE = {
    "mf": "BPR",
    "lightgcn": "LightGCN",
    "sasrec": "SASRec",
    "gru4rec": "GRU4Rec",
    "ease": "EASE",
    "item-knn": "ItemKNN",
}
CORNAC = {"vbpr": "VBPR", "causalrec": "CausalRec", "ease": "EASE"}
#: In neither.
ALONE = ("ultragcn", "macr")
MODELS = tuple(dict.fromkeys((*RECBOLE, *CORNAC, *ALONE)))
#: Systems that RecBole and we train on the same prefixes only by this variant.
_PREFIXES = {"sasrec": "sasrec:prefixes", "gru4rec": "gru4rec:prefixes"}
#: Epochs of one of Cornac's fits, whose beginning and end are shared out among them.
_CORNAC_EPOCHS = 5


def main() -> None:
    """Time every model and its counterparts and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    view = ensure_dataset(options.data, find_home(options.home)).training_view()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # RecBole's old spellings
    print(f"{'model':10} {'contender':10} {'s an epoch':>11} {'theirs / ours':>14}")
    for name in options.model or MODELS:
        timed = _take_turns(_contenders(name, view, parse_settings(options.set)), options.epochs)
        for contender, seconds in timed.items():
            ratio = "" if contender == "ours" else f"{seconds / timed['ours']:14.2f}"
            print(f"{name:10} {contender:10} {seconds:11.3f} {ratio}".rstrip(), flush=True)


def _contenders(name: str, view: TrainingView, given: Mapping[str, object]) -> dict[str, Contender]:
    label = _PREFIXES.get(name, name)
    model: Any = configure(label, given).build()
    if isinstance(model, CatalogueRanker):
        found = {"ours": Contender(our_epoch(label, view, given))}
    else:
        found = {"ours": Contender(lambda: configure(label, given).build().fit(view, seed=0))}
    for library, names, make in (("recbole", RECBOLE, _recbole), ("cornac", CORNAC, _cornac)):
        if name not in names:
            continue
        if importlib.util.find_spec(library) is None:
            print(f"{name:10} {library:10} is not installed")
            continue
        found[library] = make(names[name], model, view)
    return found


def _take_turns(contenders: Mapping[str, Contender], epochs: int) -> dict[str, float]:
    """Return the median seconds of an epoch of each, the first one aside."""
    seconds: dict[str, list[float]] = {contender: [] for contender in contenders}
    for _ in range(epochs + 1):
        for name, contender in contenders.items():
            with torch.autograd.set_detect_anomaly(False), redirect_stdout(io.StringIO()):
                clock = time.process_time()
                contender.run()
                seconds[name].append((time.process_time() - clock) / contender.epochs)
    return {contender: statistics.median(taken[1:]) for contender, taken in seconds.items()}


def _recbole(name: str, model: Any, view: TrainingView) -> Contender:
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    if name in ("SASRec", "GRU4Rec"):
        model._know(view.catalogue.ids, timeline.users)
        model._size(view, timeline)
        return Contender(their_epoch(model, timeline))
    items = len(view.catalogue)
    pairs = zip(timeline.user.tolist(), timeline.item.tolist(), strict=True)
    lines = ["user_id:token\titem_id:token", *(f"u{user}\ti{item}" for user, item in pairs)]
    settings = {**_recbole_settings(model), "load_col": {"inter": ["user_id", "item_id"]}}
    with tempfile.TemporaryDirectory() as folder, inside(Path(folder)):
        write(Path(folder) / "bench", lines, items=items)
        trainer, rows = trainer_of(name, Path(folder), settings)
    if name in ("EASE", "ItemKNN"):  # which learn as they are made
        made, config = type(trainer.model), trainer.config
        return Contender(lambda: made(config, rows.dataset))
    return Contender(lambda: trainer._train_epoch(rows, 0))


def _recbole_settings(model: Any) -> dict[str, object]:
    """Ours under RecBole's names."""
    others = {"batch_size": "train_batch_size", "l2": "reg_weight", "neighbours": "k"}
    same = ("embedding_size", "n_layers", "reg_weight", "learning_rate")
    names = {**others, "shrinkage": "shrink", **{name: name for name in same}}
    given = model.config.model_dump()
    return {theirs: given[ours] for ours, theirs in names.items() if ours in given}


def _cornac(name: str, model: Any, view: TrainingView) -> Contender:
    from cornac import models
    from cornac.data import Dataset, ImageModality

    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    once = timeline.first_time
    columns = timeline.user[once].tolist(), timeline.item[once].tolist()
    rows = Dataset.from_uir([(u, i, 1.0) for u, i in zip(*columns, strict=True)], seed=0)
    c = model.config
    if name == "EASE":
        return Contender(lambda: models.EASE(lamb=c.l2, verbose=False).fit(rows))
    assert isinstance(model, PhotoPairs)
    features = _photo_features(model, view, timeline)
    image = ImageModality(features=features, ids=list(range(len(features))), normalized=False)
    image.build(id_map=rows.iid_map)
    rows.add_modalities(item_image=image)
    settings: dict[str, object] = {
        "k": c.embedding_size,
        "k2": c.visual_size,
        "n_epochs": _CORNAC_EPOCHS,
        "batch_size": c.batch_size,
        "learning_rate": c.learning_rate,
        "lambda_w": c.vector_l2,
        "lambda_b": c.bias_l2,
        "lambda_e": c.projection_l2,
        "verbose": False,
        "seed": 0,
    }
    if name == "CausalRec":
        settings |= {"mean_feat": features.mean(0), "tanh": c.layers}
    made = getattr(models, name)
    return Contender(lambda: made(**settings).fit(rows), epochs=_CORNAC_EPOCHS)


def _photo_features(model: PhotoPairs, view: TrainingView, timeline: Timeline) -> Any:
    """The features (items, width) that ours reads, in the order of the catalogue."""
    model._know(view.catalogue.ids, timeline.users)
    model._read(view, timeline)
    return np.asarray(model._of_items(torch.arange(len(view.catalogue))))


if __name__ == "__main__":
    main()
