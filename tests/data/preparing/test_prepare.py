"""Preparation: deterministic, all or nothing, and clear about what it refuses."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import time
from pathlib import Path
from typing import NoReturn

import polars as pl
import pytest

from benchmark.data.frames import write_parquet
from benchmark.data.listing import prepare_command
from benchmark.data.preparing.prepare import prepare
from benchmark.data.raw import text_files
from benchmark.data.sources import SOURCES
from benchmark.data.unchanged import require_unchanged
from benchmark.data.verify import verify
from benchmark.errors import BenchError, UsageError
from benchmark.host import files, stamps
from benchmark.host.home import Home


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_same_raw_and_parameters_give_the_same_bytes(build) -> None:
    first, second = build("a"), build("b")
    assert content(first.folder) == content(second.folder)
    assert first.sha256 == second.sha256


def test_a_dataset_is_the_same_under_another_name(build) -> None:
    assert build("a").sha256 == build("a", name="other").sha256


def test_another_seed_is_another_dataset(build) -> None:
    assert build("a").sha256 != build("b", settings={"seed": "1"}).sha256


def test_rankings_of_twenty_are_another_dataset_with_metrics_at_twenty(shop, build) -> None:
    more = shop.items.with_columns(pl.col("item_id").str.replace("i", "more"))
    shop.items = pl.concat([shop.items, more])  # so that twenty are left to each user
    ten, twenty = build("a"), build("b", settings={"k": "20"})
    assert build("c", settings={"k": "10"}).sha256 == ten.sha256 != twenty.sha256
    assert [next(iter(d.instances("search"))).k for d in (ten, twenty)] == [10, 20]
    best = [next(iter(twenty.training_view().examples("search", "valid"))).instance.k]
    assert best == [20]


@pytest.mark.parametrize("k", ["5", "15", "many"])
def test_other_lengths_of_rankings_are_refused(build, k: str) -> None:
    with pytest.raises(UsageError, match="Setting k="):
        build(settings={"k": k})


def test_preparing_again_returns_what_is_there(build) -> None:
    first = build()
    stamp = (first.folder / "dataset.json").stat().st_mtime_ns
    assert (build().folder / "dataset.json").stat().st_mtime_ns == stamp


def test_other_parameters_under_the_same_name_are_refused(build) -> None:
    build()
    with pytest.raises(BenchError, match=r"history_window is 3, not 4[\s\S]*--force"):
        build(settings={"history_window": "4"})
    replaced = build(settings={"history_window": "4"}, force=True)
    assert replaced.info["history_window"] == 4
    assert [path.name for path in replaced.folder.parent.iterdir()] == ["shop"]


def test_a_dataset_that_is_a_link_is_replaced_and_what_it_led_to_stays(build, tmp_path) -> None:
    folder = build().folder
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    build(settings={"history_window": "4"}, force=True)
    (left,) = folder.parent.iterdir()
    assert not left.is_symlink()
    assert (tmp_path / "elsewhere" / "dataset.json").is_file()


def test_a_replacement_that_fails_leaves_the_old_dataset(build, monkeypatch) -> None:
    before = content(build().folder)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(BenchError, match="Input/output error"):
        build(settings={"history_window": "4"}, force=True)
    (left,) = build().folder.parent.iterdir()
    assert content(left) == before


def test_the_command_of_a_message_prepares_the_same_dataset(build) -> None:
    settings = {"greeting": "it's me", "history_window": "2", "new_domains": "", "k": "20"}
    made = build(name="mine", settings=settings)
    words = shlex.split(prepare_command("mine", made.info))
    assert words[:6] == ["unimp-bench", "data", "prepare", "shop", "--raw", "PATH"]
    assert words[words.index("--name") + 1] == "mine"
    given = [after for word, after in itertools.pairwise(words) if word == "--set"]
    assert build(name="mine", settings=dict(pair.split("=", 1) for pair in given)).sha256 == (
        made.sha256
    )


def test_changed_raw_files_under_the_same_name_are_refused(hm_raw, tmp_path) -> None:
    home = Home(tmp_path / "home")
    prepare("hm", home=home, raw=hm_raw)
    prepare("hm", home=home, raw=hm_raw)
    with open(hm_raw / "transactions_train.csv", "a") as stream:
        stream.write("2020-09-20,c1,0100000001,0.01,1\n")
    with pytest.raises(BenchError, match=r"another source_files: transactions_train\.csv"):
        prepare("hm", home=home, raw=hm_raw)


def _denied(path: object, *_: object, **__: object) -> NoReturn:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("reads", [files, text_files])
def test_a_raw_file_that_may_not_be_read_is_named_with_the_cause(
    hm_raw, tmp_path, monkeypatch, reads
) -> None:
    monkeypatch.setattr(reads, "open", _denied, raising=False)  # root may read any file
    for on_error in ("raise", "skip"):
        with pytest.raises(
            BenchError, match=r"Cannot read '.*\.csv': Permission denied\.\nLet this user read it"
        ):
            prepare("hm", home=Home(tmp_path / "home"), raw=hm_raw, on_error=on_error)


def test_a_raw_folder_that_may_not_be_entered_is_named_with_the_cause(
    hm_raw, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != hm_raw)
    with pytest.raises(BenchError, match=r"Permission denied: '.*hm-raw'"):
        prepare("hm", home=Home(tmp_path / "home"), raw=hm_raw)


@pytest.mark.parametrize("source", [name for name in SOURCES if SOURCES.get(name).needs_raw])
def test_what_is_to_be_replaced_needs_its_raw_files_as_what_is_not_there_does(
    source, tmp_path
) -> None:
    home = Home(tmp_path / "home")
    (home.datasets / "mine").mkdir(parents=True)
    with pytest.raises(UsageError, match=f"'{source}' needs raw files"):
        prepare(source, home=home, name="mine", force=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"histroy_window": "4"}, r"histroy_window[\s\S]*Did you mean 'history_window'"),
        ({"new_users": "1.5"}, r"new_users='1\.5'[\s\S]*less than or equal"),
        ({"history_window": "many"}, r"history_window='many'[\s\S]*integer"),
        ({"min_interactions": "2"}, r"min_interactions='2'[\s\S]*greater than or equal to 3"),
    ],
)
def test_a_bad_setting_is_named(build, settings, message) -> None:
    with pytest.raises(UsageError, match=message):
        build(settings=settings)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("h-m", {}, r"Unknown source 'h-m'[\s\S]*'hm'"),
        ("hm", {}, r"'hm' needs raw files[\s\S]*--raw"),
        ("hm", {"raw": Path("no/such/folder")}, r"no/such/folder[\s\S]*articles\.csv"),
        ("ml-100k", {"raw": Path(".")}, r"reads no raw files"),
        ("ml-100k", {"name": "../up"}, r"'\.\./up' cannot be a dataset's name"),
    ],
)
def test_a_bad_request_is_named(source, options, message, tmp_path) -> None:
    with pytest.raises(BenchError, match=message):
        prepare(source, home=Home(tmp_path), **options)


def test_verify_finds_a_flipped_byte_a_lost_and_a_strange_file(build) -> None:
    dataset = build()
    assert verify(dataset) == []
    target = dataset.folder / "tasks" / "search" / "test-seen.parquet"
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    (dataset.folder / "images" / "i01.png").unlink()
    (dataset.folder / "extra.txt").write_text("?")
    (dataset.folder / "features" / "encoder").mkdir(parents=True)
    (dataset.folder / "features" / "encoder" / "vectors.bin").write_text("a cache")
    found = "\n".join(verify(dataset))
    assert "tasks/search/test-seen.parquet: changed" in found
    assert "images/i01.png: missing" in found
    assert "extra.txt: not part" in found
    assert found.count("\n") == 2


def test_the_first_run_need_not_read_what_was_just_written(build, monkeypatch) -> None:
    monkeypatch.setattr(stamps, "SETTLED", -1.0)
    dataset = build("a")
    monkeypatch.setattr(stamps, "sha256_file", lambda path: pytest.fail(f"{path} was read"))
    require_unchanged(dataset)
    monkeypatch.undo()
    (dataset.folder / "items.parquet").write_bytes(b"other")
    with pytest.raises(BenchError, match=r"items\.parquet of dataset"):
        require_unchanged(dataset)


def test_verify_finds_an_edited_description(build) -> None:
    dataset = build()
    info = json.loads((dataset.folder / "dataset.json").read_text())
    info["statistics"]["users"] += 1
    (dataset.folder / "dataset.json").write_text(json.dumps(info))
    assert "dataset.json" in verify(dataset)[0]


def test_a_broken_photo_is_named_counted_and_treated_as_missing(shop, build, capsys) -> None:
    good = shop.photos[0][1]
    shop.photos = [("i00", good), ("i01", b"not a photo"), ("i02", good[:50])]
    dataset = build()
    assert dataset.info["notes"]["broken photos, treated as missing"] == 2
    assert "i01" in capsys.readouterr().err
    images = dict(dataset.catalogue().frame.select("item_id", "image").iter_rows())
    assert (images["i00"], images["i01"], images["i02"]) == ("i00.png", None, None)
    assert [path.name for path in (dataset.folder / "images").iterdir()] == ["i00.png"]


def test_a_failure_midway_leaves_nothing(shop, build, tmp_path) -> None:
    def photos():
        yield "i00", shop_photo
        raise RuntimeError("the photo folder vanished")

    shop_photo = shop.photos[0][1]
    shop.photos = photos()
    with pytest.raises(RuntimeError, match="vanished"):
        build()
    assert list((tmp_path / "home" / "datasets").iterdir()) == []


def test_a_killed_preparation_leaves_nothing_under_the_name_and_a_living_one_is_left_alone(
    tmp_path, forked
) -> None:
    process = forked(
        "import time\nfrom pathlib import Path\nfrom benchmark.host.home import Home\n"
        "from benchmark.data.preparing import prepare\n"
        "prepare.freeze = lambda *_, **__: time.sleep(600)\n"  # all but the instances is there
        f"prepare.prepare('sim', home=Home(Path({str(tmp_path)!r})), settings={{'size': 'xs'}})"
    )
    datasets = tmp_path / "datasets"
    deadline = time.monotonic() + 60
    while not list(datasets.glob(".sim-xs.*/images/*")) and time.monotonic() < deadline:
        assert process.is_alive(), process.printed.read_text()
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (datasets / "sim-xs").exists()
    (leftover,) = datasets.iterdir()
    living = leftover.with_name(f".sim-xs.{os.getppid()}.partial")  # at work on one long file
    living.mkdir()
    for path in (leftover, *leftover.iterdir(), living):
        os.utime(path, (0, 0))  # long ago
    prepare("sim", home=Home(tmp_path), settings={"size": "xs"})
    assert {path.name for path in datasets.iterdir()} == {"sim-xs", living.name}


def test_a_full_disk_is_named(build) -> None:
    frame = build().interactions()
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(BenchError, match=r"Cannot write '/dev/full'[\s\S]*No space left"):
        write_parquet(frame, Path("/dev/full"))


def test_an_unwritable_home_is_named_before_any_work(build, tmp_path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    with pytest.raises(BenchError, match=r"Cannot write to .*home[\s\S]*--home"):
        build()


@pytest.mark.parametrize("settings", [{"size": "xs"}, {"size": "s", "seed": 1}])
def test_a_built_in_name_is_reserved_for_its_own_parameters(tmp_path, settings) -> None:
    with pytest.raises(UsageError, match=r"'sim-s' is the built-in dataset[\s\S]*--name"):
        prepare("sim", home=Home(tmp_path), name="sim-s", settings=settings)
    assert not (tmp_path / "datasets").exists()
