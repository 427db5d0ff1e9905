"""Errors of the data side: what they say is wrong, and that their fix can be followed."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.opening import open_dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.tasks import TASKS

ENDLESS = "9" * 5000
SEQUENCES = {f"u{u}": [str(1 + (u * 3 + t * 5) % 17) for t in range(6)] for u in range(9)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


def message_of(call: Callable[[], object]) -> BenchError:
    with pytest.raises(BenchError) as caught:
        call()
    assert len(str(caught.value)) < 800
    return caught.value


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize(
    ("name", "rest", "layout"),
    [
        ("pairs.txt", "", "'user item' pair"),
        ("pairs.txt.gz", "", "'user item' pair"),
        ("my ratings.txt", " 4 8787", "interaction of 4 fields"),
    ],
)
def test_one_interaction_a_line_is_refused_with_a_command_that_makes_sequences(
    write, home, tmp_path, name, rest, layout, on_error
) -> None:
    rows = [(user, items[t]) for t in range(6) for user, items in SEQUENCES.items()]
    raw = write(name, "".join(f"{user} {item}{rest}\n" for user, item in rows))
    error = message_of(lambda: prepare("sequences", home=home, raw=raw, on_error=on_error))
    assert f"{raw} has one {layout} a line" in error.message
    assert "one line a user, 'user item item ...', items in time order" in error.message
    assert error.fix is not None
    command = error.fix.partition("--raw: ")[2]
    # The command of our own message, as a user pastes it; the path in it is quoted.
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    rows = prepare("sequences", home=home, raw=tmp_path / "sequences.txt").interactions()
    by_user = rows.group_by("user_id", maintain_order=True).agg("item_id")
    assert dict(by_user.iter_rows()) == SEQUENCES


@pytest.mark.parametrize("lines", ["a 1 2 3\nb 1 2 3\na 1 2 3\n", "a 1 2\nb 1 2 3\na 2 3\n"])
def test_a_repeated_user_among_sequences_is_a_broken_line(write, home, lines) -> None:
    raw = write("events.txt", lines)
    error = message_of(lambda: prepare("sequences", home=home, raw=raw))
    assert "line 3: user 'a' has a line already" in error.message


def test_a_line_of_one_field_says_what_a_line_is(write, home) -> None:
    raw = write("events.csv", "a,1\na,2\n")
    error = message_of(lambda: prepare("sequences", home=home, raw=raw))
    assert "line 1: user 'a,1' has no item (a line is 'user item item ...')" in error.message


def test_too_high_a_minimum_is_answered_with_one_that_works(write, home) -> None:
    text = "".join(f"{user} {' '.join(items)}\n" for user, items in SEQUENCES.items())
    raw = write("events.txt", text)
    settings = {"min_interactions": "100"}
    error = message_of(lambda: prepare("sequences", home=home, raw=raw, settings=settings))
    assert "No user has 100 interactions; the longest history has 6" in error.message
    possible = re.fullmatch(r"Give --set min_interactions from (\d+) to (\d+)\.", str(error.fix))
    assert possible is not None
    for least in possible.groups():
        settings = {"min_interactions": least}
        dataset = prepare("sequences", home=home, raw=raw, settings=settings, name=f"m{least}")
        assert dataset.info["statistics"]["users"] == 9


def test_no_lower_minimum_is_proposed_where_there_is_none(write, home) -> None:
    raw = write("events.txt", "a 1 2\nb 2\n")
    error = message_of(lambda: prepare("sequences", home=home, raw=raw))
    assert "the longest history has 2" in error.message
    assert "min_interactions" not in str(error.fix)
    assert "users have 3 or more" in str(error.fix)


@pytest.mark.parametrize("line", [f"a 1 {ENDLESS} 2 3", f"{ENDLESS} 1 2 3"])
def test_an_endless_id_in_a_sequence_is_named_and_can_be_skipped(write, home, line) -> None:
    raw = write("events.txt", f"b 1 2 3\n{line}\nc 3 2 4 1\n")
    error = message_of(lambda: prepare("sequences", home=home, raw=raw))
    assert "line 2: '9999" in error.message
    assert "(5,000 characters) is no id: one has at most 1,000" in error.message
    dataset = prepare("sequences", home=home, raw=raw, on_error="skip", allow_loss=0.4)
    assert dataset.info["notes"]["lines of events.txt left out"] == 1


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_an_endless_id_of_any_source_is_named_and_can_be_skipped(shop, build, column) -> None:
    def lengthened(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(column).replace({"u00": ENDLESS, "i00": ENDLESS}))

    shop.interactions = lengthened(shop.interactions)
    if column == "item_id":
        shop.items = lengthened(shop.items)
    error = message_of(build)
    assert f"{column} of more than 1,000 characters" in error.message
    dataset = build(on_error="skip")
    assert max(map(len, dataset.catalogue().ids)) == 3
    assert dataset.interactions()["user_id"].str.len_chars().max() == 3


@pytest.mark.parametrize("key", ["seed", "min_interactions", "new_users", "sead", ENDLESS])
def test_an_endless_setting_gives_a_short_message(build, key) -> None:
    message_of(lambda: build(settings={key: ENDLESS}))


@pytest.mark.parametrize("value", ["15", "ten", ENDLESS])
def test_what_a_ranking_may_hold_is_said(build, value) -> None:
    error = message_of(lambda: build(settings={"k": value}))
    assert "Input should be 10 or 20" in error.message


def test_endless_names_and_paths_give_a_plain_message(write, home) -> None:
    raw = write("events.txt", "a 1 2 3\nb 1 2 3\n")
    for call in (
        lambda: open_dataset(ENDLESS, home),
        lambda: prepare(ENDLESS, home=home),
        lambda: prepare("sequences", home=home, raw=raw, name=ENDLESS),
    ):
        message_of(call)
    # Paths are shown whole: whoever has a long one needs its end.
    with pytest.raises(BenchError, match="File name too long"):
        prepare("sequences", home=home, raw=Path(ENDLESS))
    with pytest.raises(BenchError, match="There is no attribute file"):
        prepare("sequences", home=home, raw=raw, settings={"attributes": ENDLESS})


def test_no_name_is_proposed_that_a_dataset_cannot_have(home) -> None:
    assert "--name shop" in str(message_of(lambda: open_dataset("shop", home)).fix)
    assert "--name" not in str(message_of(lambda: open_dataset("no/name", home)).fix)


@pytest.fixture
def taskless(write, home) -> Dataset:
    """Users who take one item again and again, as in the simplest of broken exports."""
    raw = write("same.txt", "".join(f"u{u} 7 7 7 7 7 7 7 7\n" for u in range(30)))
    return prepare("sequences", home=home, raw=raw, name="same")


@pytest.mark.parametrize("again", [False, True])
def test_preparing_a_dataset_without_any_task_says_so_and_why(
    capsys, taskless, home, again
) -> None:
    if again:
        capsys.readouterr()
        raw = home.root.parent / "same.txt"
        assert prepare("sequences", home=home, raw=raw, name="same").tasks == ()
    told = capsys.readouterr().err
    assert "Dataset 'same' supports no task" in told
    assert "preference: the data has no ratings" in told
    assert "recommendation: no seen user has a validation instance: the user already had" in told
    assert all(task in told for task in TASKS)


def test_a_dataset_with_a_task_is_prepared_without_a_word(build, capsys) -> None:
    assert build().tasks
    assert "supports no task" not in capsys.readouterr().err


def test_asking_a_dataset_without_any_task_says_that_it_has_none(taskless, capsys) -> None:
    for ask in (taskless.instances, taskless.training_view().examples):
        with pytest.raises(
            UsageError, match="It supports no task at all; unimp-bench data stats same"
        ):
            ask("recommendation")
    with pytest.raises(UsageError, match="the user already had the item"):
        taskless.instances("recommendation")


def test_a_task_younger_than_the_dataset_asks_to_prepare_it_again(build) -> None:
    dataset = build()
    search, young = TASKS.get("search"), DATA_TASKS.get("search")
    with (
        TASKS.added("young", search),
        DATA_TASKS.added("young", young),
        pytest.raises(UsageError, match=r"prepared without task 'young'[\s\S]*--force"),
    ):
        dataset.instances("young")


@pytest.mark.parametrize("content", ["{", '{"1": 5}', f'{{"1": [{ENDLESS}]}}', "[" * 100_000])
def test_a_broken_attribute_file_says_how_to_do_without_it(write, home, content) -> None:
    raw = write("events.txt", "a 1 2 3\nb 1 2 3\n")
    beside = write("events_item2attributes.json", content)
    error = message_of(lambda: prepare("sequences", home=home, raw=raw))
    assert "move it away" in str(error.fix)
    chosen = beside.rename(beside.with_name("chosen.json"))
    settings = {"attributes": str(chosen)}
    error = message_of(lambda: prepare("sequences", home=home, raw=raw, settings=settings))
    assert "leave --set attributes out" in str(error.fix)
    prepare("sequences", home=home, raw=raw)


def test_skipping_is_not_proposed_for_what_cannot_be_skipped(hm_raw, home) -> None:
    table = hm_raw / "articles.csv"
    table.write_bytes(b"\xff" + table.read_bytes())
    error = message_of(lambda: prepare("hm", home=home, raw=hm_raw, on_error="skip"))
    assert "line 1: not UTF-8 text" in error.message
    assert "--on-error" not in str(error.fix)


def test_a_header_of_thousands_of_columns_is_cut(hm_raw, home) -> None:
    table = hm_raw / "articles.csv"
    table.write_text(",".join(f"column{i}" for i in range(3000)) + "\n")
    error = message_of(lambda: prepare("hm", home=home, raw=hm_raw))
    assert "2,970 more" in error.message


def test_data_without_interactions_says_what_was_left_out(shop, build) -> None:
    shop.interactions = shop.interactions.with_columns(pl.lit("i99").alias("item_id"))
    error = message_of(lambda: build(on_error="skip"))
    assert "no usable interaction: " in error.message
    assert "is about an item the catalogue lacks (160)" in error.message


@pytest.mark.parametrize("users", [3, 20])
def test_the_share_proposed_for_new_users_makes_some(shop, build, users) -> None:
    names = [f"u{u:02d}" for u in range(users)]
    shop.interactions = shop.interactions.filter(pl.col("user_id").is_in(names))
    dataset = build(settings={"new_users": "0"})
    with pytest.raises(UsageError) as caught:
        dataset.instances("search", cohort="new-user")
    share = re.search(r"--set new_users=(\S+)\.$", str(caught.value.fix))
    assert share is not None
    other = build(name="other", settings={"new_users": share[1]})
    assert len(other.instances("search", cohort="new-user"))
