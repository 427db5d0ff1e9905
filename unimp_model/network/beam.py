"""Beam search over item tokens: the yardstick that exact ranking is measured against.

The paper decodes by it (size 10). UniMP ranks by one pass instead, ``Reader.item_scores`` of
:mod:`unimp_model.network.decoding`, which tests show to give the identical order; only they and
the speed scripts run this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.instances import Instance
from benchmark.tasks import TASKS
from unimp_model.network.decoding import Reader
from unimp_model.network.model import Asked
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch, Template


class Trie:
    """Tells which token may follow a prefix of an allowed sequence."""

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
        """Return the tokens that may follow, ascending."""
        return self._children.get(prefix, ())

    def is_whole(self, prefix: tuple[int, ...]) -> bool:
        """Return whether the prefix is a complete allowed sequence."""
        return prefix in self._whole


def beam_search(
    log_probabilities: Callable[[list[tuple[int, ...]]], NDArray[np.floating]],
    trie: Trie,
    *,
    beams: int,
) -> list[tuple[tuple[int, ...], float]]:
    """Return the ``beams`` best allowed sequences with their log-probabilities, best first.

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
    reader: Reader, template: Template, task: str, instance: Instance, *, window: int
) -> Callable[[list[tuple[int, ...]]], NDArray[np.floating]]:
    """Return, for :func:`beam_search`, log-probabilities over the whole vocabulary after a prefix.

    Every beam is a sequence of its own, history included.
    """
    items, ratings = instance.history.items[-window:], instance.history.ratings[-window:]
    trunk = template.history(items, ratings)
    instruction = template.instruction(TASKS.get(task).prompt(instance))

    @torch.inference_mode()
    def log_probabilities(prefixes: list[tuple[int, ...]]) -> NDArray[np.floating]:
        rows = [
            template.row(trunk, [Branch(len(items), instruction, 0, (*prefix, -1))], context=False)
            for prefix in prefixes
        ]
        batch = collate(rows, reader.photo_index, all_photos=True, slots=reader.slots)
        hidden = reader.network(batch.to(reader.tables.output.device), reader.tables, reader.x_v)
        last = torch.tensor([len(row.reads) for row in rows]).cumsum(0) - 1
        states = reader.network.read(hidden, batch)[last]
        logits = reader.network.logits(states, reader.tables, Asked(batch, last))
        return logits.log_softmax(-1).cpu().numpy()

    return log_probabilities
