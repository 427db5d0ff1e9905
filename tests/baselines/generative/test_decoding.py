"""Tries, and what is written along them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from baselines.generative.decoding import search, write
from baselines.generative.network import P5Network, build_t5
from baselines.generative.sources import Batch
from baselines.generative.trie import Gate, Trie

SHAPE = {
    "vocab_size": 20, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2,
    "dropout_rate": 0.0, "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0,
}  # fmt: skip
#: Names that begin alike: 5 6, then a digit or two, then the end.
NAMES = [(5, 6, a, b, 1) for a, b in itertools.product(range(7, 11), repeat=2)] + [
    (5, 6, a, 1) for a in range(7, 13)
]


@pytest.fixture(scope="module")
def network() -> P5Network:
    torch.manual_seed(0)
    return P5Network(build_t5(SHAPE), words=8).eval()


def batch(rows: int, *, seed: int = 0) -> Batch:
    tokens = torch.randint(2, 20, (rows, 16), generator=torch.Generator().manual_seed(seed))
    real = torch.ones(rows, 16, dtype=torch.bool)
    real[0, 9:] = False
    return Batch(tokens, torch.zeros_like(tokens), real)


def likelihoods(network: P5Network, asked: Batch, row: int) -> np.ndarray:
    """Log-probabilities of all names behind their common beginning, each computed by itself."""
    values = []
    for name in NAMES:
        one = Batch(*(column[row : row + 1] for column in asked[:3]), targets=torch.tensor([name]))
        with torch.no_grad():
            logs = network(one).log_softmax(-1)[0]
        values.append(sum(float(logs[i, piece]) for i, piece in enumerate(name) if i >= 2))
    return np.array(values)


def test_a_trie_knows_its_sequences_and_what_they_share():
    trie = Trie(NAMES)
    assert trie.piece[trie.stem].tolist() == [5, 6]
    for place, name in enumerate(NAMES):
        node, path = int(trie.leaf[place]), []
        while node:
            path.append(int(trie.piece[node]))
            node = int(trie.parent[node])
        assert tuple(path[::-1]) == name
        assert trie.entry[trie.leaf[place]] == place
    at_seven = trie.children(trie.stem[-1])[0]
    assert trie.piece[trie.children(at_seven)].tolist() == [1, 7, 8, 9, 10]
    assert trie.below[at_seven] == 5


@pytest.mark.parametrize("wrong", [[(1, 2), (1, 2, 3)], [(4,), (4,)], []])
def test_sequences_that_cannot_be_told_apart_make_no_trie(wrong):
    with pytest.raises(ValueError, match=r"begins another|needs a sequence"):
        Trie(wrong)


def test_a_gate_closes_a_node_when_all_below_it_is_excluded():
    trie = Trie(NAMES)
    first = trie.children(trie.stem[-1])
    below_seven = [place for place, name in enumerate(NAMES) if name[2] == 7]
    assert Gate(trie, below_seven[:-1]).open(first).tolist() == first.tolist()
    assert Gate(trie, below_seven).open(first).tolist() == first[1:].tolist()
    assert Gate(trie, below_seven[:1], only=True).open(first).tolist() == first[:1].tolist()
    assert Gate(trie, [*below_seven, below_seven[0]]).available == len(NAMES) - 5


def test_a_beam_as_wide_as_the_names_gives_all_of_them_their_exact_probabilities(network):
    trie, asked = Trie(NAMES), batch(2)
    found = search(network, asked, trie, [Gate(trie)] * 2, beams=len(NAMES))
    for row, (places, scores) in enumerate(found):
        wanted = likelihoods(network, asked, row)
        assert sorted(places) == list(range(len(NAMES)))
        np.testing.assert_allclose(scores, wanted[places], rtol=1e-5, atol=1e-5)
        assert (np.diff(scores) <= 1e-6).all()


def test_an_excluded_name_is_never_written_and_the_beam_stays_full(network):
    trie, asked = Trie(NAMES), batch(1)
    ((best, _),) = search(network, asked, trie, [Gate(trie)], beams=6)
    ((places, _),) = search(network, asked, trie, [Gate(trie, best[:3])], beams=6)
    assert len(set(places)) == 6
    assert not set(places) & set(best[:3])
    ((few, _),) = search(network, asked, trie, [Gate(trie, range(4), only=True)], beams=6)
    assert sorted(few) == [0, 1, 2, 3]


def test_a_row_is_answered_alike_in_any_company(network):
    trie = Trie(NAMES)
    one, other = batch(2), batch(2, seed=1)
    other = Batch(*(torch.stack([a[0], b[1]]) for a, b in zip(one[:3], other[:3], strict=True)))
    gates = [Gate(trie), Gate(trie, [3])]
    (places, scores), _ = search(network, one, trie, gates, beams=5)
    (again, same), _ = search(network, other, trie, [gates[0], Gate(trie)], beams=5)
    assert places.tolist() == again.tolist()
    assert scores.tolist() == same.tolist()


def test_greedy_text_is_the_likeliest_next_piece_each_time(network):
    asked, most = batch(2), 6
    barred, first = np.zeros(20, bool), np.zeros(20, bool)
    barred[[0, 3]] = first[[0, 1, 3]] = True
    written = write(network, asked, unspeakable=barred, no_beginning=first, most=most)
    for row, text in enumerate(written):
        assert 0 < len(text) <= most
        so_far = [0]
        for place, piece in enumerate(text):
            one = network.encode(Batch(*(column[row : row + 1] for column in asked[:3])))
            with torch.no_grad():
                logits = network.decode(torch.tensor([so_far]), one)[0, -1]
            logits[first if place == 0 else barred] = -torch.inf
            assert piece == int(logits.argmax())
            so_far.append(piece)
