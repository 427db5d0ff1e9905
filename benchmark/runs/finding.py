"""From what a user types to a stored run: a folder, a run id, or the beginning of one."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import UsageError, unknown_name
from benchmark.home import Home
from benchmark.runs.store import MANIFEST, StoredRun, load_run

#: An ambiguous beginning names so many of the runs it fits.
_SHOWN = 3


def find_run(name: str, home: Home) -> StoredRun:
    """The run whose folder, id or unique beginning of an id is ``name``.

    A run id of ``home`` comes before a folder of the same name in the working directory.
    Raises :class:`UsageError` with the nearest ids for an unknown or ambiguous name, and
    :class:`~benchmark.errors.BenchError` where the folder is not a finished run.
    """
    ids = _finished(home)
    if name in ids:
        return load_run(home.runs / name)
    if _is_folder(name):
        return load_run(Path(name).absolute())
    fitting = [run_id for run_id in ids if name and run_id.startswith(name)]
    if len(fitting) == 1:
        return load_run(home.runs / fitting[0])
    if fitting:
        shown = ", ".join(fitting[:_SHOWN]) + (", ..." if len(fitting) > _SHOWN else "")
        raise UsageError(
            f"{len(fitting)} runs begin with {name!r}: {shown}.", fix="Give more of the run's id."
        )
    raise unknown_name("run", name, ids)


def _finished(home: Home) -> list[str]:
    if not home.runs.is_dir():
        return []
    folders = (path for path in home.runs.iterdir() if (path / MANIFEST).is_file())
    return sorted(path.name for path in folders if not path.name.endswith(".partial"))


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).is_dir()
    except OSError:  # longer than a path can be
        return False
