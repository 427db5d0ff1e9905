"""Any causal language model through one seam: the same answers, or a clear refusal."""

from __future__ import annotations

import pytest
import torch
import transformers

from benchmark.errors import BenchError
from unimp_model.network.decoding import Reader
from unimp_model.network.model import last_layer
from unimp_model.sequence.template import Branch

_GEMMA = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
NAMES = [
    "llama, tied", "llama, untied", "gpt-neox, parallel", "gpt-neox, in turn",
    "gpt2, learned positions", "phi, output bias",
]  # fmt: skip
REFUSED = {
    "take a mask and positions": transformers.MptConfig(
        d_model=32, n_heads=2, n_layers=3, max_seq_len=64
    ),
    "more than look up rows": transformers.GemmaConfig(
        **_GEMMA, intermediate_size=48, head_dim=16, num_key_value_heads=1
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_branches_and_generation_read_as_plain_rows_on_any_usable_architecture(
    folder_of, load, network_around, logits_of, instruction_of, name
):
    language = load(folder_of(name))
    w, _ = network_around(language)
    history = [w.items[i] for i in (0, 3, 1, 2)]
    own = instruction_of(w)
    packed = w.template.row(
        w.template.history(history), [Branch(n, own) for n in (1, 2, 3, 4)], context=False
    )
    apart = [
        w.template.row(w.template.history(history[:n]), [Branch(n, own)], context=False)
        for n in (1, 2, 3, 4)
    ]
    together = logits_of(w, [packed])
    torch.testing.assert_close(
        together, torch.cat([logits_of(w, [row]) for row in apart]), rtol=1e-4, atol=1e-3
    )
    # One token at a time with a cache is what the whole sequence without one would go on with.
    allowed = torch.ones(w.vocabulary.size, dtype=torch.bool)
    reader = Reader(w.network, w.photos, slots=5)
    (written,) = reader.generate(apart[-1:], allowed, stop=None, longest=4)
    answer = Branch(4, own, 0, tuple(written))
    whole = w.template.row(w.template.history(history), [answer], context=False)
    assert logits_of(w, [whole]).argmax(-1).tolist() == written


@pytest.mark.parametrize("name", ["llama, untied", "phi, output bias"])
def test_scores_of_words_are_the_models_own(folder_of, load, network_around, name):
    language = load(folder_of(name))
    w, _ = network_around(language)
    tokens = torch.arange(12)[None]
    causal = torch.ones(1, 12, 12).tril() > 0
    with torch.no_grad():
        hidden = language(w.network.embed(tokens, w.network.tables()), causal, tokens, None)
        ours = w.network.logits(hidden[0], w.network.tables())[:, : w.vocabulary.text_size]
        theirs = language.causal_lm(input_ids=tokens).logits[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    assert not torch.equal(language.input_rows, language.output_rows)


@pytest.mark.parametrize("fault", REFUSED)
def test_an_architecture_that_would_be_silently_wrong_is_refused(folder_of, load, fault):
    folder = folder_of(REFUSED[fault])
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    with pytest.raises(BenchError, match=fault) as error:
        load(folder)
    assert str(folder) in error.value.message
    assert kind in error.value.message
    assert "Llama" in error.value.fix


def test_the_last_layer_is_found_whatever_its_name(folder_of, load, network_around):
    w, _ = network_around(load(folder_of("gpt2, learned positions")))
    names = {name for name in last_layer(w.network) if name.startswith("language.")}
    assert {name.split(".")[3] for name in names} == {"h", "ln_f"}
    assert {name.split(".")[4] for name in names if ".h." in name} == {"2"}


def test_a_sequence_longer_than_the_models_positions_is_refused(folder_of, load):
    language = load(
        folder_of(transformers.GPT2Config(n_embd=32, n_layer=3, n_head=2, n_positions=16))
    )
    x, positions = torch.zeros(1, 17, 32), torch.arange(17)[None]
    with pytest.raises(BenchError, match="17 tokens exceeds the 16 positions"):
        language(x, torch.ones(1, 17, 17).tril() > 0, positions, None)
