"""Draw star ratings, and the words users give for them.

A review names what made the rating: the look the user likes most (or least, when disappointed)
together with the material, the product and the brand, then the brand, material or price on its
own, and often another side of the look. Reviews are the only texts that speak of looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np
import polars as pl
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


def _looks(template: str, side: int) -> list[str]:
    """A template filled with every value of a side of the look; the same number for all sides."""
    filled = [template.format(look=look) for look in _LOOKS[side]]
    return filled + filled[-1:] * (_VALUES - len(filled))  # the last ones are never asked for


_VALUES = max(map(len, _LOOKS))
#: Mood, variant -> the first sentence.
_FIRSTS = [template for variants in _FIRST for template in variants]
#: Side of the look, value -> its words.
_LOOK_WORDS = pl.Series([look for side in range(len(_LOOKS)) for look in _looks("{look}", side)])
#: Aspect, mood, variant, brand, material -> the second sentence.
_SECONDS = pl.Series(
    [
        " " + _capital(template.format(brand=brand, material=material))
        for aspect in _TEXT_ASPECTS
        for variants in _SECOND[aspect]
        for template in variants
        for brand in BRANDS
        for material in MATERIALS
    ]
)
_SECONDS_SHAPE = (len(_TEXT_ASPECTS), len(_FIRST), 2, len(BRANDS), len(MATERIALS))
#: Mood, variant, side of the look, value -> the third sentence.
_THIRDS = pl.Series(
    [
        " " + _capital(filled)
        for variants in _THIRD
        for template in variants
        for side in range(len(_LOOKS))
        for filled in (_looks(template, side))
    ]
)
_THIRDS_SHAPE = (len(_FIRST), 2, len(_LOOKS), _VALUES)
_SUMMARY_TEXTS = pl.Series([text for texts in _SUMMARIES for text in texts])


@dataclass(frozen=True)
class Opinions:
    """Holds parallel columns, one entry per interaction."""

    ratings: Floats
    """Whole stars, 1 to 5."""
    reviews: pl.Series
    summaries: pl.Series


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
    first, second, third, more = draws.T
    shown = np.stack([f.colour[items], f.shape[items], f.pattern[items]], axis=1)
    (side, look), (other_side, other) = (
        (sides, np.take_along_axis(shown, sides[:, None], axis=1)[:, 0])
        for sides in (look_order[:, 0], look_order[:, 1])
    )
    brand, material = f.brand[items], f.material[items]
    reviews = pl.DataFrame(
        {
            "first": _filled(
                _FIRSTS,
                len(_FIRST[0]) * mood + first % 3,
                look=_LOOK_WORDS.gather(_VALUES * side + look),
                material=pl.Series(MATERIALS).gather(material),
                brand=pl.Series(BRANDS).gather(brand),
                noun=pl.Series(nouns).gather(f.leaf[items]),
            ),
            "second": _SECONDS.gather(
                np.ravel_multi_index(
                    (text_first, mood, second % 2, brand, material), _SECONDS_SHAPE
                )
            ),
            "third": _THIRDS.gather(
                np.ravel_multi_index((mood, third % 2, other_side, other), _THIRDS_SHAPE)
            ),
            "more": more == 1,
        }
    ).select(pl.concat_str("first", "second", pl.when("more").then("third").otherwise(pl.lit(""))))
    summaries = _SUMMARY_TEXTS.gather(len(_SUMMARIES[0]) * mood + (first + third) % 3)
    return Opinions(ratings, reviews.to_series(), summaries)


def _filled(templates: Sequence[str], which: Ints, **fields: pl.Series) -> pl.Series:
    """Fill, for every row, one of the templates with the row's fields, (rows,)."""
    order = np.argsort(which, kind="stable")
    counts = np.bincount(which, minlength=len(templates))
    texts = []
    for template, rows in zip(templates, np.split(order, np.cumsum(counts)[:-1]), strict=True):
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        columns = pl.DataFrame({name: fields[name].gather(rows) for name in names})
        pattern = template.format(**dict.fromkeys(names, "{}"))
        texts.append(columns.select(pl.format(pattern, *names)).to_series())
    return pl.concat(texts).gather(np.argsort(order, kind="stable"))


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
