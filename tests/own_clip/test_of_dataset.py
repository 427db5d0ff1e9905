"""One small CLIP of a dataset, whoever asks for it first."""

from __future__ import annotations

import itertools
import threading

import pytest
import torch

from baselines.multimodal.features import image_features
from baselines.neighbours.photo_knn import PhotoKNN
from benchmark.host.files import locked
from benchmark.models.code import code_files
from benchmark.own_clip import photo_texts
from benchmark.own_clip.of_dataset import own_clip
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint
from unimp_model.adapter import UniMP
from unimp_model.images.encoder import own_encoder

STEPS = 2


@pytest.fixture
def view(sim_xs, tmp_path):
    """``sim-xs`` with nothing trained on it yet."""
    view = sim_xs.training_view()
    view.features_folder = tmp_path / "features"
    return view


@pytest.fixture
def trainings(monkeypatch):
    """One entry for every training since the test began."""
    done = []
    inner = photo_texts.train_on_texts

    def call(*arguments, **options):
        done.append(options["steps"])
        inner(*arguments, **options)

    monkeypatch.setattr(photo_texts, "train_on_texts", call)
    return done


def test_unimp_reads_the_tower_that_a_baseline_trained(view, trainings):
    image_features(view, "own", steps=STEPS)
    found = own_encoder(view, steps=STEPS)
    assert trainings == [STEPS]
    tower = own_clip(view, STEPS).model.visual.state_dict()
    assert all(torch.equal(tower[name], value) for name, value in found.visual.state_dict().items())


def test_a_baseline_reads_the_clip_that_unimp_trained(view, trainings):
    own_encoder(view, steps=STEPS)
    image_features(view, "own", steps=STEPS)
    assert trainings == [STEPS]
    own_encoder(view, steps=STEPS + 1)
    assert trainings == [STEPS, STEPS + 1]


def test_no_seed_and_no_number_of_threads_chooses_the_weights(view, tmp_path):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first = own_clip(view, STEPS).sha256()
    assert torch.equal(torch.get_rng_state(), before)
    view.features_folder = tmp_path / "others"
    try:
        torch.set_num_threads(3 - min(threads, 2))  # 1 or 2, whichever it was not
        torch.manual_seed(7)
        assert own_clip(view, STEPS).sha256() == first
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(before)


def test_who_asks_while_another_trains_waits_and_trains_nothing(view, tmp_path, trainings, capsys):
    expected = own_clip(view, STEPS).sha256()
    (file,) = view.features_folder.rglob("*.safetensors")
    aside, found = tmp_path / "aside", []
    file.rename(aside)
    second = threading.Thread(target=lambda: found.append(own_clip(view, STEPS).sha256()))
    with locked(file.with_suffix(".lock"), "never"):
        second.start()
        second.join(timeout=1.0)
        assert second.is_alive()
        aside.rename(file)
    second.join()
    assert found == [expected]
    assert trainings == [STEPS]
    assert "training the dataset's own image encoder; waiting" in capsys.readouterr().err


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(
    view, tmp_path, monkeypatch, capsys
):
    own_clip(view, 7)
    (undisturbed,) = view.features_folder.rglob("own-encoders/*.safetensors")
    view.features_folder = tmp_path / "killed"
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    write, killed = Checkpoint.write, itertools.cycle((False, True))

    def dying(*words):
        write(*words)
        if next(killed):
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", dying)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            own_clip(view, 7)
        (kept,) = view.features_folder.rglob("*.safetensors")
        assert kept.parent.name == "training"
    monkeypatch.setattr(Checkpoint, "write", write)
    own_clip(view, 7)
    assert "image encoder goes on after step 6" in capsys.readouterr().err
    (resumed,) = view.features_folder.rglob("*.safetensors")  # and nothing to go on from
    assert resumed.name == undisturbed.name
    assert resumed.read_bytes() == undisturbed.read_bytes()


@pytest.mark.parametrize("model", [PhotoKNN, UniMP])
def test_its_code_is_part_of_the_identity_of_models_that_read_photos(model):
    expected = {
        f"benchmark.own_clip.{name}" for name in ("of_dataset", "photo_texts", "small_clip")
    }
    assert expected | {"benchmark.data.item_texts", "benchmark.words"} <= set(code_files(model))
