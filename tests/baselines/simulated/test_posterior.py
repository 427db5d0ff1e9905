"""The sampler's users are draws from the posterior: of choices, of ratings, of every shop."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.special import logsumexp

from baselines.simulated.posterior import Chain, Sampler
from baselines.simulated.process import Histories, rating_chances, with_users, without_users
from benchmark.data.simulator.choices import draw_sequences
from benchmark.data.simulator.generate import calibrate
from benchmark.data.simulator.parameters import Scale, Weights
from benchmark.data.simulator.reviews import draw_ratings
from benchmark.data.simulator.truth import ItemFactors, Truth, UserFactors
from benchmark.data.simulator.world import DISLIKED, INDIFFERENT, Taste, draw_world

#: Small enough for a large sample from the prior to hold users like any.
TINY = {name: Taste(3, liked=1) for name in ("colour", "shape", "pattern", "brand", "material")}
TINY_ITEMS, TINY_LEAVES, TINY_HISTORY = 12, 4, 3
TINY_WEIGHTS = Weights(colour=1.2, shape=1.2, pattern=1.2, rating_noise=1.4)


def tiny_users(count: int, rng: np.random.Generator) -> UserFactors:
    """Users of the tiny world from its prior, written down independently of the sampler."""
    weights = TINY_WEIGHTS

    def taste(name: str) -> np.ndarray:
        order = rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
        share = np.where(order == 0, 1.0, np.where(order == 1, DISLIKED, 0.0))
        share += (order == 2) * INDIFFERENT * rng.normal(size=order.shape)
        return (getattr(weights, name) * share).astype(np.float32)

    leaves = rng.permuted(np.tile(np.arange(TINY_LEAVES), (count, 1)), axis=1)
    return UserFactors(
        **{name: taste(name) for name in TINY},
        price=rng.normal(size=count).astype(np.float32),
        leaves=leaves[:, : weights.liked_leaves].astype(np.int16),
        leniency=(weights.rating_leniency * rng.normal(size=count)).astype(np.float32),
        shop=np.zeros(count, dtype=np.int16),
    )


def tiny_world(rng: np.random.Generator, users: int = 1) -> Truth:
    items = ItemFactors(
        **{name: rng.integers(0, 3, TINY_ITEMS).astype(np.int16) for name in TINY},
        leaf=np.arange(TINY_ITEMS).astype(np.int16) % TINY_LEAVES,
        **{
            name: rng.normal(scale=scale, size=TINY_ITEMS).astype(np.float32)
            for name, scale in (("price", 1.0), ("quality", 0.25), ("exposure", 0.4))
        },
    )
    follow = [[(leaf + 1) % TINY_LEAVES, (leaf + 2) % TINY_LEAVES] for leaf in range(TINY_LEAVES)]
    return Truth(
        items=items,
        users=tiny_users(users, rng),
        complements=np.array(follow, dtype=np.int16),
        shops=np.zeros(TINY_LEAVES, dtype=np.int16),
        weights=TINY_WEIGHTS,
        need_gain=0.4,
        complement_gain=0.8,
        opinion_mean=1.5,
        opinion_spread=1.8,
    )


def left_by(truth: Truth, length: int, rng: np.random.Generator) -> Histories:
    """What the truth's users leave in their first ``length`` steps."""
    users = np.arange(truth.n_users)
    items = draw_sequences(truth, users, np.full(len(users), length), rng)
    ratings = draw_ratings(truth, np.repeat(users, length), items.ravel(), rng)
    return Histories(items, ratings.reshape(items.shape))


def next_items(truth: Truth, history: Histories, users: np.ndarray) -> np.ndarray:
    """Chances of the next item for users (draws,) who have this one history, (draws, items)."""
    utility = truth.standing(users) + truth.habit(np.repeat(history.recent(), len(users), axis=0))
    utility[:, history.items[0][history.items[0] >= 0]] = -np.inf
    return np.exp(utility - logsumexp(utility, axis=1, keepdims=True))


