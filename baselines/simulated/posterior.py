"""Draw users who could have left a history: Gibbs sampling of tastes, a block at a time.

The prior is the simulator's (:mod:`benchmark.data.simulator.world`), the likelihood that of each
choice and each rating that a history shows (:mod:`benchmark.data.simulator.truth`). A sweep draws
in turn, each from its conditional distribution given everything else:

- for every vocabulary, which entries are liked and disliked: all sets are enumerated;
- the utilities of its indifferent entries: a Metropolis step that leaves their normal prior
  unchanged (preconditioned Crank-Nicolson; Cotter, Roberts, Stuart and White, Statistical Science
  28:424, 2013);
- the liked leaf categories, one after the other;
- the preferred price level and the leniency, on a grid.

A choice's normaliser is a sum over all items. One pass over the table of weights (users, steps,
items) gives its parts by the entries of a vocabulary, and every set's normaliser is a sum of such
parts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.simulated.process import (
    Histories,
    RatingTable,
    habits,
    of_shop,
    shop_of,
    stars,
    without_users,
)
from benchmark.data.simulator.truth import Ints, Truth, UserFactors
from benchmark.data.simulator.world import DISLIKED, INDIFFERENT, TASTES, Taste, joined
from benchmark.host.progress import bar
from benchmark.host.threads import processor_threads

#: Numbers (users, steps, items) of a block of histories: 4 MB, about what a core's caches hold.
_CELLS = 500_000
#: Histories below which a block is not worth a thread of its own.
_FEW = 32
#: The grid of standard normal variables: a distance of 0.4 leaves no trace in smooth integrals.
_GRID = torch.linspace(-3.2, 3.2, 17, dtype=torch.float64)
_PRIOR = torch.exp(-(_GRID**2) / 2)
#: Share of the old value in a step of the indifferent entries, and of the new (squares sum to 1).
_KEEP, _RENEW = 0.6, 0.8
_INDIFFERENT, _LIKED, _DISLIKED = range(3)
#: The statuses whose entries are drawn as sets; every other entry is indifferent.
_SETS = (_LIKED, _DISLIKED)


@dataclass(frozen=True, slots=True)
class Chain:
    """Sets a chain's length: ``burn`` sweeps, then ``draws`` kept, one every ``thin`` sweeps."""

    burn: int = 20
    draws: int = 96
    thin: int = 2

    @property
    def sweeps(self) -> int:
        """Return the number of sweeps of a history."""
        return self.burn + self.draws * self.thin


