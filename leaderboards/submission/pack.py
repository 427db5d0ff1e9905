"""Packs runs into one submission, a folder or zip archive: same runs, same bytes."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.errors import BenchError, UsageError, in_one_line
from benchmark.host.replacing import recover, replacement
from benchmark.runs.manifest import Manifest, excerpt
from benchmark.runs.store import PREDICTIONS, StoredRun, is_imported, is_tuned
from benchmark.stats import Score
from leaderboards.submission import levels, limits, tables
from leaderboards.submission.schema import (
    FORMAT,
    MANIFEST,
    PREDICTIONS_FOLDER,
    Submission,
    SubmittedRun,
    Tuning,
    digest_of,
    manifest_bytes,
    validate,
)

#: What a zip archive can say of a time, at its earliest.
_TIME = (1980, 1, 1, 0, 0, 0)
#: Keys of a run's manifest that are taken over as they are: those that both sides name.
_TAKEN = tuple(
    key
    for key in SubmittedRun.model_fields
    if key in get_type_hints(Manifest) and key not in ("tuning", "file", "energy")
)


@dataclass(frozen=True, slots=True)
class Reduction:
    """Sets how many ``levels`` of each colour pictures keep, from 2 to 128.

    ``rescored`` scores a run over its reduced pictures.
    """

    levels: int
    rescored: Callable[[StoredRun, pa.Table], Mapping[str, Score]]


def files_of(
    runs: Sequence[StoredRun],
    declaration: Mapping[str, str | None],
    *,
    description: str | None = None,
    reduction: Reduction | None = None,
    earlier: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Pack ``runs``: name -> content of every file of the submission.

    ``declaration`` has the fields of :class:`leaderboards.submission.schema.Declaration`. Pictures
    are reduced by ``reduction``, and the run's claims are then what the reduced ones score.
    ``earlier`` are the files of a submission of the same model as
    :func:`~leaderboards.submission.opening.read_plain` gives them: its runs are kept before
    ``runs``, and what is not declared or described anew stays as it was. Raises
    :class:`UsageError` for runs that do not belong together, a declaration that would be
    refused or a reduction of no pictures, :class:`BenchError` for a damaged run.
    """
    _check_together(runs)
    before: dict[str, Any] = {} if earlier is None else json.loads(earlier[MANIFEST])
    if before:
        _check_fits(runs, before)
    files = {name: content for name, content in (earlier or {}).items() if name != MANIFEST}
    entries: list[dict[str, Any]] = list(before.get("runs", ()))
    for run in runs:
        name = _file_name(run, files)
        table = predictions_of(run)
        scores: Mapping[str, Mapping[str, Any]] = run.scores
        kept: dict[str, int] = {}
        if reduction is not None and levels.has_pictures(table):
            kept = {"levels": reduction.levels}
            table = levels.with_levels(table, reduction.levels)
            scores = {m: asdict(score) for m, score in reduction.rescored(run, table).items()}
        files[name] = tables.encode(table)
        entries.append({**_entry(run, name, tables.rows_sha256(table), scores), **kept})
    if reduction is not None and not any("levels" in entry for entry in entries):
        raise UsageError("No run predicts pictures.", fix="Leave out --levels.")
    first = runs[0].manifest
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "model": first["model"],
        "variant": first["variant"],
        "description": before.get("description") if description is None else description,
        "declaration": {
            key: before.get("declaration", {}).get(key) if value is None else value
            for key, value in declaration.items()
        },
        "runs": entries,
    }
    manifest["digest"] = digest_of(manifest)
    _check_valid(manifest)
    return {MANIFEST: manifest_bytes(manifest), **files}


def write_submission(files: Mapping[str, bytes], out: Path, *, force: bool = False) -> None:
    """Write ``files`` to ``out``: an archive where it ends in ``.zip``, else a folder.

    It appears whole or not at all, and so does what it replaces
    (:mod:`benchmark.host.replacing`). Raises :class:`UsageError` when ``out`` exists and
    ``force`` is off, :class:`BenchError` when it cannot be written.
    """
    recover(out)
    if out.exists() or out.is_symlink():
        if not force:
            raise UsageError(f"{str(out)!r} exists.", fix="Give --force to replace it.")
        if out.is_dir() and not (out / MANIFEST).is_file():
            raise UsageError(
                f"The folder {str(out)!r} is no submission.", fix="Choose another --out."
            )
    try:
        with replacement(out) as partial:
            if out.suffix == ".zip":
                partial.write_bytes(_archive(files))
            else:
                for name, content in files.items():
                    (partial / name).parent.mkdir(parents=True, exist_ok=True)
                    (partial / name).write_bytes(content)
    except OSError as error:
        raise BenchError(
            f"Cannot write {str(out)!r}: {error.strerror or error}.",
            fix="Free some space or choose another --out; nothing half-written is kept.",
        ) from error


