"""Fits every registered model once, and once more on corrupted test data."""

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
from benchmark.models.building import BuiltModel, configure, setting_names
from benchmark.runs.fitting import seed_everything

#: Settings under which a model that learns for long fits in seconds, for every model that has them.
FAST: dict[str, object] = {
    "epochs": 2,
    "pretrain_epochs": 1,
    "text_epochs": 1,
    "encoder_steps": 3,
    "validation_users": 40,
}
_FAST_P5: dict[str, object] = {
    "epochs": 1, "width": 16, "depth": 1, "heads": 2, "task_share": 0.1, "beams": 10,
    "answer_pieces": 8, "source_pieces": 64, "validation_users": 10, "pieces": 400,
}  # fmt: skip
_FAST_COUNTS: dict[str, object] = {"examples": 100, "alternatives": 12, "most_keys": 4}
#: What single models need beside or instead.
FAST_OF: dict[str, dict[str, object]] = {
    "attribute-counts": _FAST_COUNTS,
    "true-attribute-counts": _FAST_COUNTS,
    "informed": {"burn": 2, "draws": 4, "thin": 1},
    "hem": {"embedding_size": 32},
    "zam": {"embedding_size": 32},
    "rtm": {
        "epochs": 1,
        "validation_users": 5,
        "candidates": 12,
        "item_reviews": 5,
        "user_reviews": 5,
        "embedding_size": 16,
        "inner_size": 32,
        "batch_size": 256,
    },
    "mrg": {"epochs": 1, "factors": 8, "word_size": 8, "state_size": 8, "grid": 2},
    "sancl": {"epochs": 1, "hidden_size": 8, "inner_size": 8, "word_size": 8, "n_layers": 1},
    "s3rec": {"epochs": 1},
    "ultragcn": {"negatives": 5},
    "unisrec": {"epochs": 1, "hidden_size": 16},
    "p5": _FAST_P5,
    "vip5": _FAST_P5,
    "unimp": {
        "width": 32,
        "depth": 2,
        "heads": 2,
        "text_tokens": 600,
        "epochs": 1,
        "image_token_steps": 2,
        "image_token_batch": 4,
        "most_rows": 16,
        "own_rows": 4,
        "batch_rows": 8,
        "history_items": 3,
        "targets_per_row": 2,
        "words_per_attribute": 4,
        "other_attributes": 1,
        "validation_users": 4,
        "validation_others": 4,
        "choosing_users": 6,
        "answer_tokens": 8,
    },
}

SEED = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of a model one after another.

    Tests are dealt out to processes in runs, so nearly every model is fitted in one of them alone.
    """
    tests = Path(__file__).with_name("test_models.py")
    places = [place for place, item in enumerate(items) if item.path == tests]
    by_model = sorted((items[place] for place in places), key=_label)
    for place, item in zip(places, by_model, strict=True):
        items[place] = item


def _label(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return str(item.callspec.params.get("label", "")) if hasattr(item, "callspec") else ""


def fast_settings(label: str) -> dict[str, object]:
    """Those of FAST that the model has, under its own of FAST_OF."""
    general = {name: FAST[name] for name in setting_names(label) if name in FAST}
    return {**general, **FAST_OF.get(label.partition(":")[0], {})}


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
            built = configure(label, fast_settings(label))
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
