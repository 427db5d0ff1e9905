"""What ``unimp-bench tune`` prints: the trials, the best one, and the commands that use it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmark.runs.spec import RunSpec, setting_text
from benchmark.runs.tuned import Search, Trial

#: Trials shown, best first.
_SHOWN = 10


def commands(search: Search, model: str) -> tuple[str, str]:
    """Return the commands that run the best trial: by ``--tuned``, and with every setting.

    ``model`` is what ``--model`` named; the search has a best trial.
    """
    best = search.best
    assert best is not None
    identity = search.identity
    asked = (model, identity["task"], identity["data"])
    seed = identity["seed"]
    return (
        RunSpec(*asked, seed=seed, tuned=True).command(),
        RunSpec(*asked, seed=seed, settings=search.settings_of(best)).command(),
    )


def outcome_json(search: Search, model: str) -> dict[str, Any]:
    """Return the JSON of ``unimp-bench tune --json``."""
    best = search.best
    keys = ("model", "variant", "task", "data", "seed", "metric", "higher_is_better")
    tuned, spelled = (None, None) if best is None else commands(search, model)
    return {
        "tuning": search.id,
        "folder": str(search.folder),
        **{key: search.identity[key] for key in (*keys, "settings", "space")},
        "trials": [asdict(trial) for trial in search.trials],
        "best": None
        if best is None
        else {
            "number": best.number,
            "value": best.value,
            "settings": search.settings_of(best),
        },
        "command": spelled,
        "tuned_command": tuned,
    }


def outcome_text(search: Search, model: str) -> str:
    """Return the text of the best trials, of what failed, and of how to go on."""
    identity, trials = search.identity, search.trials
    lines = [
        f"{search.label} on {identity['task']}, {identity['data']}: {len(trials)} trials, "
        f"{identity['metric']} on validation"
    ]
    best = search.best
    if best is not None:
        lines += ["", *_table(search), ""]
    for trial in trials:
        if trial.as_it_is and trial.value is not None:
            lines.append(f"Trial {trial.number}, the settings without a search: {trial.value:.4f}")
        if trial.problem is not None and trial.same_as is None:
            lines.append(f"Trial {trial.number} failed ({_settings(trial)}): {trial.problem}")
        elif trial.failure_rate:
            share = f"{trial.failure_rate:.1%}"
            lines.append(f"Trial {trial.number}: {share} of the answers were malformed.")
    if trials:  # without any there is no folder
        lines.append(f"All trials: {search.folder}")
    if best is not None:
        tuned, spelled = commands(search, model)
        lines += ["Run the best on the test instances:", f"  {tuned}", "or", f"  {spelled}"]
    return "\n".join(lines)


def _table(search: Search) -> list[str]:
    sign = -1 if search.identity["higher_is_better"] else 1
    valued = [trial for trial in search.trials if trial.value is not None]
    ranked = sorted(valued, key=lambda trial: sign * float(trial.value or 0.0))
    names = list(search.identity["space"])
    rows = [["trial", search.identity["metric"], "seconds", *names]]
    for trial in ranked[:_SHOWN]:
        seconds = f"as {trial.same_as}" if trial.same_as is not None else f"{trial.seconds:.1f}"
        chosen = [setting_text(trial.settings[name]) for name in names]
        rows.append([str(trial.number), f"{trial.value:.4f}", seconds, *chosen])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    if len(ranked) > _SHOWN:
        lines.append(f"and {len(ranked) - _SHOWN} more with a value")
    return lines


def _settings(trial: Trial) -> str:
    return ", ".join(f"{name}={setting_text(value)}" for name, value in trial.settings.items())
