"""What ``manifest.json`` of a run says: what was asked, of what, with what, and what it took.

The one type that everything which reads runs goes by. Fields that earlier versions did not write
are :data:`NotRequired`; a reader says what it needs of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, cast

from typing_extensions import TypedDict

from benchmark.errors import BenchError
from benchmark.host.files import read_json
from benchmark.models.registered import Role, entries

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MANIFEST = "manifest.json"
#: Entry -> what runs of the same instances share, in words; in order of what explains the rest.
SAME_INSTANCES = {
    "task": "tasks",
    "data": "datasets",
    "dataset_sha256": "versions of the dataset",
    "cohort": "cohorts",
    "limit": "--limit values",
    "instances_sha256": "instances",
}


class TuningRecord(TypedDict):
    """Names the search that chose the settings of a ``--tuned`` run, and says how much it tried."""

    id: NotRequired[str]
    trial: NotRequired[int]
    metric: str
    value: float
    """Of the best trial, on validation."""
    trials: int
    """In all, over all ``searches``: the more, the more was chosen by chance too."""
    searches: NotRequired[list[str]]
    code_sha256: NotRequired[str]


class ModelFile(TypedDict):
    """Names the file of a model given as ``FILE.py:CLASS``: no folder, which is one machine's."""

    name: str
    class_name: str
    sha256: str


class EnergyRecord(TypedDict, total=False):
    """Records the energy measured (:mod:`benchmark.host.energy`); absent is not measured."""

    fit_kwh: float
    """Of the fit behind the run, also where an earlier run made it."""
    predict_kwh: float
    fit_co2_kg: float
    predict_co2_kg: float
    country: str
    """ISO 3166 code that the emissions hold for."""
    meter: str
    """Who measured, and its version."""


#: Badges of runs that came with a submission: scored here, and made again by a maintainer.
RESCORED, REPRODUCED = "re-scored", "reproduced"


class SubmissionRecord(TypedDict):
    """Names the submission that a run was imported from, by its folder and its digest."""

    name: str
    digest: str
    badge: str
    """:data:`REPRODUCED` where a maintainer of the leaderboard ran it again, else
    :data:`RESCORED`."""


class GitState(TypedDict):
    """Identifies the checkout that the run was made with."""

    commit: str
    dirty: bool


class Environment(TypedDict, total=False):
    """Describes where the run was made (:func:`benchmark.host.provenance.environment`)."""

    unimp_bench: str
    python: str
    platform: str
    processor: str
    cores: int | None
    devices: list[str]
    arithmetic: dict[str, Any] | None
    packages: dict[str, str]
    git: GitState | None


class Manifest(Environment):
    """Describes a run, as its ``manifest.json``; seconds are wall-clock, memory is in MiB."""

    format: NotRequired[int]
    run_id: NotRequired[str]
    model: str
    variant: str | None
    group: NotRequired[str]
    role: NotRequired[Role]
    task: str
    task_version: NotRequired[int]
    data: str
    simulated: bool
    cohort: str
    perturb: str | None
    seed: int
    limit: int | None
    settings: dict[str, Any]
    """``--set`` overrides that change anything, or what a search chose."""
    config: NotRequired[dict[str, Any]]
    """Every setting of the model, defaults included."""
    tuning: NotRequired[TuningRecord]
    code_sha256: NotRequired[str]
    file: NotRequired[ModelFile]
    dataset_sha256: str
    instances_sha256: str
    fit_key: NotRequired[str]
    """Of the fit behind the run: the end of its folder's name (:mod:`benchmark.runs.fitting`)."""
    parameters: NotRequired[dict[str, Any] | None]
    """Numbers of weights, ``trainable`` and ``total``, as the model counts them."""
    attachments: NotRequired[list[str]]
    precision: NotRequired[str]
    fit_seconds: float
    fit_processes: NotRequired[int]
    fit_peak_memory_mib: NotRequired[float]
    predict_seconds: float
    score_seconds: NotRequired[float]
    peak_memory_mib: NotRequired[float]
    energy: NotRequired[EnergyRecord]
    created: str
    """UTC, ISO 8601, to the second."""
    command: NotRequired[str]
    files: NotRequired[dict[str, str]]
    """SHA-256 of the run's scores and of its table by instance, by file name."""
    submission: NotRequired[SubmissionRecord]
    """Of a run that was made elsewhere and imported: its answers were scored here."""


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the run in ``folder``.

    Raises :class:`BenchError` where it cannot be read, a field is missing or of another type.
    """
    from pydantic import ValidationError

    path = folder / MANIFEST
    fix = f"Delete the folder {str(folder)!r} and run again."
    manifest = read_json(path, fix=fix)
    try:
        _adapter().validate_python(manifest, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise BenchError(f"{str(path)!r} is no manifest of a run ({reason}).", fix=fix) from error
    return cast(Manifest, manifest)  # as it is: fields of a later version are kept


@cache
def _adapter() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def excerpt(manifest: Manifest, keys: Iterable[str]) -> dict[str, Any]:
    """Return the fields ``keys`` of ``manifest``, in that order; :class:`KeyError` on a miss."""
    fields = cast(Mapping[str, Any], manifest)
    return {key: fields[key] for key in keys}


def role_of(manifest: Manifest) -> Role:
    """Return the role of the model of a run; runs of earlier versions go by the model's name."""
    if "role" in manifest:
        return manifest["role"]
    if manifest.get("group") == "outside":
        return "outside"
    entry = entries().get(manifest["model"])
    return "specialised" if entry is None else entry.role
