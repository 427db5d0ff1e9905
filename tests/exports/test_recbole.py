"""Atomic files: our split, nothing of the test part in training, and RecBole reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.exports.making import export
from benchmark.exports.recbole import _text
from benchmark.host.home import Home

PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def files(odd_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recbole") / "out"
    export(["odd"], "recbole", out, home=odd_home)
    return out


@pytest.fixture(scope="module")
def odd(odd_home: Home) -> Dataset:
    return Dataset(odd_home.datasets / "odd")


def _read(path: Path) -> Any:
    """A table as RecBole reads it (``Dataset._load_feat``)."""
    pandas = pytest.importorskip("pandas")
    with open(path, encoding="utf-8") as stream:
        heads = stream.readline()[:-1].split("\t")
    kinds = {head: float if head.endswith(":float") else str for head in heads}
    return pandas.read_csv(path, delimiter="\t", dtype=kinds, encoding="utf-8", engine="python")


def _ids(column: Any) -> list[str]:
    assert not column.isna().any()
    return [unquote(name) for name in column]


def test_files_hold_the_split_with_ratings_and_times(files: Path, odd: Dataset) -> None:
    rows = odd.interactions()
    for part in PARTS:
        read = _read(files / "odd" / f"odd.{part}.inter")
        of_part = rows.filter((pl.col("part") == part) & (pl.col("cohort") == "seen"))
        assert _ids(read["user_id:token"]) == of_part["user_id"].to_list()
        assert _ids(read["item_id:token"]) == of_part["item_id"].to_list()
        assert read["rating:float"].tolist() == of_part["rating"].to_list()
        assert read["timestamp:float"].tolist() == of_part["timestamp"].to_list()


@pytest.mark.parametrize("part", ["valid", "test"])
def test_histories_are_those_of_the_frozen_instances(files: Path, odd: Dataset, part: str) -> None:
    read = _read(files / "odd" / f"odd.seq.{part}.inter")
    instances = odd.instances("recommendation", part=part)
    assert _ids(read["user_id:token"]) == instances.users
    assert [(name,) for name in _ids(read["item_id:token"])] == instances.targets
    pasts = [[unquote(i) for i in past.split(" ")] for past in read["item_id_list:token_seq"]]
    assert pasts == [[item.item_id for item in each.history.items] for each in instances]


def test_no_test_item_of_a_given_split_is_in_the_history_of_another(
    given_home: Home, tmp_path: Path
) -> None:
    export(["given"], "recbole", tmp_path / "out", home=given_home)
    given = Dataset(given_home.datasets / "given")
    for part in ("valid", "test"):
        read = _read(tmp_path / "out" / "given" / f"given.seq.{part}.inter")
        asked: dict[str, tuple[set[str], set[str]]] = {}
        for user, past, item in zip(*(_ids(read[head]) for head in read), strict=True):
            pasts, items = asked.setdefault(user, (set(), set()))
            pasts.add(past)
            items.add(item)
        instances = given.instances("recommendation", part=part)
        assert asked == {
            each.user_id: ({" ".join(item.item_id for item in each.history.items)}, set(target))
            for each, target in zip(instances, instances.targets, strict=True)
        }


def test_training_files_hold_training_rows_alone(files: Path, odd: Dataset) -> None:
    rows = odd.interactions().filter(pl.col("part") == "train")
    taken = Counter(rows.select("user_id", "item_id").iter_rows())
    read = _read(files / "odd" / "odd.seq.train.inter")
    users = _ids(read["user_id:token"])
    for user, item, past in zip(
        users, _ids(read["item_id:token"]), read["item_id_list:token_seq"], strict=True
    ):
        for name in (item, *(unquote(each) for each in past.split(" "))):
            assert taken[user, name] == 1
    firsts = rows["user_id"].n_unique()  # without anything before them
    assert len(read) == len(rows) - firsts


def test_items_are_the_catalogue_whatever_their_texts_hold(files: Path, odd: Dataset) -> None:
    read = _read(files / "odd" / "odd.item")
    assert _ids(read["item_id:token"]) == list(odd.catalogue().ids)
    assert read["title:token_seq"][0] == "'a b' or"
    assert [unquote(level) for level in read["category:token_seq"][1].split(" ")] == [
        *odd.catalogue()[1].category
    ]
    assert unquote(read["attributes:token_seq"][0]) == "made of=oak\nwood"
    assert read["brand:token"][0] == "'Norby"
    assert "price:float" not in read  # no item has a price


def test_texts_keep_what_joins_and_parts_letters() -> None:
    kept = ["می\u200cخواهم", "क्\u200dष", "co\u00adop", "👨\u200d👩"]
    spaces = "a\u2028b\u00a0\u2003c\x1fd\x85e\r\n\tf"
    assert _text(pl.Series([*kept, spaces])).to_list() == [*kept, "a b c d e f"]


def test_users_are_whole_however_many_rows_are_read_at_once(
    odd_home: Home, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.exports.recbole.ROWS_TOGETHER", 40)
    export(["odd"], "recbole", tmp_path / "out", home=odd_home)
    for path in (files / "odd").iterdir():
        assert (tmp_path / "out" / "odd" / path.name).read_bytes() == path.read_bytes()


def test_held_back_users_are_left_out(sim_xs: Dataset, home: Home, tmp_path: Path) -> None:
    made = export(["sim-xs"], "recbole", tmp_path / "out", home=home)
    seen = sim_xs.info["statistics"]["cohorts"]["seen"]
    assert made["users"] == seen["users"]
    assert made["interactions"] == {part: seen[part] for part in PARTS}
    assert made["items"] == len(sim_xs.catalogue())


_LOADING = """
import json, sys
import numpy as np