def log_likelihood(truth: Truth, history: Histories, users: np.ndarray) -> np.ndarray:
    """Of one history under each of the users (draws,): from the truth's own functions alone."""
    total = np.zeros(len(users))
    for step in range(history.items.shape[1]):
        before = Histories(history.items[:, :step], history.ratings[:, :step])
        item, rating = int(history.items[0, step]), history.ratings[0, step]
        total += np.log(next_items(truth, before, users)[:, item])
        if not np.isnan(rating):
            stars = truth.stars(users, np.full(len(users), item))
            chances = rating_chances(stars, truth.weights.rating_noise)
            total += np.log(np.maximum(chances[:, int(rating) - 1], 1e-300))
    return total


@pytest.mark.parametrize("rated", ["all", "the first"])
def test_in_a_tiny_world_it_agrees_with_weighing_users_of_the_prior(rated: str) -> None:
    rng = np.random.default_rng(3)
    truth = tiny_world(rng, users=4)
    histories = left_by(truth, TINY_HISTORY, rng)
    if rated != "all":
        histories.ratings[:, 1:] = np.nan
    chain, chains = Chain(burn=20, draws=40, thin=2), 25
    several = histories[np.repeat(np.arange(4), chains)]
    drawn = with_users(truth, Sampler(truth, chain, prior=TINY).draw(several, range(4 * chains)))
    many = 120_000
    prior = with_users(truth, tiny_users(many, rng))
    everyone, asked = np.arange(many), 3
    for row in range(4):
        history = histories[slice(row, row + 1)]
        logs = log_likelihood(prior, history, everyone)
        weight = np.exp(logs - logsumexp(logs))
        size = 1 / (weight**2).sum()  # the sample is worth so many users of the posterior
        assert size > 500
        mine = np.arange(chains * chain.draws) + row * chains * chain.draws
        found = next_items(drawn, history, mine).mean(axis=0)
        _agree(found, weight @ next_items(prior, history, everyone), size, len(mine))
        for item in range(asked):
            noise = truth.weights.rating_noise
            of_prior = rating_chances(prior.stars(everyone, np.full(many, item)), noise)
            of_drawn = rating_chances(drawn.stars(mine, np.full(len(mine), item)), noise)
            _agree(of_drawn.mean(axis=0), weight @ of_prior, size, len(mine))


def _agree(found: np.ndarray, expected: np.ndarray, size: float, draws: int) -> None:
    """Within Monte Carlo error: of so many users of either sample, drawn ones worth a third."""
    error = np.sqrt(expected * (1 - expected) * (1 / size + 3 / draws))
    assert (np.abs(found - expected) < 4 * error + 0.002).all()


@pytest.fixture(scope="module")
def shop() -> Truth:
    """Two shops of the simulator's own making, calibrated."""
    truth = draw_world(
        Scale(260, 60, 6, annex=Scale(40, 30, 4)), Weights(), np.random.default_rng(11)
    )
    users = np.arange(truth.n_users)
    items = draw_sequences(truth, users, np.full(len(users), 6), np.random.default_rng(12))
    return calibrate(truth, np.repeat(users, 6), items.ravel())


@pytest.fixture(scope="module")
def left(shop: Truth) -> Histories:
    """Six interactions of each of the shop's users: all they ever had."""
    return left_by(shop, 6, np.random.default_rng(13))


def first(histories: Histories, steps: int) -> Histories:
    return Histories(histories.items[:, :steps], histories.ratings[:, :steps])


CELLS = ((0.0, 0.01), (0.01, 0.05), (0.05, 0.15), (0.15, 0.4), (0.4, 1.01))


def test_its_promises_come_true_as_often_as_it_says(shop: Truth, left: Histories) -> None:
    """Users of the prior, asked for what they do next: chances of p happen with frequency p."""
    chain = Chain(draws=48)
    shown = first(left, 5)
    drawn = with_users(shop, Sampler(shop, chain).draw(shown, range(len(shown))))
    chances, stars = [], []
    for row in range(len(shown)):
        mine = np.arange(row * chain.draws, (row + 1) * chain.draws)
        of_next = next_items(drawn, shown[slice(row, row + 1)], mine)
        taken = int(left.items[row, 5])
        of_stars = rating_chances(
            drawn.stars(mine, np.full(len(mine), taken)), shop.weights.rating_noise
        )
        chances.append(of_next.mean(axis=0))
        # The item was taken: users who take it are those whose rating is asked.
        stars.append(of_next[:, taken] @ of_stars / of_next[:, taken].sum())
    _calibrated(np.array(chances), left.items[:, 5])
    _calibrated(np.array(stars), left.ratings[:, 5].astype(np.int64) - 1)


