"""From instances to ranked items: exact scoring, and the beam search it replaces.

Where an item is one token, the best ten items of a softmax over item tokens *are* the best
ten of a beam search of size ten, so one forward pass answers. Beam search over a prefix trie
remains for ids of several tokens, and as the yardstick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.instances import Instance
from benchmark.tasks import TASKS
from unimp_model.batches import collate, padded_length
from unimp_model.model import Tables, UniMPNetwork
from unimp_model.sequence import Branch, Row, Template
from unimp_model.tokens import SPECIALS
from unimp_model.vision import PhotoFeatures

#: Rows per forward pass. Always exactly so many, of one padded length: then no row's
#: arithmetic depends on its company, and the same question gets the same bits.
ROWS = 32


class ItemScorer:
    """Log-probabilities over all items, with item rows and visual tokens made once.

    ``slots`` is the number of images a sequence is padded to: the longest history.
    """

    def __init__(self, network: UniMPNetwork, photos: PhotoFeatures | None, *, slots: int) -> None:
        self.network = network
        self.photo_index: Mapping[str, int] = {} if photos is None else photos.index
        self.slots = slots
        network.eval()
        with torch.inference_mode():
            self.tables: Tables = network.tables()
            self.visual = self._visual_tokens(photos)

    @torch.inference_mode()
    def scores(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """(len(rows), items) log-probabilities at each row's one answer position."""
        out = np.empty((len(rows), len(self.tables.output) - len(SPECIALS)), np.float32)
        for numbers in self._groups(rows):
            asked = [rows[i] for i in numbers]
            asked += [asked[-1]] * (ROWS - len(asked))
            batch = collate(asked, self.photo_index, all_photos=True, slots=self.slots)
            batch = batch.to(self.tables.output.device)
            states = self.network.read(self.network(batch, self.tables, self.visual), batch)
            scores = self.network.item_scores(states, self.tables)
            out[numbers] = scores[: len(numbers)].float().cpu().numpy()
        return out

    def _groups(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """Row numbers in groups of at most :data:`ROWS` that share a padded shape."""
        by_shape: dict[tuple[int, int], list[int]] = {}
        for i, row in enumerate(rows):
            shape = (padded_length(row), max(self.slots, len(row.images)))
            by_shape.setdefault(shape, []).append(i)
        for _, numbers in sorted(by_shape.items()):
            for start in range(0, len(numbers), ROWS):
                yield numbers[start : start + ROWS]

    def _visual_tokens(self, photos: PhotoFeatures | None) -> Tensor | None:
        """Resampler output of every photo (n, C, d), in groups of fixed size."""
        if photos is None:
            return None
        device = self.tables.output.device
        parts = []
        for start in range(0, len(self.photo_index), ROWS):
            numbers = torch.arange(start, start + ROWS).clamp(max=len(self.photo_index) - 1)
            parts.append(self.network.visual_tokens(photos.rows(numbers).to(device)))
        return torch.cat(parts)[: len(self.photo_index)]


class Trie:
    """Which token may follow a prefix of an allowed sequence."""

    def __init__(self, sequences: Sequence[tuple[int, ...]]) -> None:
        self._children: dict[tuple[int, ...], list[int]] = {}
        self._whole = frozenset(sequences)
        for sequence in sequences:
            for cut, token in enumerate(sequence):
                following = self._children.setdefault(sequence[:cut], [])
                if token not in following:
                    following.append(token)
        for following in self._children.values():
            following.sort()

    def following(self, prefix: tuple[int, ...]) -> Sequence[int]:
        """Tokens that may follow, ascending."""
        return self._children.get(prefix, ())

    def is_whole(self, prefix: tuple[int, ...]) -> bool:
        """Whether the prefix is a complete allowed sequence."""
        return prefix in self._whole


def beam_search(
    log_probabilities: Callable[[list[tuple[int, ...]]], NDArray[np.floating]],
    trie: Trie,
    *,
    beams: int,
) -> list[tuple[tuple[int, ...], float]]:
    """The ``beams`` best allowed sequences with their log-probabilities, best first.

    ``log_probabilities(prefixes)`` gives next-token log-probabilities (len(prefixes), V).
    No length normalisation; no sequence may be a prefix of another; ties go to the smaller
    tokens.
    """
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    done: list[tuple[tuple[int, ...], float]] = []
    while live:
        table = log_probabilities([prefix for prefix, _ in live])
        grown = [
            ((*prefix, token), score + float(row[token]))
            for (prefix, score), row in zip(live, table, strict=True)
            for token in trie.following(prefix)
        ]
        done += [pair for pair in grown if trie.is_whole(pair[0])]
        done = sorted(done, key=_best_first)[:beams]
        live = sorted((p for p in grown if not trie.is_whole(p[0])), key=_best_first)[:beams]
        if len(done) == beams:  # scores only fall: what cannot enter now never will
            live = [pair for pair in live if pair[1] > done[-1][1]]
    return done


def _best_first(pair: tuple[tuple[int, ...], float]) -> tuple[float, tuple[int, ...]]:
    return -pair[1], pair[0]


def next_token_scores(
    scorer: ItemScorer, template: Template, task: str, instance: Instance, *, window: int
) -> Callable[[list[tuple[int, ...]]], NDArray[np.floating]]:
    """For :func:`beam_search`: log-probabilities over the whole vocabulary after a prefix.

    Every beam is a sequence of its own, history included.
    """
    items = instance.history.items[-window:]
    trunk = template.history(items)
    instruction = template.instruction(TASKS.get(task).prompt(instance))

    @torch.inference_mode()
    def log_probabilities(prefixes: list[tuple[int, ...]]) -> NDArray[np.floating]:
        rows = [
            template.row(trunk, [Branch(len(items), instruction, 0, (*prefix, -1))], context=False)
            for prefix in prefixes
        ]
        batch = collate(rows, scorer.photo_index, all_photos=True, slots=scorer.slots)
        hidden = scorer.network(batch.to(scorer.tables.output.device), scorer.tables, scorer.visual)
        last = torch.tensor([len(row.reads) for row in rows]).cumsum(0) - 1
        states = scorer.network.read(hidden, batch)[last]
        return scorer.network.logits(states, scorer.tables).log_softmax(-1).cpu().numpy()

    return log_probabilities
