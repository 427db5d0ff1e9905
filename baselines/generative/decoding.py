"""What the network writes: the best sequences of a trie by beam search, or free text greedily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.generative.network import P5Network, new_cache
from baselines.generative.sources import Batch
from baselines.generative.trie import Gate, Trie
from benchmark.rounding import rounded


class Beam(NamedTuple):
    """Holds the n sequences begun for one instance, the best first."""

    nodes: NDArray[np.int64]
    """(n,), where in the trie each has come to."""
    scores: NDArray[np.float64]
    """(n,), their log-probabilities."""
    parents: NDArray[np.int64]
    """(n,), which sequence of the step before each goes on."""


@torch.inference_mode()
def search(
    network: P5Network, batch: Batch, trie: Trie, gates: Sequence[Gate], *, beams: int
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return for each row of a batch the best sequences of ``trie`` and their log-probabilities.

    A row has ``beams`` of them, or as many as its gate lets through: places in the trie, best
    first, ties by piece. Probabilities are those of the whole sequence behind what all sequences
    of the trie have in common, without a normalisation by length. A sequence that is whole keeps
    its place in the beam against those that are not.
    """
    encoded, cache = network.encode(batch), new_cache()
    stem = trie.stem
    begun = [network.t5.config.decoder_start_token_id, *trie.piece[stem].tolist()]
    device = batch.tokens.device
    written = torch.tensor([begun] * len(gates), device=device)
    first = _log_probabilities(network.decode(written, encoded, cache))
    root = Beam(np.array(stem[-1:] or [0]), np.zeros(1), np.zeros(1, np.int64))
    found = [
        _grown(root, first[row : row + 1], trie, gate, beams) for row, gate in enumerate(gates)
    ]
    cache.batch_repeat_interleave(beams)
    encoded = encoded.repeated(beams)
    while any((trie.entry[beam.nodes] < 0).any() for beam in found):
        written, order = _next_step(found, trie, beams)
        cache.self_attention_cache.reorder_cache(order.to(device))
        table = _log_probabilities(network.decode(written.to(device), encoded, cache))
        found = [
            _grown(beam, table[row * beams : (row + 1) * beams], trie, gate, beams)
            for row, (beam, gate) in enumerate(zip(found, gates, strict=True))
        ]
    return [(trie.entry[beam.nodes], beam.scores) for beam in found]


def _log_probabilities(logits: Tensor) -> NDArray[np.float32]:
    """Of the last piece's followers (n, V)."""
    table: NDArray[np.float32] = logits[:, -1].log_softmax(-1).cpu().numpy()
    return table


def _grown(beam: Beam, table: NDArray[np.float32], trie: Trie, gate: Gate, beams: int) -> Beam:
    """Put the open children in the place of every sequence that is not whole; keep the best."""
    nodes, scores, parents = [], [], []
    for place, (node, score) in enumerate(zip(beam.nodes, beam.scores, strict=True)):
        if trie.entry[node] >= 0:
            children, values = np.array([node]), np.array([score])
        else:
            children = gate.open(trie.children(int(node)))
            values = score + table[place, trie.piece[children]].astype(np.float64)
        nodes.append(children)
        scores.append(values)
        parents.append(np.full(len(children), place))
    together = np.concatenate(scores)
    best = np.argsort(-rounded(together, computed_in=table.dtype), kind="stable")[:beams]
    return Beam(np.concatenate(nodes)[best], together[best], np.concatenate(parents)[best])


def _next_step(found: Sequence[Beam], trie: Trie, beams: int) -> tuple[Tensor, Tensor]:
    """The pieces just written (rows x beams, 1), and which row of the step before each goes on.

    Places without a sequence go on with the row's first; nobody looks at them.
    """
    written = np.zeros((len(found), beams), np.int64)
    order = np.zeros((len(found), beams), np.int64)
    for row, beam in enumerate(found):
        written[row, : len(beam.nodes)] = trie.piece[beam.nodes]
        order[row, : len(beam.nodes)] = beam.parents
        order[row] += row * beams
    return torch.from_numpy(written.reshape(-1, 1)), torch.from_numpy(order.ravel())


@torch.inference_mode()
def write(
    network: P5Network,
    batch: Batch,
    *,
    unspeakable: NDArray[np.bool_],
    no_beginning: NDArray[np.bool_],
    most: int,
) -> list[list[int]]:
    """Return for each row the likeliest next pieces, one after another, up to the end piece.

    At most ``most``, none that ``unspeakable`` (V,) marks, and first none of ``no_beginning``.
    """
    encoded, cache = network.encode(batch), new_cache()
    config, device = network.t5.config, batch.tokens.device
    rows = len(batch.tokens)
    written = torch.full((rows, 1), config.decoder_start_token_id, device=device)
    texts: list[list[int]] = [[] for _ in range(rows)]
    open_rows = np.ones(rows, bool)
    for place in range(most):
        logits = network.decode(written, encoded, cache)[:, -1]
        barred = no_beginning if place == 0 else unspeakable
        logits[:, : len(barred)][:, torch.from_numpy(barred).to(device)] = -torch.inf
        logits[:, len(barred) :] = -torch.inf  # rows of the table that no piece belongs to
        best = logits.argmax(-1)
        for row, token in enumerate(best.tolist()):
            if token == config.eos_token_id:
                open_rows[row] = False
            elif open_rows[row]:
                texts[row].append(token)
        if not open_rows.any():
            break
        written = best[:, None]
    return texts
