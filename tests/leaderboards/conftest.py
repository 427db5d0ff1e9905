"""A good submission for each kind of task, and the tools to spoil it."""

from __future__ import annotations

import io
import json
import random
import resource
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmark.host.home import Home
from benchmark.metrics import bertscore, image_judge
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import StoredRun
from leaderboards.submission import tables
from leaderboards.submission.cage import CAGE
from leaderboards.submission.findings import Refused
from leaderboards.submission.limits import Budget
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST, digest_of
from leaderboards.verification.suspicion import Catalogue
from leaderboards.verification.verify import Verification, verify

#: The quickest model of each task.
MODELS = {
    "recommendation": "popularity",
    "search": "random",
    "preference": "mean-rating",
    "explanation": "template",
    "selection": "select-all",
    "image-generation": "random-photo",
}
DECLARATION = {
    "training_data": "The training part of the dataset, nothing else.",
    "code": "https://example.org/model",
    "contamination": "None: trained from scratch.",
    "contact": None,
}
#: What one verification may take: seconds of this process and growth of its memory.
SECONDS, GROWTH_MIB = 10.0, 300.0
#: Growth of the memory of the process that reads it.
CAGED_MIB = 1024.0

Files = dict[str, bytes]


@pytest.fixture(scope="module", autouse=True)
def _quick_scoring():
    """No text encoder, and no judge that the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bertscore, "find_encoder", lambda: None)
        patch.delenv(image_judge.VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def data_home(home_with, sim_xs, tmp_path_factory) -> Home:
    """A home with sim-xs in it and runs of its own."""
    return home_with(tmp_path_factory.mktemp("leaderboards"), sim_xs)


@pytest.fixture(scope="session")
def stored(execute, data_home) -> Callable[[str], StoredRun]:
    """``stored(task)``: a finished run on sim-xs."""
    return lambda task: execute(RunSpec(MODELS[task], task, data="sim-xs"), data_home)


@pytest.fixture(scope="session")
def packed(stored) -> Callable[[str], Files]:
    """``packed(task)``: the files of a good submission."""
    cache: dict[str, Files] = {}

    def pack(task: str) -> Files:
        if task not in cache:
            cache[task] = files_of([stored(task)], DECLARATION)
        return dict(cache[task])

    return pack


@pytest.fixture(scope="session")
def content_of(packed) -> Callable[[str], bytes]:
    """``content_of(task)``: the bytes of a good predictions file."""
    return lambda task: predictions_of(packed(task))


@dataclass
class Forge:
    """Spoils submissions, writes them, and verifies them within bounds."""

    home: Home
    folder: Path
    packed: Callable[[str], Files]
    catalogue: Catalogue
    execute: Callable[..., StoredRun]

    def manifest(self, change: Callable[[dict[str, Any]], object], task: str = "search") -> Path:
        """A submission whose manifest was changed and given the digest that fits."""
        return self.edited(self.packed(task), change)

    def edited(self, files: Files, change: Callable[[dict[str, Any]], object]) -> Path:
        """The submission of ``files``, its manifest changed and given the digest that fits."""
        return self.archive({**files, MANIFEST: edited(files[MANIFEST], change)})

    def rows(self, change: Callable[[list[dict[str, Any]]], object], task: str = "search") -> Path:
        """A submission whose rows were changed, with all hashes that fit."""
        files = self.packed(task)
        table = tables.decode(predictions_of(files), task, "good", Budget())
        rows = table.to_pylist()
        change(rows)
        schema = tables.schema_for(task)
        return self.predictions(tables.encode(pa.Table.from_pylist(rows, schema=schema)), task)

    def predictions(self, content: bytes, task: str = "search") -> Path:
        """A submission with other bytes as its predictions, with all hashes that fit."""
        files = self.packed(task)
        (name,) = files.keys() - {MANIFEST}
        files[name] = content
        with suppress(Refused):
            rows = tables.rows_sha256(tables.decode(content, task, "forged", Budget()))

            def change(manifest: dict[str, Any]) -> None:
                manifest["runs"][0]["predictions_sha256"] = rows

            files[MANIFEST] = edited(files[MANIFEST], change)
        return self.archive(files)

    def predictions_as_they_are(self, content: bytes) -> Path:
        """The same, of a file that this process had better not decode: the old hash stands."""
        files = self.packed("search")
        (name,) = files.keys() - {MANIFEST}
        return self.archive({**files, name: content})

    def archive(self, files: Mapping[str, bytes], name: str = "forged.zip") -> Path:
        path = self.folder / name
        path.write_bytes(zipped(files))
        return path

    def unpacked(self, files: Mapping[str, bytes]) -> Path:
        path = self.folder / "forged"
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path

    def verify(self, path: Path, **options: Any) -> Verification:
        """:func:`verify`, in bounded time and memory, with an outcome that can be printed."""
        before, started = _peak_mib(), time.process_time()
        result = verify(path, **{"home": self.home, "catalogue": self.catalogue, **options})
        assert time.process_time() - started < SECONDS
        assert _peak_mib() - before < GROWTH_MIB
        assert CAGE.last.seconds < SECONDS
        assert CAGE.last.mebibytes < CAGED_MIB
        text = json.dumps(result.as_json(), allow_nan=False)
        assert len(text) < 100_000
        for finding in (*result.problems, *result.warnings):
            assert all(32 <= ord(c) < 127 for c in finding.where + finding.message), finding
        return result

    def rejected(self, path: Path, code: str, *words: str) -> None:
        """Assert that ``path`` is rejected under ``code``, in a message that has ``words``."""
        result = self.verify(path)
        assert not result.accepted
        assert result.badge is None
        messages = [f"{p.where}: {p.message}" for p in result.problems if p.code == code]
        assert messages, [(p.code, p.where, p.message) for p in result.problems]
        for word in words:
            assert any(word in message for message in messages), messages


@pytest.fixture(scope="session")
def catalogue(data_home) -> Catalogue:
    """What listed models answer on sim-xs, computed once a session."""
    return Catalogue(data_home)


@pytest.fixture
def forge(data_home, tmp_path, packed, catalogue, execute) -> Forge:
    return Forge(data_home, tmp_path, packed, catalogue, execute)


def edited(raw: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A manifest after ``change``, with a digest that fits."""
    manifest = json.loads(raw)
    change(manifest)
    manifest["digest"] = digest_of(manifest)
    return json.dumps(manifest).encode()


def predictions_of(files: Mapping[str, bytes]) -> bytes:
    (name,) = files.keys() - {MANIFEST}
    return files[name]


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _spoiled(content: bytes, seed: int) -> bytes:
    """A few bytes changed, cut out, doubled or filled in."""
    draw = random.Random(seed)
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) or 1)
        match draw.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del changed[at : at + draw.randint(1, 50)]
            case 2:
                changed[at:at] = changed[at : at + draw.randint(1, 50)]
            case _:
                changed[at : at + 4] = draw.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(changed)


@pytest.fixture
def spoil() -> Callable[[bytes, int], bytes]:
    """Return ``spoil(content, seed)``: ``content`` with a few bytes changed at random."""
    return _spoiled
