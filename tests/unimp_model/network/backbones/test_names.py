"""What is found under the name of a language model, and what that name decides."""

from __future__ import annotations

import json
import shutil
import time

import pytest
import transformers

from benchmark.errors import BenchError
from unimp_model.config import UniMPConfig
from unimp_model.network.pretrained import fast_tokenizer, load_pretrained


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


def test_code_beside_the_weights_runs_only_when_allowed(llama_folder, tmp_path, load):
    folder = shutil.copytree(llama_folder, tmp_path / "odd")
    ran = tmp_path / "ran"
    (folder / "odd.py").write_text(f"open({str(ran)!r}, 'w')\nOddConfig = OddModel = None\n")
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "odd", "auto_map": {"AutoConfig": "odd.OddConfig"}}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BenchError, match="Python code") as error:
        load(folder)
    assert "trust_remote_code=true" in error.value.fix
    assert not ran.exists()


def test_an_unknown_architecture_is_told(llama_folder, tmp_path, load):
    folder = shutil.copytree(llama_folder, tmp_path / "odd")
    settings = json.loads((folder / "config.json").read_text()) | {"model_type": "odd"}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BenchError, match="'odd', which transformers does not know"):
        load(folder)


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


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(llama_folder, tmp_path, load):
    folder = shutil.copytree(llama_folder, tmp_path / "mixed")
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(["surplus"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(BenchError, match=r"only \d+ rows"):
        load(folder)


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
