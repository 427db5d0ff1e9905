"""Several runs of one task side by side: what ``unimp-bench run`` prints at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.compare.evidence import gather, verdicts
from benchmark.compare.learnable import Learned, is_blind, learned
from benchmark.errors import UsageError
from benchmark.metrics import metric_named
from benchmark.metrics.families import is_variant
from benchmark.models.registered import entries
from benchmark.report.footnotes import (
    failure_note,
    learned_notes,
    marks_note,
    simulated_note,
    tuning_note,
)
from benchmark.report.formats.render import DRAWN, check_format, draw, render_json
from benchmark.report.formats.sheet import (
    ABSENT,
    INTERVAL_NOTE,
    METRIC_NUMBER,
    Sheet,
    SheetCell,
    SheetColumn,
    number_cell,
    ranked,
    share_cell,
)
from benchmark.runs.manifest import excerpt, role_of
from benchmark.runs.store import StoredRun, is_tuned, require_same_instances
from benchmark.stats import FEWEST_USERS, Share
from benchmark.tasks import TASKS
from benchmark.uncertainty import FEW_USERS_NOTE, Verdict


def render_runs(
    runs: Sequence[StoredRun], output_format: str = "text", *, styled: bool | None = None
) -> str:
    """Render ``runs`` as a table: best first by the primary metric, every metric a column.

    Marks say what differs significantly from the first run given (paired by instance,
    clustered by user, Holm-corrected over each column). The formats are those of
    :data:`~benchmark.report.formats.render.DRAWN`, and ``json``.

    Raises :class:`~benchmark.errors.UsageError` where the runs are not of the same
    instances, or the format is unknown.
    """
    check_format(output_format, (*DRAWN, "json"))
    if output_format != "json":
        return draw(sheet_of_runs(runs), output_format, styled=styled)
    _check_comparable(runs)
    labels = _labels(runs)
    found = _verdicts(runs, labels, _metric_names(runs))
    return render_json([_json(runs[i], labels[i], found) for i in _best_first(runs)])


def sheet_of_runs(runs: Sequence[StoredRun]) -> Sheet:
    """Return the table that :func:`render_runs` draws.

    Raises :class:`~benchmark.errors.UsageError` where the runs are not of the same instances.
    """
    _check_comparable(runs)
    labels = _labels(runs)
    metrics = _metric_names(runs)
    found = _verdicts(runs, labels, metrics)
    return _sheet(runs, labels, metrics, _best_first(runs), found)


def render_learned(runs: Sequence[StoredRun], *, styled: bool | None = None) -> str | None:
    """Render the shares of the learnable of runs of any tasks as a table for a terminal.

    A row a model (its seeds averaged), a column a task's primary metric, where the runs hold its
    ceiling and a blind rule on the same instances; ``None`` where no task has both.
    """
    sheet = sheet_of_learned(runs)
    return None if sheet is None else draw(sheet, "text", styled=styled)


def sheet_of_learned(runs: Sequence[StoredRun]) -> Sheet | None:
    """Return the table that :func:`render_learned` draws."""
    found: dict[str, Learned] = {}
    for task in dict.fromkeys(str(run.manifest["task"]) for run in runs):
        of_task = [run for run in runs if run.manifest["task"] == task]
        primary = TASKS.get(task).primary
        for name in (name for name in _metric_names(of_task) if is_variant(name, primary)):
            shares = _learned(of_task, name)
            if shares is not None:
                found[f"{task} {name}"] = shares
    systems = list(dict.fromkeys(system for each in found.values() for system in each.shares))
    if not systems:
        return None
    of_each = {s: [each.shares[s] for each in found.values() if s in each.shares] for s in systems}
    order = sorted(systems, key=lambda system: -_mean(of_each[system]))
    blocks = tuple(
        (SheetColumn(name, tuple(share_cell(each.shares.get(system)) for system in order)),)
        for name, each in found.items()
    )
    return Sheet(
        title="Share of the learnable",
        row_heading="model",
        rows=tuple(order),
        blocks=blocks,
        notes=(INTERVAL_NOTE, *learned_notes(found)),
    )


def _learned(runs: Sequence[StoredRun], name: str) -> Learned | None:
    by_system: dict[str, list[StoredRun]] = {}
    for run, label in zip(runs, _labels(runs, seeds=False), strict=True):
        by_system.setdefault(label, []).append(run)
    known = entries()
    blind, ceilings = [], []
    for label, of_seeds in by_system.items():
        manifest = of_seeds[0].manifest
        entry = known.get(manifest["model"])
        if manifest["perturb"] is not None:
            continue  # of another question than the one with the inputs as they are
        if is_blind(entry, manifest["variant"], manifest["settings"]):
            blind.append(label)
        if entry is not None and entry.learnable:
            ceilings.append(label)
    if not blind or not ceilings:
        return None
    evidence = {
        label: gathered
        for label, of_seeds in by_system.items()
        if (gathered := gather(of_seeds)) is not None
    }
    return learned(metric_named(name), evidence, ceilings=ceilings, blind=blind)


def _mean(shares: Sequence[Share]) -> float:
    return sum(share.value for share in shares) / len(shares)


def _check_comparable(runs: Sequence[StoredRun]) -> None:
    if not runs:
        raise UsageError("There is no run to show.", fix="Name at least one run.")
    require_same_instances(runs, fix="Compare runs that answer the same instances.")


def _labels(runs: Sequence[StoredRun], *, seeds: bool = True) -> list[str]:
    """``name[:variant]``, with whatever else tells a run from the others.

    Without ``seeds``, runs that differ in their seed alone share a label.
    """
    several_seeds = seeds and len({run.manifest["seed"] for run in runs}) > 1
    labels: list[str] = []
    for run in runs:
        label = run.label
        if run.manifest["perturb"] is not None:
            label += f" with {run.manifest['perturb'].upper()}"
        if is_tuned(run):
            label += " (tuned)"
        elif run.manifest["settings"]:
            settings = (f"{key}={value}" for key, value in run.manifest["settings"].items())
            label += f" ({', '.join(settings)})"
        if several_seeds:
            label += f", seed {run.manifest['seed']}"
        if seeds and label in labels:  # the same configuration over another version of the code
            label += f" [{run.folder.name}]"
        labels.append(label)
    return labels


def _metric_names(runs: Sequence[StoredRun]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.scores))


def _best_first(runs: Sequence[StoredRun]) -> list[int]:
    """By the primary metric; runs under different variants of it stay apart, those without last."""

    def key(i: int) -> tuple[bool, str, float]:
        name = runs[i].primary
        if name is None:
            return True, "", 0.0
        sign = -1 if metric_named(name).higher_is_better else 1
        return False, name, sign * runs[i].scores[name]["value"]

    return sorted(range(len(runs)), key=key)


def _verdicts(
    runs: Sequence[StoredRun], labels: Sequence[str], names: Sequence[str]
) -> dict[str, dict[str, Verdict]]:
    """By metric, which runs differ from the first; a run alone is not read."""
    opponents = dict.fromkeys(labels[1:], labels[0])
    evidence = {
        label: gathered
        for label, run in zip(labels, runs, strict=True)
        if opponents and (gathered := gather([run])) is not None
    }
    return {name: verdicts(metric_named(name), evidence, opponents) for name in names}


def _sheet(
    runs: Sequence[StoredRun],
    labels: Sequence[str],
    metrics: Sequence[str],
    order: Sequence[int],
    found: dict[str, dict[str, Verdict]],
) -> Sheet:
    blocks = []
    for name in metrics:
        metric = metric_named(name)
        values = [
            runs[i].scores[name]["value"]
            if name in runs[i].scores and not _is_ceiling(runs[i])
            else None
            for i in order
        ]
        cells = []
        for i in order:
            score = runs[i].scores.get(name)
            verdict = found[name].get(labels[i])
            mark = "" if verdict is None else "*" if verdict.better else "†"
            cells.append(
                SheetCell(ABSENT)
                if score is None
                else number_cell(score["value"], score["low"], score["high"], METRIC_NUMBER, mark)
            )
        # A single run leads nothing.
        better = metric.higher_is_better if len(runs) > 1 else None
        blocks.append((SheetColumn(name, ranked(cells, values, better)),))
    manifest = runs[0].manifest
    simulated = " (simulated)" if manifest["simulated"] else ""
    return Sheet(
        title=f"{manifest['task']} on {manifest['data']}{simulated}, cohort {manifest['cohort']}",
        row_heading="model",
        rows=tuple(labels[i] for i in order),
        blocks=tuple(blocks),
        notes=tuple(_notes(runs, labels, found)),
    )


def _notes(
    runs: Sequence[StoredRun], labels: Sequence[str], found: dict[str, dict[str, Verdict]]
) -> list[str]:
    first = runs[0].manifest
    notes = []
    if first["simulated"]:
        notes.append(simulated_note(first["data"]))
    if first["limit"] is not None:
        notes.append(f"A trial: only the first {first['limit']} instances were asked.")
    scores = [score for run in runs for score in run.scores.values()]
    if any(score["low"] is not None for score in scores):
        notes.append(INTERVAL_NOTE)
    if any(score.get("users", FEWEST_USERS) < FEWEST_USERS for score in scores):
        notes.append(FEW_USERS_NOTE)
    if any(found.values()):
        notes.append(marks_note(labels[0]))
    notes += [
        tuning_note(label, run) for label, run in zip(labels, runs, strict=True) if is_tuned(run)
    ]
    notes += [
        failure_note(label, run.failure_rate)
        for label, run in zip(labels, runs, strict=True)
        if run.failure_rate
    ]
    return notes


def _is_ceiling(run: StoredRun) -> bool:
    return role_of(run.manifest) == "ceiling"


def _json(run: StoredRun, label: str, found: dict[str, dict[str, Verdict]]) -> dict[str, Any]:
    scores = {}
    for name, score in run.scores.items():
        verdict = found[name].get(label)
        scores[name] = {
            **{key: score[key] for key in ("value", "low", "high", "n")},
            "significant_against": None if verdict is None else verdict.against,
        }
    keys = ("model", "variant", "task", "data", "cohort", "perturb", "seed", "simulated")
    return {
        "run": str(run.folder),
        "label": label,
        **excerpt(run.manifest, keys),
        "scores": scores,
        "failure_rate": run.failure_rate,
    }