class Sampler:
    """Draws from the posterior of users given histories, whose random stream is their own.

    Nothing drawn for one history depends on another: sums are of one history each, in float64,
    whose last digits are far finer than what any pick hangs on.
    """

    def __init__(
        self, process: Truth, chain: Chain | None = None, *, prior: Mapping[str, Taste] = TASTES
    ) -> None:
        self.process = without_users(process)
        self.chain = chain or Chain()
        self._prior = prior

    def draw(self, histories: Histories, streams: Sequence[int]) -> UserFactors:
        """Return ``chain.draws`` users for each history, those of one history contiguous.

        ``streams`` (n,) seeds each history's random numbers.
        """
        shops = shop_of(self.process, histories)
        blocks: list[tuple[int, Ints]] = []  # (shop, rows)
        for shop in np.unique(shops).tolist():
            rows = np.flatnonzero(shops == shop)
            blocks += [(shop, some) for some in np.array_split(rows, self._parts(histories, rows))]

        def run(block: tuple[int, Ints]) -> UserFactors:
            shop, rows = block
            process, number = of_shop(self.process, shop)
            shown = histories[rows]
            items = np.where(shown.items >= 0, number[shown.items], -1)
            chains = _Chains(process, shop, self._prior, Histories(items, shown.ratings))
            return chains.run(self.chain, [streams[row] for row in rows.tolist()])

        workers = torch.get_num_threads()
        with (
            processor_threads(1),
            ThreadPoolExecutor(workers) as pool,
            bar("inferring tastes", total=len(histories)) as progress,
        ):
            parts = []
            for (_, rows), users in zip(blocks, pool.map(run, blocks), strict=True):
                parts.append(users)
                progress.advance(len(rows))
        return self._in_order(joined(UserFactors, parts), np.concatenate([r for _, r in blocks]))

    def _parts(self, histories: Histories, rows: Ints) -> int:
        """Into how many blocks to divide ``rows``: some for every thread, none too large."""
        cells = len(rows) * histories.items.shape[1] * self.process.n_items
        few = min(torch.get_num_threads(), -(-len(rows) // _FEW))
        return int(max(1, few, -(-cells // _CELLS)))

    def _in_order(self, users: UserFactors, rows: Ints) -> UserFactors:
        """The users of histories ``rows`` (n,), in the histories' order."""
        first = np.argsort(rows) * self.chain.draws
        order = (first[:, None] + np.arange(self.chain.draws)).ravel()
        return UserFactors(
            **{field.name: getattr(users, field.name)[order] for field in fields(UserFactors)}
        )


class _Noise:
    """Uniform and normal numbers, row by row from the row's own stream."""

    def __init__(self, streams: Sequence[int], sweeps: int, uniforms: int, normals: int) -> None:
        self._uniform = np.empty((sweeps, len(streams), uniforms))
        self._normal = np.empty((sweeps, len(streams), normals))
        for row, stream in enumerate(streams):
            rng = np.random.default_rng(stream)
            self._uniform[:, row] = rng.random((sweeps, uniforms))
            self._normal[:, row] = rng.standard_normal((sweeps, normals))
        self._sweep = -1

    def begin_sweep(self) -> None:
        """Go on to the numbers of the next sweep."""
        self._sweep += 1
        self._uniforms = self._normals = 0

    def uniform(self) -> Tensor:
        """Return the next uniform number of every row, (rows, 1)."""
        at = self._uniforms
        self._uniforms += 1
        return torch.from_numpy(self._uniform[self._sweep, :, at : at + 1])

    def normal(self, count: int) -> Tensor:
        """Return the next ``count`` standard normal numbers of every row, (rows, count)."""
        at = self._normals
        self._normals += count
        return torch.from_numpy(self._normal[self._sweep, :, at : at + count])


class _Evidence:
    """What a block of histories shows, and what the current users make of it.

    ``weights`` (rows, steps, items) are the unnormalised chances of each step's choice, ``opinion``
    (rows, steps) what is thought of the items shown, without leniency (rows, 1).
    """

    def __init__(self, process: Truth, histories: Histories) -> None:
        self.process = process
        self.temperature = process.weights.temperature
        self.shown = torch.from_numpy(histories.items >= 0)
        self.items = torch.from_numpy(np.maximum(histories.items, 0))
        self._table = RatingTable(process)
        rated = np.where(histories.items >= 0, histories.ratings, np.nan)
        self._ratings = self._table.rows(rated)[..., None]  # (rows, steps, 1)
        quality = torch.from_numpy(process.items.quality.astype(np.float64))
        exposure = torch.from_numpy(process.items.exposure.astype(np.float64))
        standing = torch.exp((quality + exposure) / self.temperature)
        self.weights = torch.from_numpy(habits(process, histories)) * standing
        self.opinion = quality[self.items]
        self.leniency = torch.zeros(len(histories), 1, dtype=torch.float64)

    def __len__(self) -> int:
        return len(self.items)

    def sums(self, groups: Tensor) -> Tensor:
        """Return the weights summed by ``groups`` (items, k), (rows, steps, k)."""
        rows, steps, items = self.weights.shape
        return (self.weights.view(rows * steps, items) @ groups).view(rows, steps, -1)

    def rated(self, opinion: Tensor, leniency: Tensor | None = None) -> Tensor:
        """Return the ratings' log-likelihood under ``opinion`` (rows, steps, options), each.

        ``leniency`` (by default the current one) broadcasts with it.
        """
        leniency = self.leniency[..., None] if leniency is None else leniency
        return self._table.log(stars(self.process, opinion, leniency), self._ratings)

    def told(self, per_step: Tensor) -> Tensor:
        """Return ``per_step`` (rows, steps, options) summed over the steps shown."""
        return torch.where(self.shown[..., None], per_step, 0.0).sum(1)

    def chosen_from(self, normalisers: Tensor) -> Tensor:
        """Return the product over the steps shown of ``normalisers`` (rows, steps, options)."""
        return torch.where(self.shown[..., None], normalisers, 1.0).prod(1)

    def scale(self, factors: Tensor, groups: Tensor | None = None) -> None:
        """Multiply the weights by ``factors`` (rows, items), or (rows, k) by ``groups``."""
        if groups is not None:  # (items, k), one-hot: the product is exact
            factors = factors @ groups.T
        self.weights *= factors[:, None, :]


class _Vocabulary:
    """The taste over one vocabulary: which entries are liked and disliked, and how much."""

    def __init__(self, evidence: _Evidence, noise: _Noise, name: str, prior: Taste) -> None:
        process, rows = evidence.process, len(evidence)
        self.name = name
        self._evidence, self._noise = evidence, noise
        of_items = torch.from_numpy(getattr(process.items, name).astype(np.int64))
        self._groups = _one_hot(of_items, prior.size)  # (items, entries)
        self._at = of_items[evidence.items]  # (rows, steps)
        self._at3 = self._at[..., None].expand(-1, -1, 3).contiguous()
        self._weight = float(getattr(process.weights, name))
        self._spread = noise.normal(prior.size)  # (rows, entries)
        # What an entry is worth by status, (rows, entries, 3); only the indifferent part changes.
        levels = self._weight * torch.tensor([0.0, 1.0, DISLIKED], dtype=torch.float64)
        self._levels = levels.repeat(rows, prior.size, 1)
        self._sets = {
            _LIKED: _subsets(prior.size, prior.liked),
            _DISLIKED: _subsets(prior.size, prior.disliked),
        }
        self._is = {status: torch.zeros(rows, prior.size, dtype=torch.float64) for status in _SETS}
        for status in _SETS:
            self._is[status] = self._drawn(status, torch.zeros(rows, len(self._sets[status])))
        self.utility = self._utility(self._spread)
        evidence.scale(torch.exp(self.utility / evidence.temperature), self._groups)
        evidence.opinion = evidence.opinion + self._shown(self.utility)

    @staticmethod
    def uniforms() -> int:
        """Return how many uniform numbers a sweep takes."""
        return len(_SETS) + 1

    def sweep(self) -> None:
        """Draw the sets, then the indifferent entries."""
        evidence, before = self._evidence, torch.exp(self.utility / self._evidence.temperature)
        opinion = evidence.opinion - self._shown(self.utility)  # of everything else
        rest = evidence.sums(self._groups) / before[:, None, :]  # (rows, steps, entries)
        self._draw_sets(opinion, rest)
        self._draw_spread(opinion, rest)
        now = torch.exp(self.utility / evidence.temperature)
        evidence.scale(now / before, self._groups)
        evidence.opinion = opinion + self._shown(self.utility)

    def _draw_sets(self, opinion: Tensor, rest: Tensor) -> None:
        """Draw the liked entries given the disliked ones, then the reverse."""
        evidence = self._evidence
        self._levels[..., _INDIFFERENT] = self._weight * INDIFFERENT * self._spread
        shown = self._levels.gather(1, self._at3)  # (rows, steps, 3)
        told = shown / evidence.temperature + evidence.rated(opinion[..., None] + shown)
        told = torch.where(evidence.shown[..., None], told, 0.0)
        fit = torch.zeros_like(self._levels).scatter_add_(1, self._at3, told)
        odds = torch.exp(self._levels / evidence.temperature)
        plain = (rest * odds[:, None, :, _INDIFFERENT]).sum(2, keepdim=True)
        gain = {s: rest * (odds[..., s] - odds[..., _INDIFFERENT])[:, None, :] for s in _SETS}
        for status, other in ((_LIKED, _DISLIKED), (_DISLIKED, _LIKED)):
            sets = self._sets[status]
            totals = plain + (gain[other] * self._is[other][:, None, :]).sum(2, keepdim=True)
            totals = totals + (gain[status].flatten(0, 1) @ sets.T).view(*rest.shape[:2], -1)
            score = (fit[..., status] - fit[..., _INDIFFERENT]) @ sets.T
            self._is[status] = self._drawn(status, score, evidence.chosen_from(totals))

    def _drawn(self, status: int, score: Tensor, normaliser: Tensor | float = 1.0) -> Tensor:
        """Draw one of the sets of entries of a status, disjoint from that of the other status."""
        sets = self._sets[status]
        (other,) = (other for other in _SETS if other != status)
        taken = self._is[other] @ sets.T  # (rows, sets)
        chance = torch.exp(score - score.amax(1, keepdim=True)) / normaliser
        return sets[_pick(torch.where(taken > 0, 0.0, chance), self._noise.uniform())]

    def _draw_spread(self, opinion: Tensor, rest: Tensor) -> None:
        entries = self._spread.shape[1]
        # What a liked or disliked entry would have is told by nothing: its prior is its posterior.
        indifferent = self._is[_LIKED] + self._is[_DISLIKED] == 0
        free = torch.where(indifferent, self._spread, self._noise.normal(entries))
        proposed = _KEEP * free + _RENEW * self._noise.normal(entries)
        gain = self._fit(proposed, opinion, rest) - self._fit(free, opinion, rest)
        self._spread = torch.where(torch.log(self._noise.uniform()) < gain, proposed, free)
        self.utility = self._utility(self._spread)

    def _fit(self, spread: Tensor, opinion: Tensor, rest: Tensor) -> Tensor:
        """The log-likelihood of the histories, up to what does not depend on it; (rows, 1)."""
        evidence, utility = self._evidence, self._utility(spread)
        shown = self._shown(utility)
        totals = (rest * torch.exp(utility / evidence.temperature)[:, None, :]).sum(2)
        told = (shown / evidence.temperature - torch.log(totals))[..., None]
        return evidence.told(told + evidence.rated((opinion + shown)[..., None]))

    def _utility(self, spread: Tensor) -> Tensor:
        """The utilities of the entries with this ``spread`` of the indifferent; (rows, entries)."""
        liked, disliked = self._is[_LIKED], self._is[_DISLIKED]
        share = liked + DISLIKED * disliked + (1 - liked - disliked) * INDIFFERENT * spread
        return self._weight * share

    def _shown(self, utility: Tensor) -> Tensor:
        """The utilities of the entries that the items shown have, (rows, steps)."""
        return utility.gather(1, self._at)


class _Leaves:
    """The liked leaf categories, all of the user's own shop."""

    def __init__(self, evidence: _Evidence, noise: _Noise, shop: int) -> None:
        process = evidence.process
        self._evidence, self._noise = evidence, noise
        self._gain = process.need_gain
        of_items = torch.from_numpy(process.items.leaf.astype(np.int64))
        count = len(process.complements)
        self._groups = _one_hot(of_items, count)  # (items, leaves)
        at = of_items[evidence.items]  # (rows, steps)
        told = evidence.shown.to(torch.float64) * self._gain / evidence.temperature
        self._told = torch.zeros(len(evidence), count, dtype=torch.float64)
        self._told.scatter_add_(1, at, told)  # (rows, leaves)
        self._own = torch.from_numpy((process.shops == shop).astype(np.float64))  # (leaves,)
        every = self._own.repeat(len(evidence), 1)
        liked: list[Tensor] = []
        for _ in range(process.weights.liked_leaves):
            liked.append(_pick(every, noise.uniform()))
            every.scatter_(1, liked[-1][:, None], 0.0)
        self.liked = torch.stack(liked, dim=1)  # (rows, liked)
        evidence.scale(self._odds(), self._groups)

    @staticmethod
    def uniforms(process: Truth) -> int:
        """Return how many uniform numbers a sweep takes."""
        return process.weights.liked_leaves

    def sweep(self) -> None:
        """Draw the liked leaf categories, one given the others."""
        evidence, before = self._evidence, self._odds()
        rest = evidence.sums(self._groups) / before[:, None, :]
        extra = rest * math.expm1(self._gain / evidence.temperature)  # (rows, steps, leaves)
        total = rest.sum(2, keepdim=True)
        for slot in range(self.liked.shape[1]):
            others = torch.cat([self.liked[:, :slot], self.liked[:, slot + 1 :]], dim=1)
            with_others = _along_steps(others, extra).sum(2, keepdim=True)
            totals = total + with_others + extra
            chance = self._own * torch.exp(self._told) / evidence.chosen_from(totals)
            chance.scatter_(1, others, 0.0)
            self.liked[:, slot] = _pick(chance, self._noise.uniform())
        evidence.scale(self._odds() / before, self._groups)

    def _odds(self) -> Tensor:
        """What a leaf category makes of an item's weight, (rows, leaves)."""
        liked = math.exp(self._gain / self._evidence.temperature)
        return torch.ones_like(self._told).scatter_(1, self.liked, liked)


class _Price:
    """The preferred price level, a value of the grid."""

    def __init__(self, evidence: _Evidence, noise: _Noise) -> None:
        process = evidence.process
        self._evidence, self._noise = evidence, noise
        self._weight = process.weights.price
        self._of_items = torch.from_numpy(process.items.price.astype(np.float64))
        self._utilities = self._utility(_GRID, self._of_items[:, None])  # (items, grid)
        self._groups = torch.exp(self._utilities / evidence.temperature)
        self._on_shown = self._utilities[evidence.items]  # (rows, steps, grid)
        self.level = _GRID[_pick(_PRIOR.expand(len(evidence), -1), noise.uniform())][:, None]
        own = self._utility(self.level, self._of_items)
        evidence.scale(torch.exp(own / evidence.temperature))
        evidence.opinion = evidence.opinion + own.gather(1, evidence.items)

    @staticmethod
    def uniforms() -> int:
        """Return how many uniform numbers a sweep takes."""
        return 1

    def sweep(self) -> None:
        """Draw the price level."""
        evidence = self._evidence
        before = self._utility(self.level, self._of_items)  # (rows, items)
        opinion = evidence.opinion - before.gather(1, evidence.items)
        evidence.scale(torch.exp(-before / evidence.temperature))
        told = self._on_shown / evidence.temperature - torch.log(evidence.sums(self._groups))
        told = evidence.told(told + evidence.rated(opinion[..., None] + self._on_shown))
        chance = _PRIOR * torch.exp(told - told.amax(1, keepdim=True))
        self.level = _GRID[_pick(chance, self._noise.uniform())][:, None]
        now = self._utility(self.level, self._of_items)
        evidence.scale(torch.exp(now / evidence.temperature))
        evidence.opinion = opinion + now.gather(1, evidence.items)

    def _utility(self, level: Tensor, price: Tensor) -> Tensor:
        return -self._weight * (level - price) ** 2 / 2


class _Leniency:
    """The user's general leniency, a value of the grid."""

    def __init__(self, evidence: _Evidence, noise: _Noise) -> None:
        self._evidence, self._noise = evidence, noise
        self._grid = evidence.process.weights.rating_leniency * _GRID
        picked = _pick(_PRIOR.expand(len(evidence), -1), noise.uniform())
        evidence.leniency = self._grid[picked][:, None]

    @staticmethod
    def uniforms() -> int:
        """Return how many uniform numbers a sweep takes."""
        return 1

    def sweep(self) -> None:
        """Draw the leniency."""
        evidence = self._evidence
        told = evidence.told(evidence.rated(evidence.opinion[..., None], self._grid))
        chance = _PRIOR * torch.exp(told - told.amax(1, keepdim=True))
        evidence.leniency = self._grid[_pick(chance, self._noise.uniform())][:, None]


class _Chains:
    """One chain for each history of a block."""

    def __init__(
        self, process: Truth, shop: int, prior: Mapping[str, Taste], histories: Histories
    ) -> None:
        self._process, self._shop, self._prior = process, shop, prior
        self._evidence = _Evidence(process, histories)

    def run(self, chain: Chain, streams: Sequence[int]) -> UserFactors:
        """Return the kept users, (rows * draws) rows."""
        evidence = self._evidence
        uniforms = len(self._prior) * _Vocabulary.uniforms() + _Price.uniforms()
        uniforms += _Leaves.uniforms(self._process) + _Leniency.uniforms()
        normals = 2 * sum(taste.size for taste in self._prior.values())
        noise = _Noise(streams, chain.sweeps + 1, uniforms, normals)
        noise.begin_sweep()
        tastes = [_Vocabulary(evidence, noise, *taste) for taste in self._prior.items()]
        leaves, price = _Leaves(evidence, noise, self._shop), _Price(evidence, noise)
        last = _Leniency(evidence, noise)
        sweeps = [*(taste.sweep for taste in tastes), leaves.sweep, price.sweep, last.sweep]
        kept: list[UserFactors] = []
        for sweep in range(1, chain.sweeps + 1):
            noise.begin_sweep()
            for draw in sweeps:
                draw()
            if sweep > chain.burn and (sweep - chain.burn) % chain.thin == 0:
                kept.append(
                    UserFactors(
                        **{taste.name: _stored(taste.utility) for taste in tastes},
                        price=_stored(price.level[:, 0]),
                        leniency=_stored(evidence.leniency[:, 0]),
                        leaves=leaves.liked.numpy().astype(np.int16),
                        shop=np.full(len(evidence), self._shop, dtype=np.int16),
                    )
                )
        return _by_history(kept)


def _stored(values: Tensor) -> NDArray[np.float32]:
    """Rounded to half precision, in which they can be kept."""
    return values.to(torch.float16).numpy().astype(np.float32)


def _by_history(kept: Sequence[UserFactors]) -> UserFactors:
    """From a table of (rows,) users a draw to one with the draws of a row side by side."""
    columns = {}
    for field in fields(UserFactors):
        table = np.stack([getattr(users, field.name) for users in kept], axis=1)
        columns[field.name] = table.reshape(-1, *table.shape[2:])
    return UserFactors(**columns)


def _subsets(size: int, count: int) -> Tensor:
    """Every way to choose ``count`` of ``size`` entries, (ways, entries) of zeros and ones."""
    chosen = torch.tensor(list(itertools.combinations(range(size), count)))
    return torch.zeros(len(chosen), size, dtype=torch.float64).scatter_(1, chosen, 1.0)


def _one_hot(numbers: Tensor, count: int) -> Tensor:
    return torch.nn.functional.one_hot(numbers, count).to(torch.float64)


def _along_steps(options: Tensor, table: Tensor) -> Tensor:
    """The entries ``options`` (rows, k) of ``table`` (rows, steps, n), (rows, steps, k)."""
    return table.gather(2, options[:, None, :].expand(-1, table.shape[1], -1))


def _pick(chance: Tensor, uniform: Tensor) -> Tensor:
    """Draw a column of ``chance`` (rows, n), not normalised, by ``uniform`` (rows, 1); (rows,)."""
    sums = chance.cumsum(1)
    return (sums <= uniform * sums[:, -1:]).sum(1).clamp_max(chance.shape[1] - 1)
