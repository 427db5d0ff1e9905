"""Makes runs of a home out of submissions: tables and comparisons then show others' answers too.

Each submission is verified as for the site, and what its answers score is computed here. Nothing
is fitted and no code of a submission is run. What is claimed of a run besides its answers (its
settings, seconds, machine) is taken over as claimed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl

from benchmark.data.frames import write_parquet
from benchmark.errors import BenchError, UsageError
from benchmark.host.files import (
    cannot_write,
    locked,
    read_json,
    sha256_file,
    sha256_json,
    write_json,
)
from benchmark.host.home import Home
from benchmark.host.progress import bar
from benchmark.runs.manifest import MANIFEST
from benchmark.runs.scoring import write_per_instance
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PARTIAL, PER_INSTANCE, PREDICTIONS, SCORES
from leaderboards.boards import load_boards
from leaderboards.site.entries import submissions_in
from leaderboards.site.reproduced import read_reproduced
from leaderboards.site.spreading import spread
from leaderboards.submission import schema
from leaderboards.submission.as_run import manifest_of
from leaderboards.submission.findings import shown
from leaderboards.submission.schema import Submission, SubmittedRun
from leaderboards.verification import local_data
from leaderboards.verification.local_data import Asked
from leaderboards.verification.rescoring import Rescored
from leaderboards.verification.suspicion import Catalogue
from leaderboards.verification.verify import REPRODUCED, RESCORED, verify


@dataclass(frozen=True, slots=True)
class Imported:
    """Says what became of one submission.

    ``written`` are the runs that are new in the home, ``there`` those that it had, ``left`` why
    others were left out; ``problem`` is why all of it was. ``doubts`` are the warnings of
    verification.
    """

    submission: str
    model: str | None
    badge: str | None
    written: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    problem: str | None = None


def find_submissions(paths: Sequence[Path]) -> list[Path]:
    """Return the submissions at ``paths``, each one or a folder of some, every one once.

    Raises :class:`UsageError` where there is nothing at a path, or nothing in a folder.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(
                f"There is nothing at {str(path)!r}.", fix="Give submissions, or a folder of them."
            )
        if path.is_dir() and not (path / schema.MANIFEST).exists():
            inside = submissions_in(path)
            if not inside:
                raise UsageError(f"{str(path)!r} holds no submission.", fix="Give another folder.")
            found |= dict.fromkeys(inside)
        else:
            found[path] = None
    return list(found)


def import_each(paths: Sequence[Path], home: Home) -> Iterator[Imported]:
    """Write the runs of the submissions ``paths`` into ``home``; yield what became of each.

    Accepted submissions are imported, but for runs over datasets that are not in ``home``. As many
    are worked on at a time as there are cores, and a run appears whole or not at all. Raises
    :class:`~benchmark.errors.BenchError` where ``home`` cannot be written.
    """
    home.check_writable()
    with bar("submissions", total=len(paths)) as progress:
        for path, packed in spread(partial(_Importer, home), paths):
            progress.advance()
            if packed is None:
                yield Imported(
                    _legible(path), None, None, problem="A process died, of memory perhaps."
                )
                continue
            said = json.loads(packed)
            for name in ("written", "there", "left", "doubts"):
                said[name] = tuple(said[name])
            yield Imported(**said)


def _legible(path: Path) -> str:
    """The name of a file that somebody else gave."""
    return path.name if path.name.isprintable() else ascii(path.name)


