"""Which models exist, without importing any of them.

Packages announce models through the entry-point group ``unimp_bench.models``. An entry point
leads either to a sequence of :class:`ModelEntry` (light declarations, as this project's own
packages have) or straight to a model class. ``--model path/to/file.py:Class`` needs neither.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from benchmark.errors import BenchError, UsageError, in_one_line, unknown_name
from benchmark.host.installed import entry_points
from benchmark.models.from_class import ClassName, source_file, target_of
from benchmark.models.from_file import load_file, split_name
from benchmark.registry import resolve
from benchmark.tasks import TASKS

if TYPE_CHECKING:
    from pydantic import BaseModel

GROUP = "unimp_bench.models"

#: What a model stands for in a comparison: a floor that looks at nothing, learns nothing or has a
#: closed form, a ceiling that knows the truth of simulated data and takes no part, a system for
#: one kind of task, one system for all kinds, or an outside class, of which nothing is known.
Role = Literal["trivial", "ceiling", "specialised", "generalist", "outside"]

#: What a model may know an item by.
MODALITIES = ("ids", "text", "photos")


@dataclass(frozen=True, slots=True)
class Needs:
    """Names the packages that something asks for: import names, and the extra that installs them.

    ``before_python`` is the first Python version on which the extra leaves them out, because of
    what they pin; ``alone`` is then to be installed without its dependencies, beside the extra.
    Without an extra ``alone`` is all there is to install.
    """

    modules: tuple[str, ...] = ()
    extra: str | None = None
    before_python: tuple[int, int] | None = None
    alone: str | None = None

    def missing(self) -> str | None:
        """Return what is not installed and how to install it, or ``None``; imports nothing."""
        absent = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if not absent:
            return None
        alone = f"pip install --no-deps {self.alone}"
        if self.extra is None:
            return f"missing {', '.join(absent)}: {alone if self.alone else 'install it'}"
        install = f"pip install 'unimp-bench[{self.extra}]'"
        if self.before_python is not None and sys.version_info[:2] >= self.before_python:
            # pip would install the extra without them and say nothing.
            install += f" && {alone}"
        return f"missing {', '.join(absent)}: {install}"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """Declares a model as the listings show it; ``target`` is imported only when it is run.

    ``group`` is the family that listings show. ``role`` is what the model stands for in a
    comparison, and ``cost`` how much work a run of it is beside the others, from 0 (it counts)
    over 5 (a network is trained) to 9 (hours): tables run the cheapest first.
    ``variants`` maps a variant's name to the settings it changes in the default
    configuration. ``requires`` are import names looked for without importing them, and
    ``extra`` is the extra of this project that installs them; ``before_python`` and ``alone``
    are those of :class:`Needs`. ``needs`` maps a variant's name to what it asks for
    beyond that. ``adapted`` marks a system whose authors do not define it for a task listed
    here. ``formulas`` maps a variant's name, ``""`` for any other, to what its scores are, for
    the footnotes of reports. ``blind`` names the variants, ``""`` the default, whose predictions
    hang on nothing of a user but which items are excluded, and ``learnable`` marks the ceiling of
    what the history of an instance tells: between the best of the one and the other lies what can
    be learned (:mod:`benchmark.compare.learnable`). ``reads_reviews`` marks a model that refuses
    data without reviews, so that tables do not ask it there. ``reads`` maps a variant's name,
    ``""`` for any other, to what it knows items by, any of :data:`MODALITIES`. ``space`` is what
    ``unimp-bench tune`` searches (:mod:`benchmark.tuning.space`): a setting's name, and a list of
    values or ``{"low", "high", "log"}``. ``brief`` are settings under which a fit goes through all
    of its stages in little time and a prediction costs as much as ever: ``run --estimate`` fits by
    them where the real fit cannot be ended early. ``loaded`` is the class itself where ``target``
    is no module, but a file and a class in it, or where the class was handed over.
    """

    name: str
    target: str
    tasks: tuple[str, ...]
    group: str
    role: Role = "specialised"
    cost: int = 5
    paper_name: str | None = None
    adapted: bool = False
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    requires: tuple[str, ...] = ()
    extra: str | None = None
    before_python: tuple[int, int] | None = None
    alone: str | None = None
    needs: Mapping[str, Needs] = field(default_factory=lambda: MappingProxyType({}))
    formulas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    blind: tuple[str, ...] = ()
    learnable: bool = False
    reads_reviews: bool = False
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    space: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    brief: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    loaded: type | None = field(default=None, compare=False)

    def why_not(self, variant: str | None = None) -> str | None:
        """Return why ``variant`` (``None``: the default) cannot run here, else ``None``."""
        reason = Needs(self.requires, self.extra, self.before_python, self.alone).missing()
        if reason is None and variant is not None and variant in self.needs:
            reason = self.needs[variant].missing()
        return reason

    def variants_why_not(self) -> dict[str, str]:
        """Return the reasons of the variants that cannot run here although the model itself can."""
        if self.why_not() is not None:
            return {}
        reasons = {variant: self.why_not(variant) for variant in self.variants}
        return {variant: reason for variant, reason in reasons.items() if reason is not None}

    def formula(self, variant: str | None) -> str | None:
        """Return what the scores of ``variant`` are, where the entry says so."""
        return self.formulas.get(variant or "", self.formulas.get(""))

    def modalities(self, variant: str | None) -> tuple[str, ...]:
        """Return what ``variant`` knows items by, of :data:`MODALITIES`; empty where unknown."""
        return self.reads.get(variant or "", self.reads.get("", ()))

    def load(self, variant: str | None = None) -> type:
        """Return the model class; :class:`BenchError` when ``variant`` misses a requirement."""
        reason = self.why_not(variant)
        if reason is not None:
            label = self.name if self.why_not() is not None else f"{self.name}:{variant}"
            raise BenchError(f"Model {label!r} cannot run here.", fix=reason + ".")
        model = resolve(self.target) if self.loaded is None else self.loaded
        if not isinstance(model, type):
            raise BenchError(
                f"{self.target!r} is not a class.", fix="Point the registry entry at the class."
            )
        return model

    def config_of(self, model: type) -> type[BaseModel] | None:
        """Return the pydantic class of the settings of ``model``, ``None`` where it has none.

        Raises :class:`BenchError` for a ``Config`` that is no pydantic class.
        """
        from pydantic import BaseModel

        config = getattr(model, "Config", None)
        if config is None or (isinstance(config, type) and issubclass(config, BaseModel)):
            return config
        raise BenchError(
            f"Config of model {self.name!r} is not a pydantic model: {config!r}.",
            fix="Derive it from pydantic.BaseModel, or leave it out where nothing can be set.",
        )

    def settings(self, variant: str | None) -> dict[str, Any]:
        """Return the settings of ``variant`` (``None``: the default), for ``Config``."""
        if variant is None:
            return {}
        if variant not in self.variants:
            raise unknown_name(f"variant of {self.name}", variant, self.variants)
        return dict(self.variants[variant])


def entries() -> dict[str, ModelEntry]:
    """Return every announced model by name, in order of announcement."""
    found: dict[str, ModelEntry] = {}
    for point in sorted(entry_points(GROUP), key=lambda p: p.value):
        for entry in _announced(point):
            if found.get(entry.name, entry) != entry:
                raise BenchError(
                    f"Two installed packages announce a model {entry.name!r}: "
                    f"{found[entry.name].target} and {entry.target}.",
                    fix="Uninstall one of them, or rename its entry point.",
                )
            found[entry.name] = entry
    return found


def _announced(point: EntryPoint) -> Sequence[ModelEntry]:
    try:
        announced = point.load()
    except (Exception, SystemExit) as error:
        raise BenchError(
            f"The installed models {point.name!r} ({point.value}) cannot be imported: "
            f"{in_one_line(error)}.",
            fix="Repair or uninstall the package that announces them.",
        ) from error
    if isinstance(announced, type):
        return (_entry_of_class(announced, name=point.name, target=point.value),)
    if not isinstance(announced, Sequence) or not all(
        isinstance(entry, ModelEntry) for entry in announced
    ):
        raise BenchError(
            f"The entry point {point.name!r} ({point.value}) leads to no model.",
            fix="Let it name a model class or a sequence of ModelEntry.",
        )
    return announced


def find(name: str) -> tuple[ModelEntry, str | None]:
    """Return entry and variant of ``NAME``, ``NAME:VARIANT`` or ``path/to/file.py:Class``.

    A class object is named by :func:`~benchmark.models.from_class.model_named`. Raises
    :class:`~benchmark.errors.UsageError` with the nearest names on a miss.
    """
    if isinstance(name, ClassName):
        return _entry_of_object(name.model_class), None
    of_file = split_name(name)
    if of_file is not None:
        return _entry_of_file(*of_file), None
    head, _, tail = name.partition(":")
    known = entries()
    if head not in known:
        raise unknown_name("model", head, known)
    entry = known[head]
    if ":" not in name:
        return entry, None
    entry.settings(tail)
    return entry, tail


def _entry_of_object(model: type) -> ModelEntry:
    """The announced entry of a class, if there is one: the same model has one identity."""
    from benchmark.models.changed import require_written

    file = source_file(model)
    if file is not None:
        require_written(model, file)
    target = target_of(model)
    for entry in entries().values():
        if entry.target == target:
            return entry
    return _entry_of_class(model, name=model.__name__, target=target, keep=True)


def _entry_of_class(model: type, *, name: str, target: str, keep: bool = False) -> ModelEntry:
    given = getattr(model, "tasks", ())
    if isinstance(given, str) or not isinstance(given, Collection) or not given:
        raise BenchError(
            f"Model class {target!r} names no tasks.",
            fix='Give it a class attribute such as tasks = frozenset({"search"}).',
        )
    tasks: Sequence[str] = sorted(map(str, given))
    for task in tasks:
        if task not in TASKS:
            raise BenchError(
                f"Model class {target!r} names an unknown task {task!r}.",
                fix=unknown_name("task", task, TASKS).fix,
            )
    return ModelEntry(
        name=name,
        target=target,
        tasks=tuple(tasks),
        group="outside",
        role="outside",
        loaded=model if keep else None,
    )


def _entry_of_file(path: Path, attribute: str) -> ModelEntry:
    if path.is_file() and not attribute:
        raise UsageError(
            f"--model {path} does not say which class.", fix=f"Write --model {path}:ClassName."
        )
    module = load_file(path)
    model = getattr(module, attribute, None)
    if not isinstance(model, type):
        own = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        raise unknown_name(f"class in {path.name}", attribute, own)
    return _entry_of_class(model, name=attribute, target=f"{path.name}:{attribute}", keep=True)
