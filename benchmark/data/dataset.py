"""A prepared dataset: what the harness reads, and the view a model gets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from benchmark.data.catalogue import Catalogue
from benchmark.data.frames import read_parquet
from benchmark.data.instances.building import Rules
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.instances.table import InstanceTable
from benchmark.data.listing import INFO, prepare_command, supported
from benchmark.data.perturbations import PERTURBATIONS, drop_attributes, swap_images
from benchmark.data.schema import COHORTS, DEFAULT_K, FORMAT_VERSION, MOST_NEW_USERS
from benchmark.data.view import DatasetView
from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.host.files import read_json, sha256_file, sha256_json
from benchmark.tasks import TASKS

#: What every dataset.json says; ``prepare`` writes more.
_KEYS = [
    "sha256",
    "source",
    "parameters",
    "statistics",
    "tasks",
    "files",
    "allow_repeats",
    "rating_scale",
    "history_window",
]
_INTERACTIONS = "interactions.parquet"
#: What dataset.json's own ``sha256`` does not cover.
_OUTSIDE_IDENTITY = ("name", "sha256")


def identity_sha256(info: Mapping[str, Any]) -> str:
    """Return a dataset's hash: of all dataset.json says (file hashes included) but its name."""
    return sha256_json({k: v for k, v in info.items() if k not in _OUTSIDE_IDENTITY})


def why_absent(dataset: Dataset) -> str:
    """Return the reason for every task that ``dataset`` does not support, in one line."""
    tasks: dict[str, list[str]] = {}
    for task, why in dataset.info.get("tasks_absent", {}).items():
        tasks.setdefault(why, []).append(task)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in tasks.items())


def _shown_rows(
    path: Path, columns: Sequence[str] | None = None, *, part: str | None = None
) -> pl.DataFrame:
    """The interactions that a model may see, of one part or of both."""
    parts = ["train", "valid"] if part is None else [part]
    shown = (pl.col("cohort") == "seen") & pl.col("part").is_in(parts)
    return read_parquet(path, columns, where=shown)


def _read_instances(path: Path, task: str, catalogue: Catalogue, rules: Rules) -> InstanceTable:
    frame = read_parquet(path)
    return InstanceTable.of_frame(task, frame, catalogue, rules.rating_scale, rules.k)


