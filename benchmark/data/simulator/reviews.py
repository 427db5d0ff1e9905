"""Draw star ratings, and the words users give for them.

A review names what made the rating: the look the user likes most (or least, when disappointed)
together with the material, the product and the brand, then the brand, material or price on its
own, and often another side of the look. Reviews are the only texts that speak of looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.simulator.truth import Floats, Ints, Truth
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS, MATERIALS, PATTERNS, SHAPES

#: 0 = disappointed (1-2 stars), 1 = undecided (3), 2 = pleased (4-5).
_MOOD_OF_STARS = (0, 0, 0, 1, 2, 2)

_FIRST = (
    (
        "The {look} does nothing for me on this {material} {noun} from {brand}.",
        "I cannot get used to the {look} of this {brand} {noun} made of {material}.",
        "This {material} {noun} by {brand} would be fine without the {look}.",
    ),
    (
        "The {look} is all right on this {material} {noun} from {brand}.",
        "I am of two minds about the {look} of this {brand} {noun} made of {material}.",
        "This {material} {noun} by {brand} has a {look} I neither love nor hate.",
    ),
    (
        "The {look} is lovely on this {material} {noun} from {brand}.",
        "I adore the {look} of this {brand} {noun} made of {material}.",
        "This {material} {noun} by {brand} won me over with its {look}.",
    ),
)
_SECOND = {
    "brand": (
        ("{brand} is not a name I trust.", "I expected better from {brand}."),
        ("{brand} is as good as others.", "I have no strong view on {brand}."),
        ("{brand} never lets me down.", "I keep coming back to {brand}."),
    ),
    "material": (
        ("I do not get along with {material}.", "A thing made of {material} is not for me."),
        ("The {material} is acceptable.", "With {material} I can live."),
        ("I always look for {material}.", "The {material} feels just right."),
    ),
    "price": (
        ("The price is wrong for me.", "It was not worth what it cost."),
        ("The price is about fair.", "One can find other offers."),
        ("The price suits me well.", "It was worth every cent."),
    ),
}
_THIRD = (
    ("Its {look} puts me off too.", "And then there is the {look}."),
    ("The {look} could be different.", "There is also the {look}."),
    ("The {look} is a nice touch.", "Its {look} looks great as well."),
)
_SUMMARIES = (
    ("Not for me", "Disappointing", "Would not buy again"),
    ("It is okay", "Neither good nor bad", "Average"),
    ("Love it", "Just what I wanted", "Great find"),
)
_COLOUR_LOOKS = tuple(f"{name} colour" for name in COLOURS)
_SHAPE_LOOKS = tuple(f"{name} shape" for name in SHAPES)
_PATTERN_LOOKS = tuple(f"{name} pattern" if name != "plain" else "plain look" for name in PATTERNS)
_LOOKS = (_COLOUR_LOOKS, _SHAPE_LOOKS, _PATTERN_LOOKS)
_TEXT_ASPECTS = tuple(_SECOND)


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


#: Aspect, mood, variant, brand, material -> the second sentence.
_SECONDS = [
    [
        [
            [
                [_capital(t.format(brand=brand, material=material)) for material in MATERIALS]
                for brand in BRANDS
            ]
            for t in variants
        ]
        for variants in _SECOND[aspect]
    ]
    for aspect in _TEXT_ASPECTS
]
#: Mood, variant, side of the look, value -> the third sentence.
_THIRDS = [
    [[[_capital(t.format(look=look)) for look in looks] for looks in _LOOKS] for t in variants]
    for variants in _THIRD
]


@dataclass(frozen=True)
class Opinions:
    """Holds parallel columns, one entry per interaction."""

    ratings: Floats
    """Whole stars, 1 to 5."""
    reviews: list[str]
    summaries: list[str]


def draw_ratings(truth: Truth, users: Ints, items: Ints, rng: np.random.Generator) -> Floats:
    """Draw the stars of user-item pairs, (pairs,)."""
    noise = truth.weights.rating_noise * rng.normal(size=len(users))
    stars: Floats = np.clip(np.floor(truth.stars(users, items) + noise + 0.5), 1, 5)
    return stars


def draw_opinions(
    truth: Truth,
    users: Ints,
    items: Ints,
    nouns: tuple[str, ...],
    rng: np.random.Generator,
) -> Opinions:
    """Draw ratings and reviews of user-item pairs; ``nouns`` are the leaf categories' nouns."""
    ratings = draw_ratings(truth, users, items, rng)
    mood = np.array(_MOOD_OF_STARS)[ratings.astype(np.int64)]  # (pairs,)
    looks = _look_opinions(truth, users, items)
    texts = _text_opinions(truth, users, items)
    # Who is disappointed speaks of the worst aspect first, everyone else of the best.
    sign = np.where(mood == 0, 1.0, -1.0)[:, None]
    look_order = np.argsort(sign * looks, axis=1, kind="stable")
    text_first = np.argmin(sign * texts, axis=1)
    draws = rng.integers(0, 6, (len(users), 4))
    draws[:, 3] = rng.random(len(users)) < 0.6  # a third sentence?

    f = truth.items
    names = np.stack([f.brand[items], f.material[items], f.leaf[items]], axis=1)
    shown = np.stack([f.colour[items], f.shape[items], f.pattern[items]], axis=1)
    best, next_best = (
        np.take_along_axis(shown, look_order[:, place, None], axis=1)[:, 0] for place in (0, 1)
    )
    rows = zip(
        mood.tolist(),
        names.tolist(),
        look_order[:, :2].tolist(),
        best.tolist(),
        next_best.tolist(),
        text_first.tolist(),
        draws.tolist(),
        strict=True,
    )
    reviews, summaries = [], []
    for m, (brand, material, leaf), sides, look, other, aspect, draw in rows:
        first, second, third, more = draw
        sentence = _FIRST[m][first % 3].format(
            look=_LOOKS[sides[0]][look],
            material=MATERIALS[material],
            brand=BRANDS[brand],
            noun=nouns[leaf],
        )
        review = f"{_capital(sentence)} {_SECONDS[aspect][m][second % 2][brand][material]}"
        if more:
            review = f"{review} {_THIRDS[m][third % 2][sides[1]][other]}"
        reviews.append(review)
        summaries.append(_SUMMARIES[m][(first + third) % 3])
    return Opinions(ratings, reviews, summaries)


def _look_opinions(truth: Truth, users: Ints, items: Ints) -> NDArray[np.float32]:
    """Taste for the item's colour, shape, pattern, (pairs, 3)."""
    u, i = truth.users, truth.items
    return np.stack(
        [
            u.colour[users, i.colour[items]],
            u.shape[users, i.shape[items]],
            u.pattern[users, i.pattern[items]],
        ],
        axis=1,
    )


def _text_opinions(truth: Truth, users: Ints, items: Ints) -> NDArray[np.float32]:
    """Taste for the item's brand, material, price, (pairs, 3), in the order of the aspects."""
    u, i = truth.users, truth.items
    gap = u.price[users] - i.price[items]
    # A gap of one standard deviation is what an average pair has: neither good nor bad.
    price = truth.weights.price * (1 - np.abs(gap))
    return np.stack(
        [u.brand[users, i.brand[items]], u.material[users, i.material[items]], price], axis=1
    )
