"""A model handed over as a folder, and folders that are not one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchError
from unimp_model import storage
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.network.pretrained import weights_sha256


@pytest.fixture(scope="module")
def fitted(sim_xs, llama_folder):
    view = sim_xs.training_view()
    view.tasks = ("search",)
    config = UniMPConfig(
        language_model=str(llama_folder), epochs=1, most_rows=16, batch_rows=8, encoder_steps=2,
        validation_users=4, own_rate=10.0, image_tokens="none", history_items=3,
        targets_per_row=2, words_per_attribute=4,
    )  # fmt: skip
    model = UniMP(config)
    model.fit(view, seed=0)
    return model


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hand") / "over"
    fitted.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def asked(sim_xs):
    return list(sim_xs.instances("search", limit=3))


def test_a_model_is_handed_over_as_a_folder(fitted, saved, asked):
    loaded = UniMP.from_pretrained(saved)
    assert loaded.config == fitted.config
    assert list(loaded.predict(asked)) == list(fitted.predict(asked))
    assert not [n for n in load_file(saved / "model.safetensors") if n.startswith("language.")]


def test_tuning_for_a_task_leaves_the_frozen_language_model_as_it_was(fitted, llama_folder):
    own = fitted.own_weights
    fitted.answerer.turn_to(None)
    assert weights_sha256(fitted.parts.network.language.causal_lm) == fitted.parts.language_sha256
    for part in own.values():
        assert {name.split(".")[0] for name in part} <= {"language", "cross_attention"}


def test_a_language_model_that_moved_is_found_where_it_is_said_to_be(
    fitted, saved, asked, llama_folder, tmp_path
):
    moved = shutil.copytree(llama_folder, tmp_path / "moved")
    loaded = UniMP.from_pretrained(saved, language_model=str(moved))
    assert list(loaded.predict(asked)) == list(fitted.predict(asked))
    weights = load_file(moved / "model.safetensors")
    weights["lm_head.weight"][0, 0] += 1
    save_file(weights, moved / "model.safetensors", {"format": "pt"})
    with pytest.raises(BenchError, match="other weights of its language model"):
        UniMP.from_pretrained(saved, language_model=str(moved))


def test_the_card_tells_what_the_model_is(fitted, saved, sim_xs):
    text = (saved / "README.md").read_text()
    counts = fitted.parameter_counts()
    view = sim_xs.training_view()
    view.tasks = ("search",)
    for words in (
        view.name, view.sha256, "It answers: search.",
        f"{counts['trainable']:,} of {counts['total']:,} weights", "| joint | search NDCG@5 |",
        fitted.parts.language_sha256, "UniMP.from_pretrained", "| batch_rows | `8` |",
    ):  # fmt: skip
        assert words in text
    assert "{" not in text


def test_a_folder_that_holds_something_is_not_written_into(fitted, saved):
    with pytest.raises(BenchError, match="not empty"):
        fitted.save_pretrained(saved)


def _changed(saved: Path, folder: Path, **fields) -> Path:
    shutil.copytree(saved, folder)
    record = json.loads((folder / "unimp.json").read_text())
    record["config"] |= fields.pop("config", {})
    (folder / "unimp.json").write_text(json.dumps(record | fields))
    return folder


def test_a_saved_model_that_wants_code_of_others_is_refused(saved, tmp_path):
    folder = _changed(saved, tmp_path / "x", config={"trust_remote_code": True})
    with pytest.raises(BenchError, match="needs Python code") as error:
        UniMP.from_pretrained(folder)
    assert "trust_remote_code=true" in error.value.fix


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 1}, f"saved in format 1, this is {storage.FORMAT}"),
        ({"config": {"epoch": 3}}, "epoch: Extra inputs"),
        ({"language_model_sha256": "0"}, "other weights of its language model"),
        ({"photos": ["one.png"]}, "does not hold the 1 photos"),
    ],
)
def test_a_record_that_does_not_fit_is_told(saved, tmp_path, fields, message):
    with pytest.raises(BenchError, match=message):
        UniMP.from_pretrained(_changed(saved, tmp_path / "x", **fields))


@pytest.mark.parametrize(
    "name",
    ["unimp.json", "model.safetensors", "photos.safetensors", "image_encoder.safetensors",
     "tokenizer.json", "items.json"],
)  # fmt: skip
@pytest.mark.parametrize("content", [None, b"{"])
def test_a_missing_or_broken_file_is_named(saved, tmp_path, name, content):
    folder = shutil.copytree(saved, tmp_path / "x")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(BenchError, match=name) as error:
        UniMP.from_pretrained(folder)
    assert error.value.fix


def test_weights_of_another_shape_are_named(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "x")
    weights = load_file(folder / "model.safetensors")
    weights["resampler.queries"] = weights["resampler.queries"][:1].clone()
    del weights["special_output"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(BenchError, match=r"resampler\.queries is .*\(and 1 more\)"):
        UniMP.from_pretrained(folder)


def test_no_folder_and_no_model_are_told_apart(tmp_path):
    with pytest.raises(BenchError, match="no folder"):
        UniMP.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(BenchError, match=r"unimp\.json"):
        UniMP.from_pretrained(tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_saved_weights_that_are_not_finite_are_named(saved, tmp_path, value):
    folder = shutil.copytree(saved, tmp_path / "x")
    weights = load_file(folder / "model.safetensors")
    weights["resampler.queries"][0] = float(value)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(BenchError, match=r"x/model\.safetensors' .*resampler\.queries holds"):
        UniMP.from_pretrained(folder)
