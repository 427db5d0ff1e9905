"""Raw files at an address make the dataset that the same files in a folder make."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

import benchmark as ub
from benchmark.data.opening import open_dataset
from benchmark.data.raw.fetched import fetched
from benchmark.errors import BenchError
from benchmark.host.home import Home

fsspec = pytest.importorskip("fsspec")

FILES = {
    "Toys.txt": b"u1 10 2 33 4\nu2 4 2 10\nu3 2 10 4\n",
    "Toys_item2attributes.json": b'{"2": [7, 8], "4": [7]}',
    "more/unread.bin": b"\0\1",
}


@pytest.fixture(params=["memory", "file", "s3"])
def address(request, tmp_path) -> str:
    """The address of a folder with :data:`FILES` in it."""
    places = {"memory": f"memory://{uuid.uuid4().hex}", "file": f"file://{tmp_path}/there"}
    where = (
        f"{request.getfixturevalue('s3')}/raw" if request.param == "s3" else places[request.param]
    )
    for name, content in FILES.items():
        put(f"{where}/{name}", content)
    return where


def put(address: str, content: bytes) -> None:
    files, path = fsspec.core.url_to_fs(address)
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    files.pipe_file(path, content)


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_at_an_address_is_fetched_once_and_again_where_it_changed(
    address, tmp_path, capsys
) -> None:
    home = Home(tmp_path / "home")
    folder = fetched(address, home)
    assert held(folder) == FILES
    assert "Fetching 3 files (" in capsys.readouterr().err
    assert fetched(f"{address}/", home) == folder
    assert capsys.readouterr().err == ""
    put(f"{address}/Toys.txt", b"u1 1 2 3\n")
    (folder / "more" / "unread.bin").write_bytes(b"spoilt")
    assert fetched(f"{address}/Toys.txt", home) == folder / "Toys.txt"
    assert held(folder) == {**FILES, "Toys.txt": b"u1 1 2 3\n"}
    assert "Fetching 2 files" in capsys.readouterr().err
    files, path = fsspec.core.url_to_fs(address)
    files.rm_file(f"{path}/more/unread.bin")
    fetched(address, home)
    assert "more/unread.bin" not in held(folder)


@pytest.mark.parametrize("record", [b"{", b"[]", b'{"Toys.txt": 33}', b'{"Toys.txt": {}}', None])
def test_without_a_record_of_what_was_fetched_the_copy_is_what_is_there(record, tmp_path) -> None:
    home, where = Home(tmp_path / "home"), f"memory://{uuid.uuid4().hex}"
    for name, content in FILES.items():
        put(f"{where}/{name}", content)
    folder = fetched(where, home)
    path = folder.parent / "fetched.json"
    if record is None:
        path.unlink()
    else:
        path.write_bytes(record)
    files, place = fsspec.core.url_to_fs(where)
    files.rm_file(f"{place}/more/unread.bin")
    fetched(where, home)
    assert held(folder) == {name: FILES[name] for name in FILES if name != "more/unread.bin"}


def test_a_dataset_is_the_same_from_an_address_as_from_a_folder(tmp_path, cli) -> None:
    where, raw = f"memory://{uuid.uuid4().hex}", tmp_path / "raw"
    for name, content in FILES.items():
        put(f"{where}/{name}", content)
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    hashes = []
    for at, given in enumerate((where, str(raw))):
        home = Home(tmp_path / f"home{at}")
        words = ("data", "prepare", "sequences", "--name", "toys", "--raw", f"{given}/Toys.txt")
        status, _, err = cli(*words, home=home)
        assert status == 0, err
        hashes.append(open_dataset("toys", home).sha256)
    made = ub.prepare("sequences", raw=f"{where}/Toys.txt", home=tmp_path / "home2")
    assert hashes == [made.sha256] * 2


@pytest.mark.parametrize(
    ("address", "expected", "message"),
    [
        ("nosuch://bucket/raw", 2, "is no address"),
        ("gs://bucket/raw", 2, "needs a package that is not installed"),
        ("memory://nothing/here", 1, "There is nothing at 'memory://nothing/here'"),
        ("file:///no/such/folder", 1, "There is nothing at 'file:///no/such/folder'"),
    ],
)
def test_an_address_that_cannot_be_read_is_named(
    address, expected, message, tmp_path, cli, monkeypatch
) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # an import of it fails
    status, out, err = cli("data", "prepare", "sequences", "--raw", address, home=home)
    assert (status, out) == (expected, "")
    assert message in err
    assert len(err.splitlines()) == 2


def test_a_file_that_arrives_short_is_not_kept(tmp_path, monkeypatch) -> None:
    where = f"memory://{uuid.uuid4().hex}"
    put(f"{where}/Toys.txt", FILES["Toys.txt"])
    from benchmark.host.stores import Store

    monkeypatch.setattr(Store, "fetch", lambda self, path, to: to.write_bytes(b"u1 1"))
    with pytest.raises(BenchError, match="has 33 bytes, but 4 arrived"):
        fetched(where, Home(tmp_path / "home"))
    assert not list((tmp_path / "home").rglob("Toys.txt"))
