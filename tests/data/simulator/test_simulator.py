"""The simulated shop keeps its promises: deterministic, repeat-free, taste-driven, honest texts."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from benchmark.data.frames import conform
from benchmark.data.preparing.cleaning import RAW_INTERACTION_COLUMNS
from benchmark.data.raw.kept_texts import RawReviews
from benchmark.data.raw.repeats import with_texts
from benchmark.data.schema import ITEM_COLUMNS, RawDataset
from benchmark.data.simulator import choices, weighing
from benchmark.data.simulator.choices import draw_sequences
from benchmark.data.simulator.generate import generate
from benchmark.data.simulator.parameters import HABIT_SPAN, Scale, SimulatorParams, Weights
from benchmark.data.simulator.photos import SIZE, draw_photo
from benchmark.data.simulator.truth import ATTACHMENT, Truth, index_of, read_truth
from benchmark.data.simulator.vocabulary import (
    ANNEX_DEPARTMENTS,
    COLOURS,
    LINES,
    PATTERNS,
    SHAPES,
    leaf_categories,
)
from benchmark.data.simulator.world import draw_world
from benchmark.data.sources import SOURCES
from benchmark.errors import BenchError


def whole(raw: RawReviews) -> RawDataset:
    """A generated dataset with its texts and names in its rows."""
    rows = conform(with_texts(raw.interactions, raw.texts), RAW_INTERACTION_COLUMNS)
    return replace(raw, interactions=rows)


@pytest.fixture(scope="module")
def small() -> RawDataset:
    return whole(generate(SimulatorParams(size="s")))


@pytest.fixture(scope="module")
def truth(small: RawDataset, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    path = tmp_path_factory.mktemp("truth") / ATTACHMENT
    path.write_bytes(small.attachments[ATTACHMENT])
    return read_truth(path)


def _fingerprint(raw: RawDataset) -> str:
    digest = hashlib.sha256(raw.attachments[ATTACHMENT])
    digest.update(raw.items.write_json().encode())
    digest.update(raw.interactions.write_csv().encode())
    for item_id, photo in raw.photos:
        assert isinstance(photo, bytes)
        digest.update(item_id.encode() + photo)
    return digest.hexdigest()


def _words(raw: RawDataset) -> set[str]:
    """Every word of the catalogue's texts, lower-cased."""
    texts = [
        *raw.items["title"],
        *raw.items["brand"],
        *raw.items["description"],
        *raw.items["category"].explode(),
        *(f"{pair['key']} {pair['value']}" for row in raw.items["attributes"] for pair in row),
    ]
    return {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}


