"""Runs with many ties and some failures, over sim-xs and over a shop with the oddest ids."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import BaseModel

from benchmark.data.dataset import Dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.data.raw.source import Source
from benchmark.data.schema import RawDataset
from benchmark.data.sources import SOURCES
from benchmark.host.home import Home
from benchmark.runs.scoring import score_predictions
from benchmark.runs.store import PREDICTIONS, StoredRun
from benchmark.tasks import TASKS

K = 10
#: Ids that a careless file loses, splits or takes for another.
ODD_ITEMS = (
    "a b", "a", "b", "NA", "null", "[PAD]", "100%", "100%25", '"quoted"', "back\\slash", "日本語",
    "e\u0301tude", "n\u00a0b\u2003s", "007", "7", "1e5", "#", "a,b", "{x}", "Q0", "-", "a/b",
    "<br>", "%none",
)  # fmt: skip
ODD_USERS = ("u 1", "NA", "ü/2", 'say "hi"', *(f"u{i}" for i in range(20)))


@dataclass(frozen=True)
class Ranked:
    """A stored run, and what it scores of each instance: metric -> (n,)."""

    run: StoredRun
    predictions: pl.DataFrame
    scores: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def rank(leave_run: Callable[..., StoredRun]) -> Callable[..., Ranked]:
    """``rank(home, dataset, task, ...)``: a run of that home that finds many of the targets."""

    def rank(
        home: Home,
        dataset: Dataset,
        task: str = "search",
        *,
        cohort: str = "seen",
        name: str = "ranked",
        failed: int = 0,
        limit: int | None = None,
    ) -> Ranked:
        instances = dataset.instances(task, cohort=cohort, limit=limit)
        rng = np.random.default_rng(len(name))
        catalogue = dataset.catalogue().ids
        rows: list[dict[str, Any]] = []
        for number, (instance_id, user, target) in enumerate(
            zip(instances.ids, instances.users, instances.targets, strict=True)
        ):
            items = rng.permutation([i for i in catalogue if i not in target])[:K].tolist()
            for item in target:
                items[int(rng.integers(K))] = item
            row = {"instance_id": instance_id, "user_id": user, "status": "failed"}
            if number >= failed:
                # Few values, so that most items tie; some differ by less than 32 bits can tell.
                scores = np.sort(rng.integers(0, 3, K) + rng.integers(0, 2, K) * 1e-12)[::-1]
                row |= {"items": list(dict.fromkeys(items)), "status": "ok"}
                row["scores"] = scores[: len(row["items"])].tolist()
            rows.append(row)
        lists = {"items": pl.List(pl.String), "scores": pl.List(pl.Float64)}
        ids = dict.fromkeys(("instance_id", "user_id", "status"), pl.String)
        predictions = pl.DataFrame(rows, schema={**ids, **lists})
        folder = home.runs / name
        told = {
            "data": dataset.name,
            "dataset_sha256": dataset.sha256,
            "instances_sha256": instances.sha256,
        }
        run = leave_run(folder, {}, task=task, cohort=cohort, limit=limit, **told)
        predictions.write_parquet(folder / PREDICTIONS)
        _, statistics = score_predictions(TASKS.get(task), predictions, instances, dataset)
        return Ranked(run, predictions, {name: s[:, 0] for name, s in statistics.items()})

    return rank


@pytest.fixture(scope="session")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, home_with: Callable[..., Home], sim_xs: Dataset
) -> Home:
    """A home for runs over sim-xs."""
    return home_with(tmp_path_factory.mktemp("exports") / "home", sim_xs)


class _NoParams(BaseModel):
    pass


def _odd_rows() -> RawDataset:
    rng = np.random.default_rng(7)
    taken = [(user, item) for user in ODD_USERS for item in rng.permutation(ODD_ITEMS)[:6].tolist()]
    photo = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 50, 20)).save(photo, "PNG")
    return RawDataset(
        items=pl.DataFrame(
            {
                "item_id": ODD_ITEMS,
                "domain": "odd\tthings",
                "title": [f'"{i}"\tor\n' for i in ODD_ITEMS],
                "category": [
                    ["Home & Living", "a\tb", f"kind {n % 3}"] for n in range(len(ODD_ITEMS))
                ],
                "brand": [None if n % 2 else '"Norby' for n in range(len(ODD_ITEMS))],
                "attributes": [[{"key": "made of", "value": "oak\nwood"}] for _ in ODD_ITEMS],
            }
        ),
        interactions=pl.DataFrame(
            {
                "user_id": [user for user, _ in taken],
                "item_id": [item for _, item in taken],
                "timestamp": range(1_500_000_000, 1_500_000_000 + len(taken)),
                "rating": [float(n % 5 + 1) for n in range(len(taken))],
            }
        ),
        allow_repeats=False,
        rating_scale=(1.0, 5.0),
        terms="Not to be shared.",
        photos=[("a b", photo.getvalue())],
    )


@pytest.fixture(scope="session")
def odd_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with the dataset ``odd``, whose ids and texts are the oddest there are."""
    source = Source(
        name="odd",
        summary="a shop with odd ids",
        params=_NoParams,
        read=lambda raw, params, *, on_error: _odd_rows(),
        default_name=lambda params: "odd",
        needs_raw=False,
        defaults={"history_window": 3},
    )
    home = Home(tmp_path_factory.mktemp("odd"))
    with SOURCES.added("odd", source):
        prepare("odd", home=home)
        yield home


@pytest.fixture(scope="session")
def given_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the dataset ``given``: its files gave the split, three test items a user."""
    folder = tmp_path_factory.mktemp("given")
    for name, first, last in (("train", 0, 6), ("test", 6, 9)):
        lines = (f"{u} {' '.join(str(u + i) for i in range(first, last))}\n" for u in range(1, 31))
        (folder / f"{name}.txt").write_text("".join(lines))
    settings = {"test": str(folder / "test.txt"), "history_window": "4"}
    home = Home(folder / "home")
    prepare("sequences", home=home, raw=folder / "train.txt", settings=settings, name="given")
    return home


@pytest.fixture
def export(cli: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """``export(*words, home=...)``: the command into ``tmp_path / "out"``."""

    def call(*words: str, home: Home) -> tuple[int, str, str]:
        return cli("export", *words, "--out", str(tmp_path / "out"), home=home)

    return call
