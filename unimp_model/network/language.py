"""The narrow seam around a causal language model of transformers: no fork of its code.

Everything the project asks of a language model is here: its token embedding, its output
rows, its decoder layers (before some of which visual information is let in) and one forward
pass with a mask and positions of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.errors import BenchError
from benchmark.host.torch_setup import prepare_torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Called before a layer: (layer number, hidden states (B, N, d)) -> hidden states.
Injection = Callable[[int, Tensor], Tensor]
#: Keys and values of tokens already read: transformers' own.
Cache = Any

#: The way out when an architecture cannot be used.
SUITABLE = "Choose a decoder with rotary or learned positions, such as a Llama or a GPT-NeoX."


class LanguageModel(nn.Module):
    """Wraps a decoder-only ``AutoModelForCausalLM``.

    With ``checkpointing`` its layers keep no activations in training and are computed again in
    the backward pass. :class:`BenchError` where the architecture has no single stack of layers,
    or cannot do that.
    """

    def __init__(self, causal_lm: PreTrainedModel, *, checkpointing: bool = False) -> None:
        super().__init__()
        self.causal_lm = causal_lm
        self._inject: Injection | None = None
        for number, layer in enumerate(self.layers):
            # A bound method: a deep copy of this module then calls the copy's, not the original's.
            layer.register_forward_pre_hook(partial(self._before, number), with_kwargs=True)
        if checkpointing:
            self._enable_checkpointing()

    @property
    def architecture(self) -> str:
        """Return what transformers calls it, such as ``llama``."""
        return str(self.causal_lm.config.model_type)

    @property
    def decoder(self) -> Any:
        """Return the stack of layers below the vocabulary projection, with what is around it."""
        return self.causal_lm.get_decoder()  # type: ignore[no-untyped-call]

    @property
    def layers(self) -> nn.ModuleList:
        """Return the decoder layers, first to last: whatever an architecture calls them.

        Raises :class:`BenchError` where they are not one stack.
        """
        depth = int(self._text_config.num_hidden_layers)
        stacks = [
            child for child in self.decoder.children()
            if isinstance(child, nn.ModuleList) and len(child) == depth
        ]  # fmt: skip
        if len(stacks) != 1:
            raise BenchError(
                f"Language model of type {self.architecture!r} cannot be used: it has "
                f"{len(stacks)} stacks of {depth} layers, not one.",
                fix=SUITABLE,
            )
        return stacks[0]

    @property
    def norms(self) -> list[nn.Module]:
        """Return the norms outside the layers: usually the one behind the last."""
        return [
            child for child in self.decoder.children()
            if (own := list(child.parameters())) and all(p.ndim == 1 for p in own)
        ]  # fmt: skip

    @property
    def width(self) -> int:
        """Return d, the width of hidden states."""
        return int(self._text_config.hidden_size)

    @property
    def heads(self) -> int:
        """Return the number of attention heads of a layer."""
        return int(self._text_config.num_attention_heads)

    @property
    def depth(self) -> int:
        """Return the number of decoder layers."""
        return len(self.layers)

    @property
    def longest(self) -> int | None:
        """Return the positions it was made for; ``None`` where its configuration does not say."""
        longest = getattr(self._text_config, "max_position_embeddings", None)
        return None if longest is None else int(longest)

    @property
    def input_rows(self) -> nn.Parameter:
        """Return the token embedding, (V_text, d)."""
        rows = self.causal_lm.get_input_embeddings().weight
        assert isinstance(rows, nn.Parameter)
        return rows

    @property
    def output_rows(self) -> nn.Parameter:
        """Return the vocabulary projection, (V_text, d): the same as input_rows where tied."""
        rows = self._output.weight
        assert isinstance(rows, nn.Parameter)
        return rows

    def project(self, states: Tensor) -> Tensor:
        """Score the model's own vocabulary (R, V_text) for states (R, d)."""
        return functional.linear(states, self.output_rows, self._output.bias)

    def forward(
        self,
        embeddings: Tensor,
        mask: Tensor,
        positions: Tensor,
        inject: Injection | None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Return hidden states below the vocabulary projection, (B, N, d).

        ``embeddings`` (B, N, d); ``mask`` (B, N, T) bool, True where row may attend column, T
        counting the tokens in ``cache`` before the N new ones; ``positions`` (B, N); ``inject``
        is applied to the hidden states before each layer. ``cache`` grows by the new tokens.
        """
        self._check_length(positions)
        self._inject = inject
        try:
            output = self.decoder(
                inputs_embeds=embeddings,
                attention_mask=self._four_dimensional(mask),
                position_ids=positions,
                past_key_values=cache,
                use_cache=cache is not None,
            )
        finally:
            self._inject = None
        states: Tensor = output.last_hidden_state
        return states

    @property
    def _output(self) -> nn.Linear:
        head: nn.Linear = self.causal_lm.get_output_embeddings()  # type: ignore[no-untyped-call]
        return head

    @property
    def _text_config(self) -> Any:
        return self.causal_lm.config.get_text_config()

    def _four_dimensional(self, mask: Tensor) -> Tensor:
        """``mask`` as (B, 1, N, T), which is taken as it is: bool for torch's own attention, to
        be added to scores where an architecture spells attention out."""
        if self.causal_lm.config._attn_implementation == "sdpa":
            return mask.unsqueeze(1)
        least = torch.finfo(torch.float32).min
        added = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, least)
        return added.unsqueeze(1)

    def _check_length(self, positions: Tensor) -> None:
        longest = self.longest
        if longest is not None and int(positions.max()) >= longest:
            raise BenchError(
                f"A sequence of {int(positions.max()) + 1} tokens exceeds the {longest} positions "
                f"of language model type {self.architecture!r}.",
                fix="Set history_items or words_per_attribute lower, or choose a language model "
                "with more positions.",
            )

    def _enable_checkpointing(self) -> None:
        if not getattr(self.causal_lm, "supports_gradient_checkpointing", False):
            raise BenchError(
                f"Language model of type {self.architecture!r} does not support "
                "gradient_checkpointing.",
                fix="Leave it off.",
            )
        how = {"use_reentrant": False}
        self.causal_lm.gradient_checkpointing_enable(how)  # type: ignore[no-untyped-call]

    def _before(
        self, number: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hook of layer ``number``: lets in what is to be injected."""
        if self._inject is None:
            return None
        if args:
            return (self._inject(number, args[0]), *args[1:]), kwargs
        hidden = self._inject(number, kwargs["hidden_states"])
        return args, {**kwargs, "hidden_states": hidden}


def new_cache() -> Cache:
    """Return an empty cache of keys and values."""
    prepare_torch()
    from transformers import DynamicCache

    return DynamicCache()


def new_llama(
    *,
    vocabulary: int,
    width: int,
    depth: int,
    heads: int,
    feed_forward: int,
    longest: int,
    likeness: float = 0.0,
    checkpointing: bool = False,
) -> LanguageModel:
    """Build a Llama of random weights (drawn from torch's global generator), rows tied.

    Weights have a standard deviation of width^-1/2: the 0.02 that suits widths in the
    thousands lets signals fade in a narrow model. Values and their projections start as the
    identity, so that attention begins by averaging what it reads: a history then already
    resembles its items, and training refines that instead of having to discover it. With
    ``likeness`` queries and keys start as so much of the identity and half of the noise: what is
    alike then attends to each other.
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
        attn_implementation="sdpa",  # type: ignore[call-arg]  # a base class takes it by **kwargs
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    llama = LlamaForCausalLM(config).to(torch.float32)  # type: ignore[arg-type]  # a wrapped method
    for layer in llama.model.layers:
        nn.init.eye_(layer.self_attn.v_proj.weight)
        nn.init.eye_(layer.self_attn.o_proj.weight)
        if likeness:
            with torch.no_grad():
                for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                    projection.weight.mul_(0.5).add_(likeness * torch.eye(width))
    return LanguageModel(llama, checkpointing=checkpointing)
