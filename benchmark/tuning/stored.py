"""Searches on disk: ``<home>/tuning/<id>/search.json``, rewritten as a whole after every trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.files import read_json, write_json
from benchmark.home import Home

SEARCH = "search.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration, tried. ``settings`` has a value for every name of the space."""

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
    """A search and its trials so far; ``identity`` says what is searched over what."""

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
    def best(self) -> Trial | None:
        """The first trial with the best value; ``None`` where none has a value."""
        valued = [(trial.value, trial) for trial in self.trials if trial.value is not None]
        sign = 1 if self.identity["higher_is_better"] else -1
        return max(valued, key=lambda pair: sign * pair[0], default=(None, None))[1]

    def settings_of(self, trial: Trial) -> dict[str, Any]:
        """Everything ``trial`` sets: what was fixed for the whole search, and what was chosen."""
        return {**self.identity["settings"], **trial.settings}

    def to_json(self) -> dict[str, Any]:
        """What is stored of it."""
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
    """The search in ``folder``; :class:`BenchError` when it is damaged."""
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
    """Every search of ``home`` that has been begun, by name."""
    if home.tuning.is_dir():
        for folder in sorted(home.tuning.iterdir()):
            if (folder / SEARCH).is_file():
                yield read_search(folder)