def _check_together(runs: Sequence[StoredRun]) -> None:
    if not 1 <= len(runs) <= limits.RUNS:
        raise UsageError(f"{len(runs)} runs were given.", fix=f"Give 1 to {limits.RUNS} runs.")
    labels = list(dict.fromkeys(run.label for run in runs))
    if len(labels) > 1:
        raise UsageError(
            f"These are runs of {labels[0]} and of {labels[1]}.",
            fix="Submit each variant of a model on its own.",
        )
    for run in runs:
        if is_imported(run):
            raise UsageError(
                f"{run.folder.name} came with the submission "
                f"{run.manifest['submission']['name']!r}.",
                fix="Submit runs that were made here.",
            )
        if run.manifest["limit"] is not None:
            raise UsageError(
                f"{run.folder.name} has predictions for only {run.manifest['limit']} instances.",
                fix="Run it again without --limit.",
            )
        absent = [key for key in _TAKEN if key not in run.manifest]
        if absent:
            raise BenchError(
                f"The manifest of {run.folder.name} lacks {absent[0]!r}.",
                fix="Run it again with --force.",
            )


def _check_fits(runs: Sequence[StoredRun], before: Mapping[str, Any]) -> None:
    """``runs`` are of the model and the code of an earlier submission, and none is there."""
    submission = _check_valid(before)
    if runs[0].label != submission.label:
        raise UsageError(
            f"This is a run of {runs[0].label}; the earlier submission is one of "
            f"{submission.label}.",
            fix="Submit each variant of a model on its own.",
        )
    codes = {run.code_sha256 for run in submission.runs}
    for run in runs:
        if run.manifest["code_sha256"] not in codes:
            raise UsageError(
                f"{run.folder.name} was made by other code than the earlier submission's runs.",
                fix="Run all of them again and submit those, without --add-to.",
            )
    taken = {_question(entry) for entry in before["runs"]}
    for run in runs:
        if _question(run.manifest) in taken:
            raise UsageError(
                f"The earlier submission has a run of what {run.folder.name} answers, with seed "
                f"{run.manifest['seed']} too.",
                fix="Leave it out, or submit all runs again without --add-to.",
            )


def _question(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(run[key] for key in ("task", "dataset_sha256", "cohort", "perturb", "seed"))


def _file_name(run: StoredRun, taken: Mapping[str, bytes]) -> str:
    words = excerpt(run.manifest, ("task", "data", "cohort", "perturb")).values()
    stem = "-".join([*(str(w) for w in words if w is not None), f"seed{run.manifest['seed']}"])
    stem = re.sub(r"[^a-z0-9.-]+", "-", stem.lower())[:90].lstrip(".-")
    name, number = f"{PREDICTIONS_FOLDER}/{stem}.parquet", 2
    while name in taken:
        name, number = f"{PREDICTIONS_FOLDER}/{stem}-{number}.parquet", number + 1
    return name


def predictions_of(run: StoredRun) -> pa.Table:
    """Return the answers of ``run`` in the form that travels, blank where they failed.

    Raises :class:`BenchError` for a damaged run.
    """
    expected = tables.schema_for(run.manifest["task"])
    try:
        table = pq.read_table(run.folder / PREDICTIONS, columns=expected.names)
        return tables.redrawn(table.select(expected.names).cast(expected), None)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise BenchError(
            f"The predictions of {run.folder.name} are damaged: {in_one_line(error)}.",
            fix="Run it again with --force.",
        ) from error


def _entry(
    run: StoredRun, name: str, rows_sha256: str, scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    keys = ("value", "low", "high", "n", "users")
    chosen: Mapping[str, Any] = run.manifest["tuning"] if is_tuned(run) else {}
    tuning = {key: chosen[key] for key in Tuning.model_fields if chosen}
    return {
        "predictions": name,
        "predictions_sha256": rows_sha256,
        **excerpt(run.manifest, _TAKEN),
        **({"tuning": tuning} if tuning else {}),
        **({"file": dict(run.manifest["file"])} if "file" in run.manifest else {}),
        **({"energy": dict(run.manifest["energy"])} if "energy" in run.manifest else {}),
        "scores": {m: {k: score[k] for k in keys} for m, score in scores.items()},
        "failure_rate": run.failure_rate,
    }


def _check_valid(manifest: Mapping[str, Any]) -> Submission:
    """What would be refused is said now, in the author's terms."""
    submission, found = validate(manifest)
    if found or submission is None:
        finding = found[0]
        raise UsageError(
            f"This would be refused ({finding.code}, {finding.where}): {finding.message}",
            fix="Correct it; docs/submit.md says what each field takes.",
        )
    return submission


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive; stored, since Parquet is compressed, and so that no zlib matters."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _TIME)
            member.create_system, member.external_attr = 3, 0o100644 << 16
            archive.writestr(member, files[name])
    return buffer.getvalue()
