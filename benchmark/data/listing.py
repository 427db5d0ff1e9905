"""List prepared datasets: only dataset.json files are read, so it is instant."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.sources import SELF_CONTAINED
from benchmark.errors import BenchError
from benchmark.host.files import read_json
from benchmark.host.home import Home

INFO = "dataset.json"
#: What a dataset may be called: the name of its folder.
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def dataset_folders(home: Home) -> Iterator[Path]:
    """Yield the folders under a dataset's name; unfinished ones have hidden names."""
    if home.datasets.is_dir():
        for folder in sorted(home.datasets.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                yield folder


def list_datasets(home: Home) -> list[dict[str, Any]]:
    """Return one row a dataset, by name.

    Keys: ``name, source, sha256, users, items, interactions, tasks``. A folder that is no
    whole dataset is listed with empty values and ``problem``, the reason.
    """
    return [_row(folder) for folder in dataset_folders(home)]


def _row(folder: Path) -> dict[str, Any]:
    try:
        info = read_json(folder / INFO)
        counts = info["statistics"]
        return {
            "name": folder.name,
            "source": info["source"],
            "sha256": info["sha256"],
            **{key: counts[key] for key in ("users", "items", "interactions")},
            "tasks": list(info["tasks"]),
        }
    except (BenchError, KeyError, TypeError, OSError) as error:
        reason = error.message if isinstance(error, BenchError) else f"{INFO} lacks {error}"
        empty = dict.fromkeys(("source", "sha256", "users", "items", "interactions"))
        return {"name": folder.name, **empty, "tasks": [], "problem": reason}


def dataset_info(home: Home, name: str) -> dict[str, Any] | None:
    """Read ``dataset.json`` of the dataset ``name``; ``None`` when it is not prepared.

    Raises :class:`BenchError` where it cannot be read or does not describe a dataset.
    """
    path = home.datasets / name / INFO
    if not path.is_file():
        return None
    fix = f"Prepare it again: {prepare_command(name, {})} --force"
    info = read_json(path, fix=fix)
    if not isinstance(info, dict) or not info.keys() >= {"sha256", "tasks"}:
        raise BenchError(f"{str(path)!r} does not describe a dataset.", fix=fix)
    return info


def changes_nothing(home: Home, name: str, perturb: str) -> bool:
    """Return whether ``perturb`` changes no item of the prepared dataset ``name``.

    So it is with wrong photos where no item has one.
    """
    file = home.datasets / name / "perturbations" / f"{perturb}.parquet"
    if not file.is_file():
        return False
    import polars as pl  # a list of datasets needs none

    return not pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()


def prepare_command(name: str, info: dict[str, Any]) -> str:
    """Return the command that prepares dataset ``name`` again as its dataset.json ``info`` says.

    What that does not know is left out; the user's own files are ``PATH``.
    """
    if name in SELF_CONTAINED:
        source, settings = SELF_CONTAINED[name]
        words = [source, *_options(settings)]
    else:
        source = info.get("source", name)
        needs_raw = source not in {made_by for made_by, _ in SELF_CONTAINED.values()}
        words = [
            source,
            *(["--raw PATH"] if needs_raw else []),
            *([] if source == name else [f"--name {name}"]),
            *_options(info.get("parameters", {})),
        ]
    return "unimp-bench data prepare " + " ".join(words)


def _options(settings: Any) -> list[str]:
    """``settings`` as a shell takes them; none where a damaged dataset.json has no mapping."""
    if not isinstance(settings, Mapping):
        return []
    given = {key: value for key, value in settings.items() if value is not None}
    return [f"--set {shlex.quote(f'{key}={_text(value)}')}" for key, value in given.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def supported(name: str, tasks: Sequence[str]) -> str:
    """Return a sentence on the tasks that the dataset ``name`` supports, for a message."""
    if tasks:
        return f"It supports {', '.join(tasks)}."
    return f"It supports no task at all; unimp-bench data stats {name} gives the reasons."
