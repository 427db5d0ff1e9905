from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmark.compare.evidence import Evidence, gather, interval, of_seeds, verdicts
from benchmark.errors import BenchError
from benchmark.metrics import metric_named
from benchmark.runs.store import PER_INSTANCE, StoredRun
from benchmark.stats import paired_difference


def run_with(folder: Path, **columns: Any) -> StoredRun:
    folder.mkdir()
    frame = pl.DataFrame({"instance_id": ["b", "a"], "user_id": ["u2", "u1"], **columns})
    frame.write_parquet(folder / PER_INSTANCE)
    return StoredRun(folder, {"model": "m", "variant": None}, {}, 0.0)


def test_rows_come_in_order_of_instance_whatever_the_files_order(tmp_path: Path) -> None:
    found = gather([run_with(tmp_path / "r", MAE=[2.0, 1.0])])
    assert found is not None
    assert (found.ids, found.users) == (("a", "b"), ("u1", "u2"))
    assert found.statistics["MAE"].tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("kind", [pl.Array(pl.Float64, 3), pl.List(pl.Float64)])
def test_wide_statistics_keep_their_width(tmp_path: Path, kind: Any) -> None:
    rows = pl.Series([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=kind)
    found = gather([run_with(tmp_path / "r", **{"BLEU-1": rows})])
    assert found is not None
    assert found.statistics["BLEU-1"].tolist() == [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]


def test_seeds_are_averaged_instance_by_instance(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / "r0", MAE=[2.0, 1.0]), run_with(tmp_path / "r1", MAE=[0.0, 3.0])]
    found = gather(runs)
    assert found is not None
    assert found.statistics["MAE"].tolist() == [[2.0], [1.0]]
    score = interval(found, metric_named("MAE"))
    assert (score.value, score.users) == (1.5, 2)


def test_runs_without_or_with_other_instances_are_no_evidence(tmp_path: Path) -> None:
    whole = run_with(tmp_path / "r0", MAE=[2.0, 1.0])
    bare = StoredRun(tmp_path, {}, {}, 0.0)
    other = run_with(tmp_path / "r1", MAE=[2.0, 1.0], instance_id=["a", "c"])
    assert gather([]) is None
    assert gather([whole, bare]) is None
    assert gather([whole, other]) is None


def test_seeds_that_name_other_users_for_the_same_instances_are_refused(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / name, MAE=[2.0, 1.0]) for name in ("r0", "r1")]
    runs.append(run_with(tmp_path / "r2", MAE=[2.0, 1.0], user_id=["u1", "u2"]))
    with pytest.raises(BenchError, match="disagree on whose instances") as error:
        gather(runs)
    assert str(runs[2].folder) in str(error.value.fix)


def errors(values: Any) -> Evidence:
    column = np.asarray(values, dtype=np.float64)[:, None]
    ids = tuple(f"q{i}" for i in range(len(column)))
    return Evidence(ids, ids, {"MAE": column})


def test_lower_errors_are_better_and_corrections_span_the_column() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    evidence = {
        "base": errors(base),
        "good": errors(base * 0.5),
        "same": errors(rng.permutation(base)),
        "apart": replace(errors(base * 0.1), ids=tuple(f"z{i}" for i in range(200))),
    }
    found = verdicts(
        metric_named("MAE"), evidence, {"good": "base", "same": "base", "apart": "base"}
    )
    assert list(found) == ["good"]
    assert found["good"].better is True


def test_systems_that_name_other_users_for_the_same_instances_are_refused() -> None:
    rng = np.random.default_rng(0)
    evidence = {name: errors(rng.random(200)) for name in ("base", "good", "odd")}
    evidence["odd"] = replace(evidence["odd"], users=evidence["base"].users[::-1])
    mae = metric_named("MAE")
    assert verdicts(mae, evidence, {"good": "base"}) == {}
    with pytest.raises(BenchError, match="'base' and of 'odd' disagree on whose instances"):
        verdicts(mae, evidence, {"good": "base", "base": "odd"})


