"""The match head, our extension of UniMP (not in the paper): an item is scored by what it shares
with the items of the history.

    logit_j = s * UniMP's logit_j + b_j
              + sum over channels c of u_c(history, j) + f(latest, j) + q(query, j)

A transformer of a few layers has to learn that likeness counts, and that it counts for each way of
being alike by itself; here that is given, and weights say how much. In a channel c (a key of the
items' values, or a look) every value v has the statistics of what the history holds of it:

    whether the latest, second and third latest item has it, log(1 + n_v),
    sum of the rating deviations of the items that have it / (1 + n_v)

and u_c adds, over the values of item j, these five with the channel's five weights. The last two
saturate as a belief about a taste does. *Looks* are values of photos that nobody names: groups of
soft classes of the photo's vector, learned with everything else, so that colour can come to be one
group and shape another. Beside them photos are compared by the cosine, where positive, of a learned
linear map; and an item with itself where the data allows repeats. f is how much more often j's
category follows the latest item's than it occurs, q how much of j's category words the query holds,
b_j the logarithm of j's training count (of an item of a new category, the mean of those); each has
a weight. While a user is learnt from, what is counted over users is counted without that half of
them, or the user's own choice would look like a reason. UniMP's logit is trained by itself too
(:mod:`unimp_model.training.step`): it stays a whole answer, and s says what it adds.

Ratings: levels l get -t (l - m)^2 on their logits, where m adds up the user's level, the item's,
and the same channels' votes on the asked item. What a branch sees comes from
:mod:`unimp_model.sequence.seen`, as it is shown.

Sentences and drawings: a token that may be repeated (:mod:`unimp_model.sequence.pointing`) gets the
weight of each way it is pointed at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.host.threads import summed_in_one_thread
from unimp_model.sequence.seen import SeenBatch

#: Groups of looks and classes in each; hidden units of the map to them; inverse temperature at
#: the start, in units of the photos' mean square length.
_GROUPS, _CLASSES, _HIDDEN, _SHARPNESS = 4, 8, 96, 8.0
_SEED = 12
#: Statistics of a value: latest, second, third, count, ratings.
_STATISTICS = 5
#: Start of their weights in a channel of values, of looks, of the photos' cosine, of identity.
_VALUES, _LOOKS = (0.3, 0.0, 0.0, 0.3, 0.2), (0.0, 0.0, 0.0, 0.5, 0.2)
_COSINE, _SAME = (0.0, 0.0, 0.0, 1.0, 0.4), (0.5, 0.5, 0.5, 0.5, 0.2)
#: Start of the weight of UniMP's own logit, and of the query's words.
_OWN, _WORDS = 0.3, 8.0
#: Start of the weights of the ways of pointing (:mod:`unimp_model.sequence.pointing`).
_POINTING = (0.5, 0.5, 2.0, 0.0)
#: Imaginary ratings at the expected level in the two estimates of a user's level.
_DAMPINGS = (1.0, 4.0)


class Material(NamedTuple):
    """Collects what the head is made of, over a catalogue of n items.

    They have V values, P photos, L category paths and Q query words; of ``levels`` alone L is the
    number of levels of the rating scale.
    """

    item_values: Tensor
    """(V + 1, n) float: an item's values, of each key with sum 1; row 0 is no value."""
    key_of: Tensor
    """(V + 1,): key number of each value, the number of keys for none."""
    offsets: Tensor
    """(C,): what a column's code grows by to become a value."""
    vectors: Tensor
    """(P + 1, e): photos, row 0 zero."""
    photo_of: Tensor
    """(n,): photo of each item, 0 for none."""
    leaf_column: Tensor
    """(): column of the codes that holds the category path; -1 where there is none."""
    leaf_of: Tensor
    """(n,): its code of each item."""
    follows: Tensor
    """(F, L + 1, L + 1): log of how much likelier a path is behind another than anywhere, by whose
    counts (:class:`benchmark.training.counting.Counts`)."""
    word_of: Tensor
    """(V_text,): number of a text token among query words, 0 for none."""
    item_words: Tensor
    """(Q + 1, n): how much of an item's category each word is, of a sum of 1."""
    popularity: Tensor
    """(F, n): log(1 + training count)."""
    expected: Tensor
    """(F, n): an item's mean rating, drawn towards the mean of all."""
    levels: Tensor
    """(L,): the levels of the rating scale."""
    channels: Tensor
    """(5,) bool: whether photos, identity, transitions, the query and ratings count."""

    @property
    def keys(self) -> int:
        """Return the number of keys."""
        return int(self.key_of[0])


