"""Submissions of sound form that no honest model makes: borrowed answers, perfect ones, lies."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmark.data.opening import open_dataset
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS
from leaderboards.submission import tables
from leaderboards.submission.pack import files_of
from leaderboards.submission.schema import MANIFEST
from leaderboards.verification import rescoring
from tests.leaderboards.conftest import DECLARATION, edited
from tests.leaderboards.hostile.kinds import Kind
from tests.leaderboards.hostile.predictions import Rows, good_table

Manifest = dict[str, Any]


def claiming(forge: Any, task: str, rows: Rows, change: Callable[[Manifest], object]) -> Path:
    """A submission of these answers to ``task`` whose claims are what they give."""
    files = forge.packed(task)
    (name,) = files.keys() - {MANIFEST}
    table = pa.Table.from_pylist(rows, schema=tables.schema_for(task))
    dataset = open_dataset("sim-xs", forge.home)
    found = rescoring.rescore(table, TASKS.get(task), dataset.instances(task), dataset)

    def claims(manifest: Manifest) -> None:
        run = manifest["runs"][0]
        run["predictions_sha256"] = tables.rows_sha256(table)
        run["scores"] = {metric: asdict(score) for metric, score in found.scores.items()}
        change(manifest)

    files |= {name: tables.encode(table), MANIFEST: edited(files[MANIFEST], claims)}
    path: Path = forge.archive(files)
    return path


def _mine(manifest: Manifest) -> None:
    manifest["model"] = "quantum-ranker"
    manifest["runs"][0] |= {"attachments": [], "code_sha256": "12" * 32}


def borrowed(model: str, task: str) -> Callable[[Any], Path]:
    """The answers of a listed model under a name of one's own."""

    def make(forge: Any) -> Path:
        run = forge.execute(RunSpec(model, task, data="sim-xs"), forge.home)
        path: Path = forge.edited(files_of([run], DECLARATION), _mine)
        return path

    return make


def _rescaled(forge: Any) -> Path:
    """Those of ``random``, every score changed in a way that keeps their order."""
    rows = good_table(forge).to_pylist()
    for row in rows:
        row["scores"] = [3.0 * score**3 + 1.0 for score in row["scores"]]
    return claiming(forge, "search", rows, _mine)


def targets(task: str, *, but: int = 0) -> Callable[[Any], Path]:
    """Every answer is the right one, the first few aside."""

    def make(forge: Any) -> Path:
        asked = open_dataset("sim-xs", forge.home).instances(task)
        rows = good_table(forge, task).to_pylist()
        for row, target in list(zip(rows, asked.targets, strict=True))[but:]:
            right = target if isinstance(target, tuple) else (target,)
            row["items"] = [*right, *(item for item in row["items"] if item not in right)][:10]
        return claiming(forge, task, rows, _mine)

    return make


def _other_code(forge: Any) -> Path:
    """A listed name over code and answers that are not the listed model's."""
    path: Path = forge.manifest(lambda manifest: manifest.update(model="popularity"))
    return path


def _absent_code(forge: Any) -> Path:
    """Code that is said to be of this project, which has none there."""

    def change(manifest: Manifest) -> None:
        manifest["declaration"]["code"] = "baselines/absent.py"

    path: Path = forge.manifest(change)
    return path


def _under_a_listed_name(forge: Any) -> Path:
    """Answers of one's own under a listed name, with the hash of its code beside them."""
    rows = good_table(forge).to_pylist()
    rows[0]["items"] = rows[0]["items"][::-1]
    return claiming(forge, "search", rows, lambda manifest: None)


def other_data(task: str, name: str = "sim-m") -> Callable[[Any], Path]:
    """A run on sim-xs that calls its data by the name of a board's."""
    return lambda forge: forge.manifest(lambda m: m["runs"][0].update(data=name), task)


def turned_around(forge: Any) -> Path:
    """The same on a board of errors, with a metric of another direction first."""

    def change(manifest: Manifest) -> None:
        run = manifest["runs"][0]
        run["data"] = "sim-m"
        run["scores"] = {"MAE-official": dict(run["scores"]["MAE"], value=0.99), **run["scores"]}

    path: Path = forge.manifest(change, "preference")
    return path


def heavy_pictures(forge: Any) -> Path:
    """Sixty chunks of a megabyte of text in every picture, packed to a kilobyte each."""
    content = b"k\0\0" + zlib.compress(bytes(1 << 20), 9)
    checksum = zlib.crc32(b"zTXt" + content).to_bytes(4, "big")
    chunks = (len(content).to_bytes(4, "big") + b"zTXt" + content + checksum) * 60

    def change(rows: Rows) -> None:
        for row in rows:
            row["png"] = row["png"][:33] + chunks + row["png"][33:]

    path: Path = forge.rows(change, "image-generation")
    return path


REFUSED = [
    Kind("lie-data", other_data("search"), ("dataset-name",), "sim-xs"),
    Kind("lie-data-of-ratings", other_data("preference"), ("dataset-name",), "sim-xs"),
]
#: Accepted with a warning under each of the codes; ``verify --strict`` refuses them.
FLAGGED = [
    Kind("borrowed-ratings", borrowed("oracle", "preference"), ("ceiling-reached",)),
    Kind("borrowed-mean", borrowed("mean-rating:item", "preference"), ("answers-known",)),
    Kind("borrowed-template", borrowed("template", "explanation"), ("answers-known",)),
    Kind("borrowed-photo", borrowed("random-photo", "image-generation"), ("answers-known",)),
    Kind("rescaled", _rescaled, ("answers-known",), "random"),
    Kind("targets-searched", targets("search"), ("perfect-score", "ceiling-reached")),
    Kind("targets-but-one", targets("search", but=1), ("perfect-score",), "0.99"),
    Kind("forged-floor", _under_a_listed_name, ("answers-differ",), "with seed 0"),
    Kind("absent-code", _absent_code, ("code-absent",), "absent.py"),
    Kind("other-code", _other_code, ("code-differs", "answers-known"), "popularity"),
]
