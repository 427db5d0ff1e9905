"""Training killed after any epoch goes on and ends with the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from benchmark.models import code
from benchmark.models.code import code_digest
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint, training_key
from unimp_model import storage
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig

SETTINGS = {
    "width": 16, "depth": 1, "heads": 2, "encoder_steps": 2, "image_token_steps": 2, "epochs": 3,
    "most_rows": 12, "own_rows": 6, "batch_rows": 4, "validation_users": 8, "validation_others": 4,
}  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code can catch it by accident."""


def fit(view, **settings) -> tuple[dict, dict]:
    model = UniMP(UniMPConfig(**{**SETTINGS, **settings}))
    model.fit(view, seed=0)
    weights = {n: p.detach().clone() for n, p in model.parts.network.named_parameters()}
    with TemporaryDirectory() as folder:
        model.save(Path(folder))
        _, own = storage.load_weights(Path(folder))
    return weights, {"own": own, "journal": model.journal.timeless()}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize("writes", [1, 3, 5])  # in the joint stage, at its end, in a task's own
def test_killed_training_ends_with_the_same_weights(sim_xs, monkeypatch, tmp_path, writes):
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    expected, also = fit(view)
    assert not list((tmp_path / "training").iterdir())  # nothing is left behind
    write, left = Checkpoint.write, [writes]

    def killing(self, *args):
        write(self, *args)
        left[0] -= 1
        if not left[0]:
            raise Killed

    monkeypatch.setattr(Checkpoint, "write", killing)
    with pytest.raises(Killed):
        fit(view)
    monkeypatch.setattr(Checkpoint, "write", write)
    epochs = []
    monkeypatch.setattr(Checkpoint, "write", lambda self, *a: epochs.append(1) or write(self, *a))
    weights, rest = fit(view)
    assert len(epochs) == len(also["journal"]["epochs"]) - writes  # finished epochs are kept
    assert same(weights, expected)
    assert rest["journal"] == also["journal"]
    assert rest["own"].keys() == also["own"].keys()
    assert all(same(rest["own"][task], also["own"][task]) for task in also["own"])


def test_a_broken_checkpoint_is_begun_anew(sim_xs, monkeypatch, tmp_path):
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    expected, _ = fit(view, strategy="multi-task")
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    fit(view, strategy="multi-task")
    (file,) = (tmp_path / "training").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    weights, _ = fit(view, strategy="multi-task")
    assert same(weights, expected)


def test_other_settings_do_not_meet_the_checkpoint(sim_xs, monkeypatch, tmp_path):
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    fit(view, strategy="multi-task")
    fit(view, strategy="multi-task", gamma=1.0)
    assert len(list((tmp_path / "training").iterdir())) == 2
    shutil.rmtree(tmp_path / "training")


@pytest.mark.parametrize("what", ["code", "packages", "device"])
def test_other_code_packages_or_device_do_not_meet_the_checkpoint(monkeypatch, what):
    def key() -> str:
        return training_key(code_digest(UniMP), torch.device(device), seed=0)

    device = "cpu"
    before = key()
    assert key() == before
    if what == "code":
        reached = code.digest
        monkeypatch.setattr(code, "digest", lambda *files: reached(*files)[::-1])
    elif what == "packages":
        monkeypatch.setattr(checkpoint, "package_versions", lambda: {"torch": "0.0"})
    else:
        device = "cuda"
    assert key() != before


def test_a_prompt_is_part_of_what_a_training_resumes_under():
    assert "benchmark.tasks.explanation" in code.code_files(UniMP)


def test_curves_are_written_where_the_variable_says(sim_xs, monkeypatch, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    view = sim_xs.training_view()
    view.features_folder = tmp_path / "features"
    monkeypatch.setenv("UNIMP_BENCH_TENSORBOARD", str(tmp_path / "curves"))
    _, rest = fit(view, strategy="multi-task")
    (run,) = (tmp_path / "curves").iterdir()
    events = accumulator.EventAccumulator(str(run)).Reload()
    values = [event.value for event in events.Scalars("loss/search")]
    expected = [epoch["loss search"] for epoch in rest["journal"]["epochs"]]
    assert values == pytest.approx(expected, rel=1e-6)
