"""Remember of each item what became of its photo, so that a stopped download goes on."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.host.files import cannot_read, cannot_write

#: The journal's name in a folder of photos: one JSON object a line, the last of an item counts.
JOURNAL = "photos.jsonl"


@dataclass(frozen=True)
class Outcome:
    """Holds what became of one item's photo."""

    item: str
    kind: str
    """``good``, or what was wrong: see :mod:`benchmark.data.photos.collecting`."""
    why: str | None = None
    address: str | None = None
    file: str | None = None
    sha256: str | None = None


class Journal:
    """Reads and continues the journal of a folder; threads may record at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self._lock = threading.Lock()
        self.outcomes: dict[str, Outcome] = {}
        for outcome in _read(self.path):
            self.outcomes[outcome.item] = outcome

    def record(self, outcome: Outcome) -> None:
        """Append ``outcome`` unless it is what the journal says already."""
        with self._lock:
            if self.outcomes.get(outcome.item) == outcome:
                return
            self.outcomes[outcome.item] = outcome
            line = json.dumps({k: v for k, v in asdict(outcome).items() if v is not None})
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with open(self.path, "ab+") as stream:
                    # A line that a killed process left half stays by itself.
                    if stream.tell() and not _ends_in_line_feed(self.path):
                        stream.write(b"\n")
                    stream.write(line.encode() + b"\n")
            except OSError as error:
                raise cannot_write(self.path, error) from error


def _ends_in_line_feed(path: Path) -> bool:
    with open(path, "rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"


def _read(path: Path) -> list[Outcome]:
    """The outcomes of a journal; lines that are none (a process was killed) are passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise cannot_read(path, error) from error
    found = []
    for line in lines:
        try:
            found.append(Outcome(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found
