"""Export what is stored: which format holds what, and what is said of an export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.data.listing import dataset_folders
from benchmark.data.opening import ensure_dataset
from benchmark.data.sources import SELF_CONTAINED
from benchmark.data.unchanged import require_unchanged
from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.exports import huggingface, ranx, recbole, trec
from benchmark.exports.rankings import Asked, Told, asked_by
from benchmark.exports.whole import check_absent, whole_folder
from benchmark.host.files import write_json
from benchmark.host.home import Home
from benchmark.runs.store import StoredRun, find_run

#: What an export says of itself; a Hugging Face dataset has its card instead.
RECORD = "export.json"
_OF_RUNS: dict[str, Callable[[Path, Sequence[StoredRun], Asked], dict[str, Told]]] = {
    "trec": trec.write,
    "ranx": ranx.write,
}
_HUGGINGFACE = "huggingface"
FORMATS = (*_OF_RUNS, "recbole", _HUGGINGFACE)


def export(
    names: Sequence[str],
    output_format: str,
    out: Path,
    *,
    home: Home,
    private: bool = False,
    terms_allow: bool = False,
) -> dict[str, Any]:
    """Write runs (``trec``, ``ranx``) or a dataset (``recbole``, ``huggingface``) to ``out``.

    Returns what was written. A Hugging Face dataset that not everyone may share is written for
    ``private`` use, or where its owner's ``terms_allow`` it.
    Raises :class:`UsageError` for an unknown name or format, for what the format cannot hold and
    where ``out`` exists, and :class:`BenchError` for damaged data and a folder that cannot be
    written: nothing is left of ``out`` then.
    """
    if output_format not in FORMATS:
        raise unknown_name("format", output_format, FORMATS)
    for option, given in (("--private", private), ("--terms-allow", terms_allow)):
        if given and output_format != _HUGGINGFACE:
            raise UsageError(
                f"{option} belongs to {_HUGGINGFACE}, not to {output_format}.", fix="Leave it out."
            )
    if private and terms_allow:
        raise UsageError("--private and --terms-allow contradict each other.", fix="Give one.")
    check_absent(out)
    if output_format in _OF_RUNS:
        return _export_runs(names, output_format, out, home)
    dataset = _dataset(names, output_format, home)
    require_unchanged(dataset)
    record = _origin(output_format, dataset)
    with whole_folder(out) as folder:
        if output_format == _HUGGINGFACE:
            record |= huggingface.write(folder, dataset, private=private, terms_allow=terms_allow)
        else:
            record |= recbole.write(folder, dataset)
            write_json(folder / RECORD, record)
    return {"out": str(out), **record}


def _export_runs(names: Sequence[str], output_format: str, out: Path, home: Home) -> dict[str, Any]:
    runs = [_run(name, output_format, home) for name in names]
    asked = asked_by(runs, home)
    with whole_folder(out) as folder:
        told = _OF_RUNS[output_format](folder, runs, asked)
        record = {
            **_origin(output_format, asked.dataset),
            "task": asked.task,
            "cohort": asked.cohort,
            "instances_sha256": runs[0].manifest["instances_sha256"],
            "instances": len(asked.frame),
            "runs": [
                {"run": run.folder.name, "model": run.label, **asdict(told[run.folder.name])}
                for run in runs
            ],
        }
        write_json(folder / RECORD, record)
    return {"out": str(out), **record}


def _origin(output_format: str, dataset: Dataset) -> dict[str, Any]:
    return {
        "format": output_format,
        "data": dataset.name,
        "dataset_sha256": dataset.sha256,
        "simulated": bool(dataset.info.get("simulated")),
        "terms": dataset.info["terms"],
        "licence": huggingface.licence_of(dataset),
    }


def _run(name: str, output_format: str, home: Home) -> StoredRun:
    try:
        return find_run(name, home)
    except BenchError as error:
        if name in {*SELF_CONTAINED, *(folder.name for folder in dataset_folders(home))}:
            error.fix = f"{name!r} is a dataset, and {output_format} holds runs: give a run's id."
        raise


def _dataset(names: Sequence[str], output_format: str, home: Home) -> Dataset:
    if len(names) != 1:
        raise UsageError(
            f"{output_format} holds one dataset, {len(names)} names were given.",
            fix="Export each to a folder of its own.",
        )
    try:
        return ensure_dataset(names[0], home)
    except UsageError as error:
        try:
            run = find_run(names[0], home)
        except BenchError:
            raise error from None
        raise UsageError(
            f"{names[0]!r} is a run, and {output_format} holds a dataset.",
            fix=f"Give its dataset, {run.manifest['data']!r}, or --format trec or ranx.",
        ) from None
