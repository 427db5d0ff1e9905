"""Tells why a cell cannot be filled here, and which cells are cheap to fill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.data.listing import changes_nothing
from benchmark.errors import UsageError
from benchmark.host.home import Home
from benchmark.models.from_file import split_name
from benchmark.models.registered import ModelEntry
from benchmark.runs.spec import RunSpec
from benchmark.runs.tuned import chosen_settings, tuning_command

#: What a model outside the registry is taken to cost: as much as an entry that says nothing.
_COST_OF_OTHERS = 5

#: A reason and the thing it is about, so that equal reasons share a line of the footnotes.
Reason = tuple[str, str]


def why_not(model: str, task: str, entries: Mapping[str, ModelEntry]) -> Reason | None:
    """Return why ``model`` (``name[:variant]``) cannot run ``task`` here, or ``None``.

    A reason is a pair (template, name); the template has one ``{}`` for the name or the
    names that share it.
    """
    if split_name(model) is not None:
        return None  # an outside file: the run itself checks it
    name, _, variant = model.partition(":")
    if name not in entries:
        return "no model {} in this installation", name
    entry = entries[name]
    if variant and variant not in entry.variants:
        return f"model {name!r} has no variant {{}} in this installation", variant
    if task not in entry.tasks:
        return f"no {task} by model {{}} in this installation", name
    missing = entry.why_not()
    if missing is not None:
        return f"model {{}} cannot run here, {missing}", name
    missing = entry.why_not(variant)
    if missing is not None:
        return f"model {{}} cannot run here, {missing}", model
    return None


def dataset_lacks(
    name: str, info: Mapping[str, Any] | None, task: str, cohort: str
) -> Reason | None:
    """Return why dataset ``name`` (``info``: dataset.json) has no test instances, or ``None``."""
    if info is None:
        return None
    if task not in info["tasks"]:
        why = info.get("tasks_absent", {}).get(task)
        return f"dataset {name!r} has no task {{}}" + (f" ({why})" if why else ""), task
    if not info["tasks"][task].get(f"test-{cohort}"):
        return f"dataset {name!r} has no {task} instances of cohort {{}}", cohort
    return None


def nothing_perturbed(perturb: str | None, data: str, home: Home) -> Reason | None:
    """Return why ``perturb`` changes no item of prepared ``data``, or ``None``.

    Asked all the same, a row would show that a model bears what never happened.
    """
    if perturb is None or not changes_nothing(home, data, perturb):
        return None
    lacks = {"nv": "photos", "nt": "attributes"}.get(perturb, "what it takes")
    return f"dataset {data!r} has no {lacks} that {{}} could change", perturb.upper()


def no_reviews(
    model: str, data: str, home: Home, entries: Mapping[str, ModelEntry]
) -> Reason | None:
    """Return why ``model`` finds too little in prepared ``data`` to be fitted, or ``None``."""
    entry = entries.get(model.partition(":")[0])
    if entry is None or not entry.reads_reviews:
        return None
    file = home.datasets / data / "interactions.parquet"
    if not file.is_file():
        return None  # not prepared yet: the run itself finds out
    import polars as pl  # a table that lacks nothing needs none

    rows = pl.scan_parquet(file, glob=False).filter(pl.col("part") == "train")
    if rows.select(pl.col("review").is_not_null().any()).collect().item():
        return None
    return f"dataset {data!r} has no reviews for {{}} to read", model


def not_tuned(spec: RunSpec, info: Mapping[str, Any] | None, home: Home) -> Reason | None:
    """Return why a tuned run of ``spec`` has no settings to run with, or ``None``."""
    if not spec.tuned:
        return None
    try:
        chosen_settings(spec, "" if info is None else info["sha256"], home)
    except UsageError:
        return f"no search for {{}} on {spec.data!r}: {tuning_command(spec)}", spec.model
    return None


def rank(model: str, entries: Mapping[str, ModelEntry]) -> int:
    """Return the relative cost of a run of ``model``: the cheaper runs earlier."""
    entry = entries.get(model.partition(":")[0])
    return _COST_OF_OTHERS if entry is None else entry.cost


def sentences(reasons: Iterable[Reason]) -> list[str]:
    """Merge ``reasons`` into one sentence per distinct template, its names listed in order."""
    names: dict[str, dict[str, None]] = defaultdict(dict)
    for template, name in reasons:
        names[template][name] = None
    return [
        "-: " + template.format(", ".join(repr(name) for name in listed)) + "."
        for template, listed in names.items()
    ]