class _Importer:
    """Imports submissions one by one; datasets are opened and listed models asked once."""

    def __init__(self, home: Home) -> None:
        self._home, self._boards = home, load_boards()
        self._known: local_data.Found = {}
        self._catalogue = Catalogue(home)

    def __call__(self, path: Path) -> bytes:
        try:
            found = self._imported(path)
        except BenchError as error:
            found = Imported(_legible(path), None, None, problem=str(error).replace("\n", " "))
        except Exception as error:  # a fault of ours must not cost the others their runs
            message = f"Importing it failed ({type(error).__name__}); verify shows more."
            found = Imported(_legible(path), None, None, problem=message)
        return json.dumps(asdict(found)).encode()

    def _imported(self, path: Path) -> Imported:
        answered: list[tuple[SubmittedRun, Asked, Rescored]] = []
        result = verify(
            path,
            home=self._home,
            on_rescored=lambda *run: answered.append(run),
            known=self._known,
            catalogue=self._catalogue,
            boards=self._boards,
        )
        submission = result.submission
        if submission is None or not result.accepted:
            first = result.problems[0]
            return Imported(
                _legible(path),
                None if submission is None else submission.label,
                None,
                problem=f"{first.code} at {first.where}: {first.message}",
            )
        badge = RESCORED
        if submission.digest in read_reproduced(path.absolute().parent):
            badge = REPRODUCED
        origin = {"name": _legible(path), "digest": submission.digest, "badge": badge}
        left = [
            f"{name}: {findings[0].code} at {findings[0].where}: {findings[0].message}"
            for name, findings in result.refused_runs.items()
        ]
        known = {run.predictions for run, _, _ in answered} | set(result.refused_runs)
        left += [
            f"{run.predictions}: {shown(run.data)} is not here as it was, or cannot be scored."
            for run in submission.runs
            if run.predictions not in known
        ]
        written: list[str] = []
        there: list[str] = []
        for run, asked, rescored in answered:
            if run.predictions not in result.refused_runs:
                folder = self._home.runs / _name(submission, run)
                is_new = _write(folder, submission, run, asked, rescored, origin)
                self._home.send("runs", folder.name)
                (written if is_new else there).append(folder.name)
        doubts = [f"{each.code} at {each.where}: {each.message}" for each in result.warnings]
        return Imported(
            _legible(path),
            submission.label,
            badge,
            written=tuple(written),
            there=tuple(there),
            left=tuple(left),
            doubts=tuple(doubts),
        )


def _name(submission: Submission, run: SubmittedRun) -> str:
    spec = RunSpec(
        submission.label,
        run.task,
        run.data,
        run.cohort,
        run.perturb,
        run.seed,
        settings=run.settings,
        tuned=run.tuning is not None,
    )
    return f"{spec.slug()}-{sha256_json([submission.digest, run.predictions])[:8]}"


def _write(
    folder: Path,
    submission: Submission,
    run: SubmittedRun,
    asked: Asked,
    rescored: Rescored,
    origin: dict[str, str],
) -> bool:
    """Write the run to ``folder``; return whether it is new there.

    One that is there has the badge of now from then on: it may have been given or taken since.
    """
    unfinished = folder.with_name(folder.name + PARTIAL)
    try:
        with locked(folder.with_name(f".{folder.name}.lock"), f"importing run {folder.name}"):
            if (folder / MANIFEST).is_file():
                there = read_json(folder / MANIFEST)
                if there.get("submission") != origin:
                    write_json(folder / MANIFEST, {**there, "submission": origin})
                return False
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            predictions = cast(pl.DataFrame, pl.from_arrow(rescored.answers))
            no_problem = pl.lit(None, pl.String).alias("problem")  # a submission does not tell
            write_parquet(predictions.with_columns(no_problem), unfinished / PREDICTIONS)
            write_per_instance(unfinished / PER_INSTANCE, predictions, rescored.statistics)
            write_json(unfinished / SCORES, _scores(predictions, rescored))
            simulated = bool(asked.dataset.info.get("simulated", False))
            manifest = {
                "format": 1,
                "run_id": folder.name,
                **manifest_of(submission, run, simulated=simulated),
                "submission": origin,
                "files": {name: sha256_file(unfinished / name) for name in (SCORES, PER_INSTANCE)},
            }
            write_json(unfinished / MANIFEST, manifest)
            os.rename(unfinished, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return True


def _scores(predictions: pl.DataFrame, rescored: Rescored) -> dict[str, Any]:
    failed = predictions.filter(pl.col("status") != "ok")["instance_id"]
    return {
        "scores": {name: asdict(score) for name, score in rescored.scores.items()},
        "failure_rate": rescored.failure_rate,
        "first_failure": f"{failed[0]}: a submission does not say why" if len(failed) else None,
    }
