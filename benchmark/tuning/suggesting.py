"""Suggest what to try next: Optuna's tree-structured Parzen estimator, made repeatable.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (NeurIPS 2011). A suggestion is a
function of the space, the trials that finished before it, the seed and its number: nothing is
kept between two of them. A search that was killed therefore goes on with the suggestions that
an undisturbed one would have made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from benchmark.errors import BenchError
from benchmark.runs.tuned import Trial
from benchmark.tuning.space import Choices, Space


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
) -> dict[str, Any]:
    """Return the settings of trial ``number``, learned from the ``trials`` that have a value."""
    optuna = require_optuna()
    distributions = {name: _distribution(optuna, of) for name, of in space.items()}
    drawn = np.random.SeedSequence([seed, number]).generate_state(1)[0]
    study = optuna.create_study(
        direction="maximize" if higher_is_better else "minimize",
        sampler=optuna.samplers.TPESampler(seed=int(drawn)),
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
