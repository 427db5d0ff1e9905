"""LoRA in a frozen language model: off by default, exact at the start, and all that is trained."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from benchmark.errors import BenchError
from benchmark.host.torch_setup import prepare_torch
from benchmark.instances import History, RecommendationInstance
from benchmark.tasks import TASKS
from unimp_model.adapter import UniMP
from unimp_model.config import UniMPConfig
from unimp_model.network.language import LanguageModel
from unimp_model.network.lora import lora_parameters
from unimp_model.network.model import (
    UniMPNetwork,
    last_layer,
    parameter_counts,
    trainable_parameters,
)
from unimp_model.network.pretrained import load_pretrained
from unimp_model.network.seam_check import check_seam
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch
from unimp_model.tasks.base import Score
from unimp_model.training import memory
from unimp_model.training.step import training_loss
from unimp_model.training.validation import Validation

prepare_torch()  # before anything inside transformers is touched
pytest.importorskip("peft", reason="needs pip install 'unimp-bench[lora]'")

_SIZES = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 1024, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
KINDS = {
    "llama": transformers.LlamaConfig(**_SIZES, tie_word_embeddings=False),
    "gpt-neox": transformers.GPTNeoXConfig(**_SIZES, tie_word_embeddings=False),
    "gpt2": transformers.GPT2Config(
        n_embd=32, n_layer=3, n_head=2, n_positions=1024, bos_token_id=None, eos_token_id=None
    ),
    "olmo": transformers.OlmoConfig(**_SIZES),  # one that peft has no list for
}
PATCHES, FEATURES = 4, 12


@pytest.fixture(scope="module")
def folders(vocabulary, tmp_path_factory) -> dict[str, Path]:
    """A folder per kind: random weights, loud enough to tell maps apart, and a tokenizer."""
    found = {}
    for name, plain in KINDS.items():
        folder = found[name] = tmp_path_factory.mktemp(name)
        config = type(plain)(**{**plain.to_dict(), "vocab_size": vocabulary.text_size})
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(tokenizer_object=vocabulary.tokenizer).save_pretrained(
            folder
        )
    return found


def _load(folder: Path, *, seed: int = 0, **settings) -> LanguageModel:
    config = UniMPConfig(language_model=str(folder), **settings)
    return load_pretrained(config, seed=seed).language


def _network(world, language, **settings):
    w = world()
    config = UniMPConfig(language_model="x", dropout=0.0, visual_tokens=3, **settings)
    torch.manual_seed(4)
    w.network = UniMPNetwork(config, language, w.network.items, (PATCHES, FEATURES))
    for name, parameter in w.network.named_parameters():
        if name.endswith(".gate"):
            torch.nn.init.constant_(parameter, 0.7)
    return w, config


def _batch(w):
    instance = RecommendationInstance("", "", History())
    asked = w.template.instruction(TASKS.get("recommendation").prompt(instance))
    history = [w.items[i] for i in (0, 3, 1, 2)]
    branches = [Branch(n, asked, 0, (w.vocabulary.first_item + n,)) for n in (1, 2, 3)]
    row = w.template.row(w.template.history(history), branches, context=True)
    return collate([row], w.photos.index, all_photos=False, slots=1)


def _hidden(w) -> torch.Tensor:
    """Of a network not in training: dropout inside GPT-2 would draw."""
    batch, network = _batch(w), w.network.eval()
    with torch.no_grad():
        visual = network.visual_tokens(w.photos.rows(batch.photos))
        return network(batch, network.tables(), visual)


def _open(language: LanguageModel) -> None:
    """B away from zero, so that LoRA does something."""
    torch.manual_seed(6)
    for name, parameter in lora_parameters(language).items():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.3)


def _factors(prefix: str, maps: str, layers=range(3)) -> set[str]:
    return {
        f"language.causal_lm.{prefix}.{layer}.{name}.lora_{factor}.default.weight"
        for layer in layers
        for name in maps.split()
        for factor in "AB"
    }


LLAMA = ("model.layers", "self_attn.q_proj self_attn.v_proj")
NEOX = ("gpt_neox.layers", "attention.query_key_value")


# The update itself


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["llama", "gpt-neox", "gpt2"])
def test_at_the_start_the_model_is_the_frozen_one_to_the_last_bit(world, folders, kind, precision):
    plain, _ = _network(world, _load(folders[kind], precision=precision), precision=precision)
    language = _load(folders[kind], precision=precision, lora_rank=2)
    w, _ = _network(world, language, precision=precision, lora_rank=2)
    assert lora_parameters(w.network)
    assert torch.equal(_hidden(w), _hidden(plain))
    _open(language)
    assert not torch.allclose(_hidden(w), _hidden(plain), atol=0.01)


def test_an_adapted_map_adds_alpha_over_r_b_a_x(folders):
    language = _load(folders["llama"], lora_rank=2, lora_alpha=6)
    _open(language)
    frozen = load_file(folders["llama"] / "model.safetensors")
    own = dict(language.layers[1].self_attn.q_proj.named_parameters())
    a, b = own["lora_A.default.weight"], own["lora_B.default.weight"]
    x = torch.randn(5, 32)
    w = frozen["model.layers.1.self_attn.q_proj.weight"]
    expected = x @ w.T + 3 * (x @ a.T) @ b.T
    torch.testing.assert_close(language.layers[1].self_attn.q_proj(x), expected)
    assert (a.shape, b.shape) == ((2, 32), (32, 2))


@pytest.mark.parametrize("kind", ["llama", "gpt-neox", "gpt2"])
def test_everything_the_seam_asks_for_holds_with_lora(folders, kind):
    language = _load(folders[kind], lora_rank=4)
    _open(language)
    check_seam(language, kind)
    assert language.depth == 3
    assert len(language.input_rows) == len(language.output_rows)


def test_the_start_depends_on_the_seed_and_leaves_torchs_own_chance_alone(folders):
    before = torch.get_rng_state()
    some = [lora_parameters(_load(folders["llama"], lora_rank=2, seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = ([p for n, p in part.items() if ".lora_A." in n] for part in some)
    assert all(torch.equal(p, q) for p, q in zip(first, again, strict=True))
    assert not any(torch.equal(p, q) for p, q in zip(first, other, strict=True))


# What is adapted


@pytest.mark.parametrize(("kind", "maps"), [("llama", LLAMA), ("gpt-neox", NEOX)])
def test_lora_is_all_that_trains_inside_the_language_model(world, folders, kind, maps):
    plain, _ = _network(world, _load(folders[kind]))
    w, _ = _network(world, _load(folders[kind], lora_rank=2), lora_rank=2)
    added = _factors(*maps)
    assert set(trainable_parameters(w.network)) == {*trainable_parameters(plain.network), *added}
    counts, before = parameter_counts(w.network), parameter_counts(plain.network)
    width_out = 2 * (32 + 32) if kind == "llama" else 32 + 96  # q and v; q, k, v in one
    grown = 3 * 2 * width_out  # layers x rank x (in + out)
    assert counts["trainable"] - before["trainable"] == grown
    assert counts["total"] - before["total"] == grown


@pytest.mark.parametrize(("kind", "maps"), [("llama", LLAMA), ("gpt-neox", NEOX)])
def test_a_task_alone_tunes_the_last_layers_lora_and_no_frozen_weight(world, folders, kind, maps):
    w, _ = _network(world, _load(folders[kind], lora_rank=2), lora_rank=2)
    cross = {n for n in trainable_parameters(w.network) if n.startswith("cross_attention.2.")}
    assert cross
    assert last_layer(w.network) == cross | _factors(*maps, layers=[2])


def test_an_architecture_without_a_usual_choice_has_every_linear_map_adapted(folders):
    found = lora_parameters(_load(folders["olmo"], lora_rank=1))
    maps = [f"self_attn.{n}_proj" for n in "qkvo"] + ["mlp.gate_proj", "mlp.up_proj",
                                                      "mlp.down_proj"]  # fmt: skip
    expected = _factors("model.layers", " ".join(maps))
    assert {f"language.{name}" for name in found} == expected


def test_named_targets_are_adapted_and_no_others(folders):
    language = _load(folders["llama"], lora_rank=1, lora_targets=["o_proj", "mlp.up_proj"])
    expected = _factors("model.layers", "self_attn.o_proj mlp.up_proj")
    assert {f"language.{name}" for name in lora_parameters(language)} == expected


@pytest.mark.parametrize("target", ["lm_head", "embed_tokens", "Q_proj", "proj", "0.mlp.up_proj"])
def test_a_target_that_is_no_linear_map_of_a_layer_is_refused(folders, target):
    with pytest.raises(BenchError, match=f"no linear map '{target}'") as error:
        _load(folders["llama"], lora_rank=1, lora_targets=["q_proj", target])
    assert "self_attn.q_proj" in error.value.fix


# Settings


def test_lora_is_off_unless_asked_for(world, folders):
    assert UniMPConfig().lora_rank == UniMPConfig(preset="smollm2").lora_rank == 0
    assert not lora_parameters(_load(folders["llama"]))


@pytest.mark.parametrize("preset", ["tiny", "small"])
def test_a_model_from_scratch_takes_no_lora(preset):
    with pytest.raises(ValueError, match=rf"lora_rank\n.*preset {preset} trains its own whole"):
        UniMPConfig(preset=preset, lora_rank=4)


@pytest.mark.parametrize("setting", [{"lora_alpha": 8}, {"lora_targets": ["q_proj"]}])
def test_settings_of_lora_without_lora_are_refused(setting):
    with pytest.raises(ValueError, match=rf"{next(iter(setting))}\n.*there is no LoRA to change"):
        UniMPConfig(language_model="x", **setting)
    config = UniMPConfig(language_model="x", lora_rank=1, **setting)
    assert UniMPConfig(**config.model_dump(mode="json")) == config


def test_a_missing_package_is_told_before_anything_is_loaded(folders, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match="needs the package peft") as error:
        load_pretrained(UniMPConfig(language_model="/nowhere", lora_rank=1))
    assert "pip install 'unimp-bench[lora]'" in error.value.fix


def test_an_adapter_beside_the_weights_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders["llama"], tmp_path / "adapted")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(BenchError, match=r"adapter_config\.json") as error:
        _load(folder)
    assert "merge_and_unload" in error.value.fix


# Precision, checkpointing, memory


def _gradients(w, config) -> dict[str, torch.Tensor]:
    loss, _ = training_loss(w.network.train(), _batch(w), w.photos, config)
    loss.backward()
    return {n: p.grad for n, p in w.network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["llama", "gpt-neox"])
def test_checkpointing_gives_the_same_gradients(world, folders, kind):
    found = []
    for checkpointing in (False, True):
        language = _load(folders[kind], lora_rank=2, gradient_checkpointing=checkpointing)
        _open(language)
        found.append(_gradients(*_network(world, language, lora_rank=2)))
    plain, recomputed = found
    assert plain.keys() == recomputed.keys()
    assert {n for n in plain if n.startswith("language.")} == {
        f"language.{name}" for name in lora_parameters(language)
    }
    for name, gradient in plain.items():
        torch.testing.assert_close(recomputed[name], gradient, rtol=1e-3, atol=1e-5)


def test_bf16_freezes_in_bfloat16_and_trains_lora_in_float32(world, folders):
    language = _load(folders["llama"], precision="bf16", lora_rank=2)
    _open(language)
    w, config = _network(world, language, precision="bf16", lora_rank=2)
    gradients = _gradients(w, config)
    for name, parameter in language.named_parameters():
        adapts = name in lora_parameters(language)
        assert parameter.dtype == (torch.float32 if adapts else torch.bfloat16)
        assert (f"language.{name}" in gradients) == adapts
    exact = _load(folders["llama"], lora_rank=2)
    _open(exact)
    reference, gradient = (
        torch.cat([g[f"language.{n}"].flatten() for n in lora_parameters(language)])
        for g in (_gradients(*_network(world, exact, lora_rank=2)), gradients)
    )
    assert torch.nn.functional.cosine_similarity(gradient, reference, dim=0) > 0.95


def test_the_memory_estimate_counts_the_factors(world, folders):
    sizes = {"longest_row": 100, "batch_rows": 8, "patches": (PATCHES, FEATURES)}
    found = []
    for rank in (0, 2):
        w, config = _network(world, _load(folders["llama"], lora_rank=rank), lora_rank=rank)
        found.append(memory.estimate(w.network, config, **sizes))
    plain, adapted = found
    size = 4 * 3 * 2 * 2 * (32 + 32)  # bytes x layers x maps x rank x (in + out)
    assert adapted.weights - plain.weights == size
    assert adapted.training - plain.training == 5 * size


# A fit


@pytest.fixture(scope="module")
def fitted(sim_xs, folders) -> UniMP:
    view = sim_xs.training_view()
    view.tasks = ("search",)
    config = UniMPConfig(
        language_model=str(folders["llama"]), lora_rank=2, learning_rate=0.01, epochs=1,
        most_rows=8, own_rows=8, batch_rows=8, encoder_steps=2,
        validation_users=4, own_rate=10.0, validation_others=4, image_tokens="none",
        history_items=3, targets_per_row=2, words_per_attribute=4,
    )  # fmt: skip
    model = UniMP(config)
    rising = itertools.count()
    with pytest.MonkeyPatch.context() as patch:  # so that the task's own weights are kept
        patch.setattr(
            Validation, "scores", lambda *_: {"search": Score("NDCG@5", float(next(rising)))}
        )
        model.fit(view, seed=0)
    return model


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lora") / "saved"
    fitted.save_pretrained(folder)
    return folder


def test_training_moves_the_factors_and_leaves_the_frozen_weights(fitted, folders):
    language = fitted.parts.network.language
    factors = lora_parameters(language)
    assert all(p.abs().max() > 0 for p in factors.values())
    now = {
        name.removeprefix("causal_lm.").replace(".base_layer", ""): p
        for name, p in language.named_parameters()
        if name not in factors
    }
    before = load_file(folders["llama"] / "model.safetensors")
    assert now.keys() == before.keys()
    assert all(torch.equal(p, before[name]) for name, p in now.items())


def test_only_the_factors_of_the_language_model_are_saved(saved):
    stored = load_file(saved / "model.safetensors")
    shared = {n for n in stored if n.startswith("language.")}
    assert shared == _factors(*LLAMA)
    own = {n.removeprefix("own/search/") for n in stored if n.startswith("own/")}
    assert {n for n in own if n.startswith("language.")} == _factors(*LLAMA, layers=[2])


def test_a_saved_model_answers_as_before(fitted, saved, sim_xs):
    asked = list(sim_xs.instances("search", limit=3))
    loaded = UniMP.from_pretrained(saved)
    assert loaded.config == fitted.config
    assert list(loaded.predict(asked)) == list(fitted.predict(asked))
    fitted_factors = lora_parameters(fitted.parts.network)
    for name, parameter in lora_parameters(loaded.parts.network).items():
        assert torch.equal(parameter, fitted_factors[name])


def test_the_card_names_the_rank(saved):
    text = (saved / "README.md").read_text()
    assert "LoRA of rank 2 (alpha 16)" in text
    assert "| lora_rank | `2` |" in text
