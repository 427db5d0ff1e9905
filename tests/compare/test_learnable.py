"""The share of the learnable: which systems it lies between, and when there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.compare.evidence import Evidence
from benchmark.compare.learnable import is_blind, learned
from benchmark.errors import BenchError
from benchmark.metrics import metric_named
from benchmark.metrics.base import Metric
from benchmark.models.registered import ModelEntry

HR, MAE = metric_named("HR@5"), metric_named("MAE")
USERS = tuple(f"u{i}" for i in range(200))


def _evidence(metric: Metric, values: np.ndarray, prefix: str = "q") -> Evidence:
    ids = tuple(f"{prefix}{i}" for i in range(len(values)))
    return Evidence(ids, USERS, {metric.name: values.reshape(-1, 1).astype(float)})


def _hits(share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(len(USERS)) < share


def test_it_lies_between_the_best_blind_rule_and_the_ceiling() -> None:
    evidence = {
        "random": _evidence(HR, _hits(0.05)),
        "popularity": _evidence(HR, _hits(0.2)),
        "learner": _evidence(HR, _hits(0.6)),
        "ceiling": _evidence(HR, _hits(0.8)),
        "knowing": _evidence(HR, _hits(0.95)),
    }
    found = learned(HR, evidence, ceilings=["ceiling"], blind=["random", "popularity"])
    assert found is not None
    assert (found.floor, found.ceiling) == ("popularity", "ceiling")
    values = {system: share.value for system, share in found.shares.items()}
    assert values["popularity"] == 0
    assert values["ceiling"] == 1
    assert values["random"] < 0 < values["learner"] < 1 < values["knowing"]


def test_of_errors_the_smallest_is_the_best_rule() -> None:
    errors = {"global": 1.0, "item": 0.9, "learner": 0.75, "ceiling": 0.6}
    users = np.linspace(0.5, 1.5, len(USERS))  # some are harder for everybody
    evidence = {name: _evidence(MAE, v * users) for name, v in errors.items()}
    found = learned(MAE, evidence, ceilings=["ceiling"], blind=["global", "item"])
    assert found is not None
    assert found.floor == "item"
    assert found.shares["learner"].value == pytest.approx(0.5)


def test_without_a_ceiling_or_a_blind_rule_there_is_none() -> None:
    evidence = {"popularity": _evidence(HR, _hits(0.2)), "ceiling": _evidence(HR, _hits(0.8))}
    assert learned(HR, evidence, ceilings=["another"], blind=["popularity"]) is None
    assert learned(HR, evidence, ceilings=["ceiling"], blind=[]) is None
    assert learned(MAE, evidence, ceilings=["ceiling"], blind=["popularity"]) is None


def test_a_system_asked_other_instances_has_no_share_and_is_no_floor() -> None:
    evidence = {
        "elsewhere": _evidence(HR, _hits(0.5), prefix="other"),
        "popularity": _evidence(HR, _hits(0.2)),
        "ceiling": _evidence(HR, _hits(0.8)),
    }
    found = learned(HR, evidence, ceilings=["ceiling"], blind=["elsewhere", "popularity"])
    assert found is not None
    assert found.floor == "popularity"
    assert set(found.shares) == {"popularity", "ceiling"}


def test_a_ceiling_no_higher_than_the_rule_has_no_shares() -> None:
    evidence = {
        "popularity": _evidence(HR, _hits(0.5, seed=1)),
        "ceiling": _evidence(HR, _hits(0.5, seed=2)),
    }
    found = learned(HR, evidence, ceilings=["ceiling"], blind=["popularity"])
    assert found is not None
    assert found.shares == {}


def test_a_system_that_names_other_users_for_the_same_instances_is_refused() -> None:
    evidence = {"popularity": _evidence(HR, _hits(0.2)), "ceiling": _evidence(HR, _hits(0.8))}
    evidence["popularity"] = replace(evidence["popularity"], users=USERS[::-1])
    with pytest.raises(BenchError, match="'popularity' and of 'ceiling' disagree on whose"):
        learned(HR, evidence, ceilings=["ceiling"], blind=["popularity"])


def test_changed_settings_are_not_known_to_be_blind() -> None:
    entry = ModelEntry("rule", "nowhere:Rule", ("search",), "trivial", blind=("", "plain"))
    assert is_blind(entry, None, {})
    assert is_blind(entry, "plain", {})
    assert not is_blind(entry, "personal", {})
    assert not is_blind(entry, None, {"own": "whole"})
    assert not is_blind(None, None, {})
