"""Training killed after any epoch goes on and ends with the same weights, bit by bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("recbole")

from baselines.recbole.bert4rec import BERT4Rec
from baselines.recbole.lightgcn import LightGCN
from baselines.recbole.s3rec import S3Rec
from baselines.recbole.sasrec import SASRec
from baselines.search.hem import HEM
from baselines.search.zam import ZAM
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.same import same_tensors

SETTINGS = {
    "epochs": 4, "threads": 1, "batch_size": 1024, "weight_decay": 0.01, "validation_users": 20,
}  # fmt: skip
SMALL = {"window": 4, "hidden_size": 8, "inner_size": 8}
TWO_STAGES = {**SMALL, "pretrain_epochs": 3, "pretrain_batch_size": 1024}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the code can catch it by accident."""


@pytest.fixture
def view(sim_xs, tmp_path, monkeypatch):
    """sim-xs with a folder of its own, where every epoch is written."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    return view


def fit(model_class, view, **settings):
    model = model_class(model_class.Config(**{**SETTINGS, **settings}))
    model.fit(view, seed=3)
    return model


@pytest.fixture(scope="module")
def undisturbed(sim_xs, tmp_path_factory):
    """``undisturbed(model_class, settings)``: fitted at once, with nothing left behind."""
    known = {}

    def fitted(model_class, settings):
        key = (model_class, *sorted(settings.items()))
        if key not in known:
            view = sim_xs.training_view()
            view.features_folder = tmp_path_factory.mktemp("undisturbed")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
                known[key] = fit(model_class, view, **settings)
            assert stored(view) == []
        return known[key]

    return fitted


def kill_after(writes: int, monkeypatch) -> None:
    """Die behind the given number of written epochs; once."""
    write, left = Checkpoint.write, [writes]

    def killing(self, *arguments):
        write(self, *arguments)
        left[0] -= 1
        if not left[0]:
            raise Killed

    monkeypatch.setattr(Checkpoint, "write", killing)


def stored(view) -> list[str]:
    folder = view.features_folder / "training"
    return sorted(path.name.split("-", 1)[1] for path in folder.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("model_class", "settings", "writes"),
    [
        (SASRec, SMALL, 2),
        (BERT4Rec, {**SMALL, "weight_decay": 0.0}, 1),
        (LightGCN, {}, 3),
        (S3Rec, TWO_STAGES, 2),  # in pre-training
        (S3Rec, TWO_STAGES, 3),  # at its end
        (S3Rec, TWO_STAGES, 5),  # in the second stage
        (S3Rec, TWO_STAGES, 7),  # at its end
        (HEM, {"embedding_size": 8}, 2),
        (ZAM, {"embedding_size": 8, "window": 4}, 1),
    ],
)
def test_a_killed_fit_goes_on_and_ends_with_the_same_weights(
    view, monkeypatch, capsys, undisturbed, model_class, settings, writes
):
    expected = undisturbed(model_class, settings)
    with monkeypatch.context() as patch:
        kill_after(writes, patch)
        with pytest.raises(Killed):
            fit(model_class, view, **settings)
    assert stored(view)
    capsys.readouterr()
    epochs = []
    inner = Checkpoint.write
    monkeypatch.setattr(Checkpoint, "write", lambda self, *a: epochs.append(1) or inner(self, *a))
    resumed = fit(model_class, view, **settings)
    pretraining = settings.get("pretrain_epochs", 0)
    assert len(epochs) == len(expected.journal.epochs) - writes
    assert same_tensors(resumed, expected)
    assert resumed.journal == expected.journal
    if model_class is S3Rec:
        assert resumed.threshold == expected.threshold is not None
    last = writes if writes <= pretraining else writes - pretraining
    assert f"goes on after epoch {last}" in capsys.readouterr().err
    assert stored(view) == []


def test_training_that_waited_for_a_better_epoch_goes_on_waiting(view, monkeypatch):
    settings = {**SMALL, "learning_rate": 1.0, "patience": 2, "epochs": 20}  # gets worse soon
    expected = fit(SASRec, view, **settings)
    epochs = len(expected.journal.epochs)
    assert expected.journal.kept == {"training": epochs - 3}
    for writes in (epochs - 1, epochs):
        with monkeypatch.context() as patch:
            kill_after(writes, patch)
            with pytest.raises(Killed):
                fit(SASRec, view, **settings)
        resumed = fit(SASRec, view, **settings)
        assert resumed.journal == expected.journal
        assert same_tensors(resumed, expected)


def test_other_settings_seeds_and_data_find_no_checkpoint(view, monkeypatch):
    with monkeypatch.context() as patch:
        kill_after(1, patch)
        with pytest.raises(Killed):
            fit(SASRec, view, **SMALL)
    before = stored(view)
    fit(SASRec, view, **SMALL, learning_rate=0.01)
    SASRec(SASRec.Config(**SETTINGS, **SMALL)).fit(view, seed=4)
    view.__dict__["sha256"] = "another"
    fit(SASRec, view, **SMALL)
    assert stored(view) == before


def test_a_broken_file_is_begun_anew(view, monkeypatch, undisturbed):
    expected = undisturbed(SASRec, SMALL)
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(Killed):
            fit(SASRec, view, **SMALL)
    (file,) = (view.features_folder / "training").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    assert same_tensors(fit(SASRec, view, **SMALL), expected)


def test_short_epochs_write_nothing(view, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 1000.0)
    monkeypatch.setattr(checkpoint, "save_tensors", None)  # would fail
    fit(SASRec, view, **SMALL)


_FIT = """
import json
import sys
from pathlib import Path
from benchmark.training import checkpoint
from baselines.recbole.sasrec import SASRec
from baselines.search.hem import HEM
from baselines.search.zam import ZAM
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import Home

checkpoint.SECONDS_BETWEEN = 0.0
home, folder, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
view = ensure_dataset("sim-xs", Home(home)).training_view()
view.features_folder = folder
SASRec(SASRec.Config(**settings)).fit(view, seed=3)
"""


def test_a_fit_killed_with_sigkill_ends_with_the_same_bytes(view, sim_xs, tmp_path, capsys):
    settings = {**SETTINGS, **SMALL, "batch_size": 512, "epochs": 15, "patience": 15}
    expected = fit(SASRec, view, **settings)
    home, root = sim_xs.folder.parents[1], Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", _FIT, str(home), str(tmp_path), json.dumps(settings)],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not stored(view):
        time.sleep(0.01)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.wait()
    capsys.readouterr()
    resumed = fit(SASRec, view, **settings)
    assert "training SASRec on sim-xs goes on after epoch" in capsys.readouterr().err
    files = []
    for name, model in (("expected", expected), ("resumed", resumed)):
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert files[0] == files[1]
