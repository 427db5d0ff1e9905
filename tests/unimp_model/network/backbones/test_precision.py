"""bf16 and checkpointing: the same training, rounded or recomputed."""

from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchError
from unimp_model.network.language import LanguageModel
from unimp_model.training.optimisation import check_precision
from unimp_model.training.step import training_loss


@pytest.mark.parametrize("name", ["llama, untied", "gpt-neox, parallel", "gpt2, learned positions"])
def test_checkpointing_gives_the_same_losses_and_gradients(
    folder_of, load, network_around, training_batch, name
):
    folder = folder_of(name)
    found = []
    for checkpointing in (False, True):
        language = load(folder, gradient_checkpointing=checkpointing)
        w, config = network_around(language)
        language.requires_grad_(True)
        for module in w.network.train().modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        calls = _count_layer_calls(language)
        loss, _ = training_loss(w.network, training_batch(w), w.photos, config)
        loss.backward()
        grads = {n: p.grad for n, p in w.network.named_parameters() if p.grad is not None}
        found.append((loss.detach(), grads, calls[0]))
    (plain, gradients, once), (again, recomputed, twice) = found
    assert (once, twice) == (3, 6)  # every layer was computed once more
    torch.testing.assert_close(plain, again)
    assert gradients.keys() == recomputed.keys()
    assert any("cross_attention" in n for n in gradients)
    for n, gradient in gradients.items():
        torch.testing.assert_close(recomputed[n], gradient, rtol=1e-3, atol=1e-5)


def _count_layer_calls(language: LanguageModel) -> list[int]:
    """Counts calls inside the decoder layers: the first linear map of each."""
    count = [0]

    def counted(*_):
        count[0] += 1

    for layer in language.layers:
        first = next(m for m in layer.modules() if isinstance(m, torch.nn.LayerNorm)
                     or type(m).__name__.endswith("RMSNorm"))  # fmt: skip
        first.register_forward_hook(counted)
    return count


def test_bf16_multiplies_in_bfloat16_and_answers_in_float32(
    llama_folder, load, network_around, training_batch
):
    exact, config = network_around(load(llama_folder))
    language = load(llama_folder, precision="bf16")
    w, rough_config = network_around(language, precision="bf16")
    w.network.load_state_dict(exact.network.state_dict())
    assert language.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16
    assert language.layers[-1].mlp.up_proj.weight.dtype == torch.float32  # tuned for tasks
    seen = []
    for module in (language.layers[0].mlp.up_proj, w.network.cross_attention["2"].to_q):
        module.register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    loss, _ = training_loss(w.network, training_batch(w), w.photos, rough_config)
    loss.backward()
    assert seen == [torch.bfloat16] * 2
    assert loss.dtype == w.network.special_input.grad.dtype == torch.float32
    reference, _ = training_loss(exact.network, training_batch(exact), exact.photos, config)
    assert 0 < abs(loss.item() - reference.item()) < 0.1 * reference.item()


@pytest.mark.parametrize("name", ["gpt-neox, parallel", "phi, output bias"])
def test_bf16_takes_layer_norms_too(folder_of, load, network_around, training_batch, name):
    language = load(folder_of(name), precision="bf16")
    w, config = network_around(language, precision="bf16")
    loss, _ = training_loss(w.network, training_batch(w), w.photos, config)
    loss.backward()
    exact, config = network_around(load(folder_of(name)))
    reference, _ = training_loss(exact.network, training_batch(exact), exact.photos, config)
    assert 0 < abs(loss.item() - reference.item()) < 0.1 * reference.item()


def test_bf16_is_refused_where_the_device_cannot(monkeypatch):
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda device: False)
    check_precision("fp32", torch.device("cpu"))
    with pytest.raises(BenchError, match="'bf16' is not supported on cpu"):
        check_precision("bf16", torch.device("cpu"))