# RecBole 1.2.1 was written for numpy 1, and looks for these when it reads its settings.
for name, kind in {"float_": np.float64, "complex_": np.complex128, "unicode_": np.str_}.items():
    setattr(np, name, kind)
folder, sys.argv = sys.argv[1], ["recbole"]
from recbole.config import Config
from recbole.data import create_dataset, data_preparation

found = {}
for model, kind, extra in (
    ("BPR", "general", {}), ("SASRec", "sequential", {"train_neg_sample_args": None}),
):
    settings = {"data_path": folder, "use_gpu": False, **extra}
    config = Config(model, config_file_list=[f"{folder}/{kind}.yaml"], config_dict=settings)
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    users, items = dataset.field2id_token["user_id"], dataset.field2id_token["item_id"]
    asked, masked = [], {}
    for interaction, history, rows, positives in test:
        named = [users[int(user)] for user in interaction["user_id"]]
        asked += [(named[r], items[i]) for r, i in zip(rows.tolist(), positives.tolist())]
        for row, item in zip(*(part.tolist() for part in history or ())):
            masked.setdefault(named[row], []).append(items[item])
    sizes = [len(part._dataset) for part in (train, valid, test)]
    found[kind] = {"sizes": sizes, "items": list(items), "test": asked, "masked": masked}
print("FOUND" + json.dumps(found))
"""


@pytest.mark.slow  # importing RecBole takes its time; the tests above read what it reads
def test_recbole_evaluates_our_split_over_the_whole_catalogue(files: Path, odd: Dataset) -> None:
    pytest.importorskip("recbole")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LOADING, str(files)],
        capture_output=True, encoding="utf-8", cwd=files, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("FOUND")]
    instances = odd.instances("recommendation")
    asked = list(zip(instances.users, [target[0] for target in instances.targets], strict=True))
    for kind, found in json.loads(line.removeprefix("FOUND")).items():
        assert {unquote(item) for item in found["items"][1:]} == set(odd.catalogue().ids)
        assert len(found["items"]) == len(odd.catalogue()) + 1
        assert sorted((unquote(u), unquote(i)) for u, i in found["test"]) == sorted(asked)
        assert found["sizes"][1:] == [len(asked), len(asked)]
        if kind == "general":
            masked = {unquote(u): {unquote(i) for i in had} for u, had in found["masked"].items()}
            assert masked == {each.user_id: set(each.exclude) for each in instances}