class Dataset:
    """Reads a prepared folder. ``info`` is its dataset.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        again = f"{prepare_command(folder.name, {})} --force"
        info = read_json(folder / INFO, fix=f"Prepare the dataset again: {again}")
        if not isinstance(info, dict):
            raise BenchError(
                f"{str(folder / INFO)!r} does not describe a dataset.",
                fix=f"Prepare the dataset again: {again}",
            )
        self.info: dict[str, Any] = info
        version = info.get("format_version")
        if version != FORMAT_VERSION:
            raise BenchError(
                f"Dataset {folder.name!r} has format version {version}, not {FORMAT_VERSION}.",
                fix=f"Prepare it again: {prepare_command(folder.name, self.info)} --force",
            )
        lacking = [key for key in _KEYS if key not in info]
        if lacking:
            raise BenchError(
                f"{str(folder / INFO)!r} lacks {lacking[0]!r}.",
                fix=f"Prepare it again: {prepare_command(folder.name, info)} --force",
            )
        self.name = folder.name
        self.sha256: str = self.info["sha256"]
        self.tasks: tuple[str, ...] = tuple(self.info["tasks"])
        self._catalogues: dict[str | None, Catalogue] = {}

    def __repr__(self) -> str:
        counts = self.info["statistics"]
        shown = ", ".join(f"{counts[key]:,} {key}" for key in ("users", "items", "interactions"))
        return f"{self.name}{' (simulated)' if self.info.get('simulated') else ''}: {shown}"

    @cached_property
    def rules(self) -> Rules:
        """Return what holds for every instance."""
        parameters, scale = self.info["parameters"], self.info["rating_scale"]
        return Rules(
            history_window=self.info["history_window"],
            allow_repeats=self.info["allow_repeats"],
            rating_scale=None if scale is None else (scale[0], scale[1]),
            selection_negatives=parameters["selection_negatives"],
            seed=parameters["seed"],
            k=parameters.get("k", DEFAULT_K),
            leave_out_copies=self.info.get("leave_out_copies", False),
        )

    def catalogue(self, perturb: str | None = None) -> Catalogue:
        """Return all items, as they are or under a perturbation (``nt``, ``nv``)."""
        if perturb is not None and perturb not in PERTURBATIONS:
            raise unknown_name("perturbation", perturb, PERTURBATIONS)
        if perturb not in self._catalogues:
            frame = read_parquet(self.folder / "items.parquet")
            if perturb is not None:
                change = {"nt": drop_attributes, "nv": swap_images}[perturb]
                table = read_parquet(self.folder / "perturbations" / f"{perturb}.parquet")
                frame = change(frame, table)
            images = (self.folder / "images").absolute()
            self._catalogues[perturb] = Catalogue(frame, images=images)
        return self._catalogues[perturb]

    def interactions(self) -> pl.DataFrame:
        """Return the interactions of every part and cohort; for the harness, not for models."""
        return read_parquet(self.folder / _INTERACTIONS)

    def instances(
        self,
        task: str,
        *,
        cohort: str = "seen",
        part: str = "test",
        perturb: str | None = None,
        limit: int | None = None,
    ) -> FrozenInstances:
        """Return the frozen instances of ``task``; the first ``limit`` of them where given.

        Raises :class:`UsageError`, with the reason, when the dataset lacks task or cohort, and
        :class:`BenchError` when its description or these instances are not as prepared.
        """
        self._require(task, cohort, part)
        name = f"tasks/{task}/{part}-{cohort}.parquet"
        self._check_unchanged(name)
        catalogue = self.catalogue()
        table = _read_instances(self.folder / name, task, catalogue, self.rules)
        shown = catalogue if perturb is None else self.catalogue(perturb)
        instances = FrozenInstances(table, shown, sha256=self.info["files"][name])
        return instances if limit is None else instances[:limit]

    def _check_unchanged(self, name: str) -> None:
        """Raise when these instances are not those whose hash a score would carry."""
        changed = None
        if identity_sha256(self.info) != self.sha256:
            changed = INFO
        elif (path := self.folder / name).is_file() and sha256_file(path) != self.info["files"][
            name
        ]:
            changed = name
        if changed is not None:
            raise BenchError(
                f"{changed} of dataset {self.name!r} is not as it was prepared.",
                fix=f"Prepare it again: {prepare_command(self.name, self.info)} --force",
            )

    def training_view(self) -> DatasetView:
        """Return what a model may see: training and validation data of the ``seen`` cohort."""
        catalogue = self.catalogue()
        folder = self.folder.absolute()
        files: dict[str, str] = self.info["files"]
        kept = [folder / name for name in sorted(files) if name.startswith("attachments/")]
        visible = ("items.parquet", "images/", "attachments/")
        return DatasetView(
            name=self.name,
            catalogue=catalogue,
            rows=partial(_shown_rows, folder / _INTERACTIONS),
            valid={
                task: partial(
                    _read_instances,
                    folder / f"tasks/{task}/valid-seen.parquet",
                    task,
                    catalogue,
                    self.rules,
                )
                for task in self.tasks
            },
            rules=self.rules,
            features_folder=folder / "features",
            attachments={path.name: path for path in kept},
            hashes={k: v for k, v in files.items() if k.startswith(visible)},
            simulated=bool(self.info.get("simulated")),
        )

    def _require(self, task: str, cohort: str, part: str) -> None:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
        if cohort not in COHORTS:
            raise unknown_name("cohort", cohort, COHORTS)
        if part not in ("valid", "test"):
            raise unknown_name("part", part, ("valid", "test"))
        if task not in self.tasks:
            why = self.info.get("tasks_absent", {}).get(task)
            if why is None:
                raise UsageError(
                    f"Dataset {self.name!r} was prepared without task {task!r}.",
                    fix=f"Prepare it again: {prepare_command(self.name, self.info)} --force",
                )
            raise UsageError(
                f"Dataset {self.name!r} does not support task {task!r}: {why}.",
                fix=supported(self.name, self.tasks),
            )
        if f"{part}-{cohort}" not in self.info["tasks"][task]:
            fix = f"It has {', '.join(self.info['statistics']['cohorts'])}."
            if cohort == "new-user" and (share := self._least_share()) <= MOST_NEW_USERS:
                fix += f" Prepare it under another --name with --set new_users={share:g}."
            raise UsageError(
                f"Dataset {self.name!r} has no {task} instances of cohort {cohort!r}.", fix=fix
            )

    def _least_share(self) -> float:
        """A share of users, 0.1 where that is anybody, that makes a cohort of one or more."""
        users: int = self.info["statistics"]["users"]
        return max(0.1, math.ceil(100 / users) / 100)