def _calibrated(chances: np.ndarray, happened: np.ndarray) -> None:
    came = np.zeros_like(chances)
    came[np.arange(len(came)), happened] = 1
    for low, high in CELLS:
        cell = (chances >= low) & (chances < high)
        spread = np.sqrt((chances[cell] * (1 - chances[cell])).sum())
        assert abs(came[cell].sum() - chances[cell].sum()) < 4 * spread + 1


def test_true_users_are_nowhere_special_among_those_drawn(shop: Truth, left: Histories) -> None:
    """Simulation-based calibration (Talts et al., 2018): the truth's rank is uniform."""
    chain = Chain(burn=20, draws=19, thin=6)
    users = Sampler(shop, chain).draw(left, range(len(left)))
    drawn, everyone = with_users(shop, users), np.arange(shop.n_users)
    for item in (3, 17, 51):
        true = shop.opinion(everyone, np.full(len(everyone), item))
        rows = np.arange(len(users.price))
        others = drawn.opinion(rows, np.full(len(rows), item)).reshape(len(left), -1)
        rank = (others < true[:, None]).sum(axis=1)  # 0 to 19
        counts = np.bincount(rank // 4, minlength=5)
        expected = len(left) / 5
        assert ((counts - expected) ** 2 / expected).sum() < 23.5  # chi square, 4 df, p = 1e-4


def test_a_history_of_one_shop_has_users_of_that_shop(shop: Truth, left: Histories) -> None:
    rows = np.array([0, 5, 270, 290])
    chain = Chain(burn=2, draws=5, thin=1)
    users = Sampler(shop, chain).draw(left[rows], rows.tolist())
    assert users.shop.reshape(4, 5).tolist() == [[0] * 5, [0] * 5, [1] * 5, [1] * 5]
    assert (shop.shops[users.leaves] == users.shop[:, None]).all()


def test_what_is_drawn_for_a_history_hangs_on_it_and_its_stream_alone(
    shop: Truth, left: Histories
) -> None:
    rows = np.array([7, 271, 3, 280, 150, 11])
    sampler = Sampler(shop, Chain(burn=3, draws=4, thin=2))
    together = sampler.draw(left[rows], rows.tolist())
    for place, row in enumerate(rows.tolist()):
        alone = sampler.draw(left[np.array([row])], [row])
        for field in fields(UserFactors):
            part = getattr(together, field.name)[place * 4 : place * 4 + 4]
            assert np.array_equal(getattr(alone, field.name), part), field.name
    other = sampler.draw(left[rows[:1]], [8])
    assert not np.array_equal(other.colour, together.colour[:4])


def test_empty_places_before_a_short_history_change_nothing(shop: Truth, left: Histories) -> None:
    short = first(left, 2)[np.arange(8)]
    padded = Histories(
        np.pad(short.items, ((0, 0), (3, 0)), constant_values=-1),
        np.pad(short.ratings, ((0, 0), (3, 0)), constant_values=np.nan),
    )
    sampler = Sampler(shop, Chain(burn=3, draws=4, thin=2))
    bare, wide = sampler.draw(short, range(8)), sampler.draw(padded, range(8))
    assert np.array_equal(bare.shape, wide.shape)
    assert np.array_equal(bare.leaves, wide.leaves)


def test_no_user_of_the_truth_has_a_part_in_it(shop: Truth, left: Histories) -> None:
    garbled = replace(shop.users, colour=shop.users.colour[::-1] * 7, leniency=shop.users.price)
    sampler = [
        Sampler(truth, Chain(burn=2, draws=2))
        for truth in (shop, with_users(shop, garbled), without_users(shop))
    ]
    one, two, three = (each.draw(left[np.arange(5)], range(5)) for each in sampler)
    assert np.array_equal(one.colour, two.colour)
    assert np.array_equal(one.colour, three.colour)
