"""Fits every registered model once (and once more, and once on corrupted test data)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from benchmark.data.dataset import Dataset, identity_sha256
from benchmark.data.opening import open_dataset
from benchmark.host.files import read_json, sha256_file, write_json
from benchmark.host.home import Home
from benchmark.model import Model
from benchmark.models.building import BuiltModel, configure
from benchmark.runs.fitting import seed_everything

_FAST_P5: dict[str, object] = {
    "epochs": 1, "width": 32, "depth": 1, "heads": 2, "task_share": 0.3, "beams": 12,
    "answer_pieces": 12, "validation_users": 20, "pieces": 400,
}  # fmt: skip
#: Settings under which a model that learns for long fits in seconds.
FAST_SETTINGS: dict[str, dict[str, object]] = {
    "unimp": {"width": 32, "depth": 2, "heads": 2, "epochs": 1, "encoder_steps": 3},
    **{
        name: {"epochs": 2, "validation_users": 40}
        for name in ("mf", "lightgcn", "hgn", "gru4rec", "sasrec", "bert4rec")
    },
    **{
        name: {"epochs": 2, "validation_users": 40, "embedding_size": 32} for name in ("hem", "zam")
    },
    **{
        name: {"epochs": 2, "validation_users": 40, "encoder_steps": 3}
        for name in ("vbpr", "causalrec", "mmgcl", "mmssl")
    },
    "attribute-counts": {"encoder_steps": 3},
    "rtm": {"epochs": 1, "validation_users": 5, "candidates": 12, "item_reviews": 5},
    "ultragcn": {"epochs": 2, "validation_users": 40, "negatives": 5},
    "p5": _FAST_P5,
    "vip5": {**_FAST_P5, "text_epochs": 1, "encoder_steps": 3},
    "macr": {"epochs": 2, "validation_users": 40},
    "unisrec": {
        "epochs": 1,
        "pretrain_epochs": 1,
        "validation_users": 40,
        "hidden_size": 16,
        "encoder_steps": 3,
    },
    "s3rec": {"epochs": 1, "pretrain_epochs": 1, "validation_users": 40},
}

SEED = 3


@dataclass(frozen=True)
class FittedModel:
    built: BuiltModel
    model: Model
    state: Path


@pytest.fixture(scope="session")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., FittedModel]:
    """``fit(label, dataset, turn=0)``: fitted and saved; each combination is fitted once."""
    cache: dict[tuple[str, str, int], FittedModel] = {}

    def fit(label: str, dataset: Dataset, *, turn: int = 0) -> FittedModel:
        key = (label, str(dataset.folder), turn)
        if key not in cache:
            built = configure(label, FAST_SETTINGS.get(label.partition(":")[0], {}))
            model = built.build()
            seed_everything(SEED)
            model.fit(dataset.training_view(), seed=SEED)
            state = tmp_path_factory.mktemp("state")
            model.save(state)
            cache[key] = FittedModel(built, model, state)
        return cache[key]

    return fit


@pytest.fixture(scope="session")
def corrupted(sim_xs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A copy of ``sim-xs`` in which everything a model may not see is something else.

    Changed are the test interactions, every row of users outside the ``seen`` cohort, and the
    frozen instances made from either. Cached features are left behind, to be made anew.
    """
    copy = Home(tmp_path_factory.mktemp("corrupted"))
    folder = copy.datasets / sim_xs.name
    shutil.copytree(sim_xs.folder, folder, ignore=shutil.ignore_patterns("features"))
    _corrupt_interactions(folder / "interactions.parquet", sim_xs.catalogue().ids)
    for file in sorted(folder.glob("tasks/*/*.parquet")):
        if file.name != "valid-seen.parquet":
            _corrupt_instances(file)
    _hash_again(folder)
    return open_dataset(sim_xs.name, copy)


def _hash_again(folder: Path) -> None:
    """What an honest preparation of the corrupted data would have written down."""
    info = read_json(folder / "dataset.json")
    info["files"] = {name: sha256_file(folder / name) for name in info["files"]}
    info["sha256"] = identity_sha256(info)
    write_json(folder / "dataset.json", info)


def _corrupt_interactions(file: Path, item_ids: tuple[str, ...]) -> None:
    frame = pl.read_parquet(file)
    hidden = (pl.col("part") == "test") | (pl.col("cohort") != "seen")
    swapped = dict(zip(item_ids, item_ids[1:] + item_ids[:1], strict=True))
    texts = ("review", "summary", "explanation")
    corrupt = {
        "item_id": pl.col("item_id").replace(swapped),
        "timestamp": pl.col("timestamp") + 1,
        "rating": 6.0 - pl.col("rating"),
        **{text: pl.col(text) + pl.lit(" corrupted") for text in texts},
    }
    changed = [
        pl.when(hidden).then(new).otherwise(pl.col(column)).alias(column)
        for column, new in corrupt.items()
    ]
    frame.with_columns(changed).write_parquet(file)


def _corrupt_instances(file: Path) -> None:
    """Every column but the ids moves down by one row, the last row to the top."""
    frame = pl.read_parquet(file)
    moved = [column for column in frame.columns if column not in ("instance_id", "user_id")]
    rotated = pl.concat([frame.tail(1), frame.head(-1)]).select(moved)
    frame.with_columns(rotated.get_columns()).write_parquet(file)
