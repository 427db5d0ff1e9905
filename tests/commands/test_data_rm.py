"""``data rm``: what goes with a dataset, and what refers to it and stays."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmark.data.listing import INFO
from benchmark.host.files import locked, write_json
from benchmark.runs.store import FIT_RECORD


@pytest.fixture
def shop(place, store):
    """A dataset with features, a run, a fit and stamps of its own, and those of another."""
    for name in ("shop", "other"):
        write_json(place.datasets / name / INFO, {"source": "hm"})
        (place.datasets / name / "features" / "clip").mkdir(parents=True)
        write_json(place.stamps / f"{name}.json", {})
        store(f"run-{name}", data=name)
        write_json(place.fitted / f"fit-{name}" / FIT_RECORD, {"data": name})
    return place


def test_the_dataset_goes_and_what_refers_to_it_stays(command, shop) -> None:
    status, out, err = command("data", "rm", "shop", "--yes", "--json")
    assert (status, err) == (0, "")
    said = json.loads(out)
    assert said["runs"] == ["run-shop"]
    assert said["fits"] == ["fit-shop"]
    assert said["features"] == 1
    assert said["again"] == "unimp-bench data prepare hm --raw PATH --name shop"
    assert sorted(p.name for p in shop.datasets.iterdir()) == ["other"]
    assert sorted(p.name for p in shop.stamps.iterdir()) == ["other.json"]
    assert len(list(shop.runs.glob("run-*"))) == 2
    assert len(list(shop.fitted.glob("fit-*"))) == 2


def test_a_dry_run_says_what_goes_and_removes_nothing(command, shop) -> None:
    status, out, _ = command("data", "rm", "shop", "--dry-run")
    assert status == 0
    assert f"Goes: {shop.datasets / 'shop'}" in out
    assert "Stays: runs (1): run-shop" in out
    assert "nothing is removed" in out
    assert (shop.datasets / "shop" / INFO).is_file()


def test_it_asks_and_nobody_is_no_yes(command, shop, monkeypatch, tmp_path) -> None:
    with open("/dev/null") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        status, out, err = command("data", "rm", "shop", "--json")
    assert (status, out) == (2, "")
    assert "Stays: runs (1): run-shop" in err  # before the question
    assert "--yes" in err
    assert (shop.datasets / "shop" / INFO).is_file()


@pytest.mark.parametrize("name", ["shp", "../datasets/shop", "..", ".", "", "shop/", "/", "*"])
def test_only_a_name_of_a_dataset_is_one(command, shop, name) -> None:
    status, out, err = command("data", "rm", name, "--yes")
    assert (status, out) == (2, "")
    assert f"Unknown dataset {name!r}" in err
    assert (shop.datasets / "shop" / INFO).is_file()


@pytest.mark.parametrize(
    "lock",
    ["runs/.m_search_shop_seen_seed0-1.lock", "tuning/.m_search_shop-1.lock", "fitted/.m-1.lock"],
)
def test_a_dataset_in_use_stays(command, shop, lock) -> None:
    with locked(shop.root / lock, "working"):
        status, out, err = command("data", "rm", "shop", "--yes")
    assert (status, out) == (1, "")
    assert "may be in use" in err
    assert (shop.datasets / "shop" / INFO).is_file()


def test_a_linked_dataset_loses_its_link_only(command, run_home, sim_xs, cli) -> None:
    assert cli("data", "rm", "sim-xs", "--yes", home=run_home)[0] == 0
    assert list(run_home.datasets.glob("[!.]*")) == []
    assert (sim_xs.folder / INFO).is_file()


def test_a_damaged_dataset_can_be_removed(command, shop) -> None:
    (shop.datasets / "shop" / INFO).write_text("{")
    assert command("data", "rm", "shop", "--yes")[0] == 0
    assert not (shop.datasets / "shop").exists()


def test_a_removed_dataset_is_prepared_again_with_the_same_hash(cli, sim_xs, tmp_path) -> None:
    from benchmark.host.home import Home

    home = Home(tmp_path / "home")
    shutil.copytree(sim_xs.folder, home.datasets / "sim-xs")
    assert cli("data", "rm", "sim-xs", "--yes", home=home)[0] == 0
    again = json.loads(cli("data", "stats", "sim-xs", "--json", home=home)[1])
    assert again["sha256"] == sim_xs.sha256
