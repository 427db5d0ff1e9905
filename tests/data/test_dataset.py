"""Opening and listing datasets; what they refuse to answer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmark.data.listing import list_datasets
from benchmark.data.opening import ensure_dataset, open_dataset
from benchmark.data.preparing.statistics import stats
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.model import TrainingView


def test_the_view_fulfils_the_protocol(build) -> None:
    view = build().training_view()
    assert isinstance(view, TrainingView)
    assert view.attachment("truth.bin").read_bytes() == b"the truth"
    assert view.opened == ["truth.bin"]
    with pytest.raises(BenchError, match=r"no attachment 'truth\.txt' \(it has: truth\.bin\)"):
        view.attachment("truth.txt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "serch"}, r"Unknown task 'serch'[\s\S]*'search'"),
        ({"task": "preference"}, r"does not support task 'preference': the data has no ratings"),
        ({"task": "search", "cohort": "new-domain"}, r"no search instances of cohort 'new-domain'"),
        ({"task": "search", "part": "train"}, r"Unknown part 'train'"),
        ({"task": "search", "cohort": "newuser"}, r"Unknown cohort 'newuser'[\s\S]*'new-user'"),
    ],
)
def test_what_a_dataset_lacks_is_refused_with_the_reason(shop, build, arguments, message) -> None:
    shop.rating_scale = None
    dataset = build()
    with pytest.raises(UsageError, match=message):
        dataset.instances(**arguments)


def test_the_view_refuses_the_test_part(build) -> None:
    view = build().training_view()
    with pytest.raises(UsageError, match="Unknown part of the training view 'test'"):
        view.interactions("test")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Unknown part of the training view 'test'"):
        view.examples("search", "test")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shopp", r"Unknown dataset 'shopp'[\s\S]*'shop'"),
        ("hm", r"not prepared yet[\s\S]*unimp-bench data prepare hm --raw"),
        ("sim-m", r"not prepared yet[\s\S]*unimp-bench data prepare sim --set size=m"),
    ],
)
def test_opening_what_is_not_there_says_how_to_make_it(build, tmp_path, name, message) -> None:
    build()
    with pytest.raises(UsageError, match=message):
        open_dataset(name, Home(tmp_path / "home"))


def test_a_self_contained_dataset_is_prepared_on_first_use(tmp_path, capsys) -> None:
    home = Home(tmp_path)
    dataset = ensure_dataset("sim-xs", home)
    assert "Preparing dataset sim-xs" in capsys.readouterr().err
    assert dataset.info["simulated"] is True
    assert ensure_dataset("sim-xs", home).sha256 == dataset.sha256
    assert capsys.readouterr().err == ""


def test_another_format_version_asks_to_prepare_again(build, tmp_path) -> None:
    folder = build().folder
    info = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**info, "format_version": 0}))
    with pytest.raises(BenchError, match=r"format version 0[\s\S]*--force"):
        open_dataset("shop", Home(tmp_path / "home"))


def test_listing_shows_whole_and_broken_datasets(build, tmp_path) -> None:
    dataset = build()
    home = Home(tmp_path / "home")
    (home.datasets / "half").mkdir()
    (home.datasets / "odd").mkdir()
    (home.datasets / "odd" / "dataset.json").write_text('{"source": "hm"}')
    (home.datasets / "torn").mkdir()
    (home.datasets / "torn" / "dataset.json").write_text('{"source": ')
    (home.datasets / ".new.1.partial").mkdir()
    half, odd, row, torn = list_datasets(home)
    assert "no file" in half["problem"]
    assert "statistics" in odd["problem"]
    assert "not valid JSON" in torn["problem"]
    assert row == {
        "name": "shop",
        "source": "shop",
        "sha256": dataset.sha256,
        "users": 20,
        "items": 24,
        "interactions": 160,
        "tasks": list(dataset.tasks),
    }


def test_listing_imports_nothing_heavy(tmp_path) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmark.data.listing import list_datasets\n"
        "from benchmark.host.home import Home\n"
        "list_datasets(Home(Path('nowhere')))\n"
        "print(sorted({'numpy', 'polars', 'pyarrow', 'pydantic', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"[]"


def test_statistics_count_what_is_there(build) -> None:
    described = stats(build())
    counted = described["statistics"]
    assert counted["density"] == pytest.approx(160 / (20 * 24))
    assert counted["cohorts"] == {
        "seen": {"users": 15, "train": 90, "valid": 15, "test": 15},
        "new-user": {"users": 5, "train": 30, "valid": 5, "test": 5},
    }
    assert counted["items_with_photo"] == 20
    assert described["tasks"]["search"]["test-new-user"] == 5
    assert "files" not in described
