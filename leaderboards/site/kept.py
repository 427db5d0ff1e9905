"""Keeps what verification found of a submission, by the content of its files.

The key is over the submission's bytes and over all that the outcome depends on besides: our code,
the versions of libraries, the prepared datasets, the boards and the encoders. Anything that
changes is another key, so nothing is ever out of date.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmark.data.listing import list_datasets
from benchmark.errors import BenchError
from benchmark.host.files import atomic_path, sha256_json
from benchmark.host.home import Home
from leaderboards.boards import Board
from leaderboards.submission import limits
from leaderboards.verification.surroundings import surroundings

_SUFFIX = ".kept"
#: Of the SHA-256 before what is kept.
_DIGEST_BYTES = 32


class Kept:
    """Stores what verification found, in one home, for one state of code, datasets and boards."""

    def __init__(self, home: Home, boards: Sequence[Board]) -> None:
        self._folder = home.verified
        self._surroundings = sha256_json(
            {
                **surroundings(),
                "datasets": [[row["name"], row["sha256"]] for row in list_datasets(home)],
                "boards": [board.model_dump() for board in boards],
            }
        )

    def key(self, path: Path) -> str | None:
        """Return the key of the submission at ``path``; ``None`` of what cannot be a sound one."""
        digest = hashlib.sha256(self._surroundings.encode())
        try:
            for name, content in _contents(path):
                for part in (name.encode(), content):  # no name can pass for content
                    digest.update(len(part).to_bytes(8, "little") + part)
        except (OSError, ValueError):
            return None
        return digest.hexdigest()

    def get(self, key: str | None) -> bytes | None:
        """Return what was kept under ``key``, ``None`` where nothing was or it is spoiled."""
        if key is not None:
            with suppress(OSError):
                raw = self._path(key).read_bytes()
                said, content = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
                return content if hashlib.sha256(content).digest() == said else None
        return None

    def put(self, key: str | None, content: bytes) -> None:
        """Keep ``content``; a home that cannot be written to keeps nothing."""
        if key is not None:
            with suppress(BenchError), atomic_path(self._path(key)) as partial:
                partial.write_bytes(hashlib.sha256(content).digest() + content)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file: of an archive itself, of a folder all files in it.

    Raises :class:`ValueError` for more than a submission may hold, links and special files.
    """
    left, entries = limits.TOTAL_BYTES + limits.DIRECTORY_BYTES, 0
    todo = [(path, "")]
    while todo:
        here, name = todo.pop()
        about = here.stat(follow_symlinks=name == "")
        if stat.S_ISDIR(about.st_mode):
            inside = sorted(entry.name for entry in here.iterdir())
            entries += len(inside)
            if entries > limits.ENTRIES or name.count("/") > 1:
                raise ValueError("too many files")
            todo += [(here / entry, f"{name}/{entry}") for entry in inside]
            yield f"{name}/", b""
        elif stat.S_ISREG(about.st_mode) and about.st_size <= left:
            left -= about.st_size
            yield name, here.read_bytes()
        else:
            raise ValueError("no ordinary file, or too large")
