"""Read and write searches, and choose settings by them.

``<home>/tuning/<id>/search.json`` is rewritten as a whole after every trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmark.data.listing import dataset_info
from benchmark.errors import BenchError, UsageError
from benchmark.host.console import note
from benchmark.host.files import holds, read_json, write_json
from benchmark.host.home import Home
from benchmark.models.building import configure
from benchmark.models.registered import find
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS

SEARCH = "search.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """Records one configuration, tried. ``settings`` has a value for every name of the space."""

    number: int
    """From 1, in order."""
    settings: Mapping[str, Any]
    value: float | None
    """The metric on validation; ``None`` where the trial failed."""
    problem: str | None
    """Why it failed."""
    seconds: float
    failure_rate: float | None = None
    """Share of malformed answers, each of which scored the worst value."""
    same_as: int | None = None
    """The earlier trial of the same settings whose outcome this is: nothing was fitted again."""
    as_it_is: bool = False
    """Whether these are the settings the model has without any search."""


@dataclass(slots=True)
class Search:
    """Records a search and its trials so far; ``identity`` says what is searched over what."""

    folder: Path
    identity: Mapping[str, Any]
    """``model, target, variant, task, task_version, data, dataset_sha256, instances_sha256,
    code_sha256, settings, space, seed, metric, higher_is_better``."""
    created: str
    trials: list[Trial] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Return the search's id, the name of its folder."""
        return self.folder.name

    @property
    def label(self) -> str:
        """Return ``name`` or ``name:variant`` of the model searched for."""
        name, variant = self.identity["model"], self.identity["variant"]
        return f"{name}:{variant}" if variant else str(name)

    @property
    def best(self) -> Trial | None:
        """Return the first trial with the best value; ``None`` where none has a value."""
        valued = [(trial.value, trial) for trial in self.trials if trial.value is not None]
        sign = 1 if self.identity["higher_is_better"] else -1
        return max(valued, key=lambda pair: sign * pair[0], default=(None, None))[1]

    def settings_of(self, trial: Trial) -> dict[str, Any]:
        """Return everything ``trial`` sets: what the whole search fixed, and what was chosen."""
        return {**self.identity["settings"], **trial.settings}

    def to_json(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {
            "format": 1,
            "id": self.id,
            **self.identity,
            "created": self.created,
            "trials": [asdict(trial) for trial in self.trials],
        }

    def write(self) -> None:
        """Store the search, atomically."""
        write_json(self.folder / SEARCH, self.to_json())


_IDENTITY = (
    *("model", "target", "variant", "task", "task_version", "data", "dataset_sha256"),
    *("instances_sha256", "code_sha256", "settings", "space", "seed"),
    *("metric", "higher_is_better"),
)


def read_search(folder: Path) -> Search:
    """Return the search in ``folder``; :class:`BenchError` when it is damaged."""
    fix = f"Delete the folder {str(folder)!r} and search again."
    stored = read_json(folder / SEARCH, fix=fix)
    try:
        identity = {key: stored[key] for key in _IDENTITY}
        trials = [Trial(**trial) for trial in stored["trials"]]
        search = Search(folder, identity, stored["created"], trials)
        for trial in trials:
            search.settings_of(trial)
            if not isinstance(trial.value, float | int | None):
                raise TypeError
    except (TypeError, KeyError) as error:
        raise BenchError(f"{str(folder / SEARCH)!r} is no search.", fix=fix) from error
    return search


def stored_searches(home: Home) -> Iterator[Search]:
    """Yield every search of ``home`` that has been begun, by name."""
    if home.tuning.is_dir():
        for folder in sorted(home.tuning.iterdir()):
            if holds(folder, SEARCH):
                yield read_search(folder)


#: Beside a tuned run: every trial its settings were chosen from.
TRIALS = "trials.json"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Holds the settings chosen, and the account of how."""

    settings: Mapping[str, Any]
    record: Mapping[str, Any]
    """``id`` and ``trial`` of the best one, ``metric`` and ``value`` on validation, ``trials``:
    how many there were in all, over the ``searches`` that asked the same."""
    trials: Mapping[str, Any]
    """Every search in full."""


def chosen_settings(spec: RunSpec, dataset_sha256: str, home: Home) -> Chosen:
    """Return what the searches of ``spec``'s model, task and dataset chose.

    Of several (other spaces, seeds or fixed settings) the best trial counts, and the trials of
    all of them, since all were looked at. Values of an earlier version of the model's code are
    no longer comparable: only searches of the newest one's version count.

    Raises :class:`UsageError` with the command that searches, where nobody has, and where
    ``spec`` has settings of its own.
    """
    found = [
        search
        for search in stored_searches(home)
        if _answers(search, spec) and search.identity["dataset_sha256"] == dataset_sha256
    ]
    valued = [(search, best) for search in found if (best := search.best) is not None]
    if not valued:
        raise _untuned(spec)
    if spec.settings:
        raise UsageError(
            f"--tuned takes the settings that a search chose, but --set gives "
            f"{', '.join(spec.settings)} of {spec.model!r}.",
            fix="Leave out one of them; unimp-bench tune --set fixes settings for a search.",
        )
    newest = max(valued, key=lambda pair: pair[0].created)[0]
    code = newest.identity["code_sha256"]
    counted = [(s, best) for s, best in valued if s.identity["code_sha256"] == code]
    search, best = _best(counted)
    record = {
        "id": search.id,
        "trial": best.number,
        "metric": search.identity["metric"],
        "value": best.value,
        "trials": sum(len(other.trials) for other, _ in counted),
        "searches": [other.id for other, _ in counted],
        "code_sha256": code,
    }
    trials = {"searches": [other.to_json() for other, _ in counted]}
    return Chosen(search.settings_of(best), record, trials)


def require_tuned(specs: Iterable[RunSpec], home: Home) -> list[RunSpec]:
    """Return ``specs``, tuned where a search has been; the others run as they are.

    A note on standard error says which those are, and another which were searched for with other
    code than the model's of now. Raises :class:`UsageError` where tuned runs are
    asked for and no search has been for any of them, and where one that was searched for has
    settings of its own: now, rather than after other runs.
    """
    resolved: list[RunSpec] = []
    untuned: dict[tuple[str, str, str], RunSpec] = {}
    outdated: dict[tuple[str, str, str], RunSpec] = {}
    for spec in specs:
        asked = (spec.model, spec.task, spec.data)
        chosen = _searched(spec, home) if spec.tuned else None
        if chosen is not None and chosen.record["code_sha256"] != configure(spec.model, {}).code:
            outdated.setdefault(asked, spec)
        if spec.tuned and chosen is None:
            untuned.setdefault(asked, spec)
            spec = replace(spec, tuned=False)
        resolved.append(spec)
    if untuned and not any(spec.tuned for spec in resolved):
        raise _untuned(next(iter(untuned.values())))
    for spec in untuned.values():
        note(
            f"{spec.model} has not been tuned for {spec.task} on {spec.data}: it runs with the "
            f"settings it has. To search: {tuning_command(spec)}"
        )
    for spec in outdated.values():
        note(
            f"{spec.model} was tuned for {spec.task} on {spec.data} by other code than it has now: "
            f"it runs with the settings chosen then. To search: {tuning_command(spec)}"
        )
    return resolved


def _searched(spec: RunSpec, home: Home) -> Chosen | None:
    """What the searches for ``spec`` chose; ``None`` where none has been."""
    info = dataset_info(home, spec.data)
    if info is None:
        return None
    try:
        return chosen_settings(spec, info["sha256"], home)
    except _Untuned:
        return None


class _Untuned(UsageError):
    """No search has been for a run."""


def tuning_command(spec: RunSpec, trials: int = 20) -> str:
    """Return a command that searches for ``spec``'s settings."""
    plain = RunSpec(spec.model, spec.task, spec.data).command()
    return plain.replace("unimp-bench run", "unimp-bench tune", 1) + f" --trials {trials}"


def _answers(search: Search, spec: RunSpec) -> bool:
    """Whether ``search`` was for the same model, variant, task and version of it."""
    entry, variant = find(spec.model)
    asked = (entry.name, entry.target, variant, spec.task, TASKS.get(spec.task).version)
    keys = ("model", "target", "variant", "task", "task_version")
    return asked == tuple(search.identity[key] for key in keys)


def _best(counted: list[tuple[Search, Trial]]) -> tuple[Search, Trial]:
    sign = 1 if counted[0][0].identity["higher_is_better"] else -1
    return max(counted, key=lambda pair: sign * float(pair[1].value or 0.0))


def _untuned(spec: RunSpec) -> _Untuned:
    return _Untuned(
        f"Model {spec.model!r} has not been tuned for {spec.task} on {spec.data!r}.",
        fix=f"First: {tuning_command(spec)}",
    )