PHOTO, IDENTITY, TRANSITIONS, QUERY, RATINGS = range(5)


class MatchHead(nn.Module):
    """Scores items, and ratings, by what branches see. Its weights draw on no shared chance.

    Its buffers are the fields of :class:`Material`.
    """

    item_values: Tensor
    key_of: Tensor
    offsets: Tensor
    photo_of: Tensor
    leaf_column: Tensor
    leaf_of: Tensor
    follows: Tensor
    word_of: Tensor
    item_words: Tensor
    popularity: Tensor
    expected: Tensor
    levels: Tensor

    def __init__(self, material: Material) -> None:
        super().__init__()
        for name, value in material._asdict().items():
            self.register_buffer(name, value)
        keys, n = material.keys, material.item_values.shape[1]
        self.uses = tuple(bool(x) for x in material.channels)
        self.own_scale = nn.Parameter(torch.tensor(_OWN))
        self.values = nn.Parameter(torch.tensor(_VALUES).repeat(keys, 1))
        self.popular = nn.Parameter(torch.tensor(1.0))
        self.transitions = nn.Parameter(torch.tensor(1.0))
        self.query = nn.Parameter(torch.tensor(_WORDS))
        self.same = nn.Parameter(torch.tensor(_SAME))
        if self.uses[PHOTO]:
            self.looks = Looks(material.vectors)
            self.look_weights = nn.Parameter(torch.tensor(_LOOKS).repeat(_GROUPS, 1))
            self.cosine = nn.Parameter(torch.tensor(_COSINE))
            self.look_votes = nn.Parameter(torch.zeros(_GROUPS, 3))
            self.cosine_votes = nn.Parameter(torch.zeros(3))
        self.votes = nn.Parameter(torch.zeros(keys, 3))
        self.level = nn.Parameter(torch.tensor([0.3, 0.3, 1.0]))
        self.item_level = nn.Parameter(torch.zeros(n))
        self.sharpness = nn.Parameter(torch.tensor(0.0))
        self.pointing = nn.Parameter(torch.tensor(_POINTING))

    @classmethod
    def blank(cls, state: Mapping[str, Tensor], prefix: str) -> MatchHead:
        """Build a head of the shapes and content in a saved network's state."""
        return cls(Material(**{name: state[prefix + name] for name in Material._fields}))

    def item_scores(self, seen: SeenBatch, reads: Tensor) -> Tensor:
        """Return what is added to the item logits of ``reads`` (R,): (R, n)."""
        history = self._history(seen, reads)
        found: Tensor = self.tastes(history, self.values) @ self.item_values
        fold = seen.branches.fold[seen.of_read[reads]]  # (R,)
        found = found + summed_in_one_thread(self.popular * self.popularity[fold])
        if self.uses[PHOTO]:
            found = found + self._by_photo(history)
        if self.uses[IDENTITY]:
            found = found + self._by_identity(history)
        if self.uses[TRANSITIONS] and int(self.leaf_column) >= 0:
            latest = history.codes[:, -1, int(self.leaf_column)]  # (R,)
            follows = self.transitions * self.follows[fold, latest][:, self.leaf_of]
            found = found + summed_in_one_thread(follows)
        if self.uses[QUERY]:
            words = seen.branches.words[seen.of_read[reads]]  # (R, Q)
            numbers = self.word_of[words.clamp(min=0)] * (words >= 0)
            shared = _holds(numbers, len(self.item_words)) @ self.item_words
            found = found + summed_in_one_thread(self.query * shared)
        return found

    def rating_scores(self, seen: SeenBatch, reads: Tensor) -> Tensor:
        """Return what is added to the logits of the rating levels at ``reads`` (R,): (R, L).

        Zero where an instruction is about no single item.
        """
        branches, which = seen.branches, seen.of_read[reads]
        history = self._history(seen, reads)
        given, rated = history.deviations.sum(1), history.rated.sum(1)
        user = [given / (damping + rated) for damping in _DAMPINGS]
        asked = branches.asked_items[which]  # (R,)
        place = (asked - 1).clamp(min=0)
        usual = self._usual(branches.fold[which], asked)
        mean = usual + self.item_level[place] * (asked > 0)
        mean = mean + self.level[0] * user[0] + self.level[1] * user[1]
        if self.uses[RATINGS]:
            mean = mean + self._votes(history, branches.asked_codes[which], user[0])
            if self.uses[PHOTO]:
                mean = mean + self._photo_votes(history, branches.asked_photos[which], user[0])
        sharp = functional.softplus(self.sharpness)
        scores: Tensor = -sharp * (self.levels - mean[:, None]).square() * (asked > 0)[:, None]
        return scores

    def point(self, scores: Tensor, pointed: Tensor) -> Tensor:
        """Return ``scores`` (R, V) and what pointing adds to them.

        ``pointed`` (E, 3) holds a number of 0..R-1, a token, and the way it is pointed at.
        """
        rows, tokens, ways = pointed.unbind(1)
        return scores.index_put((rows, tokens), self.pointing[ways], accumulate=True)

    def tastes(self, history: History, weights: Tensor) -> Tensor:
        """Return the utility (R, V + 1) of every value by what the history holds of it."""
        statistics = self._of_values(history)  # (R, V + 1, 5)
        table = torch.cat([weights, weights.new_zeros(1, _STATISTICS)])
        found: Tensor = (statistics * table[self.key_of]).sum(-1)
        return found

    def _of_values(self, history: History) -> Tensor:
        numbers = self._values_of(history.codes)
        held = _holds(numbers, len(self.key_of))  # (R, W, V + 1)
        return statistics_of(held, history.deviations)

    def _values_of(self, codes: Tensor) -> Tensor:
        """Numbers of values from codes, 0 for none."""
        return torch.where(codes > 0, codes + self.offsets, 0)

    def _history(self, seen: SeenBatch, reads: Tensor) -> History:
        branches, which = seen.branches, seen.of_read[reads]
        items, ratings = branches.items[which], branches.ratings[which]
        usual = self._usual(branches.fold[which][:, None], items)
        rated = ~ratings.isnan()
        deviations = torch.where(rated, torch.nan_to_num(ratings) - usual, 0.0)
        return History(
            branches.codes[which], items, branches.photos[which], deviations, rated.float()
        )

    def _usual(self, fold: Tensor, items: Tensor) -> Tensor:
        """What items, numbered from 1, are given; of none, the mean."""
        given = self.expected[fold, (items - 1).clamp(min=0)]
        return torch.where(items > 0, given, self.expected.mean(1)[fold])

    def _by_photo(self, history: History) -> Tensor:
        classes = self.looks.classes()  # (P + 1, G * K)
        held = statistics_of(classes[history.photos], history.deviations)  # (R, G * K, 5)
        weights = self.look_weights.repeat_interleave(_CLASSES, 0)
        found: Tensor = (held * weights).sum(-1) @ classes[self.photo_of].T
        alike = self.looks.alike(history.photos, self.photo_of)  # (R, W, n)
        return found + summed_in_one_thread(statistics_of(alike, history.deviations) @ self.cosine)

    def _by_identity(self, history: History) -> Tensor:
        n = self.popularity.shape[1]
        places = (history.items - 1).clamp(min=0)
        real = (history.items > 0).float()
        columns = [real[:, -1 - age :][:, :1] for age in range(min(3, real.shape[1]))]
        total = real.new_zeros(len(real), n)
        for age, column in enumerate(columns):
            place = places[:, -1 - age][:, None]
            total = total.scatter_add(1, place, self.same[age] * column)
        counts = torch.zeros_like(total).scatter_add(1, places, real)
        ratings = torch.zeros_like(total).scatter_add(1, places, history.deviations * real)
        often = summed_in_one_thread(self.same[3] * counts.log1p())
        liked = summed_in_one_thread(self.same[4] * ratings)
        return total + often + liked / (1 + counts)

    def _votes(self, history: History, asked: Tensor, level: Tensor) -> Tensor:
        """Votes (R,) on items of codes ``asked`` (R, C)."""
        numbers = self._values_of(asked)
        wanted = _holds(numbers, len(self.key_of))  # (R, V + 1)
        weights = torch.cat([self.votes, self.votes.new_zeros(1, 3)])[self.key_of]
        each = (_voting(self._of_values(history), level) * weights).sum(-1)  # (R, V + 1)
        return (each * wanted).sum(1)

    def _photo_votes(self, history: History, asked: Tensor, level: Tensor) -> Tensor:
        classes = self.looks.classes()
        held = statistics_of(classes[history.photos], history.deviations)
        weights = self.look_votes.repeat_interleave(_CLASSES, 0)
        found = ((_voting(held, level) * weights).sum(-1) * classes[asked]).sum(1)
        alike = self.looks.pairwise(history.photos, asked)[..., None]  # (R, W, 1)
        voting = _voting(statistics_of(alike, history.deviations), level)[:, 0]
        return found + voting @ self.cosine_votes