def every_leaf() -> tuple[tuple[tuple[str, ...], str], ...]:
    """All leaf categories there are, of both shops."""
    return (
        *leaf_categories(96 * len(LINES), annex=False),
        *leaf_categories(24 * len(LINES), annex=True),
    )


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    first, again, other = (
        _fingerprint(whole(generate(SimulatorParams(size="xs", seed=seed)))) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_columns_are_those_of_the_schema(small: RawDataset) -> None:
    items = {name: kind for name, kind in ITEM_COLUMNS.items() if name not in ("image", "query")}
    assert dict(small.items.schema) == items
    assert small.items.null_count().sum_horizontal().item() == 0
    assert small.interactions.null_count().sum_horizontal().item() == 0


def test_nobody_has_an_item_twice_and_time_only_moves_forward(small: RawDataset) -> None:
    rows = small.interactions
    assert rows.select("user_id", "item_id").is_duplicated().sum() == 0
    assert rows["user_id"].is_sorted()
    steps = rows.select(step=pl.col("timestamp").diff().over("user_id"))["step"].drop_nulls()
    assert steps.min() >= 86_400


def test_no_text_of_an_item_tells_how_it_looks(small: RawDataset) -> None:
    looks = {*COLOURS, *SHAPES, *PATTERNS}
    synonyms = {"round", "dots", "stripes", "checks", "plaid", "spotted", "pink", "white", "dark"}
    assert not (looks | synonyms) & _words(small)


def test_no_word_of_the_whole_vocabulary_tells_how_an_item_looks() -> None:
    leaves = every_leaf()
    words = {word for path, noun in leaves for part in (*path, noun) for word in part.split()}
    assert not {*COLOURS, *SHAPES, *PATTERNS} & words


def test_every_leaf_category_asks_a_different_query() -> None:
    leaves = every_leaf()
    queries = {" ".join(dict.fromkeys(" ".join(path).split())) for path, _ in leaves}
    assert len(queries) == len(leaves)


def test_looks_vary_among_items_of_equal_words(small: RawDataset, truth: Truth) -> None:
    """Within a query, and even within its brands, the photo is what separates items."""
    factors = truth.items
    looks_of: dict[int, set[tuple[int, int, int]]] = {}
    looks = np.stack([factors.colour, factors.shape, factors.pattern], axis=1)
    for leaf, look in zip(factors.leaf.tolist(), looks.tolist(), strict=True):
        looks_of.setdefault(leaf, set()).add(tuple(look))
    sizes = np.bincount(factors.leaf)
    assert sizes.min() >= 15
    assert sizes.max() <= 30
    assert all(len(looks) >= 0.8 * sizes[leaf] for leaf, looks in looks_of.items())
    described = [np.corrcoef(factors.colour, text)[0, 1] for text in (factors.brand, factors.leaf)]
    assert np.abs(described).max() < 0.2


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_photo_shows_its_colour_and_no_other(colour: str, pattern: str) -> None:
    for seed, shape in enumerate(SHAPES):
        png = draw_photo(colour, shape, pattern, np.random.default_rng(seed))
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float).reshape(-1, 3)
        assert len(pixels) == SIZE**2
        inked = pixels[pixels.min(axis=1) < 200]
        strongest = inked[np.argsort(inked.min(axis=1))[: max(30, len(inked) // 4)]]
        distance = [np.abs(strongest - rgb).sum(axis=1).mean() for rgb in COLOURS.values()]
        assert list(COLOURS)[int(np.argmin(distance))] == colour
        assert np.median(pixels[[0, SIZE - 1, -SIZE, -1]]) > 240  # off-white ground in the corners


def test_photos_of_equal_looks_differ_and_of_other_looks_differ_more() -> None:
    def photo(shape: str, seed: int) -> np.ndarray:
        png = draw_photo("blue", shape, "plain", np.random.default_rng(seed))
        return np.asarray(Image.open(io.BytesIO(png)), dtype=float)

    def ink_profile(image: np.ndarray) -> np.ndarray:
        """Share of inked pixels per ring around the ink's centre: free of position and angle."""
        ink = np.argwhere(image[..., 0] < 150)
        radii = np.linalg.norm(ink - ink.mean(axis=0), axis=1)
        return np.histogram(radii / radii.max(), bins=8, range=(0, 1))[0] / len(ink)

    hearts = [photo("heart", seed) for seed in range(6)]
    crosses = [photo("cross", seed) for seed in range(6)]
    assert all((hearts[0] != other).any() for other in hearts[1:])
    heart, cross = (np.mean([ink_profile(i) for i in some], axis=0) for some in (hearts, crosses))
    for image in hearts:
        profile = ink_profile(image)
        assert np.abs(profile - heart).sum() < np.abs(profile - cross).sum()


def test_choices_follow_the_stated_softmax() -> None:
    """Frequencies of the first two steps against probabilities computed by enumeration."""
    weights = Weights(complement_odds=2.0)
    truth = draw_world(Scale(users=1, items=7, leaves=4), weights, np.random.default_rng(2))
    n = 40_000
    users = np.zeros(n, dtype=np.int64)
    lengths = np.full(n, 3)
    drawn = draw_sequences(truth, users, lengths, np.random.default_rng(0))

    def softmax(past: list[int]) -> np.ndarray:
        recent = [*past[::-1], *[-1] * HABIT_SPAN][:HABIT_SPAN]
        utility = truth.standing(np.array([0]))[0] + truth.habit(np.array([recent]))[0]
        utility[past] = -np.inf
        weight = np.exp(utility / weights.temperature)
        return weight / weight.sum()

    for past in ([], [int(np.argmax(softmax([])))], drawn[0, :2].tolist()):
        rows = (drawn[:, : len(past)] == past).all(axis=1)
        seen = np.bincount(drawn[rows, len(past)], minlength=7) / rows.sum()
        expected = softmax(past)
        spread = np.sqrt(expected * (1 - expected) / rows.sum())
        assert (np.abs(seen - expected) <= 4 * spread + 1e-12).all()


def drawn_one_by_one(
    truth: Truth, users: np.ndarray, lengths: np.ndarray, rng: np.random.Generator
) -> list[list[int]]:
    """Draw what ``draw_sequences`` draws, of the whole catalogue's weights for every draw."""
    weights = truth.weights
    order = np.argsort(truth.items.leaf, kind="stable")
    leaf, brand = truth.items.leaf[order], truth.items.brand
    standing = np.exp(truth.standing(users)[:, order] / weights.temperature)
    boost = np.expm1(truth.complement_gain / weights.temperature)
    had: list[list[int]] = [[] for _ in users]
    while waiting := [row for row, length in enumerate(lengths) if len(had[row]) < length]:
        for row, point, luck in zip(waiting, *rng.random((2, len(waiting))), strict=True):
            recent = np.array([[*had[row][::-1], *[-1] * HABIT_SPAN][:HABIT_SPAN]])
            strips, places = [standing[row]], [np.arange(len(order))]
            for complement in truth.complements[truth.items.leaf[had[row][-1]]] if had[row] else ():
                places.append(np.flatnonzero(leaf == complement))
                strips.append(boost * standing[row, places[-1]])
            sums = np.cumsum(np.concatenate(strips))
            item = int(order[np.concatenate(places)[np.searchsorted(sums, point * sums[-1])]])
            loyalty = np.zeros(brand.max() + 1)
            np.add.at(loyalty, brand[recent[recent >= 0]], weights.loyalty[: len(had[row])])
            kept = np.exp((loyalty[brand[item]] - loyalty.max()) / weights.temperature)
            if luck < kept and item not in had[row]:
                had[row].append(item)
    return had


@pytest.mark.parametrize(("together", "cached"), [(1, (2, 5)), (2, (128, 512)), (64, (7, 1))])
def test_users_make_the_choices_that_they_make_one_by_one(
    monkeypatch: pytest.MonkeyPatch, together: int, cached: tuple[int, int]
) -> None:
    monkeypatch.setattr(choices, "TOGETHER", together)
    monkeypatch.setattr(weighing, "CACHED", cached)
    shop = Scale(users=40, items=90, leaves=9, annex=Scale(users=20, items=31, leaves=4))
    truth = draw_world(shop, Weights(), np.random.default_rng(3))
    lengths = np.random.default_rng(4).integers(1, 15, 60)
    parts = [slice(0, 25), slice(25, 55), slice(55, 60)]
    groups = [
        choices.Group(np.arange(60)[part], lengths[part], np.random.default_rng([5, part.start]))
        for part in parts
    ]
    for part, chosen in zip(parts, choices.draw_groups(truth, groups), strict=True):
        rng = np.random.default_rng([5, part.start])
        expected = drawn_one_by_one(truth, np.arange(60)[part], lengths[part], rng)
        assert [row[row >= 0].tolist() for row in chosen] == expected


def test_utilities_are_the_sums_that_define_them_to_the_last_bit(truth: Truth) -> None:
    users, u, i = np.arange(0, truth.n_users, 500), truth.users, truth.items
    looks = u.colour[users][:, i.colour].astype(np.float64)
    looks += u.shape[users][:, i.shape]
    looks += u.pattern[users][:, i.pattern]
    np.testing.assert_array_equal(truth.looks(users), looks)
    words = u.brand[users][:, i.brand].astype(np.float64)
    words += u.material[users][:, i.material]
    gap = u.price[users][:, None].astype(np.float64) - i.price[None, :]
    words = words - truth.weights.price * gap**2 / 2
    np.testing.assert_array_equal(truth.words(users), words)
    some = np.arange(truth.n_items)[::-3]
    np.testing.assert_array_equal(
        truth.with_items(some).standing(users), truth.standing(users)[:, some]
    )


def test_tastes_can_be_told_from_five_photos(small: RawDataset, truth: Truth) -> None:
    """The colour seen most often in a user's first five photos is mostly one the user likes."""
    firsts = small.interactions.group_by("user_id", maintain_order=True).head(5)
    users = np.array([index_of(name) for name in firsts["user_id"]])
    items = np.array([index_of(name) for name in firsts["item_id"]])
    for item_entry, taste in (
        (truth.items.colour, truth.users.colour),
        (truth.items.shape, truth.users.shape),
        (truth.items.pattern, truth.users.pattern),
    ):
        counts = np.zeros(taste.shape)
        np.add.at(counts, (users, item_entry[items]), 1)
        commonest = counts.argmax(axis=1)
        liked = taste[np.arange(len(taste)), commonest] > 0.8 * taste.max()
        assert liked.mean() > 0.7


def test_users_of_the_annex_buy_there_and_nobody_else_does(small: RawDataset, truth: Truth) -> None:
    departments = small.interactions.group_by("user_id").agg(pl.col("domain").unique())
    annexed = departments["domain"].list.eval(pl.element().is_in(list(ANNEX_DEPARTMENTS)))
    assert (annexed.list.all() == annexed.list.any()).all()
    assert annexed.list.all().sum() == 400
    every = np.arange(truth.n_users)
    assert (truth.on_sale(every).sum(axis=1) == np.where(every < 4_000, 400, 120)).all()
    leaves = set(truth.items.leaf[truth.items.leaf >= 20].tolist())
    assert set(truth.users.leaves[4_000:].ravel().tolist()) <= leaves
    assert set(truth.complements[20:].ravel().tolist()) <= leaves


def test_popularity_is_skewed(small: RawDataset) -> None:
    main = small.interactions.filter(~pl.col("domain").is_in(list(ANNEX_DEPARTMENTS)))
    counts = np.sort(main["item_id"].value_counts()["count"].to_numpy())
    assert counts[-40:].sum() > 2 * counts[:40].sum()


def test_ratings_are_spread_and_follow_opinions(small: RawDataset, truth: Truth) -> None:
    ratings = small.interactions["rating"].to_numpy()
    assert set(ratings) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert 3.4 < ratings.mean() < 3.8
    assert 0.9 < ratings.std() < 1.3
    users = np.array([index_of(name) for name in small.interactions["user_id"]])
    items = np.array([index_of(name) for name in small.interactions["item_id"]])
    assert np.corrcoef(truth.stars(users, items), ratings)[0, 1] > 0.75


def test_every_review_names_looks_and_what_the_item_text_says(small: RawDataset) -> None:
    looks = {*COLOURS, *SHAPES, *PATTERNS}
    facts = small.interactions.join(small.items, on="item_id", maintain_order="left")
    for row in facts.head(1_000).iter_rows(named=True):
        words = set(re.findall(r"[a-z]+", row["review"].lower()))
        sentences = re.split(r"(?<=\.) ", row["review"])
        assert 2 <= len(sentences) <= 3
        assert words & looks
        assert words >= {row["brand"].lower(), row["attributes"][0]["value"]}
        assert row["title"].split()[1].lower() in words
        assert 4 <= len(sentences[0].split()) <= 30
        assert row["summary"]


def test_a_review_tells_the_true_look(small: RawDataset, truth: Truth) -> None:
    for item_id, review in small.interactions.select("item_id", "review").head(1_000).iter_rows():
        item = index_of(item_id)
        own = {
            tuple(COLOURS)[truth.items.colour[item]],
            SHAPES[truth.items.shape[item]],
            PATTERNS[truth.items.pattern[item]],
        }
        told = set(re.findall(r"[a-z]+", review.lower())) & {*COLOURS, *SHAPES, *PATTERNS}
        assert told <= own


def test_pleased_users_do_not_write_disappointed_reviews(small: RawDataset) -> None:
    rows = small.interactions
    gloomy = rows["summary"].is_in(["Not for me", "Disappointing", "Would not buy again"])
    assert (rows["rating"] <= 2).equals(gloomy, check_names=False)


def test_truth_survives_writing_and_reading(small: RawDataset, truth: Truth) -> None:
    assert truth.to_bytes() == small.attachments[ATTACHMENT]


def test_another_file_is_not_taken_for_the_truth(tmp_path: Path) -> None:
    path = tmp_path / ATTACHMENT
    path.write_bytes(b"no safetensors")
    with pytest.raises(BenchError, match=r"not a simulator's truth file"):
        read_truth(path)


def test_source_declares_the_datasets_it_makes() -> None:
    source = SOURCES.get("sim")
    assert not source.needs_raw
    assert source.simulated
    params = source.params(size="xs", seed=1)
    assert source.default_name(params) == "sim-xs"
    raw = source.read(None, params, on_error="raise")
    assert isinstance(raw, RawReviews)
    same = generate(SimulatorParams(size="xs", seed=1))
    assert _fingerprint(whole(raw)) == _fingerprint(whole(same))
