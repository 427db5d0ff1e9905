"""The schema of ``submission.json``: who, what was run, which scores are claimed.

Models are strict: no unknown field, no conversion between types, a limit on every string and
list, plain text wherever a person writes it. Errors carry the codes that ``verify`` prints.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from benchmark.host.files import sha256_json
from leaderboards.submission import limits, plain_text
from leaderboards.submission.findings import Finding, place, shown

FORMAT = 2
MANIFEST = "submission.json"
#: Where the predictions of one run lie inside a submission.
PREDICTIONS_FOLDER = "runs"


def _plain(text: str) -> str:
    found = plain_text.problem(text)
    if found is not None:
        code, reason = found
        raise PydanticCustomError(
            code, "{quoted} {reason}", {"quoted": shown(text), "reason": reason}
        )
    return text


def _telling(text: str) -> str:
    """A declaration says something."""
    if plain_text.says_nothing(text):
        raise PydanticCustomError(
            "declaration-empty", "{quoted} declares nothing", {"quoted": shown(text)}
        )
    return text


#: Files and folders of this repository that hold models.
_OURS = re.compile(r"(baselines|unimp_model)(/[a-z0-9_]+)*(\.py)?", re.ASCII)


def _portable(text: str) -> str:
    """A setting means the same on every machine: no place on one disk, no home folder."""
    if re.match(r"/|~|file:|[A-Za-z]:[/\\]", text) or ".." in re.split(r"[/\\]", text):
        raise PydanticCustomError(
            "path",
            "{quoted} is a place on one machine or leads out of where it is read",
            {"quoted": shown(text)},
        )
    return text


def _address(url: str) -> str:
    """A place in this repository, or an https address with a host and no credentials, of
    characters that need no escape."""
    if _OURS.fullmatch(url):
        return url
    problem = None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        problem = "is no address"
    else:
        if parts.scheme != "https":
            problem = "does not begin with https://"
        elif not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", host):
            problem = "names no host"
        elif "@" in parts.netloc:
            problem = "holds a user name"
        elif not re.fullmatch(r"[A-Za-z0-9:/?#@!$&*+,;=._~%-]+", url):
            problem = "holds characters that an address must encode"
    if problem is not None:
        raise PydanticCustomError(
            "url", "{quoted} {reason}", {"quoted": shown(url), "reason": problem}
        )
    return url


def _past(moment: str) -> str:
    """A moment that exists and has been, since there is this program: clocks differ by a day."""
    reason = None
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        reason = "does not exist"
    else:
        if then - datetime.now(UTC) > timedelta(days=1):
            reason = "is still to come"
        elif then < _FIRST_DAY:
            reason = "was before this program existed"
    if reason is not None:
        raise PydanticCustomError(
            "date", "{quoted} {reason}", {"quoted": shown(moment), "reason": reason}
        )
    return moment


#: No run can be older.
_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
#: The hash of no byte at all.
_OF_NOTHING = hashlib.sha256().hexdigest()


def _of_something(sha256: str) -> str:
    """A hash that some content can have: not of nothing, not one digit all over."""
    if sha256 == _OF_NOTHING or len(set(sha256)) == 1:
        raise PydanticCustomError(
            "hash", "{quoted} is the hash of no file", {"quoted": shown(sha256)}
        )
    return sha256


def _matching(pattern: str, words: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            details = {"quoted": shown(text), "words": words}
            raise PydanticCustomError("name", "{quoted} is not {words}", details)
        return text

    return AfterValidator(check)


_NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
Name = Annotated[
    str, Field(max_length=64), _matching(_NAME, "a name of letters, digits and . _ + -")
]
Sha256 = Annotated[
    str, Field(max_length=64), _matching(r"[0-9a-f]{64}", "a SHA-256 in lower-case hexadecimal")
]
Version = Annotated[
    str,
    Field(max_length=40),
    _matching(r"\d+(\.\d+){1,3}[A-Za-z0-9.+-]*", "a version such as 3.11.9"),
]
FileName = Annotated[
    str,
    Field(max_length=120),
    _matching(
        rf"{PREDICTIONS_FOLDER}/[a-z0-9][a-z0-9.-]*\.parquet", "a name like runs/search.parquet"
    ),
]
MetricName = Annotated[
    str, Field(max_length=80), _matching(r"[A-Za-z0-9][A-Za-z0-9 @+./_-]*", "a metric's name")
]
Line = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Paragraph = Annotated[str, Field(max_length=2_000), AfterValidator(_plain)]
Statement = Annotated[Paragraph, AfterValidator(_telling)]
Scalar = Union[
    bool,
    int,
    float,
    None,
    Annotated[str, Field(max_length=200), AfterValidator(_plain), AfterValidator(_portable)],
]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=10**15)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ClaimedScore(_Strict):
    """States one metric as the submitter's machine computed it.

    It is over ``n`` instances of ``users`` users, no more users than instances; an interval has
    two ends or none.
    """

    value: float = Field(ge=-1e6, le=1e6)
    low: float | None = Field(ge=-1e6, le=1e6)
    high: float | None = Field(ge=-1e6, le=1e6)
    """``None`` where there is no interval: too few users."""
    n: int = Field(ge=1, le=limits.ROWS)
    users: int = Field(ge=1, le=limits.ROWS)

    @model_validator(mode="after")
    def _an_interval_has_two_ends(self) -> ClaimedScore:
        if (self.low is None) != (self.high is None):
            raise PydanticCustomError("interval", "an interval with one end only")
        return self

    @model_validator(mode="after")
    def _every_user_has_an_instance(self) -> ClaimedScore:
        if self.users > self.n:
            details = {"users": self.users, "n": self.n}
            raise PydanticCustomError("users", "{users} users of {n} instances", details)
        return self


class ModelFile(_Strict):
    """Names the file that a model of one's own is in, as ``--model NAME:CLASS_NAME`` does."""

    name: Annotated[
        str, Field(max_length=120), _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.py", "a file's name")
    ]
    class_name: Annotated[
        str, Field(max_length=64), _matching(r"[A-Za-z_][A-Za-z0-9_]*", "a class's name")
    ]
    sha256: Sha256


