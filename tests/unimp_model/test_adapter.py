"""UniMP as a system: fitted on the smallest simulated shop in a few seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark.errors import BenchError
from benchmark.instances import History
from benchmark.tasks import TASKS
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig

MICRO = {
    "width": 32,
    "depth": 2,
    "heads": 2,
    "epochs": 1,
    "encoder_steps": 2,
    "encoder_batch": 16,
    "batch_rows": 48,
    "validation_users": 10,
}


def _fit(view, **settings):
    model = UniMP(UniMPConfig(**{**MICRO, **settings}))
    model.fit(view, seed=1)
    return model


def _bytes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def fitted(sim_xs):
    return _fit(sim_xs.training_view())


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    fitted.save(folder)
    return folder


@pytest.fixture(scope="module")
def questions(sim_xs):
    return {task: list(sim_xs.questions(task, limit=20)) for task in sorted(UniMP.tasks)}


@pytest.mark.parametrize("task", sorted(UniMP.tasks))
def test_rankings_are_well_formed(fitted, sim_xs, questions, task):
    known = sim_xs.catalogue().index.__contains__
    answers = list(fitted.predict(questions[task]))
    pairs = zip(questions[task], answers, strict=True)
    assert [TASKS.get(task).problem(q, a, known) for q, a in pairs] == [None] * 20


def test_the_same_seed_saves_the_same_bytes(sim_xs, saved, tmp_path):
    view = sim_xs.training_view()
    view.features_folder = tmp_path / "features"  # so that nothing comes from a cache
    (tmp_path / "again").mkdir()
    _fit(view).save(tmp_path / "again")
    assert _bytes(tmp_path / "again") == _bytes(saved)


@pytest.mark.parametrize("task", sorted(UniMP.tasks))
def test_a_loaded_model_answers_the_same(fitted, saved, questions, task):
    loaded = UniMP()
    loaded.load(saved)
    assert list(loaded.predict(questions[task])) == list(fitted.predict(questions[task]))
    assert loaded.parameter_counts() == fitted.parameter_counts()


def test_the_saved_folder_holds_safetensors_and_json_only(saved):
    assert {file.suffix for file in saved.iterdir()} == {".json", ".safetensors"}


def test_one_at_a_time_and_in_any_order_gives_the_same_answers(fitted, questions):
    asked = questions["search"]
    together = list(fitted.predict(asked))
    assert [next(iter(fitted.predict([q]))) for q in asked] == together
    assert list(fitted.predict(asked[::-1])) == together[::-1]


def test_a_photo_the_model_never_met_is_encoded_when_asked_about(
    saved, questions, sim_xs, tmp_path
):
    model = UniMP()
    model.load(saved)
    question = questions["recommendation"][0]
    item = question.history.items[-1]
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(Path(item.image).read_bytes())
    moved = replace(question, history=History((replace(item, image=str(copy)),)))
    known = replace(question, history=History((item,)))
    assert list(model.predict([moved])) == list(model.predict([known]))


def test_a_missing_photo_is_a_question_like_any_other(fitted, questions):
    question = questions["search"][0]
    blind = History(tuple(replace(item, image=None) for item in question.history.items))
    (answer,) = fitted.predict([replace(question, history=blind)])
    assert len(answer.items) == question.k


def test_no_vision_holds_no_trace_of_photos(sim_xs, tmp_path):
    model = _fit(sim_xs.training_view(), vision="none")
    model.save(tmp_path)
    assert not (tmp_path / "photos.safetensors").exists()
    assert not [
        n for n, _ in model.parts.network.named_parameters() if "photo" in n or "cross" in n
    ]
    assert model.parts.network.resampler is None


def test_random_ids_start_from_noise(sim_xs):
    model = _fit(sim_xs.training_view(), item_rows="random")
    names = dict(model.parts.network.named_parameters())
    assert "items.input_photo.weight" not in names
    assert names["items.output_delta"].std() > 0.05


def test_training_leaves_torch_as_it_was(sim_xs):
    before = torch.are_deterministic_algorithms_enabled()
    _fit(sim_xs.training_view())
    assert torch.are_deterministic_algorithms_enabled() is before


def test_settings_are_checked():
    with pytest.raises(ValueError, match="epoch"):
        UniMPConfig(epochs=0)
    with pytest.raises(ValueError, match="extra"):
        UniMPConfig(epoch=3)
    with pytest.raises(ValueError, match="targets_per_row"):
        UniMPConfig(targets_per_row=9)


def test_presets_fill_in_what_is_not_given():
    assert UniMPConfig(preset="smollm2").freezes_language_model
    assert UniMPConfig(preset="smollm2").learning_rate == 2e-4
    assert UniMPConfig(preset="smollm2", learning_rate=0.5).learning_rate == 0.5
    assert not UniMPConfig().freezes_language_model


def test_small_data_is_read_more_often():
    config = UniMPConfig(steps=100, batch_rows=10)
    assert [config.epochs_for(rows) for rows in (1, 100, 200, 100_000)] == [100, 10, 5, 3]
    assert UniMPConfig(epochs=7).epochs_for(100) == 7


def test_predicting_before_fitting_says_so(questions):
    with pytest.raises(BenchError, match="not fitted"):
        list(UniMP().predict(questions["search"]))


def test_a_dataset_without_its_tasks_is_refused(sim_xs):
    view = sim_xs.training_view()
    view.tasks = ()
    with pytest.raises(BenchError, match="none of UniMP's tasks"):
        UniMP(UniMPConfig(**MICRO)).fit(view, seed=0)
