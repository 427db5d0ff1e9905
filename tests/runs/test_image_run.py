"""A run of image generation, from the model to its scores on disk."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from benchmark.metrics import image, image_judge
from benchmark.metrics.image_judge import sim_judge
from benchmark.report.side_by_side import render_runs
from benchmark.runs.spec import RunSpec

JUDGE = sim_judge().name

_CROOKED = '''
from benchmark.instances import Image
from benchmark.vision import png
import numpy as np


class Crooked:
    """Answers white squares; every second one is half of a file."""

    tasks = frozenset({"image-generation"})

    def fit(self, data, *, seed): pass

    def predict(self, instances):
        for instance in instances:
            white = png.encode(np.full((3, instance.size, instance.size), 255, np.uint8))
            odd = instance.instance_id[-1] in "13579"
            yield Image(instance.instance_id, white[: len(white) // 2] if odd else white)

    def save(self, folder): pass

    def load(self, folder): pass
'''


@pytest.fixture(autouse=True)
def _no_judge_named(monkeypatch):
    monkeypatch.delenv(image_judge.VARIABLE, raising=False)


def _run(execute, model, home):
    return execute(RunSpec(model=model, task="image-generation", data="sim-xs"), home)


def test_a_run_scores_every_metric_under_the_judges_name(execute, run_home):
    run = _run(execute, "retrieved-photo", run_home)
    assert list(run.scores) == [f"{name}-{JUDGE}" for name in image.NAMES]
    assert run.failure_rate == 0
    stored = pq.read_table(run.folder / "per_instance.parquet")
    assert set(run.scores) < set(stored.column_names)


def test_files_that_cannot_be_decoded_are_failures(execute, run_home, tmp_path):
    path = tmp_path / "crooked.py"
    path.write_text(_CROOKED)
    run = _run(execute, f"{path}:Crooked", run_home)
    stored = pq.read_table(run.folder / "predictions.parquet").to_pylist()
    odd = [row["instance_id"][-1] in "13579" for row in stored]
    assert [row["status"] == "failed" for row in stored] == odd
    assert run.failure_rate == pytest.approx(sum(odd) / len(odd))
    rows = pq.read_table(run.folder / "per_instance.parquet")[f"target similarity-{JUDGE}"]
    assert [value == -1 for value in rows.to_pylist()] == odd


def test_runs_are_compared_by_target_similarity(execute, run_home):
    runs = [_run(execute, model, run_home) for model in ("random-photo", "retrieved-photo")]
    best = max(runs, key=lambda run: run.scores[f"target similarity-{JUDGE}"]["value"])
    text = render_runs(runs, styled=False)
    assert text.index(best.label) < text.index(next(r for r in runs if r is not best).label)
    assert f"KMMD-{JUDGE}" in text
