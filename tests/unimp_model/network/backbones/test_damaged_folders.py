"""A folder that holds no whole language model: the message names what is wrong, and the way out."""

from __future__ import annotations

import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from benchmark.errors import BenchError

_UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def folder(llama_folder, tmp_path):
    return shutil.copytree(llama_folder, tmp_path / "model")


def _change(folder, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("value", "counted"), [("nan", "1 NaN"), ("inf", "1 infinite"), ("-inf", "1 infinite")]
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_that_are_not_finite_are_named_and_counted(folder, load, value, counted, precision):
    _change(folder, lambda weights: weights[_UP][0, 0].fill_(float(value)))
    with pytest.raises(BenchError, match=f"{_UP} holds {counted} among 1,536 values") as error:
        load(folder, precision=precision)
    assert "again" in error.value.fix


def test_weights_that_are_lacking_are_not_drawn_at_random(folder, load):
    _change(folder, lambda weights: weights.pop(_UP))
    with pytest.raises(BenchError, match=rf"lacks weights: {_UP}\.\n"):
        load(folder)


def test_pickled_weights_are_not_read(folder, load):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(BenchError, match=r"'pytorch_model\.bin' only") as error:
        load(folder)
    assert "save_pretrained" in error.value.fix


def test_pickled_weights_are_read_once_they_are_saved_as_the_message_says(folder, tmp_path, load):
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    transformers.AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)
    torch.testing.assert_close(dict(load(folder).causal_lm.named_parameters())[_UP], weights[_UP])


@pytest.mark.parametrize("size", [5, 3000, -1])
def test_a_file_that_is_cut_short_is_named(folder, load, size):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(BenchError, match=r"model\.safetensors' is cut short or damaged") as error:
        load(folder)
    assert error.value.fix == "Copy or download the file again."


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_pointer_of_git_lfs_is_told_from_a_file(folder, load, name):
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    with pytest.raises(BenchError, match=rf"{name}' is a pointer of Git LFS") as error:
        load(folder)
    assert "git lfs pull" in error.value.fix


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", r"holds no config\.json"),
        ("model.safetensors", "holds no weights"),
        ("tokenizer.json", r"has no tokenizer\.json\.\n"),
    ],
)
def test_a_file_that_is_missing_is_named(folder, load, name, message):
    (folder / name).unlink()
    with pytest.raises(BenchError, match=message):
        load(folder)


def test_a_broken_tokenizer_is_told_from_broken_weights(folder, load):
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(BenchError, match=r"no tokenizer\.json that can be read") as error:
        load(folder)
    assert "tokenizer.json" in error.value.fix


def test_a_lost_shard_is_named(folder, load):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    lost = sorted(folder.glob("model-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(BenchError, match=lost.name):
        load(folder)
