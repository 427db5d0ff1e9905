"""A prepared dataset with a card: what the card names is there, and loads as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.verify import verify
from benchmark.errors import BenchError
from benchmark.exports.making import export
from benchmark.host.home import Home


@pytest.fixture(scope="module")
def copy(home: Home, sim_xs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("huggingface") / "sim-xs"
    made = export(["sim-xs"], "huggingface", out, home=home)
    assert made["licence"] == "CC0-1.0"
    return out


def _card(folder: Path) -> tuple[Any, str]:
    yaml = pytest.importorskip("yaml")
    _, head, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_card_names_a_configuration_for_every_table_and_task(
    copy: Path, sim_xs: Dataset
) -> None:
    head, body = _card(copy)
    assert head["license"] == "cc0-1.0"
    named = {
        (config["config_name"], file["split"]): file["path"]
        for config in head["configs"]
        for file in config["data_files"]
    }
    tables = {name for name in sim_xs.info["files"] if name.endswith(".parquet")}
    assert sorted(named.values()) == sorted(tables)
    for (config, split), path in named.items():
        rows = len(pl.read_parquet(copy / path))
        assert split.isidentifier()
        assert split != "all"
        if config in sim_xs.tasks:
            assert rows == sim_xs.info["tasks"][config][Path(path).stem]
    assert [config["config_name"] for config in head["configs"] if config.get("default")] == [
        "interactions"
    ]
    assert sim_xs.sha256 in body
    assert sim_xs.info["terms"] in body
    assert "simulated" in body


def test_the_card_calls_the_test_part_the_last_interaction_only_where_it_is(
    copy: Path, given_home: Home, tmp_path: Path
) -> None:
    export(["given"], "huggingface", tmp_path / "given", home=given_home, private=True)
    assert "of each user the last interaction is the test part" in _card(copy)[1]
    card = _card(tmp_path / "given")[1]
    assert "last interaction" not in card
    assert "the test part is as the files gave it" in card


def test_every_column_is_explained(copy: Path) -> None:
    _, body = _card(copy)
    for path in copy.rglob("tasks/**/*.parquet"):
        for column in pl.read_parquet_schema(path):
            assert f"| `{column}` |" in body


def test_put_into_a_home_it_is_the_dataset_again(
    copy: Path, sim_xs: Dataset, tmp_path: Path
) -> None:
    shutil.copytree(copy, tmp_path / "datasets" / "sim-xs")
    again = Dataset(tmp_path / "datasets" / "sim-xs")
    assert again.sha256 == sim_xs.sha256
    assert verify(again) == []


def test_a_prepared_dataset_loads_with_pandas_as_it_is(sim_xs: Dataset) -> None:
    pandas = pytest.importorskip("pandas")
    for name in sim_xs.info["files"]:
        if name.endswith(".parquet"):
            read = pandas.read_parquet(sim_xs.folder / name)
            ours = pl.read_parquet(sim_xs.folder / name)
            assert list(read.columns) == ours.columns
            assert len(read) == len(ours)
            assert read.iloc[0, 0] == ours[0, 0]


def test_data_that_nothing_lets_anyone_share_are_refused_unless_private(
    odd_home: Home, tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match=r"(?s)may be shared: Not to be shared.*--private"):
        export(["odd"], "huggingface", tmp_path / "out", home=odd_home)
    assert list(tmp_path.iterdir()) == []
    made = export(["odd"], "huggingface", tmp_path / "out", home=odd_home, private=True)
    head, body = _card(tmp_path / "out")
    assert made["licence"] is None
    assert head["license"] == "other"
    assert "A private copy, not to be shared" in body
    export(["odd"], "huggingface", tmp_path / "shared", home=odd_home, terms_allow=True)
    head, body = _card(tmp_path / "shared")
    assert head["license"] == "other"
    assert "private" not in body


@pytest.mark.slow  # importing the library takes its time; the tests above read what it reads
def test_the_library_loads_the_folder_as_it_is(
    copy: Path, sim_xs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="the library datasets is not installed")
    search = datasets.load_dataset(str(copy), "search", cache_dir=str(tmp_path))
    assert search["test"]["instance_id"][:] == sim_xs.instances("search").ids
    assert len(search["test_new_user"]) == sim_xs.info["tasks"]["search"]["test-new-user"]
    rows = datasets.load_dataset(str(copy), cache_dir=str(tmp_path))["full"]
    assert rows["item_id"][:] == sim_xs.interactions()["item_id"].to_list()
    table = str(sim_xs.folder / "items.parquet")
    items = datasets.load_dataset("parquet", data_files=table, cache_dir=str(tmp_path))["train"]
    assert json.dumps(items[0]["category"]) == json.dumps(sim_xs.catalogue()[0].category)
