"""Any causal language model through one seam: the same answers, or a clear refusal."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchError
from benchmark.instances import History, RecommendationInstance
from benchmark.tasks import TASKS
from benchmark.torch_setup import prepare_torch
from unimp_model import memory, storage
from unimp_model.adapter import UniMP
from unimp_model.batches import collate
from unimp_model.config import UniMPConfig
from unimp_model.decoding import Reader
from unimp_model.language import LanguageModel
from unimp_model.model import UniMPNetwork, last_layer
from unimp_model.optimisation import check_precision
from unimp_model.pretrained import fast_tokenizer, load_pretrained, weights_sha256
from unimp_model.sequence import Branch
from unimp_model.training import training_loss

prepare_torch()  # before anything inside transformers is touched

_SIZES = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 512, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
_GPT2 = {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 512}
_ENDS = {"bos_token_id": None, "eos_token_id": None}
USABLE = {
    "llama, tied": transformers.LlamaConfig(**_SIZES, tie_word_embeddings=True),
    "llama, untied": transformers.LlamaConfig(
        **_SIZES, num_key_value_heads=1, tie_word_embeddings=False
    ),
    "gpt-neox, parallel": transformers.GPTNeoXConfig(**_SIZES, tie_word_embeddings=False),
    "gpt-neox, in turn": transformers.GPTNeoXConfig(**_SIZES, use_parallel_residual=False),
    "gpt2, learned positions": transformers.GPT2Config(**_GPT2, **_ENDS),
    "phi, output bias": transformers.PhiConfig(**_SIZES),
}
REFUSED = {
    "take a mask and positions": transformers.MptConfig(
        d_model=32, n_heads=2, n_layers=3, max_seq_len=64
    ),
    "more than look up rows": transformers.GemmaConfig(
        **_SIZES, head_dim=16, num_key_value_heads=1
    ),
}
PATCHES, FEATURES = 4, 12


@pytest.fixture(scope="module")
def folder_of(vocabulary, tmp_path_factory):
    """``folder_of(config)`` saves a model of random weights and a tokenizer as anybody would."""
    root = tmp_path_factory.mktemp("models")

    def build(config) -> Path:
        folder = root / str(len(list(root.iterdir())))
        config = type(config)(**{**config.to_dict(), "vocab_size": vocabulary.text_size})
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():  # so loud that a wrong position or mask is heard
            torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(tokenizer_object=vocabulary.tokenizer).save_pretrained(
            folder
        )
        return folder

    return build


@pytest.fixture(scope="module")
def llama_folder(folder_of):
    return folder_of(USABLE["llama, untied"])


def _load(folder: Path, **settings) -> LanguageModel:
    return load_pretrained(UniMPConfig(language_model=str(folder), **settings)).language


def _network(world, language, **settings):
    """A network with open gates around ``language``, and the world it lives in."""
    w = world()
    config = UniMPConfig(language_model="x", dropout=0.0, visual_tokens=3, **settings)
    torch.manual_seed(4)
    network = UniMPNetwork(config, language, w.network.items, (PATCHES, FEATURES)).eval()
    for name, parameter in network.named_parameters():
        if name.endswith(".gate"):
            torch.nn.init.constant_(parameter, 0.7)
    w.network = network
    return w, config


def _instruction(w):
    instance = RecommendationInstance("", "", History())
    return w.template.instruction(TASKS.get("recommendation").prompt(instance))


def _batch(w, rows):
    return collate(rows, w.photos.index, all_photos=False, slots=1)


@torch.no_grad()
def _logits(w, rows):
    batch = _batch(w, rows)
    tables = w.network.tables()
    visual = w.network.visual_tokens(w.photos.rows(batch.photos))
    return w.network.logits(w.network.read(w.network(batch, tables, visual), batch), tables)


def _training_batch(w):
    history = [w.items[i] for i in (0, 3, 1, 2)]
    branches = [Branch(n, _instruction(w), 0, (w.vocabulary.first_item + n,)) for n in (1, 2, 3)]
    return _batch(w, [w.template.row(w.template.history(history), branches, context=True)])


@pytest.mark.parametrize("name", USABLE)
def test_branches_and_generation_read_as_plain_rows_on_any_usable_architecture(
    world, folder_of, name
):
    language = _load(folder_of(USABLE[name]))
    w, _ = _network(world, language)
    history = [w.items[i] for i in (0, 3, 1, 2)]
    own = _instruction(w)
    packed = w.template.row(
        w.template.history(history), [Branch(n, own) for n in (1, 2, 3, 4)], context=False
    )
    apart = [
        w.template.row(w.template.history(history[:n]), [Branch(n, own)], context=False)
        for n in (1, 2, 3, 4)
    ]
    together = _logits(w, [packed])
    torch.testing.assert_close(
        together, torch.cat([_logits(w, [row]) for row in apart]), rtol=1e-4, atol=1e-3
    )
    # One token at a time with a cache is what the whole sequence without one would go on with.
    allowed = torch.ones(w.vocabulary.size, dtype=torch.bool)
    reader = Reader(w.network, w.photos, slots=5)
    (written,) = reader.generate(apart[-1:], allowed, stop=None, longest=4)
    answer = Branch(4, own, 0, tuple(written))
    whole = w.template.row(w.template.history(history), [answer], context=False)
    assert _logits(w, [whole]).argmax(-1).tolist() == written


@pytest.mark.parametrize("name", ["llama, untied", "phi, output bias"])
def test_scores_of_words_are_the_models_own(world, folder_of, name):
    language = _load(folder_of(USABLE[name]))
    w, _ = _network(world, language)
    tokens = torch.arange(12)[None]
    causal = torch.ones(1, 12, 12).tril() > 0
    with torch.no_grad():
        hidden = language(w.network.embed(tokens, w.network.tables()), causal, tokens, None)
        ours = w.network.logits(hidden[0], w.network.tables())[:, : w.vocabulary.text_size]
        theirs = language.causal_lm(input_ids=tokens).logits[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    assert not torch.equal(language.input_rows, language.output_rows)


@pytest.mark.parametrize("fault", REFUSED)
def test_an_architecture_that_would_be_silently_wrong_is_refused(folder_of, fault):
    folder = folder_of(REFUSED[fault])
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    with pytest.raises(BenchError, match=fault) as error:
        _load(folder)
    assert str(folder) in error.value.message
    assert kind in error.value.message
    assert "Llama" in error.value.fix


def test_the_last_layer_is_found_whatever_its_name(folder_of, world):
    w, _ = _network(world, _load(folder_of(USABLE["gpt2, learned positions"])))
    names = {name for name in last_layer(w.network) if name.startswith("language.")}
    assert {name.split(".")[3] for name in names} == {"h", "ln_f"}
    assert {name.split(".")[4] for name in names if ".h." in name} == {"2"}


def test_a_sequence_longer_than_the_models_positions_is_refused(folder_of):
    language = _load(folder_of(transformers.GPT2Config(**{**_GPT2, "n_positions": 16}, **_ENDS)))
    x, positions = torch.zeros(1, 17, 32), torch.arange(17)[None]
    with pytest.raises(BenchError, match="17 tokens exceeds the 16 positions"):
        language(x, torch.ones(1, 17, 17).tril() > 0, positions, None)


# What is found under a name


def test_an_unreachable_hub_is_told_within_seconds(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    started = time.perf_counter()
    with pytest.raises(BenchError, match=r"RedPajama-INCITE.*hub cannot be reached") as error:
        load_pretrained(UniMPConfig(preset="incite-3b"))
    assert time.perf_counter() - started < 6
    assert "language_model=FOLDER" in error.value.fix


def test_a_folder_that_is_not_there_is_told():
    with pytest.raises(BenchError, match="'/nowhere/llama' is neither"):
        load_pretrained(UniMPConfig(language_model="/nowhere/llama"))


def test_code_beside_the_weights_runs_only_when_allowed(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "odd")
    ran = tmp_path / "ran"
    (folder / "odd.py").write_text(f"open({str(ran)!r}, 'w')\nOddConfig = OddModel = None\n")
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "odd", "auto_map": {"AutoConfig": "odd.OddConfig"}}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BenchError, match="Python code") as error:
        _load(folder)
    assert "trust_remote_code=true" in error.value.fix
    assert not ran.exists()


def test_an_unknown_architecture_is_told(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "odd")
    settings = json.loads((folder / "config.json").read_text()) | {"model_type": "odd"}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BenchError, match="'odd', which transformers does not know"):
        _load(folder)


def test_pickled_weights_are_not_read(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(BenchError, match=r"cannot be loaded.*model\.safetensors"):
        _load(folder)


def test_missing_weights_are_not_drawn_at_random(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "partial")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BenchError, match=r"lacks weights: model\.layers\.1\.mlp\.up_proj"):
        _load(folder)


def test_a_broken_file_is_told(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(BenchError, match="cannot be loaded"):
        _load(folder)


def test_a_tokenizer_without_a_fast_form_is_refused():
    class SlowTokenizer:
        """Words split in Python."""

    with pytest.raises(BenchError, match=r"'x' \(SlowTokenizer\) has no fast form"):
        fast_tokenizer(SlowTokenizer(), "x")


def test_a_tokenizer_that_pads_or_cuts_is_told_not_to(vocabulary):
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=vocabulary.tokenizer, pad_token="?"
    )
    wrapped.backend_tokenizer.enable_truncation(2)
    wrapped.backend_tokenizer.enable_padding(length=50)
    text = "red mug, oak chair"
    assert fast_tokenizer(wrapped, "x").encode(text).ids == vocabulary.encode(text)


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(llama_folder, tmp_path):
    folder = shutil.copytree(llama_folder, tmp_path / "mixed")
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(["surplus"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(BenchError, match=r"only \d+ rows"):
        _load(folder)


# Settings


def test_a_named_language_model_is_frozen_and_needs_no_preset():
    config = UniMPConfig(language_model="some/model")
    assert (config.preset, config.freezes_language_model) == ("pretrained", True)
    assert config.learning_rate == UniMPConfig(preset="smollm2").learning_rate
    assert UniMPConfig(preset="incite-3b").pretrained_name.startswith("togethercomputer/")
    assert UniMPConfig(preset="mpt-1b").pretrained_name.startswith("mosaicml/")
    assert UniMPConfig(preset="mpt-1b", language_model="/here").pretrained_name == "/here"
    assert UniMPConfig(**config.model_dump(mode="json")) == config
    with pytest.raises(ValueError, match="leave preset out"):
        UniMPConfig(preset="tiny", language_model="some/model")
    with pytest.raises(ValueError, match="needs language_model"):
        UniMPConfig(preset="pretrained")


def test_small_is_another_model_from_scratch_with_fewer_weights():
    small = UniMPConfig(preset="small")
    assert not small.freezes_language_model
    assert small.width < UniMPConfig().width


# Precision and checkpointing


@pytest.mark.parametrize("name", ["llama, untied", "gpt-neox, parallel", "gpt2, learned positions"])
def test_checkpointing_gives_the_same_losses_and_gradients(world, folder_of, name):
    folder = folder_of(USABLE[name])
    found = []
    for checkpointing in (False, True):
        language = _load(folder, gradient_checkpointing=checkpointing)
        w, config = _network(world, language)
        language.requires_grad_(True)
        for module in w.network.train().modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        calls = _count_layer_calls(language)
        loss, _ = training_loss(w.network, _training_batch(w), w.photos, config)
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


def test_bf16_multiplies_in_bfloat16_and_answers_in_float32(world, llama_folder):
    exact, config = _network(world, _load(llama_folder))
    language = _load(llama_folder, precision="bf16")
    w, rough_config = _network(world, language, precision="bf16")
    w.network.load_state_dict(exact.network.state_dict())
    assert language.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16
    assert language.layers[-1].mlp.up_proj.weight.dtype == torch.float32  # tuned for tasks
    seen = []
    for module in (language.layers[0].mlp.up_proj, w.network.cross_attention["2"].to_q):
        module.register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    loss, _ = training_loss(w.network, _training_batch(w), w.photos, rough_config)
    loss.backward()
    assert seen == [torch.bfloat16] * 2
    assert loss.dtype == w.network.special_input.grad.dtype == torch.float32
    reference, _ = training_loss(exact.network, _training_batch(exact), exact.photos, config)
    assert 0 < abs(loss.item() - reference.item()) < 0.1 * reference.item()


@pytest.mark.parametrize("name", ["gpt-neox, parallel", "phi, output bias"])
def test_bf16_takes_layer_norms_too(world, folder_of, name):
    language = _load(folder_of(USABLE[name]), precision="bf16")
    w, config = _network(world, language, precision="bf16")
    loss, _ = training_loss(w.network, _training_batch(w), w.photos, config)
    loss.backward()
    exact, config = _network(world, _load(folder_of(USABLE[name])))
    reference, _ = training_loss(exact.network, _training_batch(exact), exact.photos, config)
    assert 0 < abs(loss.item() - reference.item()) < 0.1 * reference.item()


def test_bf16_is_refused_where_the_device_cannot(monkeypatch):
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda device: False)
    check_precision("fp32", torch.device("cpu"))
    with pytest.raises(BenchError, match="'bf16' is not supported on cpu"):
        check_precision("bf16", torch.device("cpu"))


# Memory


def _estimate(w, config, **settings):
    given = {"longest_row": 100, "batch_rows": 8, "patches": (PATCHES, FEATURES)} | settings
    return memory.estimate(w.network, config, **given)


def test_the_estimate_counts_weights_and_grows_as_training_does(world, llama_folder):
    w, config = _network(world, _load(llama_folder))
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


def test_too_little_memory_says_how_much_and_what_would_fit(world, llama_folder):
    w, config = _network(world, _load(llama_folder), batch_rows=32)
    shape = {"longest_row": 100, "patches": (PATCHES, FEATURES)}
    enough = _estimate(w, config, batch_rows=8).still
    memory.check_training(w.network, config, available=lambda _: 10**12, **shape)
    with pytest.raises(
        BenchError, match=r"batch_rows 32 takes about .*weights.* are free"
    ) as error:
        memory.check_training(w.network, config, available=lambda _: enough, **shape)
    assert "batch_rows=8 would fit" in error.value.fix
    with pytest.raises(BenchError) as error:
        memory.check_training(w.network, config, available=lambda _: 1000, **shape)
    assert "gradient_checkpointing=true" in error.value.fix


def test_weights_that_do_not_fit_are_not_loaded(llama_folder, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda device: 1000)
    with pytest.raises(BenchError, match=r"weights of language model .* 0 MiB are free"):
        _load(llama_folder)


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 2000\ninactive_file 1000\n")
    assert memory.available_memory(torch.device("cpu")) == 3000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory(torch.device("cpu")) > 10**6


# A saved model


@pytest.fixture(scope="module")
def fitted(sim_xs, llama_folder):
    view = sim_xs.training_view()
    view.tasks = ("search",)
    config = UniMPConfig(
        language_model=str(llama_folder), epochs=1, most_rows=16, batch_rows=8, encoder_steps=2,
        encoder_batch=16, validation_users=4, own_rate=10.0, image_tokens="none",
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
    return list(sim_xs.questions("search", limit=3))


def test_a_model_is_handed_over_as_a_folder(fitted, saved, asked):
    loaded = UniMP.from_pretrained(saved)
    assert loaded.config == fitted.config
    assert list(loaded.predict(asked)) == list(fitted.predict(asked))
    assert not [n for n in load_file(saved / "model.safetensors") if n.startswith("language.")]


def test_tuning_for_a_task_leaves_the_frozen_language_model_as_it_was(fitted, llama_folder):
    own = fitted._trained.own
    fitted._new_answerer().turn_to(None)
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
        ({"format": 1}, f"saved in format 1, this is {storage._FORMAT}"),
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
