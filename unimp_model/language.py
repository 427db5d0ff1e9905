"""The narrow seam around a causal language model of transformers: no fork of its code.

Everything the project asks of a language model is here: its token embedding, its output
rows, its decoder layers (before some of which visual information is let in) and one forward
pass with a mask and positions of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.torch_setup import prepare_torch

#: Called before a layer: (layer number, hidden states (B, N, d)) -> hidden states.
Injection = Callable[[int, Tensor], Tensor]
#: Keys and values of tokens already read: transformers' own.
Cache = Any


class LanguageModel(nn.Module):
    """Wraps any decoder-only ``AutoModelForCausalLM``."""

    def __init__(self, causal_lm: nn.Module) -> None:
        super().__init__()
        self.causal_lm = causal_lm
        self._inject: Injection | None = None
        for number, layer in enumerate(self.decoder.layers):
            layer.register_forward_pre_hook(self._hook(number), with_kwargs=True)

    @property
    def decoder(self) -> Any:
        """The stack of layers below the vocabulary projection."""
        return self.causal_lm.get_decoder()

    @property
    def width(self) -> int:
        return int(self.causal_lm.config.hidden_size)

    @property
    def heads(self) -> int:
        return int(self.causal_lm.config.num_attention_heads)

    @property
    def depth(self) -> int:
        return len(self.decoder.layers)

    @property
    def input_rows(self) -> nn.Parameter:
        """Token embedding, (V_text, d)."""
        return self.causal_lm.get_input_embeddings().weight

    @property
    def output_rows(self) -> nn.Parameter:
        """Vocabulary projection, (V_text, d); the same object as input_rows where tied."""
        return self.causal_lm.get_output_embeddings().weight

    def forward(
        self,
        embeddings: Tensor,
        mask: Tensor,
        positions: Tensor,
        inject: Injection | None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Hidden states below the vocabulary projection, (B, N, d).

        ``embeddings`` (B, N, d); ``mask`` (B, N, T) bool, True where row may attend column, T
        counting the tokens in ``cache`` before the N new ones; ``positions`` (B, N); ``inject``
        is applied to the hidden states before each layer. ``cache`` grows by the new tokens.
        """
        self._inject = inject
        try:
            output = self.decoder(
                inputs_embeds=embeddings,
                attention_mask=mask.unsqueeze(1),  # a 4D mask is taken as it is
                position_ids=positions,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        finally:
            self._inject = None
        return output.last_hidden_state

    def _hook(self, number: int) -> Callable[..., Any]:
        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if self._inject is None:
                return None
            if args:
                return (self._inject(number, args[0]), *args[1:]), kwargs
            hidden = self._inject(number, kwargs["hidden_states"])
            return args, {**kwargs, "hidden_states": hidden}

        return before


def new_cache() -> Cache:
    """An empty cache of keys and values."""
    prepare_torch()
    from transformers import DynamicCache

    return DynamicCache()


def new_llama(
    *, vocabulary: int, width: int, depth: int, heads: int, feed_forward: int, longest: int
) -> LanguageModel:
    """A Llama of random weights (drawn from torch's global generator), rows tied.

    Weights have a standard deviation of width^-1/2: the 0.02 that suits widths in the
    thousands lets signals fade in a narrow model. Values and their projections start as the
    identity, so that attention begins by averaging what it reads: a history then already
    resembles its items, and training refines that instead of having to discover it.
    """
    prepare_torch()
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=feed_forward,
        max_position_embeddings=longest,
        tie_word_embeddings=True,
        initializer_range=width**-0.5,
        attn_implementation="sdpa",
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    llama = LlamaForCausalLM(config).to(torch.float32)
    for layer in llama.model.layers:
        nn.init.eye_(layer.self_attn.v_proj.weight)
        nn.init.eye_(layer.self_attn.o_proj.weight)
    return LanguageModel(llama)
