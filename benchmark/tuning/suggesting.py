"""Suggest what to try next: Optuna's tree-structured Parzen estimator, made repeatable.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NeurIPS 2011). A suggestion is a
function of the space, the trials that finished before it, the seed and its number: nothing is
kept between two of them. A search that was killed therefore goes on with the suggestions that
an undisturbed one would have made.

The estimator may suggest a configuration twice, and in a small space often does. What was tried
is drawn again; where that stays in vain, a configuration that was not tried is drawn at random,
and when there is none left, the search is over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from benchmark.errors import BenchError
from benchmark.runs.tuned import Trial
from benchmark.tuning.space import Choices, Space, point, points

#: Suggestions asked for before one is drawn at random.
_DRAWS = 5


def require_optuna() -> ModuleType:
    """Return Optuna, quiet; where it is absent, :class:`BenchError` names its extra."""
    try:
        import optuna
    except ImportError as error:
        raise BenchError(
            "Settings are searched by Optuna, which is not installed.",
            fix="pip install 'unimp-bench[tune]'",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def suggest(
    space: Space, trials: Sequence[Trial], *, number: int, seed: int, higher_is_better: bool
) -> dict[str, Any] | None:
    """Return the settings of trial ``number``, learned from the ``trials`` that have a value.

    In a space of finitely many configurations they are none that was tried, failed ones included;
    ``None`` where all of them were.
    """
    tried = {told(trial.settings) for trial in trials}
    size = points(space)
    if size is not None and len(tried) >= size:
        return None
    seeds = np.random.SeedSequence([seed, number]).generate_state(_DRAWS + 1).tolist()
    for drawn in seeds[:_DRAWS]:
        settings = _drawn(space, trials, drawn, higher_is_better=higher_is_better)
        if told(settings) not in tried:
            return settings
    return settings if size is None else _untried(space, size, tried, seeds[-1])


def told(settings: Mapping[str, Any]) -> str:
    """Return one text for equal settings; 1, 1.0 and true are three values."""
    return json.dumps(dict(settings), sort_keys=True)


def _untried(space: Space, size: int, tried: Collection[str], drawn: int) -> dict[str, Any]:
    """The first at or behind a random place that was not tried; there is one."""
    start = int(np.random.default_rng(drawn).integers(size))
    places = ((start + step) % size for step in range(size))
    return next(p for place in places if told(p := point(space, place)) not in tried)


def _drawn(
    space: Space, trials: Sequence[Trial], drawn: int, *, higher_is_better: bool
) -> dict[str, Any]:
    """What the estimator suggests under the seed ``drawn``."""
    optuna = require_optuna()
    distributions = {name: _distribution(optuna, of) for name, of in space.items()}
    study = optuna.create_study(
        direction="maximize" if higher_is_better else "minimize",
        sampler=optuna.samplers.TPESampler(seed=drawn),
    )
    study.add_trials(
        [
            optuna.create_trial(
                params=_internal(space, trial.settings),
                distributions=distributions,
                value=trial.value,
            )
            for trial in trials
            if trial.value is not None
        ]
    )
    params = study.ask(distributions).params
    return {
        name: of.values[params[name]] if isinstance(of, Choices) else of.rounded(params[name])
        for name, of in space.items()
    }


def _distribution(optuna: ModuleType, dimension: Any) -> Any:
    kinds = optuna.distributions
    if isinstance(dimension, Choices):  # by position: a choice may be a list
        return kinds.CategoricalDistribution(tuple(range(len(dimension.values))))
    kind = kinds.IntDistribution if dimension.whole else kinds.FloatDistribution
    return kind(dimension.low, dimension.high, log=dimension.log)


def _internal(space: Space, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: of.position(settings[name]) if isinstance(of, Choices) else settings[name]
        for name, of in space.items()
    }
