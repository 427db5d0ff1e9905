"""From text to token ids, and the one vocabulary of words, special tokens and items.

Ids run: the language model's own text tokens, then :data:`SPECIALS`, one token per level of the
rating scale, one per image code, and last one per item in catalogue order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from benchmark.visible import control_character

#: [CLS] opens a user sentence, [IMG] marks an item's photo, [EOC] ends an item (Eq. 1, 2);
#: [EOS] ends a generated sentence.
SPECIALS = ("[CLS]", "[IMG]", "[EOC]", "[EOS]")


def train_tokenizer(texts: Iterable[str], *, phrases: Sequence[str], size: int) -> Tokenizer:
    """Train a lower-casing byte-level BPE tokenizer of at most ``size`` tokens.

    Bytes are the base alphabet, so no text is ever unknown. Each of ``phrases`` (the fixed
    wording of an instruction) becomes a single token: a model without pretraining knows no
    language that would make its words worth their length.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(phrases),
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=True, lstrip=True) for phrase in phrases])
    return tokenizer


def rating_levels(scale: tuple[float, float] | None) -> tuple[float, ...]:
    """Return one level per whole step of the scale, ends included; none without a scale."""
    if scale is None:
        return ()
    low, high = scale
    steps = max(1, round(high - low))
    return tuple(low + (high - low) * step / steps for step in range(steps + 1))


def common_ending(texts: Sequence[str]) -> str:
    """Return the longest run of words that ends every one of ``texts``."""
    reversed_words = [text.split()[::-1] for text in texts]
    shared: list[str] = []
    for words in zip(*reversed_words, strict=False):
        if any(word != words[0] for word in words):
            break
        shared.append(words[0])
    return " ".join(reversed(shared))


class Vocabulary:
    """Numbers the tokens: text, special tokens, ratings, image codes and items, in this order.

    ``text_size`` is the number of rows of the language model's own embedding, which may
    exceed the tokenizer's vocabulary. ``levels`` are the rating scale's levels, ascending (none:
    the data has no ratings); ``codes`` is the size of the image codebook (0: no images are drawn).
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        text_size: int,
        item_ids: Sequence[str],
        *,
        levels: Sequence[float] = (),
        codes: int = 0,
    ) -> None:
        self.tokenizer = tokenizer
        self.text_size = text_size
        self.item_ids = tuple(item_ids)
        self.levels = tuple(levels)
        self.codes = codes
        self.first_rating = text_size + len(SPECIALS)
        self.first_code = self.first_rating + len(self.levels)
        self.first_item = self.first_code + codes
        self.size = self.first_item + len(self.item_ids)
        self.cls, self.img, self.eoc, self.eos = range(text_size, self.first_rating)
        self._items = {item_id: self.first_item + i for i, item_id in enumerate(self.item_ids)}

    def encode(self, text: str) -> list[int]:
        """Return the text tokens of ``text``, without any special token."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    @cached_property
    def writable(self) -> NDArray[np.bool_]:
        """Return which tokens a sentence may consist of, bool (size,): those of text that hold no
        control character, and [EOS]."""
        found = np.zeros(self.size, bool)
        for token in range(self.tokenizer.get_vocab_size()):
            found[token] = control_character(self.tokenizer.decode([token])) is None
        found[self.eos] = True
        return found

    def item(self, item_id: str) -> int | None:
        """Return the item's own token, or ``None`` for an item outside the catalogue."""
        return self._items.get(item_id)

    def rating(self, value: float) -> int:
        """Return the token of the level nearest to ``value`` (the lower of two as near)."""
        distances = [abs(level - value) for level in self.levels]
        return self.first_rating + distances.index(min(distances))

    def show(self, token: int) -> str:
        """Return a readable form of one token, for snapshots and messages."""
        if token < self.text_size:
            return self.tokenizer.decode([token]).strip()
        if token < self.first_rating:
            return SPECIALS[token - self.text_size]
        if token < self.first_code:
            return f"<{self.levels[token - self.first_rating]:g}>"
        if token < self.first_item:
            return f"<code {token - self.first_code}>"
        return f"<{self.item_ids[token - self.first_item]}>"
