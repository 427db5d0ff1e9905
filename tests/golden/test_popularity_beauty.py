"""The published popularity row on the Amazon Beauty sequences, to its last printed digit.

It comes out only when popularity counts the test items too. Counted on training interactions
it is lower; both are computed here from the prepared dataset with plain numpy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.host.home import Home

RAW = Path(__file__).resolve().parents[3] / "shared/data/amazon-beauty-ids/Beauty.txt"
PUBLISHED = {5: (0.0080, 0.0044), 10: (0.0152, 0.0068), 20: (0.0217, 0.0084)}
HONEST = {5: (0.0075, 0.0041), 10: (0.0115, 0.0055), 20: (0.0203, 0.0076)}


@pytest.fixture(scope="module")
def beauty(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    if not RAW.is_file():
        pytest.skip(f"no {RAW.name} under ../shared/data beside the repository")
    home = Home(tmp_path_factory.mktemp("home"))
    return prepare("sequences", home=home, raw=RAW, name="amazon-beauty-ids")


def test_the_dataset_has_the_published_counts(beauty: Dataset) -> None:
    counted = beauty.info["statistics"]
    assert (counted["users"], counted["items"], counted["interactions"]) == (22363, 12101, 198502)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["train"], HONEST),
        (["train", "valid", "test"], PUBLISHED),
    ],
    ids=["training only", "test items included"],
)
def test_popularity(beauty: Dataset, parts: list[str], expected: dict) -> None:
    index = beauty.catalogue().index
    counted = beauty.interactions().filter(pl.col("part").is_in(parts))
    popularity = np.zeros(len(index), dtype=np.int64)
    np.add.at(popularity, [index[item] for item in counted["item_id"]], 1)
    order = np.argsort(-popularity, kind="stable")  # ties by item index
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    instances = beauty.instances("recommendation")
    ranks = np.array(
        [
            place[index[target[0]]] - sum(place[index[i]] < place[index[target[0]]] for i in past)
            for target, past in zip(instances.targets, (q.exclude for q in instances), strict=True)
        ]
    )  # 0 = first, the user's past taken out
    for k, (hit_rate, ndcg) in expected.items():
        hit = ranks < k
        assert round(hit.mean(), 4) == hit_rate
        assert round((hit / np.log2(ranks + 2)).mean(), 4) == ndcg