class History(NamedTuple):
    """Codes the histories of R reads over a window of W items, the latest last; 0 is no item."""

    codes: Tensor
    """(R, W, C)"""
    items: Tensor
    """(R, W), from 1"""
    photos: Tensor
    """(R, W), from 1"""
    deviations: Tensor
    """(R, W): ratings less what the items are given, 0 where there is none."""
    rated: Tensor
    """(R, W): 1 where there is one."""


def statistics_of(held: Tensor, deviations: Tensor) -> Tensor:
    """Return the five statistics (R, V, 5) of how much of V values each item holds, (R, W, V)."""
    latest = [
        held[:, -1 - age] if age < held.shape[1] else torch.zeros_like(held[:, 0])
        for age in range(3)
    ]
    total = held.sum(1)
    rated = torch.einsum("rwv,rw->rv", held, deviations) / (1 + total)
    return torch.stack([*latest, total.log1p(), rated], dim=-1)


def _holds(numbers: Tensor, count: int) -> Tensor:
    """Return 1 where a number is among the last dimension's, (..., count); 0 is no number."""
    found = torch.zeros(*numbers.shape[:-1], count, device=numbers.device)
    found = found.scatter(-1, numbers, 1.0)
    return torch.cat([torch.zeros_like(found[..., :1]), found[..., 1:]], dim=-1)


