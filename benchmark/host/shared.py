"""A home at an address: finished folders are copied between it and a working copy on this machine.

Everything is made and read in the working copy, with its locks, renames and memory maps. At the
address lies, for each finished dataset, fit and run, its content in a folder named by its hash,
and an index beside it, written last: ``runs/<run id>/<hash>/...`` and ``runs/<run id>.json``.
Readers go by the index, so they never meet half an upload; of two writers of one name the later
index counts, and each is whole.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.console import note
from benchmark.host.files import (
    cannot_write,
    locked,
    read_json,
    sha256_file,
    sha256_json,
    write_json,
)
from benchmark.host.owners import left_beside, owned_name
from benchmark.host.progress import track
from benchmark.host.removing import replace
from benchmark.host.stamps import file_hashes
from benchmark.host.stores import Store, shown

#: What is copied: the folders of a home by their names.
KINDS = ("datasets", "fitted", "runs")
#: In the working copy: the hash of every folder as it was last copied.
_COPIED = ".shared"
#: Made again where they are missed, and large: vectors of photos and texts in a dataset, and what
#: this machine's file system says of a fit's files.
_OWN = ("features/", "stamps.json")
#: A fit's name may begin with a dash: its class' name may begin with any letter.
_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._=-]*")


class Shared:
    """Copies folders of the working copy ``root`` to and from the home at ``address``."""

    def __init__(self, address: str, root: Path) -> None:
        self._store = Store(address)
        self._root = root

    def fetch(self, kind: str, name: str) -> None:
        """Make the working copy of a folder equal the one at the address, if there is one.

        Raises :class:`BenchError` where the address cannot be read or a file does not arrive as
        its index says.
        """
        index = self._index(kind, name) if _NAME.fullmatch(name) else None
        # Asked before the lock as well, which a run of that name may hold for hours.
        if index is None or self._is_copied(kind, name, index["content"]):
            return
        folder = self._root / kind / name
        with locked(folder.with_name(f".{name}.lock"), f"copying {name}"):
            if self._is_copied(kind, name, index["content"]):
                return
            partial = folder.with_name(owned_name(name, "partial"))
            try:
                for left in (partial, *left_beside(folder, "partial")):
                    shutil.rmtree(left, ignore_errors=True)
                self._download(f"{kind}/{name}/{index['content']}", index["files"], partial)
                replace(folder, by=partial)
            except OSError as error:
                raise cannot_write(folder, error) from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self._note_copied(kind, name, index["content"])

    def fetch_all(self, kind: str) -> None:
        """Do :meth:`fetch` for every folder of ``kind`` at the address."""
        for name in self.names(kind):
            self.fetch(kind, name)

    def names(self, kind: str) -> list[str]:
        """Return the names of the finished folders of ``kind`` at the address."""
        found = self._store.names(kind)
        return [name.removesuffix(".json") for name in found if name.endswith(".json")]

    def send(self, kind: str, name: str) -> None:
        """Copy a finished folder to the address, unless it is there as it is here."""
        folder = self._root / kind / name
        files = {
            path: sha256
            for path, sha256 in file_hashes(folder).items()
            if not path.startswith(_OWN)
        }
        content = sha256_json(files)[:16]
        index = self._index(kind, name)
        if index is None or index["content"] != content:
            note(f"Copying {name} to {shown(self._store.address)}.")
            for path in track(files, f"copying {name}"):
                self._store.send(folder / path, f"{kind}/{name}/{content}/{path}")
            said = json.dumps({"content": content, "files": files}, indent=1)
            self._store.write(f"{kind}/{name}.json", said.encode())
        self._note_copied(kind, name, content)

    def _index(self, kind: str, name: str) -> dict[str, Any] | None:
        text = self._store.read(f"{kind}/{name}.json")
        if text is None:
            return None
        try:
            index = json.loads(text)
            if {path for path in index["files"] if _leads_out(path)} or not index["content"]:
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            raise BenchError(
                f"{shown(self._store.address)}/{kind}/{name}.json is no index of a folder.",
                fix="Remove it there.",
            ) from error
        return dict(index)

    def _download(self, place: str, files: dict[str, str], to: Path) -> None:
        to.mkdir(parents=True)
        for path, sha256 in track(files.items(), f"fetching {place}"):
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            self._store.fetch(f"{place}/{path}", to / path)
            if sha256_file(to / path) != sha256:
                raise BenchError(
                    f"{shown(self._store.address)}/{place}/{path} is not as it was written.",
                    fix="Remove its folder and the .json beside that there; it is made again.",
                )

    def _is_copied(self, kind: str, name: str, content: str) -> bool:
        """Whether the working copy of a folder has this content, as far as is noted."""
        try:
            noted = read_json(self._root / _COPIED / kind / f"{name}.json")
        except BenchError:
            return False
        return bool(noted == content) and (self._root / kind / name).is_dir()

    def _note_copied(self, kind: str, name: str, content: str) -> None:
        write_json(self._root / _COPIED / kind / f"{name}.json", content)


def _leads_out(path: str) -> bool:
    return path.startswith("/") or ".." in Path(path).parts