def test_a_metric_that_is_no_mean_is_worked_out_for_each_seed_and_then_averaged() -> None:
    bleu = metric_named("BLEU-1")  # matches, words written, words of the reference
    users = tuple(f"u{n:02d}" for n in range(40))
    rng = np.random.default_rng(0)
    # Too few words with one seed and too many with the other: together they seem just right.
    short = np.stack([rng.integers(4, 7, 40), np.full(40, 6), np.full(40, 10)], axis=1) * 1.0
    long = np.stack([rng.integers(7, 12, 40), np.full(40, 18), np.full(40, 10)], axis=1) * 1.0
    seeds = [Evidence(users, users, {"BLEU-1": rows}) for rows in (short, long)]
    alone = [interval(each, bleu) for each in seeds]
    found = interval(Evidence(users, users, {"BLEU-1": np.hstack([short, long])}), bleu)
    assert found.value == pytest.approx((alone[0].value + alone[1].value) / 2)
    assert found.low is not None
    assert found.low < found.value < found.high
    pooled = float(bleu.value((short + long).mean(axis=0) / 2))
    assert pooled > found.high  # what averaged counts would say
    differences = [
        paired_difference(bleu, {"BLEU-1": np.hstack([short, long])}, each.statistics, users)
        for each in seeds
    ]
    assert sum(each.value for each in differences) == pytest.approx(0)
    assert all(each.low < each.value < each.high for each in differences)
    with pytest.raises(BenchError, match="have shape"):
        interval(Evidence(users, users, {"BLEU-1": short[:, :2]}), bleu)


def test_wide_statistics_of_seeds_stand_side_by_side(tmp_path: Path) -> None:
    runs = [
        run_with(tmp_path / name, **{"BLEU-1": pl.Series([[n, 2.0, 3.0]] * 2)})
        for n, name in ((1.0, "r0"), (5.0, "r1"))
    ]
    found = gather(runs)
    assert found is not None
    assert found.statistics["BLEU-1"].tolist() == [[1.0, 2.0, 3.0, 5.0, 2.0, 3.0]] * 2


def test_rmse_of_seeds_is_the_mean_of_theirs_and_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    users = tuple(f"u{n:03d}" for n in range(200))
    rmse = metric_named("RMSE")
    seeds = [np.square(rng.normal(0, width, 200))[:, None] for width in (0.6, 1.8)]
    alone = [float(np.sqrt(each.mean())) for each in seeds]
    found = interval(Evidence(users, users, {"RMSE": of_seeds(rmse, seeds)}), rmse)
    assert found.value == pytest.approx(np.mean(alone))
    assert found.low is not None
    assert found.low < found.value < found.high
    assert float(np.sqrt(np.mean(seeds))) > found.high  # the root of all averaged squares
    same = paired_difference(
        *(rmse, {"RMSE": of_seeds(rmse, seeds)}, {"RMSE": of_seeds(rmse, seeds[::-1])}, users)
    )
    assert same.value == pytest.approx(0)
    mae = metric_named("MAE")
    assert of_seeds(mae, seeds).shape == (200, 1)


def test_a_metric_that_some_seeds_lack_is_that_of_the_others(tmp_path: Path) -> None:
    runs = [
        run_with(tmp_path / "r0", MAE=[1.0, 2.0]),
        run_with(tmp_path / "r1", MAE=[3.0, 4.0], **{"ROUGE-L": [0.1, 0.2]}),
        run_with(tmp_path / "r2", MAE=[5.0, 6.0], **{"ROUGE-L": [0.3, 0.6], "unheard": [1.0, 1.0]}),
    ]
    found = gather(runs)
    assert found is not None
    assert found.statistics["MAE"].ravel().tolist() == [4.0, 3.0]  # by instance
    assert found.statistics["ROUGE-L"].ravel().tolist() == pytest.approx([0.4, 0.2])
    assert "unheard" not in found.statistics
