"""Every baseline that learns leaves the journal that the learning figure reads."""

from __future__ import annotations

import pytest

pytest.importorskip("recbole")

from baselines.recbole.mf import MF
from baselines.recbole.s3rec import S3Rec
from baselines.search.hem import HEM
from benchmark.report.figures.journals import read_journal, validation_curves

FAST = {"epochs": 2, "threads": 1, "validation_users": 20}


@pytest.mark.parametrize(
    ("model_class", "settings", "task", "stages"),
    [
        (MF, {}, "recommendation", {"training"}),
        (
            S3Rec,
            {"pretrain_epochs": 1, "window": 4, "hidden_size": 8, "inner_size": 8},
            "recommendation",
            {"pre-training", "training"},
        ),
        (HEM, {"embedding_size": 8}, "search", {"training"}),
    ],
)
def test_a_fit_has_a_learning_curve(sim_xs, tmp_path, model_class, settings, task, stages):
    view = sim_xs.training_view()
    view.features_folder = tmp_path / "features"
    model = model_class(model_class.Config(**FAST, **settings))
    model.fit(view, seed=0)
    (tmp_path / "state").mkdir()
    model.save(tmp_path / "state")
    journal = read_journal(tmp_path)
    assert journal["kept"].keys() == stages
    assert all(epoch["loss"] > 0 for epoch in journal["epochs"])
    (curve,) = validation_curves(journal, task)["NDCG@5"]
    assert (curve.stage, curve.epochs) == ("training", (1, 2))
    assert curve.scores[curve.kept] == max(curve.scores)
    loaded = model_class()
    loaded.load(tmp_path / "state")
    assert loaded.journal == model.journal
