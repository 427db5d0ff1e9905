"""A split that the raw files give is kept: one instance a user, with all test items as targets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.opening import ensure_dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.runs.runner import execute
from benchmark.runs.spec import RunSpec

#: User 4 is tested only, user 5 trained only, user 6 has one training item.
TRAIN = {1: [1, 2, 3, 4], 2: [2, 3, 5], 3: range(1, 9), 5: [9, 10, 11], 6: [12]}
TEST = {1: [5, 6, 7], 2: [1], 3: [9, 10], 4: [1, 2], 6: [11, 13]}


def _file(path: Path, sequences: Mapping[int, object]) -> Path:
    lines = (f"{user} {' '.join(map(str, items))}" for user, items in sequences.items())
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def raw(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    many = {user: [user % 30 + 14, user % 7 + 40, 50] for user in range(100, 140)}
    train = _file(tmp_path / "train.txt", {**TRAIN, **many})
    return train, {"test": str(_file(tmp_path / "test.txt", TEST)), "k": "20"}


@pytest.fixture
def dataset(raw: tuple[Path, dict[str, str]], home: Home) -> Dataset:
    return prepare("sequences", home=home, raw=raw[0], settings=raw[1], name="given")


def _items(rows: pl.DataFrame, user: str, *parts: str) -> list[str]:
    of_user = rows.filter((pl.col("user_id") == user) & pl.col("part").is_in(list(parts)))
    return of_user["item_id"].to_list()


def test_a_given_split_is_kept_and_one_training_item_is_held_out(dataset: Dataset) -> None:
    rows = dataset.interactions()
    for user, items in TEST.items():
        trained = [str(i) for i in TRAIN.get(user, ())]
        assert set(_items(rows, str(user), "train", "valid")) == set(trained)
        assert len(_items(rows, str(user), "valid")) == (len(trained) > 1)
        tested = {str(i) for i in items} if trained else set()
        assert set(_items(rows, str(user), "test")) == tested
    assert len(_items(rows, "5", "valid")) == 1
    notes = dataset.info["notes"]
    assert notes["users left out: in the test part only"] == {"users": 1, "interactions": 2}


def test_all_test_items_of_a_user_are_the_target_of_one_instance(dataset: Dataset) -> None:
    assert dataset.tasks == ("recommendation",)
    assert "the split is given" in dataset.info["tasks_absent"]["selection"]
    asked = dataset.instances("recommendation")
    targets = dict(zip(asked.users, asked.targets, strict=True))
    assert {user: set(items) for user, items in targets.items()} == {  # type: ignore[arg-type]
        str(user): {str(i) for i in items} for user, items in TEST.items() if user in TRAIN
    }
    for instance in asked:
        trained = {str(i) for i in TRAIN[int(instance.user_id)]}
        assert instance.exclude == trained == {item.item_id for item in instance.history.items}
    valid = dataset.instances("recommendation", part="valid")
    assert all(len(target) == 1 for target in valid.targets)  # type: ignore[arg-type]


def test_which_item_is_held_out_depends_on_the_seed_and_not_on_the_order_of_the_files(
    raw: tuple[Path, dict[str, str]], dataset: Dataset, home: Home
) -> None:
    def held_out(found: Dataset) -> dict[str, str]:
        rows = found.interactions().filter(pl.col("part") == "valid")
        return dict(zip(rows["user_id"], rows["item_id"], strict=True))

    train, settings = raw
    other = prepare("sequences", home=home, raw=train, settings={**settings, "seed": "1"}, name="o")
    assert held_out(other) != held_out(dataset)
    turned = train.with_name("turned.txt")
    lines = [line.split() for line in train.read_text().splitlines()]
    turned.write_text("".join(" ".join([line[0], *line[:0:-1]]) + "\n" for line in lines))
    again = prepare("sequences", home=home, raw=turned, settings=settings, name="turned")
    assert held_out(again) == held_out(dataset)


def test_runs_on_several_positives_have_recall_and_f1(dataset: Dataset, home: Home) -> None:
    spec = RunSpec("popularity", "recommendation", dataset.name)
    run = execute(spec, ensure_dataset(dataset.name, home), home)
    assert {"Recall@20", "F1@20", "HR@20", "NDCG@20"} <= set(run.scores)
    assert 0 < run.scores["Recall@20"]["value"] <= run.scores["HR@20"]["value"]


@pytest.mark.parametrize(("key", "value"), [("new_users", "0.1"), ("min_interactions", "5")])
def test_settings_that_would_change_a_given_split_are_refused(
    raw: tuple[Path, dict[str, str]], home: Home, key: str, value: str
) -> None:
    train, settings = raw
    with pytest.raises(UsageError, match=f"Setting {key} would change a split"):
        prepare("sequences", home=home, raw=train, settings={**settings, key: value}, name="x")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("77 1 2\n", "no user to validate or to test on"),
        ("1 1 2\n", "no user to validate or to test on"),  # the user has both already
        ("1 5\n1 6\n", r"test\.txt, line 2: user '1' has a line already|one 'user item' pair"),
        (None, "is not a file"),
    ],
)
def test_a_test_file_without_use_is_an_error(
    raw: tuple[Path, dict[str, str]], home: Home, test: str | None, message: str
) -> None:
    train, settings = raw
    path = Path(settings["test"])
    path.unlink() if test is None else path.write_text(test)
    with pytest.raises(BenchError, match=message):
        prepare("sequences", home=home, raw=train, settings=settings, name="x")
    assert not (home.datasets / "x").exists()


def test_files_of_one_name_are_all_compared_and_each_may_lose_its_own_share(
    raw: tuple[Path, dict[str, str]], home: Home, tmp_path: Path
) -> None:
    train, settings = raw
    (tmp_path / "more").mkdir()
    test = Path(settings["test"]).rename(tmp_path / "more" / train.name)
    settings = {**settings, "test": str(test)}
    made = prepare("sequences", home=home, raw=train, settings=settings, name="x")
    for path in (train, test):
        whole = path.read_text()
        path.write_text(whole + "77 78 79\n")
        with pytest.raises(BenchError, match="exists with another source_files"):
            prepare("sequences", home=home, raw=train, settings=settings, name="x")
        path.write_text(whole)
    assert (
        prepare("sequences", home=home, raw=train, settings=settings, name="x").sha256
        == made.sha256
    )
    train.write_text(train.read_text() + "".join(f"none{number}\n" for number in range(9)))
    test.write_text(test.read_text() + "none\n")
    with pytest.raises(BenchError, match=r"lines of train\.txt left out: 9 of 54"):
        prepare("sequences", home=home, raw=train, settings=settings, name="y", on_error="skip")
    found = prepare(
        "sequences", home=home, raw=train, settings=settings, name="y", on_error="skip",
        allow_loss=0.2,
    )  # fmt: skip
    assert found.info["notes"]["lines of test/train.txt left out"] == 1
