"""Runs as TREC and ranx files: those tools give our numbers, instance by instance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset
from benchmark.exports.ids import written_id
from benchmark.exports.making import export
from benchmark.exports.rankings import set_apart
from benchmark.host.home import Home

Scores = dict[str, dict[str, float]]


def _trec_numbers(out: Path, name: str) -> Scores:
    """Metric -> instance -> value, by pytrec_eval; MRR@k on the first k items of each."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    with open(out / "qrels.trec", encoding="utf-8") as stream:
        qrels = pytrec_eval.parse_qrel(stream)
    with open(out / "runs" / f"{name}.trec", encoding="utf-8") as stream:
        run = pytrec_eval.parse_run(stream)
    measures = {"success.3,5,10", "ndcg_cut.3,5,10"}
    whole = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    found: Scores = {}
    for k in (3, 5, 10):
        best = {q: dict(sorted(d.items(), key=lambda x: -x[1])[:k]) for q, d in run.items()}
        cut = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(best)
        found[f"HR@{k}"] = {q: values[f"success_{k}"] for q, values in whole.items()}
        found[f"NDCG@{k}"] = {q: values[f"ndcg_cut_{k}"] for q, values in whole.items()}
        found[f"MRR@{k}"] = {q: values["recip_rank"] for q, values in cut.items()}
    return found


def _check(found: Scores, ranked: Any) -> None:
    ids = [written_id(name) for name in ranked.predictions["instance_id"]]
    assert ranked.scores.keys() == found.keys()
    for metric, values in ranked.scores.items():
        assert found[metric] == pytest.approx(dict(zip(ids, values, strict=True)), abs=1e-6), metric
    assert 0 < ranked.scores["MRR@5"].mean() < 1


@pytest.mark.parametrize(
    ("task", "cohort", "limit"),
    [
        ("search", "seen", None),
        ("recommendation", "new-user", None),
        ("recommendation", "seen", 30),
    ],
)
def test_trec_eval_gives_our_numbers_of_every_instance_ties_and_failures_too(
    rank: Callable[..., Any],
    shelf: Home,
    sim_xs: Dataset,
    tmp_path: Path,
    task: str,
    cohort: str,
    limit: int | None,
) -> None:
    ranked = rank(
        shelf, sim_xs, task, cohort=cohort, limit=limit, name=f"{task}-{cohort}", failed=2
    )
    made = export([f"{task}-{cohort}"], "trec", tmp_path / "out", home=shelf)
    _check(_trec_numbers(tmp_path / "out", f"{task}-{cohort}"), ranked)
    assert made["runs"][0]["failed"] == 2
    assert made["instances"] == len(ranked.predictions)
    assert 0 < made["runs"][0]["set_apart"] <= len(ranked.predictions) - 2


def test_odd_ids_are_told_apart_by_trec_eval(
    rank: Callable[..., Any], odd_home: Home, tmp_path: Path
) -> None:
    ranked = rank(odd_home, Dataset(odd_home.datasets / "odd"), name="a run")
    export(["a run"], "trec", tmp_path / "out", home=odd_home)
    _check(_trec_numbers(tmp_path / "out", "a run"), ranked)


def test_two_runs_share_topics_of_queries_and_of_histories(
    rank: Callable[..., Any], odd_home: Home, tmp_path: Path
) -> None:
    dataset = Dataset(odd_home.datasets / "odd")
    for task in ("search", "recommendation"):
        names = [f"{task}-1", f"{task}-22"]
        for name in names:
            rank(odd_home, dataset, task, name=name)
        out = tmp_path / task
        made = export(names, "trec", out, home=odd_home)
        assert [run["run"] for run in made["runs"]] == names
        assert json.loads((out / "export.json").read_text()) == {
            key: value for key, value in made.items() if key != "out"
        }
        lines = (out / "topics.tsv").read_text(encoding="utf-8").splitlines()
        instances = dataset.instances(task)
        for line, instance, query in zip(lines, instances, instances.queries, strict=True):
            asked, topic = line.split("\t")
            assert unquote(asked) == instance.instance_id
            history = [item.item_id for item in instance.history.items]
            shown = topic if query is not None else [unquote(item) for item in topic.split(" ")]
            assert shown == (query if query is not None else history)


def test_ranx_files_say_what_trec_files_say(
    rank: Callable[..., Any], odd_home: Home, tmp_path: Path
) -> None:
    rank(odd_home, Dataset(odd_home.datasets / "odd"), name="for ranx", failed=1)
    for form in ("trec", "ranx"):
        export(["for ranx"], form, tmp_path / form, home=odd_home)
    read = json.loads((tmp_path / "ranx" / "runs" / "for ranx.json").read_text(encoding="utf-8"))
    lines = (tmp_path / "trec" / "runs" / "for ranx.trec").read_text(encoding="utf-8").splitlines()
    assert [(q, d, s) for q, found in read.items() for d, s in found.items()] == [
        (q, d, float(s)) for q, _, d, _, s, _ in (line.split() for line in lines)
    ]
    qrels = json.loads((tmp_path / "ranx" / "qrels.json").read_text(encoding="utf-8"))
    lines = (tmp_path / "trec" / "qrels.trec").read_text(encoding="utf-8").splitlines()
    assert qrels == {q: {d: 1} for q, _, d, _ in (line.split() for line in lines)}


@pytest.mark.slow  # ranx compiles itself for seconds; its files are compared with TREC's above
def test_ranx_gives_our_numbers_of_every_instance(
    rank: Callable[..., Any], odd_home: Home, tmp_path: Path
) -> None:
    ranx = pytest.importorskip("ranx")
    ranked = rank(odd_home, Dataset(odd_home.datasets / "odd"), name="by ranx", failed=1)
    export(["by ranx"], "ranx", tmp_path / "out", home=odd_home)
    qrels = ranx.Qrels.from_file(str(tmp_path / "out" / "qrels.json"))
    run = ranx.Run.from_file(str(tmp_path / "out" / "runs" / "by ranx.json"))
    names = {
        f"{ours}@{k}": f"{theirs}@{k}"
        for ours, theirs in (("HR", "hit_rate"), ("NDCG", "ndcg"), ("MRR", "mrr"))
        for k in (3, 5, 10)
    }
    ranx.evaluate(qrels, run, list(names.values()))
    _check({ours: dict(run.scores[theirs]) for ours, theirs in names.items()}, ranked)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-1e38, 1e38), min_size=12, max_size=12), min_size=1, max_size=5))
def test_scores_set_apart_fall_in_32_bits_and_in_their_digits(rows: list[list[float]]) -> None:
    scores = -np.sort(-np.array(rows), axis=1)
    apart = set_apart(scores)
    assert apart.dtype == np.float32
    assert (np.diff(apart, axis=1) < 0).all()
    digits = pl.Series(apart.ravel()).cast(pl.String).cast(pl.Float64).to_numpy()
    assert (digits.astype(np.float32) == apart.ravel()).all()


def test_scores_that_are_apart_stay() -> None:
    scores = np.array([[3.0, 2.5, -1.0, -1e9], [1.0, 1.0 - 2.0**-19, 0.0, -1e-29]])
    assert (set_apart(scores) == scores.astype(np.float32)).all()