class Parameters(_Strict):
    """Counts the trainable weights, and all of them."""

    trainable: Count
    total: Count

    @model_validator(mode="after")
    def _trainable_are_among_all(self) -> Parameters:
        if self.trainable > self.total:
            details = {"trainable": self.trainable, "total": self.total}
            raise PydanticCustomError(
                "parameters", "{trainable} trainable parameters of {total} in all", details
            )
        return self


class Energy(_Strict):
    """States the energy that was measured, in kWh and kg of CO2; absent is not measured."""

    fit_kwh: float | None = Field(None, ge=0, le=1e9)
    predict_kwh: float | None = Field(None, ge=0, le=1e9)
    fit_co2_kg: float | None = Field(None, ge=0, le=1e9)
    predict_co2_kg: float | None = Field(None, ge=0, le=1e9)
    country: Annotated[str, _matching(r"[A-Z]{3}", "a country's code of ISO 3166")] | None = None
    meter: Line | None = None

    @property
    def watt_hours(self) -> float | None:
        """Return the energy of fit and predictions in Wh; ``None`` unless both were measured."""
        if self.fit_kwh is None or self.predict_kwh is None:
            return None
        return 1000 * (self.fit_kwh + self.predict_kwh)


class Tuning(_Strict):
    """Tells how ``run --tuned`` came by its settings: the best of so many trials.

    They are compared by ``metric`` on validation, where the best has ``value``. The more
    ``trials``, the more was chosen by chance too.
    """

    trials: int = Field(ge=1, le=10**6)
    metric: MetricName
    value: float = Field(ge=-1e6, le=1e6)


class SubmittedRun(_Strict):
    """States what one run was asked, and what is claimed of its predictions."""

    predictions: FileName
    predictions_sha256: Sha256
    task: Name
    task_version: int = Field(ge=1, le=1_000)
    data: Name
    dataset_sha256: Sha256
    instances_sha256: Sha256
    cohort: Name
    perturb: Name | None
    seed: int = Field(ge=0, lt=2**32)
    settings: dict[Name, Scalar | Annotated[list[Scalar], Field(max_length=64)]] = Field(
        max_length=64
    )
    """``--set`` overrides; the rest of the configuration is the variant's."""
    tuning: Tuning | None = None
    """Where a search chose the settings."""
    file: ModelFile | None = None
    """Of a model that is in a file of its own."""
    code_sha256: Annotated[Sha256, AfterValidator(_of_something)]
    """Of the source files that the model's answers can depend on."""
    scores: dict[MetricName, ClaimedScore] = Field(min_length=1, max_length=64)
    failure_rate: float = Field(ge=0, le=1)
    parameters: Parameters | None
    levels: int | None = Field(None, ge=2, le=128)
    """Of each colour, where the submitter rounded pictures
    (:mod:`leaderboards.submission.levels`)."""
    attachments: list[Line] = Field(max_length=16)
    """Files of the dataset that are not for ordinary models (the oracle's)."""
    fit_seconds: Seconds
    predict_seconds: Seconds
    peak_memory_mib: float = Field(ge=0, le=1e9)
    energy: Energy | None = None
    """Where it was measured."""
    processor: Line
    devices: list[Line] = Field(max_length=64)
    packages: dict[Name, Line] = Field(max_length=64)
    unimp_bench: Version
    python: Version
    created: Annotated[
        str,
        Field(max_length=25),
        _matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "a UTC time"),
        AfterValidator(_past),
    ]

    @property
    def watt_hours(self) -> float | None:
        """Return what :attr:`Energy.watt_hours` says; ``None`` where nothing was measured."""
        return None if self.energy is None else self.energy.watt_hours


class Declaration(_Strict):
    """Declares what the submitter states and nobody can recompute."""

    training_data: Statement
    """All data the model or its pretrained parts saw."""
    code: Annotated[str, Field(max_length=300), AfterValidator(_address)]
    """Where the model's code is: an https address, or a file or folder of this repository."""
    contamination: Statement
    """Why no test interaction can have been among it, or what may have been."""
    contact: Line | None = None


