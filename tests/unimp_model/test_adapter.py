"""UniMP as a system: fitted on the smallest simulated shop in a few seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.data.dataset import Dataset
from benchmark.data.view import DatasetView
from benchmark.errors import BenchError
from benchmark.instances import History
from benchmark.tasks import TASKS
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig


def _view(dataset: Dataset, *tasks: str) -> DatasetView:
    """A training view that offers these tasks alone: a fit in a second."""
    view = dataset.training_view()
    view.tasks = tasks
    return view


def _bytes(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize("task", sorted(UniMP.tasks))
def test_answers_are_well_formed(fitted, sim_xs, instances, task):
    known = sim_xs.catalogue().index.__contains__
    answers = list(fitted.predict(instances[task]))
    pairs = zip(instances[task], answers, strict=True)
    assert [TASKS.get(task).problem(q, a, known) for q, a in pairs] == [None] * len(answers)


@pytest.fixture(scope="module")
def loaded(saved):
    model = UniMP()
    model.load(saved)
    return model


def test_it_tells_how_far_each_gate_of_cross_attention_is_open(fitted, loaded):
    learned = loaded.fit_summary()
    assert learned == fitted.fit_summary()
    gates = {name: g for name, g in learned.items() if name.startswith("tanh(g)")}
    assert len(gates) == len(fitted.parts.network.cross_attention)
    first = float(fitted.parts.network.cross_attention["0"].gate)
    assert gates["tanh(g) of cross_attention.0"] == pytest.approx(np.tanh(first))


@pytest.mark.parametrize("task", sorted(UniMP.tasks))
def test_a_loaded_model_answers_the_same(fitted, loaded, instances, task):
    assert list(loaded.predict(instances[task])) == list(fitted.predict(instances[task]))


def test_a_loaded_model_is_the_one_that_was_saved(fitted, loaded, saved, instances, tmp_path):
    assert loaded.parameter_counts() == fitted.parameter_counts()
    list(loaded.predict(instances["selection"]))  # saving in the midst of a task changes nothing
    loaded.save(tmp_path)
    assert _bytes(tmp_path) == _bytes(saved)


def test_the_saved_folder_holds_safetensors_and_json_only(saved):
    assert {Path(name).suffix for name in _bytes(saved)} == {".json", ".safetensors"}


@pytest.mark.parametrize("task", sorted(UniMP.tasks))
def test_one_at_a_time_and_in_any_order_gives_the_same_answers(fitted, instances, task):
    asked = instances[task]
    together = list(fitted.predict(asked))
    assert list(fitted.predict(asked[::-1])) == together[::-1]
    assert [next(iter(fitted.predict([q]))) for q in asked[:2]] == together[:2]


def test_tasks_may_be_asked_in_turns(fitted, instances):
    apart = {task: list(fitted.predict(asked[:2])) for task, asked in instances.items()}
    for number in range(2):
        for task, asked in instances.items():
            assert list(fitted.predict([asked[number]])) == [apart[task][number]]


def test_a_photo_the_model_never_met_is_encoded_when_asked_about(
    saved, instances, sim_xs, tmp_path
):
    model = UniMP()
    model.load(saved)
    question = instances["recommendation"][0]
    item = question.history.items[-1]
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(Path(item.image).read_bytes())
    moved = replace(question, history=History((replace(item, image=str(copy)),)))
    known = replace(question, history=History((item,)))
    assert list(model.predict([moved])) == list(model.predict([known]))


def test_a_missing_photo_is_a_question_like_any_other(fitted, instances):
    question = instances["search"][0]
    blind = History(tuple(replace(item, image=None) for item in question.history.items))
    (answer,) = fitted.predict([replace(question, history=blind)])
    assert len(answer.items) == question.k


def test_no_vision_holds_no_trace_of_photos(sim_xs, fit, tmp_path):
    model = fit(_view(sim_xs, "search"), vision="none")
    model.save(tmp_path)
    assert not (tmp_path / "photos.safetensors").exists()
    assert not [
        n for n, _ in model.parts.network.named_parameters() if "photo" in n or "cross" in n
    ]
    assert model.parts.network.resampler is None


def test_random_ids_start_from_noise(sim_xs, fit):
    model = fit(_view(sim_xs, "search"), item_rows="random")
    names = dict(model.parts.network.named_parameters())
    assert "items.input_photo.weight" not in names
    assert names["items.output_delta"].std() > 0.05


def test_training_leaves_torch_as_it_was(sim_xs, fit):
    before = torch.are_deterministic_algorithms_enabled()
    fit(_view(sim_xs, "search"))
    assert torch.are_deterministic_algorithms_enabled() is before


def test_settings_are_checked():
    with pytest.raises(ValueError, match="epoch"):
        UniMPConfig(epochs=0)
    with pytest.raises(ValueError, match="extra"):
        UniMPConfig(epoch=3)
    with pytest.raises(ValueError, match="targets_per_row"):
        UniMPConfig(targets_per_row=0)


def test_presets_fill_in_what_is_not_given():
    assert UniMPConfig(preset="smollm2").freezes_language_model
    assert UniMPConfig(preset="smollm2").learning_rate == 2e-4
    assert UniMPConfig(preset="smollm2", learning_rate=0.5).learning_rate == 0.5
    assert not UniMPConfig().freezes_language_model


def test_small_data_is_read_more_often():
    config = UniMPConfig(steps=100, batch_rows=10)
    assert [config.epochs_for(rows, 9999) for rows in (1, 100, 200, 100_000)] == [100, 10, 5, 2]
    unset = UniMPConfig(batch_rows=10)
    assert [unset.epochs_for(100, items) for items in (7, 520, 800, 9999)] == [104, 104, 160, 312]
    assert UniMPConfig(epochs=7).epochs_for(100, 9999) == 7


def test_predicting_before_fitting_says_so(instances):
    with pytest.raises(BenchError, match="not fitted"):
        list(UniMP().predict(instances["search"]))


def test_a_dataset_without_its_tasks_is_refused(sim_xs):
    view = _view(sim_xs)
    with pytest.raises(BenchError, match="none of UniMP's tasks"):
        UniMP().fit(view, seed=0)
