"""Language models of random weights, saved as anybody would save them, and networks around them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from benchmark.host.torch_setup import prepare_torch
from benchmark.instances import History, RecommendationInstance
from benchmark.tasks import TASKS
from unimp_model.config import UniMPConfig
from unimp_model.network.language import LanguageModel
from unimp_model.network.model import UniMPNetwork
from unimp_model.network.pretrained import load_pretrained
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch

prepare_torch()  # before anything inside transformers is touched

_SIZES = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 1024, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
_GPT2 = {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 1024}
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
PATCHES, FEATURES = 4, 12


@pytest.fixture(scope="package")
def folder_of(vocabulary, tmp_path_factory):
    """``folder_of(model)`` saves a model of random weights with a tokenizer: a configuration, or
    the name of one in USABLE."""
    root = tmp_path_factory.mktemp("models")

    def build(model) -> Path:
        config = USABLE[model] if isinstance(model, str) else model
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


@pytest.fixture(scope="package")
def llama_folder(folder_of):
    return folder_of("llama, untied")


@pytest.fixture
def load():
    def read(folder: Path, **settings) -> LanguageModel:
        return load_pretrained(UniMPConfig(language_model=str(folder), **settings)).language

    return read


@pytest.fixture
def network_around(world):
    """``network_around(language)``: a network with open gates, in its world, and its settings."""

    def build(language, **settings):
        w = world()
        config = UniMPConfig(language_model="x", dropout=0.0, visual_tokens=3, **settings)
        torch.manual_seed(4)
        network = UniMPNetwork(config, language, w.network.items, (PATCHES, FEATURES)).eval()
        for name, parameter in network.named_parameters():
            if name.endswith(".gate"):
                torch.nn.init.constant_(parameter, 0.7)
        w.network = network
        return w, config

    return build


@pytest.fixture
def instruction_of():
    def tokens(w):
        instance = RecommendationInstance("", "", History())
        return w.template.instruction(TASKS.get("recommendation").prompt(instance))

    return tokens


@pytest.fixture
def logits_of():
    """Logits at the answer positions of rows."""

    @torch.no_grad()
    def read(w, rows):
        batch = collate(rows, w.photos.index, all_photos=False, slots=1)
        tables = w.network.tables()
        visual = w.network.visual_tokens(w.photos.rows(batch.photos))
        return w.network.logits(w.network.read(w.network(batch, tables, visual), batch), tables)

    return read


@pytest.fixture
def training_batch(instruction_of):
    """Three questions about one history, and its reconstruction."""

    def build(w):
        history = [w.items[i] for i in (0, 3, 1, 2)]
        own = instruction_of(w)
        branches = [Branch(n, own, 0, (w.vocabulary.first_item + n,)) for n in (1, 2, 3)]
        row = w.template.row(w.template.history(history), branches, context=True)
        return collate([row], w.photos.index, all_photos=False, slots=1)

    return build