class Submission(_Strict):
    """Validates the whole of ``submission.json``; its ``digest`` covers everything else in it."""

    format: Literal[2]
    model: Name
    variant: Name | None
    description: Paragraph | None = None
    declaration: Declaration
    runs: list[SubmittedRun] = Field(min_length=1, max_length=limits.RUNS)
    digest: Sha256

    @property
    def label(self) -> str:
        """Return ``name`` or ``name:variant``."""
        return self.model if self.variant is None else f"{self.model}:{self.variant}"

    def asked(self, run: SubmittedRun) -> str:
        """Return what ``--model`` names in the command that makes ``run`` again."""
        file = run.file
        return self.label if file is None else f"{file.name}:{file.class_name}"


def digest_of(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest's canonical JSON without its own ``digest``."""
    return sha256_json({key: entry for key, entry in value.items() if key != "digest"})


def manifest_bytes(value: Mapping[str, Any]) -> bytes:
    """Write a manifest as JSON, the one way that submissions are stored."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


#: pydantic's error types -> our codes; the codes of our own checks come through as they are.
_CODES = {
    "extra_forbidden": "manifest-unknown-field",
    "missing": "manifest-missing-field",
    "string_too_long": "text-length",
    "string_unicode": "text-control",  # half of a surrogate pair
    "too_long": "manifest-size",
    "too_short": "manifest-size",
    "greater_than_equal": "manifest-range",
    "less_than_equal": "manifest-range",
    "greater_than": "manifest-range",
    "less_than": "manifest-range",
    "finite_number": "manifest-range",
    "literal_error": "manifest-format",
}
_PYDANTICS = frozenset(get_args(ErrorType))


def validate(value: Any) -> tuple[Submission | None, list[Finding]]:
    """Return the typed manifest, or ``None`` and a finding for each field that is wrong.

    Also checks ``digest``, that no two runs share a predictions file or are the same run, and that
    seeds of one question are of one system. An
    object of more fields than any has is told alone: each could be wrong in several ways.
    """
    if found := list(_crowded(value, MANIFEST)):
        return None, found
    try:
        submission = Submission.model_validate(value)
    except ValidationError as error:
        return None, [_finding(entry) for entry in error.errors(include_url=False)]
    found = []
    digest = digest_of(value)
    if digest != submission.digest:
        found.append(
            Finding(
                "manifest-edited",
                f"{MANIFEST}/digest",
                f"The manifest's content has the digest {digest[:12]}..., not "
                f"{submission.digest[:12]}...: it was changed after packing.",
            )
        )
    found += _repeated(submission)
    found += _unlike(submission)
    return submission, found


def _crowded(value: Any, *path: object) -> Iterator[Finding]:
    if isinstance(value, dict) and len(value) > limits.MANIFEST_FIELDS:
        message = f"{len(value)} fields, at most {limits.MANIFEST_FIELDS} allowed."
        yield Finding("manifest-size", place(*path), message)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _crowded(entry, *path, key)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _crowded(entry, *path, number)


def _repeated(submission: Submission) -> list[Finding]:
    found = []
    files: set[str] = set()
    asked: set[tuple[object, ...]] = set()
    for number, run in enumerate(submission.runs):
        instances = (run.task, run.dataset_sha256, run.cohort, run.perturb, run.seed)
        where = f"{MANIFEST}/runs/{number}"
        if run.predictions in files:
            message = f"{shown(run.predictions)} is used by two runs."
            found.append(Finding("run-repeated", where, message))
        elif instances in asked:
            message = f"Another run is over these instances of {run.task} with seed {run.seed}."
            found.append(Finding("run-repeated", where, message))
        files.add(run.predictions)
        asked.add(instances)
    return found


#: What runs share that differ by their seed alone.
_OF_SEEDS = ("settings", "code_sha256", "file")


def _unlike(submission: Submission) -> list[Finding]:
    """Runs that would be averaged as seeds of one system, and are not of one."""
    first: dict[tuple[object, ...], SubmittedRun] = {}
    found = []
    for number, run in enumerate(submission.runs):
        asked = (run.task, run.dataset_sha256, run.cohort, run.perturb)
        other = first.setdefault(asked, run)
        for name in _OF_SEEDS:
            if getattr(run, name) != getattr(other, name):
                message = (
                    f"Seeds {other.seed} and {run.seed} of {run.task} differ in {name}: they are "
                    "two systems, each for a submission of its own."
                )
                found.append(Finding("seeds-differ", f"{MANIFEST}/runs/{number}/{name}", message))
                break
    return found


def _finding(error: Any) -> Finding:
    kind = error["type"]
    ours = kind not in _PYDANTICS
    code = kind if ours else _CODES.get(kind, "manifest-type")
    message = str(error["msg"])
    if not ours:
        given = error.get("input")
        message += "" if kind == "missing" else f"; given: {shown(given)}"
    return Finding(code, place(MANIFEST, *error["loc"]), f"{message}.")
