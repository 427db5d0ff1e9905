"""The UniMP network put together: read it in the order of :mod:`unimp_model.network`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.host.threads import summed_in_one_thread
from unimp_model.config import RATING_TASK, UniMPConfig
from unimp_model.network.fusion import (
    EarlyFusion,
    GatedCrossAttention,
    exclusive_mask,
    late_mask,
    place_visual_tokens,
    reach_mask,
)
from unimp_model.network.item_rows import ItemRows
from unimp_model.network.language import Cache, Injection, LanguageModel
from unimp_model.network.lora import lora_parameters
from unimp_model.network.matching import MatchHead
from unimp_model.network.resampler import Resampler
from unimp_model.sequence.batches import Batch
from unimp_model.sequence.tokens import SPECIALS


class Tables(NamedTuple):
    """Holds the input and output rows of the tokens the language model did not have.

    They are (S + n, d) each, S for special tokens, ratings and image codes, n for items. Behind
    them stand K rows of items that are shown otherwise than in the catalogue; ``shown`` (K,) says
    which items these are.
    """

    input: Tensor
    output: Tensor
    shown: Tensor


class Asked(NamedTuple):
    """Tells where states come from: reads of a batch, by number (R,)."""

    batch: Batch
    reads: Tensor

    def pointed(self) -> Tensor:
        """Return ``batch.pointed`` of these reads, numbered among them: (E', 3)."""
        number = self.reads.new_full((len(self.batch.reads),), -1)
        number[self.reads] = torch.arange(len(self.reads), device=self.reads.device)
        table = self.batch.pointed
        found = torch.cat([number[table[:, :1]], table[:, 1:]], dim=1)
        return found[found[:, 0] >= 0]


class UniMPNetwork(nn.Module):
    """Reads token ids and visual tokens, and scores the vocabulary at chosen positions.

    ``patches`` is (P, f), the shape of one photo's features, or ``None`` without vision;
    ``specials`` is S, the number of new tokens before the items' own. ``cross_attention`` is by
    the number of the layer it stands before; late fusion's, behind the last layer, is under the
    number of layers.
    """

    def __init__(
        self,
        config: UniMPConfig,
        language: LanguageModel,
        items: ItemRows,
        patches: tuple[int, int] | None,
        *,
        specials: int = len(SPECIALS),
    ) -> None:
        super().__init__()
        self.specials = specials
        self.language = language
        self.items = items
        self.bf16 = config.precision == "bf16"
        width = language.width
        std = float(language.input_rows.detach().std())
        self.special_input = nn.Parameter(torch.randn(specials, width) * std)
        # Alike at the start, as a word's rows are: what is read speaks for itself as an answer.
        self.special_output = nn.Parameter(self.special_input.detach().clone())
        self.carry = nn.Parameter(torch.ones(1)) if config.carries_rows else None
        """How much of an item's row is added to the tokens that carry it; none do: ``None``."""
        self.dropout = nn.Dropout(config.dropout)
        self.resampler: Resampler | None = None
        self.fusion = config.fusion
        self.exclusive = config.exclusive_attention
        self.early_fusion: EarlyFusion | None = None
        self.cross_attention = nn.ModuleDict()
        if patches is not None:
            self.resampler = Resampler(
                feature_width=patches[1],
                patches=patches[0],
                width=width,
                tokens=config.visual_tokens,
                layers=config.resampler_layers,
                heads=language.heads,
            )
            if config.fusion == "cross-attention":
                for layer in range(0, language.depth, config.layers_between(language.depth)):
                    self.cross_attention[str(layer)] = GatedCrossAttention(
                        width, language.heads, config.gate_start
                    )
            elif config.fusion == "concatenation":
                # Visual tokens stand among words, so they start at the scale words have.
                nn.init.constant_(self.resampler.norm.weight, std)
            elif config.fusion == "early":
                self.early_fusion = EarlyFusion(config.gate_start)
            else:
                self.cross_attention[str(language.depth)] = GatedCrossAttention(
                    width, language.heads, config.gate_start
                )
        self.matching: MatchHead | None = None
        """Our extension; nothing of the paper's model changes while it is ``None``."""
        if config.freezes_language_model:
            language.requires_grad_(False)
            for parameter in lora_parameters(language).values():
                parameter.requires_grad_(True)

    def tables(self) -> Tables:
        """Return the rows of special and item tokens under the weights as they are now."""
        into, out = self.items(self.language.input_rows, self.language.output_rows)
        none_shown = torch.zeros(0, dtype=torch.int64, device=into.device)
        return Tables(
            torch.cat([self.special_input, into]), torch.cat([self.special_output, out]), none_shown
        )

    def extended(
        self, tables: Tables, item: int, words: Sequence[int], photo: Tensor | None
    ) -> Tables:
        """Return ``tables`` with the rows of an item shown otherwise; see ``ItemRows.as_shown``."""
        language = self.language
        rows = self.items.as_shown(item, words, photo, language.input_rows, language.output_rows)
        into, out = (
            torch.cat([table, row[None]]) for table, row in zip(tables[:2], rows, strict=True)
        )
        return Tables(into, out, torch.cat([tables.shown, tables.shown.new_tensor([item])]))

    def item_numbers(self, tokens: Tensor, tables: Tables) -> Tensor:
        """Return the catalogue number, from 0, of the item each token is, -1 for others: (R,)."""
        n = len(self.items.input_delta)
        numbers = tokens - len(self.language.input_rows) - self.specials
        if len(tables.shown):
            of_shown = tables.shown[(numbers - n).clamp(min=0)]
            numbers = torch.where(numbers >= n, of_shown, numbers)
        return numbers.clamp(min=-1)

    def clear_words(self, dims: int) -> None:
        """Zero the rows of words and special tokens in the first ``dims`` dimensions."""
        with torch.no_grad():
            for rows in (self.language.input_rows, self.special_input, self.special_output):
                rows[:, :dims] = 0.0

    def visual_tokens(self, features: Tensor) -> Tensor:
        """Sample ``x_v`` (H, C, d) from the patch features (H, P, f) of H images."""
        assert self.resampler is not None
        with self._precision():
            x_v: Tensor = self.resampler(features)
            return x_v.float()

    def embed(self, tokens: Tensor, tables: Tables) -> Tensor:
        """Look up the input rows (B, N, d) of token ids (B, N)."""
        text_rows = self.language.input_rows
        first_new = len(text_rows)
        is_text = (tokens < first_new).unsqueeze(-1)
        text = functional.embedding(tokens.clamp(max=first_new - 1), text_rows)
        new = functional.embedding((tokens - first_new).clamp(min=0), tables.input)
        return torch.where(is_text, text, new)

    def forward(
        self, batch: Batch, tables: Tables, x_v: Tensor | None, cache: Cache | None = None
    ) -> Tensor:
        """Return hidden states (B, N, d).

        ``x_v`` (U, C, d) belongs to the U distinct ``batch.photos``; ``cache`` takes the keys and
        values that :meth:`step` goes on from.
        """
        if x_v is None or not len(x_v):
            embeddings = self.dropout(
                self.with_carried(self.embed(batch.tokens, tables), batch, tables)
            )
            return self._states(embeddings, batch.mask, batch.positions, None, cache)
        x_v = x_v[batch.images]  # (B, H, C, d)
        embeddings = self.dropout(
            self.with_carried(self._inputs(batch, tables, x_v), batch, tables)
        )
        inject = self._injection(x_v, self._mask(batch, x_v.shape[1]))
        return self._states(embeddings, batch.mask, batch.positions, inject, cache)

    def step(
        self,
        embeddings: Tensor,
        mask: Tensor,
        positions: Tensor,
        cache: Cache,
        conditions: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Return hidden states (B, 1, d) of one further token a row, behind what ``cache`` holds.

        ``embeddings`` (B, 1, d); ``mask`` (B, 1, T) over cached tokens and the new one;
        ``positions`` (B, 1); ``conditions`` from :meth:`conditions`.
        """
        inject = None if conditions is None else self._injection(*conditions)
        if self.early_fusion is not None and conditions is not None:
            embeddings = self.early_fusion(embeddings, *conditions)
        return self._states(embeddings, mask, positions, inject, cache)

    def conditions(self, batch: Batch, x_v: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Return what conditions tokens that are generated behind each row's one read.

        ``x_v`` (B, H, C, d) and its mask M (B, 1, H): the same as of the instruction's last token.
        """
        if x_v is None or not len(x_v):
            return None
        x_v = x_v[batch.images]  # (B, H, C, d)
        mask = self._mask(batch, x_v.shape[1])  # (B, N, H)
        last = batch.reads % batch.tokens.shape[1]  # (B,)
        return x_v, mask[torch.arange(len(last), device=last.device), last].unsqueeze(1)

    def _states(
        self,
        embeddings: Tensor,
        mask: Tensor,
        positions: Tensor,
        inject: Injection | None,
        cache: Cache | None,
    ) -> Tensor:
        """Run the language model, conditioned before its layers and behind the last; float32."""
        with self._precision():
            hidden: Tensor = self.language(embeddings, mask, positions, inject, cache)
            if inject is not None:
                hidden = inject(self.language.depth, hidden)
        return hidden.float()

    def _precision(self) -> torch.autocast:
        """Matrix products in bfloat16 inside, where that is the setting."""
        device = self.special_input.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.bf16)

    def _injection(self, x_v: Tensor, mask: Tensor) -> Injection:
        """Eq. 3 and 4 at the layers j that are cross-attended."""

        def inject(layer: int, x_hat: Tensor) -> Tensor:
            if str(layer) not in self.cross_attention:
                return x_hat
            x_t: Tensor = self.cross_attention[str(layer)](x_hat, x_v, mask)
            return x_t

        return inject

    def _inputs(self, batch: Batch, tables: Tables, x_v: Tensor) -> Tensor:
        """Input embeddings (B, N, d), with ``x_v`` (B, H, C, d) where fusion starts there."""
        if self.fusion == "concatenation":
            words = self.embed(batch.tokens.clamp(min=0), tables)
            which = -1 - batch.tokens  # undoes sequence.visual_token
            return place_visual_tokens(words, x_v, batch.slots, which)
        words = self.embed(batch.tokens, tables)
        if self.early_fusion is not None:
            words = self.early_fusion(words, x_v, exclusive_mask(batch.slots, x_v.shape[1]))
        return words

    def with_carried(self, embeddings: Tensor, batch: Batch, tables: Tables) -> Tensor:
        """Add to embeddings (B, N, d) the input rows of the items that tokens carry."""
        if self.carry is None:
            return embeddings
        numbers = (batch.carried - len(self.language.input_rows)).clamp(min=0)
        rows = functional.embedding(numbers, tables.input)  # (B, N, d)
        added = summed_in_one_thread(self.carry * rows)
        return embeddings + torch.where((batch.carried >= 0).unsqueeze(-1), added, 0.0)

    def _mask(self, batch: Batch, images: int) -> Tensor:
        """Return the mask M: which of H ``images`` a token cross-attends to, bool (B, N, H)."""
        if self.fusion == "late":
            return late_mask(batch.slots, batch.mask, images)
        if self.exclusive:
            return exclusive_mask(batch.slots, images)
        return reach_mask(batch.slots, batch.mask, images)

    def read(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Pick the hidden states (R, d) at ``batch.reads`` out of (B, N, d)."""
        return hidden.flatten(0, 1)[batch.reads]

    def logits(self, states: Tensor, tables: Tables, asked: Asked | None = None) -> Tensor:
        """Score the whole vocabulary for states (R, d): (R, V_text + S + n).

        Without ``asked`` items are scored as if nothing were known but the states.
        """
        with self._precision():
            words = self.language.project(states)
            specials = states @ tables.output[: self.specials].T
        pointed = None
        if self.matching is not None:  # items are matched where items alone are asked for
            pointed = None if asked is None else asked.pointed()
            specials, asked = self._with_ratings(specials, asked), None
        items = self.item_logits(states, tables, asked)
        scores = torch.cat([words.float(), specials.float(), items], dim=-1)
        if self.matching is None or pointed is None:
            return scores
        return self.matching.point(scores, pointed)

    def rating_logits(
        self, states: Tensor, tables: Tables, asked: Asked | None, *, first: int, levels: int
    ) -> Tensor:
        """Score ``levels`` rating tokens, the new tokens from ``first`` on: (R, L)."""
        scores = states @ tables.output[first : first + levels].T
        if self.matching is None:
            return scores
        behind = self.specials - first - levels
        padded = functional.pad(scores, (first, behind))
        return self._with_ratings(padded, asked)[:, first : first + levels]

    def _with_ratings(self, specials: Tensor, asked: Asked | None) -> Tensor:
        """Add the match head's votes to the logits (R, S) of rating tokens."""
        specials, head = specials.float(), self.matching
        if head is None or asked is None or asked.batch.seen is None:
            return specials
        rated = (asked.batch.kinds[asked.reads] == RATING_TASK).nonzero().flatten()
        votes = head.rating_scores(asked.batch.seen, asked.reads[rated])  # (R', L)
        behind = specials.shape[1] - len(SPECIALS) - votes.shape[1]
        return specials.index_add(0, rated, functional.pad(votes, (len(SPECIALS), behind)))

    def item_logits(
        self, states: Tensor, tables: Tables, asked: Asked | None, tokens: Tensor | None = None
    ) -> Tensor:
        """Score every item for states (R, d): (R, n); with ``tokens`` (R,) one item each: (R,).

        Ranking, selection and the whole vocabulary's softmax all come through here, so whatever
        is to count for an item beside the product of state and row is added here once. ``asked``
        tells what the reads that the states come from can see; ``None`` where that is unknown.
        """
        with self._precision():
            if tokens is None:
                last = self.specials + len(self.items.output_delta)
                scores = (states @ tables.output[self.specials : last].T).float()
            else:
                rows = tables.output[tokens - len(self.language.output_rows)]  # (R, d)
                scores = (states * rows).sum(-1).float()
        if self.matching is None or asked is None or asked.batch.seen is None:
            return scores
        matched = self.matching.item_scores(asked.batch.seen, asked.reads)
        if tokens is not None:
            matched = matched.gather(1, self.item_numbers(tokens, tables)[:, None])[:, 0]
        return summed_in_one_thread(self.matching.own_scale * scores) + matched

    def item_scores(self, states: Tensor, tables: Tables, asked: Asked | None = None) -> Tensor:
        """Return log-probabilities (R, n) over item tokens alone, for states (R, d)."""
        return self.item_logits(states, tables, asked).log_softmax(-1)


def last_layer(network: UniMPNetwork) -> set[str]:
    """Return the names of what ``multi-task-efficient`` tunes for a task.

    The last decoder layer, the norm behind it, and cross-attention at that layer or behind it.

    With LoRA the language model's own weights stay frozen here too: of it, only the last layer's
    LoRA is tuned.
    """
    language, depth = network.language, network.language.depth
    modules = [network.cross_attention[k] for k in (str(depth - 1), str(depth))
               if k in network.cross_attention]  # fmt: skip
    adapted = lora_parameters(language.layers[-1])
    if not adapted:
        modules += [language.layers[-1], *language.norms]
    chosen = {id(p) for module in modules for p in module.parameters()}
    chosen |= {id(p) for p in adapted.values()}
    return {name for name, p in network.named_parameters() if id(p) in chosen}


def trainable_parameters(network: nn.Module) -> list[str]:
    """Return the names of the parameters training may change, sorted."""
    return sorted(name for name, p in network.named_parameters() if p.requires_grad)


def parameter_counts(network: nn.Module) -> dict[str, int]:
    """Count trainable and all weights (tied ones once): ``{"trainable", "total"}``."""
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return {
        "trainable": sum(size for size, trains in sizes if trains),
        "total": sum(size for size, _ in sizes),
    }
