"""Memory is estimated before it is taken."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchError
from unimp_model.config import UniMPConfig
from unimp_model.training import memory

PATCHES, FEATURES = 4, 12


def _estimate(w, config, **settings):
    given = {"longest_row": 100, "batch_rows": 8, "patches": (PATCHES, FEATURES)} | settings
    return memory.estimate(w.network, config, **given)


def test_the_estimate_counts_weights_and_grows_as_training_does(llama_folder, load, network_around):
    w, config = network_around(load(llama_folder))
    one = _estimate(w, config)
    sizes = [(4 * p.numel(), p.requires_grad) for p in w.network.parameters()]
    assert one.weights == sum(size for size, _ in sizes)
    assert one.training == 5 * sum(size for size, trains in sizes if trains)
    double = _estimate(w, config, batch_rows=16)
    assert (double.weights, double.training) == (one.weights, one.training)
    assert double.activations == pytest.approx(2 * one.activations, rel=1e-3)
    saving = UniMPConfig(language_model="x", gradient_checkpointing=True)
    assert _estimate(w, saving).activations < one.activations
    assert _estimate(w, config, patches=None).photos == 0


def test_too_little_memory_says_how_much_and_what_would_fit(llama_folder, load, network_around):
    w, config = network_around(load(llama_folder), batch_rows=32)
    shape = {"longest_row": 100, "patches": (PATCHES, FEATURES)}
    enough = _estimate(w, config, batch_rows=8).added
    memory.check_training(w.network, config, available=lambda _: 10**12, **shape)
    with pytest.raises(
        BenchError, match=r"batch_rows 32 takes about .*weights.* are free"
    ) as error:
        memory.check_training(w.network, config, available=lambda _: enough, **shape)
    assert "batch_rows=8 would fit" in error.value.fix
    with pytest.raises(BenchError) as error:
        memory.check_training(w.network, config, available=lambda _: 1000, **shape)
    assert "gradient_checkpointing=true" in error.value.fix


def test_weights_that_do_not_fit_are_not_loaded(llama_folder, monkeypatch, load):
    monkeypatch.setattr("benchmark.host.memory.available_memory", lambda device: 1000)
    with pytest.raises(BenchError, match=r"weights of language model .* 0 MiB are free"):
        load(llama_folder)
