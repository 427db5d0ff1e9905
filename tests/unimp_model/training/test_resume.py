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
    "most_rows": 12, "own_rows": 4, "batch_rows": 4, "validation_users": 4, "validation_others": 2,
    "history_items": 3, "targets_per_row": 2, "words_per_attribute": 4, "choosing_users": 4,
    "answer_tokens": 6,
}  # fmt: skip
#: One that ranks, one that writes and one whose rows stand alone.
TASKS = ("search", "explanation", "image-generation")


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


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """What all fits share: encoders' features. Checkpoints are each test's own."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def view(sim_xs, features):
    view = sim_xs.training_view()
    view.tasks, view.features_folder = TASKS, features
    yield view
    shutil.rmtree(features / "training", ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(sim_xs, features) -> tuple[dict, dict]:
    """What a fit ends with that nothing interrupts."""
    view = sim_xs.training_view()
    view.tasks, view.features_folder = TASKS, features
    found = fit(view)
    assert not list((features / "training").iterdir())  # nothing is left behind
    return found


@pytest.mark.parametrize("writes", [1, 3, 5])  # in the joint stage, at its end, in a task's own
def test_killed_training_ends_with_the_same_weights(view, undisturbed, monkeypatch, writes):
    expected, also = undisturbed
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


def test_a_broken_checkpoint_is_begun_anew(view, undisturbed, monkeypatch):
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    fit(view)
    (file,) = (view.features_folder / "training").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    weights, _ = fit(view)
    assert same(weights, undisturbed[0])


def test_other_settings_do_not_meet_the_checkpoint(view, monkeypatch):
    monkeypatch.setattr(Checkpoint, "remove", lambda self: None)
    view.tasks = ("search",)
    fit(view, strategy="multi-task")
    fit(view, strategy="multi-task", gamma=3.0)
    assert len(list((view.features_folder / "training").iterdir())) == 2


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


def test_curves_are_written_where_the_variable_says(view, monkeypatch, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setenv("UNIMP_BENCH_TENSORBOARD", str(tmp_path / "curves"))
    _, rest = fit(view, strategy="multi-task")
    (run,) = (tmp_path / "curves").iterdir()
    events = accumulator.EventAccumulator(str(run)).Reload()
    values = [event.value for event in events.Scalars("loss/search")]
    expected = [epoch["loss search"] for epoch in rest["journal"]["epochs"]]
    assert values == pytest.approx(expected, rel=1e-6)
