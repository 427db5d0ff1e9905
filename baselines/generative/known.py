"""What a fitted P5 knows of its data: the numbers of items and users, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from baselines.generative import stars
from baselines.generative.examples import Asker
from baselines.generative.numbering import numbers
from baselines.generative.pieces import Pieces, train_tokenizer
from baselines.generative.prompts import WORDINGS, title
from baselines.generative.settings import P5Settings
from baselines.generative.sources import Writer
from baselines.generative.trie import Trie
from benchmark.model import TrainingView


@dataclass(frozen=True)
class Known:
    """Holds the data's part of a fitted model.

    ``items`` and ``users`` map ids to numbers, ``items`` in the order of the catalogue.
    """

    settings: P5Settings
    tasks: tuple[str, ...]
    items: Mapping[str, int]
    users: Mapping[str, int]
    scale: tuple[float, float] | None
    pieces: Pieces
    slots: int = 0

    @cached_property
    def item_ids(self) -> tuple[str, ...]:
        """Return the catalogue's ids in order."""
        return tuple(self.items)

    @cached_property
    def index(self) -> dict[str, int]:
        """Return the place of each item in the catalogue, by id."""
        return {item_id: place for place, item_id in enumerate(self.items)}

    @cached_property
    def writer(self) -> Writer:
        """Return what writes sources."""
        return Writer(
            self.pieces,
            self.items,
            length=self.settings.source_pieces,
            words=self.settings.whole_words,
            slots=self.slots,
        )

    @cached_property
    def asker(self) -> Asker:
        """Return what writes instances and targets."""
        return Asker(self.writer, self.users, self.settings, self.scale)

    @cached_property
    def item_trie(self) -> Trie:
        """Return the names of all items, in the order of the catalogue."""
        end = self.pieces.end
        names = (self.pieces.encode(f"item_{number}") for number in self.items.values())
        return Trie([(*name.tokens, end) for name in names])

    @cached_property
    def star_trie(self) -> Trie:
        """Return the numbers of stars that can be written, in their order."""
        return Trie([(*self.pieces.encode(text).tokens, self.pieces.end) for text in stars.TEXTS])

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` needs beside settings and pieces."""
        return {
            "tasks": self.tasks,
            "items": list(self.items.items()),
            "users": list(self.users.items()),
            "scale": self.scale,
            "slots": self.slots,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any], settings: P5Settings, pieces: Pieces) -> Known:
        """Read what :meth:`to_json` returned."""
        scale = told["scale"]
        return cls(
            settings,
            tuple(told["tasks"]),
            dict(told["items"]),
            dict(told["users"]),
            None if scale is None else (scale[0], scale[1]),
            pieces,
            told["slots"],
        )


def know(
    data: TrainingView,
    tasks: tuple[str, ...],
    settings: P5Settings,
    pieces: Pieces,
    *,
    seed: int,
    slots: int = 0,
) -> Known:
    """Number the items of the catalogue and the users of the training part."""
    ids = data.catalogue.ids
    users = data.interactions("train")["user_id"].unique(maintain_order=True).to_list()
    how = settings.numbering
    return Known(
        settings,
        tasks,
        dict(zip(ids, numbers(len(ids), how, seed=seed).tolist(), strict=True)),
        dict(zip(users, numbers(len(users), how, seed=seed + 1).tolist(), strict=True)),
        data.rating_scale,
        pieces,
        slots,
    )


def own_pieces(data: TrainingView, settings: P5Settings) -> Pieces:
    """Train a tokenizer on what will be read and written: titles, wordings, explanations."""
    texts = [title(item) for item in data.catalogue]
    texts += [wording for wordings in WORDINGS.values() for wording in wordings] * 2
    texts += ["someone who took , something", *stars.TEXTS] * 2
    texts += data.interactions("train")["explanation"].drop_nulls().to_list()
    return Pieces(train_tokenizer(texts, size=settings.pieces))
