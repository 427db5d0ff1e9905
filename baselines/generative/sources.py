"""What is asked of the network, as rows of pieces.

A source is written from parts: words, items, and once at most the user's history. Never is more
than the history cut: P5's own code cuts the end of what is too long, which is the question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Union

import numpy as np
import torch
from torch import Tensor

from baselines.generative.pieces import Pieces, Written, whole_words
from benchmark.instances import Item

#: Sources are padded to a multiple of it, by their own length alone.
WIDTH = 16
#: Of a target where there is no piece.
NOTHING = -100


@dataclass(frozen=True, slots=True)
class Past:
    """Stands for the items a user took, oldest first: the latest that there is room for."""

    items: Sequence[Item]


Part = Union[str, Item, Past]


@dataclass(slots=True)
class Source:
    """Holds a row of pieces, the number of each one's word, and the items whose photos it shows."""

    tokens: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    shown: list[Item] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Return its length with padding."""
        return -(-len(self.tokens) // WIDTH) * WIDTH


class Batch(NamedTuple):
    """Holds B padded sources (B, W), and targets (B, T) where there are any."""

    tokens: Tensor
    words: Tensor
    real: Tensor
    """False at padding."""
    photos: Tensor | None = None
    """(n, e), the features of the photos that the sources show, in order."""
    targets: Tensor | None = None
    """:data:`NOTHING` behind the end of a target."""

    def to(self, device: torch.device) -> Batch:
        """Return it on another device."""
        photos, targets = (None if x is None else x.to(device) for x in (self.photos, self.targets))
        return Batch(
            self.tokens.to(device), self.words.to(device), self.real.to(device), photos, targets
        )


class Writer:
    """Writes parts as sources of ``length`` pieces, or more where there is no history to cut.

    ``numbers`` are those of the known items by id; an item is known to P5 by its number alone.
    ``slots`` pieces behind each item stand for its photo.
    """

    def __init__(
        self,
        pieces: Pieces,
        numbers: Mapping[str, int],
        *,
        length: int,
        words: int,
        slots: int = 0,
    ) -> None:
        self.pieces = pieces
        self._numbers = numbers
        self._length, self._words, self._slots = length, words, slots
        self._comma = pieces.encode(",")

    def item(self, item_id: str) -> Written | None:
        """Return an item's name, ``item_12``, in pieces; ``None`` for an unknown one."""
        number = self._numbers.get(item_id)
        return None if number is None else self.pieces.encode(f"item_{number}")

    def source(self, parts: Sequence[Part]) -> Source:
        """Write ``parts`` with as much of a history as there is room for."""
        written = [self._past(part, 0) if isinstance(part, Past) else self._part(part)
                   for part in parts]  # fmt: skip
        room = self._length - 1 - sum(len(row.tokens) for row, _ in written)
        for place, part in enumerate(parts):
            if isinstance(part, Past):
                written[place] = self._past(part, room)
        tokens = [token for row, _ in written for token in row.tokens]
        starts = [start for row, _ in written for start in row.starts]
        words = whole_words(starts, most=self._words - 1)
        shown = [item for _, items in written for item in items]
        return Source([*tokens, self.pieces.end], [*words, 0], shown)

    def target(self, text: str, *, most: int) -> list[int]:
        """Return the first ``most`` pieces of an answer, and its end."""
        return [*self.pieces.encode(text).tokens[:most], self.pieces.end]

    def _part(self, part: Part) -> tuple[Written, list[Item]]:
        assert not isinstance(part, Past)
        if isinstance(part, str):
            return self.pieces.encode(part), []
        name = self.item(part.item_id)
        if name is None:
            return self.pieces.encode("something"), []
        return self._with_slots(name), [part] if self._slots else []

    def _with_slots(self, name: Written) -> Written:
        """A slot counts as a word of its own."""
        slots = self._slots
        return Written((*name.tokens, *[self.pieces.slot] * slots), (*name.starts, *[True] * slots))

    def _past(self, past: Past, room: int) -> tuple[Written, list[Item]]:
        rows: list[Written] = []
        items: list[Item] = []
        for item in reversed(past.items):
            if self.item(item.item_id) is None:
                continue
            row, shown = self._part(item)
            if rows:
                row = _joined([row, self._comma])
            if len(row.tokens) > room:
                break
            room -= len(row.tokens)
            rows.insert(0, row)
            items[:0] = shown
        return _joined(rows), items


def _joined(rows: Sequence[Written]) -> Written:
    return Written(
        tuple(token for row in rows for token in row.tokens),
        tuple(start for row in rows for start in row.starts),
    )


def collate(
    sources: Sequence[Source], pad: int, targets: Sequence[Sequence[int]] | None = None
) -> Batch:
    """Put sources (and targets) into one batch on the processor, without photos' features."""
    width = max(source.width for source in sources)
    tokens = np.full((len(sources), width), pad)
    words = np.zeros((len(sources), width), np.int64)
    real = np.zeros((len(sources), width), bool)
    for place, source in enumerate(sources):
        length = len(source.tokens)
        tokens[place, :length], words[place, :length] = source.tokens, source.words
        real[place, :length] = True
    batch = Batch(torch.from_numpy(tokens), torch.from_numpy(words), torch.from_numpy(real))
    if targets is None:
        return batch
    answers = np.full((len(targets), max(map(len, targets))), NOTHING)
    for row, target in zip(answers, targets, strict=True):
        row[: len(target)] = target
    return batch._replace(targets=torch.from_numpy(answers))


def same_shape(
    sources: Sequence[Source], beams: Sequence[int], *, room: int, most: int
) -> Iterator[tuple[list[int], int, int]]:
    """Yield (places, beams, rows): sources to be read together, ``rows`` of them at once.

    All of a group have one padded width and one number of beams, and how many rows a group has
    follows from these two alone: a row's arithmetic does not hang on its company. ``room`` bounds
    rows x beams x width. Where a group lacks rows it is to be filled up.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for place, (source, width) in enumerate(zip(sources, beams, strict=True)):
        groups.setdefault((source.width, width), []).append(place)
    for (width, many), places in groups.items():
        rows = min(max(room // (width * many), 1), most)
        for start in range(0, len(places), rows):
            yield places[start : start + rows], many, rows
