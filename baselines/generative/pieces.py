"""Pieces of text as T5 reads them, and which word of the source each piece belongs to.

A piece that begins a word starts with :data:`MARK`, as SentencePiece writes it. A tokenizer is
that of a T5 folder, or one trained here on the texts of the training part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from benchmark.errors import BenchError

#: What SentencePiece writes for the space before a word.
MARK = "▁"
PAD, END, UNKNOWN, SLOT = "<pad>", "</s>", "<unk>", "<extra_id_0>"

#: How often every number of two digits is shown to a tokenizer in training: often enough to become
#: a piece, since T5's own tokenizer cuts numbers into such pairs too.
_SHOWN = 2_000
#: Different characters that a tokenizer knows at most; the others are unknown.
_ALPHABET = 500


class Written(NamedTuple):
    """Holds a text in pieces: their numbers in the tokenizer."""

    tokens: tuple[int, ...]
    starts: tuple[bool, ...]
    """Which of them begin a word."""


class Pieces:
    """Turns text into pieces and back."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.size = tokenizer.get_vocab_size()
        self.pad, self.end, self.unknown, self.slot = map(self._special, (PAD, END, UNKNOWN, SLOT))
        names = [tokenizer.id_to_token(token) or "" for token in range(self.size)]
        self._starts = [begins_word(name) for name in names]
        blank = np.array([not name.strip(MARK) for name in names])
        special = np.array([name.startswith("<") and name.endswith(">") for name in names])
        self.unspeakable: NDArray[np.bool_] = special
        """Which pieces (V,) no generated text may hold: all that stand for something else."""
        self.unspeakable[self.end] = False
        self.no_beginning: NDArray[np.bool_] = special | blank
        """Which pieces (V,) no generated text may begin with, since it could be empty then."""
        self.no_beginning[self.end] = True
        self.encode = lru_cache(maxsize=100_000)(self._encode)

    def _special(self, name: str) -> int:
        token = self.tokenizer.token_to_id(name)
        if token is None:
            raise BenchError(
                f"The tokenizer has no piece {name!r}.", fix="Use the tokenizer of a T5."
            )
        return int(token)

    def _encode(self, text: str) -> Written:
        tokens = self.tokenizer.encode(text, add_special_tokens=False).ids
        return Written(tuple(tokens), tuple(self._starts[token] for token in tokens))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of pieces, special ones left out."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()


def begins_word(piece: str) -> bool:
    """Return whether a piece begins a word."""
    return piece.startswith(MARK)


def whole_words(starts: Sequence[bool], *, most: int) -> list[int]:
    """Return the number of the word that each piece belongs to, from 1; words past ``most`` share
    the last number.

    P5 fails at a source of more words than its table holds.
    """
    return [int(word) for word in np.minimum(np.cumsum(starts), most)]


def train_tokenizer(texts: Iterable[str], *, size: int) -> Tokenizer:
    """Train a tokenizer of at most ``size`` pieces that cuts numbers into pairs of digits.

    Byte-pair encoding (Sennrich et al., ACL 2016) of words with SentencePiece's marks.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(r"\d{1,2}|_"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=MARK, prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        show_progress=False,
        limit_alphabet=_ALPHABET,
        special_tokens=[PAD, END, UNKNOWN, SLOT],
    )
    tokenizer.train_from_iterator(_shown(texts), trainer)
    return tokenizer


def _shown(texts: Iterable[str]) -> Iterable[str]:
    yield from texts
    numbers = " ".join(f"item_{number:02} user_{number:02}" for number in range(100))
    yield from (numbers for _ in range(_SHOWN // 2))