def _voting(statistics: Tensor, level: Tensor) -> Tensor:
    """What votes on a rating (R, V, 3): ratings of the value, the user's level as far as it was
    met, and how often it was."""
    met, rated = statistics[..., 3], statistics[..., 4]
    return torch.stack([rated, level[:, None] * -torch.expm1(-met), met], dim=-1)


class Looks(nn.Module):
    """Sorts photos into soft classes, and maps them to where their cosine is their likeness.

    ``vectors`` (P + 1, e) are the photos, row 0 none. G groups have K classes each. A group starts
    as the cells around photos drawn at random, so that every group divides the photos in another
    way.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(_SEED)
        self.register_buffer("vectors", vectors, persistent=False)
        e, count = vectors.shape[1], len(vectors) - 1
        sharp = _SHARPNESS / float(vectors.square().sum(1).mean().clamp_min(1e-6))
        drawn = torch.stack([torch.randperm(count, generator=chance) for _ in range(_GROUPS)])
        centres = vectors[1 + drawn.repeat(1, -(-_CLASSES // count))[:, :_CLASSES]].flatten(0, 1)
        self.weight = nn.Parameter(sharp * centres)
        self.bias = nn.Parameter(-sharp / 2 * centres.square().sum(1))
        self.inner = nn.Parameter(torch.randn(_HIDDEN, e, generator=chance) * e**-0.5)
        self.inner_bias = nn.Parameter(torch.zeros(_HIDDEN))
        self.outer = nn.Parameter(torch.zeros(_GROUPS * _CLASSES, _HIDDEN))
        self.map = nn.Parameter(torch.eye(e))

    def classes(self) -> Tensor:
        """Return the shares of classes (P + 1, G * K) of every photo, zero for none."""
        hidden = functional.gelu(functional.linear(self.vectors, self.inner, self.inner_bias))
        logits = functional.linear(self.vectors, self.weight, self.bias) + hidden @ self.outer.T
        shares = logits.view(-1, _GROUPS, _CLASSES).softmax(-1).flatten(1)
        return torch.cat([torch.zeros_like(shares[:1]), shares[1:]])

    def alike(self, history: Tensor, items: Tensor) -> Tensor:
        """Return the positive cosines (R, W, n) of photos (R, W) and (n,)."""
        mapped = self._mapped()
        table = (mapped @ mapped[items].T).relu()  # (P + 1, n)
        return table[history]

    def pairwise(self, history: Tensor, asked: Tensor) -> Tensor:
        """Return the positive cosines (R, W) of photos (R, W) with one each, (R,)."""
        mapped = self._mapped()
        return (mapped[history] * mapped[asked][:, None]).sum(-1).relu()

    def _mapped(self) -> Tensor:
        return functional.normalize(self.vectors @ self.map.T, dim=1, eps=1e-6)


def learns_apart(name: str) -> float | None:
    """Return the factor on the head's learning rate of the network's parameter ``name``.

    ``None`` for a parameter of the paper's model.
    """
    if not name.startswith("matching."):
        return None
    if name.startswith("matching.looks."):
        return 0.5
    return 0.25 if name.endswith(".item_level") else 1.0


def names_of(parts: Sequence[str]) -> tuple[bool, ...]:
    """Return which channels of :class:`Material` some ``parts`` switch on."""
    return tuple(part in parts for part in ("photo", "identity", "transitions", "query", "ratings"))
