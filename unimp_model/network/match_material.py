"""What the match head is made of: values, photos and training counts of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.training.counting import count
from unimp_model.network.matching import Material, names_of
from unimp_model.sequence.seen import PATH, Coder, compared_keys
from unimp_model.sequence.tokens import Vocabulary


def material(
    data: TrainingView,
    vocabulary: Vocabulary,
    coder: Coder,
    vectors: Tensor | None,
    parts: Sequence[str],
) -> Material:
    """Collect what the head is made of.

    ``vectors`` (P, e) are of the photos in the order of the coder's numbers, ``None`` without
    photos; ``parts`` say what is compared.
    """
    items = list(data.catalogue)
    coded = [coder.item(item) for item in items]
    codes = np.stack([row for row, _, _ in coded]).astype(np.int64)
    book = coder.book
    widths = np.array(book.widths, np.int64)
    sizes = np.array([len(numbers) for numbers in book.numbers], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    compared = compared_keys(book, parts)
    key_of = np.repeat(np.where(compared, np.arange(len(widths)), len(widths)), sizes)
    path = book.keys.index(PATH) if PATH in book.keys else None
    leaf = -1 if path is None else int(widths[:path].sum())
    leaves = np.zeros(len(items), np.int64) if path is None else codes[:, leaf]
    timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
    paths = _paths(items, leaves, 0 if path is None else int(sizes[path]))
    popularity, follows, expected = map(torch.from_numpy, count(timeline, leaves, paths))
    channels = list(names_of(parts))
    photos = torch.zeros(1, 1) if vectors is None else torch.cat([vectors[:1] * 0, vectors])
    channels[0] = channels[0] and len(photos) > 1
    channels[1] = channels[1] and data.allow_repeats
    word_of, item_words = _category_words(data, vocabulary)
    return Material(
        item_values=_item_values(codes, np.repeat(starts, widths), widths, int(sizes.sum())),
        key_of=torch.from_numpy(np.concatenate([[len(widths)], key_of]).astype(np.int64)),
        offsets=torch.from_numpy(np.repeat(starts, widths)),
        vectors=photos,
        photo_of=torch.tensor([photo if len(photos) > 1 else 0 for _, _, photo in coded]),
        leaf_column=torch.tensor(leaf),
        leaf_of=torch.from_numpy(leaves),
        follows=follows,
        word_of=word_of,
        item_words=item_words,
        popularity=popularity,
        expected=expected,
        levels=torch.tensor(vocabulary.levels),
        channels=torch.tensor(channels),
    )


def _item_values(
    codes: NDArray[np.int64], offsets: NDArray[np.int64], widths: NDArray[np.int64], values: int
) -> Tensor:
    found = torch.zeros(values + 1, len(codes))
    numbers = np.where(codes > 0, codes + offsets, 0)  # (n, C)
    begin = 0
    for width in widths:
        some = numbers[:, begin : begin + width]
        share = 1 / np.maximum((some > 0).sum(1), 1)
        for column in range(width):
            found[some[:, column], np.arange(len(codes))] += torch.from_numpy(share).float()
        begin += width
    found[0] = 0.0
    return found


def _category_words(data: TrainingView, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """Number the text tokens of queries, and weigh them in each item's own query by rarity."""
    tokens = [
        [] if q is None else sorted(set(vocabulary.encode(q))) for q in data.catalogue.queries
    ]
    known = sorted({token for some in tokens for token in some})
    word_of = torch.zeros(vocabulary.text_size, dtype=torch.long)
    word_of[known] = torch.arange(1, len(known) + 1)
    found = torch.zeros(len(known) + 1, len(tokens))
    for item, some in enumerate(tokens):
        found[word_of[some], item] = 1.0
    rarity = torch.log(len(tokens) / found.sum(1).clamp_min(1.0)).clamp_min(1e-3)
    found = found * rarity[:, None]
    return word_of, found / found.sum(0).clamp_min(1e-6)


def _paths(items: Sequence[Item], leaves: NDArray[np.int64], codes: int) -> list[tuple[str, ...]]:
    """Category paths by their codes, 1 to ``codes``."""
    found: list[tuple[str, ...]] = [()] * codes
    for item, leaf in zip(items, leaves.tolist(), strict=True):
        if leaf:
            found[leaf - 1] = item.category
    return found
