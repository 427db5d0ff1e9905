"""The oracle is the ceiling of simulated data, and says so when the data is not simulated."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from baselines.simulated.oracle import Oracle
from baselines.simulated.process import rating_chances
from benchmark.data.catalogue import Catalogue
from benchmark.data.simulator.generate import generate
from benchmark.data.simulator.parameters import SimulatorParams
from benchmark.data.simulator.truth import ATTACHMENT, Truth, item_name
from benchmark.errors import BenchError
from benchmark.instances import (
    Example,
    History,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)

WINDOW = 5
NEGATIVES = 6


class SimulatedShop:
    """``sim-s`` held in memory: its catalogue, every user's items, and the view of a model."""

    def __init__(self, folder: Path) -> None:
        raw = generate(SimulatorParams(size="s"))
        query = pl.col("category").list.join(" ").alias("query")
        frame = raw.items.with_columns(query, image=pl.lit(None, dtype=pl.String))
        self.catalogue = Catalogue(frame, images=None)
        rows = raw.interactions.group_by("user_id", maintain_order=True).agg("item_id", "rating")
        self.users = rows["user_id"].to_list()
        self.items = rows["item_id"].to_list()
        self.ratings = rows["rating"].to_list()
        self._folder = folder
        (folder / ATTACHMENT).write_bytes(raw.attachments[ATTACHMENT])

    def history(self, user: int, end: int) -> History:
        """What a model sees of a user's first ``end`` items."""
        items = self.items[user][:end][-WINDOW:]
        shown = tuple(self.catalogue.by_id(item) for item in items)
        return History(shown, (None,) * len(shown), tuple(range(len(shown))))

    def view(self, **changes: object) -> SimpleNamespace:
        """The parts of a TrainingView that the oracle looks at."""
        fields = {
            "name": "sim-s",
            "tasks": ("recommendation", "search", "preference", "selection"),
            "history_window": WINDOW,
            "catalogue": self.catalogue,
            "attachment": lambda name: self._folder / name,
            "interactions": self.interactions,
            "examples": lambda task, part: [
                Example(self.selection(0, seed), tuple(self.items[0][-1:])) for seed in range(3)
            ],
        }
        return SimpleNamespace(**{**fields, **changes})

    def interactions(self) -> pl.DataFrame:
        """The training rows."""
        return pl.DataFrame({"item_id": [item for items in self.items for item in items[:-2]]})

    def selection(self, user: int, seed: int, positives: int = 1) -> SelectionInstance:
        """The user's last items among the last ones of others, as the benchmark draws them."""
        rng = np.random.default_rng([user, seed])
        taken = set(self.items[user])
        target = self.items[user][-positives:]
        picked: list[str] = []
        while len(picked) < NEGATIVES:
            block = self.items[int(rng.integers(len(self.users)))][-positives:]
            if taken.isdisjoint(block):
                picked += block
                taken.update(block)
        candidates = rng.permutation([*target, *picked]).tolist()
        return SelectionInstance(
            f"selection-{user}-{seed}",
            self.users[user],
            self.history(user, len(self.items[user]) - positives),
            tuple(self.catalogue.by_id(item) for item in candidates),
        )

    def recommendation(self, user: int) -> RecommendationInstance:
        past = self.items[user][:-1]
        history = self.history(user, len(past))
        return RecommendationInstance(f"r{user}", self.users[user], history, frozenset(past))

    def search(self, user: int) -> SearchInstance:
        query = self.catalogue.queries[self.catalogue.index[self.items[user][-1]]]
        assert query is not None
        past = self.items[user][:-1]
        history = self.history(user, len(past))
        return SearchInstance(f"s{user}", self.users[user], history, query, frozenset(past))

    def hit_rate(self, rankings: list[tuple[str, ...]], k: int = 5) -> float:
        hits = [row[-1] in answer[:k] for row, answer in zip(self.items, rankings, strict=True)]
        return float(np.mean(hits))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SimulatedShop:
    return SimulatedShop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def oracle(shop: SimulatedShop) -> Oracle:
    model = Oracle()
    model.fit(shop.view(), seed=0)  # type: ignore[arg-type]
    return model


def _most_popular(shop: SimulatedShop, allowed: set[str] | None = None) -> list[str]:
    train = pl.Series([item for items in shop.items for item in items[:-2]])
    counts = train.value_counts(sort=True)
    return [i for i in counts.to_series(0) if allowed is None or i in allowed]


def test_recommends_several_times_better_than_popularity(
    shop: SimulatedShop, oracle: Oracle
) -> None:
    everyone = range(len(shop.users))
    answers = [p.items for p in oracle.predict([shop.recommendation(u) for u in everyone])]
    popular = _most_popular(shop)
    baseline = [tuple(i for i in popular if i not in shop.items[u][:-1])[:10] for u in everyone]
    measured, floor = shop.hit_rate(answers), shop.hit_rate(baseline)
    assert 0.35 <= measured <= 0.6
    assert measured > 4 * floor
    assert floor > 5 / len(shop.catalogue)  # but popularity exists


def test_search_is_won_by_taste(shop: SimulatedShop, oracle: Oracle) -> None:
    everyone = range(len(shop.users))
    instances = [shop.search(u) for u in everyone]
    answers = [p.items for p in oracle.predict(instances)]
    assert 0.8 <= shop.hit_rate(answers) <= 0.95
    rng = np.random.default_rng(0)
    by_query: dict[str, list[str]] = {}
    for item_id, query in zip(shop.catalogue.ids, shop.catalogue.queries, strict=True):
        by_query.setdefault(query or "", []).append(item_id)
    guesses = [
        tuple(rng.permutation([i for i in by_query[s.query] if i not in s.exclude]))
        for s in instances
    ]
    assert shop.hit_rate(guesses) < 0.35


def test_search_answers_with_the_query_first(shop: SimulatedShop, oracle: Oracle) -> None:
    for instance, answer in zip(
        some := [shop.search(u) for u in range(50)], oracle.predict(some), strict=True
    ):
        ok = [
            shop.catalogue.queries[shop.catalogue.index[i]] == instance.query for i in answer.items
        ]
        assert ok == sorted(ok, reverse=True)
        assert not set(answer.items) & instance.exclude


def test_without_the_photos_even_the_oracle_loses(
    shop: SimulatedShop, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vision matters by construction: true utilities less looks rank far worse."""
    instances = [shop.search(u) for u in range(len(shop.users))]
    seeing = shop.hit_rate([p.items for p in oracle.predict(instances)])
    monkeypatch.setattr(Truth, "looks", lambda self, users: np.zeros((len(users), self.n_items)))
    blind = shop.hit_rate([p.items for p in oracle.predict(instances)])
    assert blind < seeing - 0.15


def test_scores_are_the_true_probabilities(shop: SimulatedShop, oracle: Oracle) -> None:
    """Calibration: where it promises a chance of p, the item is taken with frequency p."""
    instances = [shop.recommendation(u) for u in range(len(shop.users))]
    utility = oracle.log_chances(instances)
    for row, instance in zip(utility, instances, strict=True):
        row[[shop.catalogue.index[i] for i in instance.exclude]] = -np.inf
    chance = np.exp(utility - utility.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    taken = np.zeros_like(chance)
    taken[np.arange(len(taken)), [shop.catalogue.index[row[-1]] for row in shop.items]] = 1
    for low, high in ((0.0, 0.005), (0.005, 0.02), (0.02, 0.05), (0.05, 0.15), (0.15, 1.0)):
        cell = (chance >= low) & (chance < high)
        spread = np.sqrt((chance[cell] * (1 - chance[cell])).sum())
        assert abs(taken[cell].sum() - chance[cell].sum()) < 4 * spread


def test_chances_of_ratings_agree_with_drawing() -> None:
    stars = np.array([0.2, 1.4, 2.5, 3.7, 4.9, 6.0])
    noise = np.random.default_rng(0).normal(size=(400_000, 1))
    drawn = np.clip(np.floor(stars + 0.6 * noise + 0.5), 1, 5)  # (drawn, stars)
    shares = np.stack([(drawn == rating).mean(axis=0) for rating in range(1, 6)], axis=1)
    assert np.allclose(rating_chances(stars, 0.6), shares, atol=0.005)


def test_median_is_best_for_mae_and_mean_for_rmse(shop: SimulatedShop) -> None:
    instances = [
        PreferenceInstance(
            f"p{u}", shop.users[u], shop.history(u, -1), shop.catalogue.by_id(row[-1])
        )
        for u, row in enumerate(shop.items)
    ]
    truth = np.array([row[-1] for row in shop.ratings])
    errors = {}
    for rating in ("median", "mean"):
        model = Oracle(Oracle.Config(rating=rating))
        model.fit(shop.view(), seed=0)  # type: ignore[arg-type]
        values = np.array([p.value for p in model.predict(instances)])
        assert values.min() >= 1
        assert values.max() <= 5
        errors[rating] = values - truth
    mae = {rating: np.abs(error).mean() for rating, error in errors.items()}
    rmse = {rating: np.sqrt((error**2).mean()) for rating, error in errors.items()}
    assert mae["median"] < mae["mean"] < np.abs(truth - np.median(truth)).mean()
    assert rmse["mean"] < rmse["median"] < truth.std()


@pytest.mark.parametrize("positives", [1, 2, 3])
def test_selection_beats_taking_all_and_taking_the_likeliest_blindly(
    shop: SimulatedShop, oracle: Oracle, positives: int
) -> None:
    def f1(chosen: set[str], target: set[str]) -> float:
        return 2 * len(chosen & target) / (len(chosen) + len(target))

    users = range(150)
    instances = [shop.selection(u, seed=9, positives=positives) for u in users]
    mine, all_, random = [], [], []
    rng = np.random.default_rng(0)
    for user, instance, answer in zip(users, instances, oracle.predict(instances), strict=True):
        target = set(shop.items[user][-positives:])
        candidates = [item.item_id for item in instance.candidates]
        assert len(answer.scores) == len(candidates)
        assert np.isclose(sum(answer.scores), positives)
        mine.append(f1(set(answer.chosen), target))
        all_.append(f1(set(candidates), target))
        random.append(f1(set(rng.permutation(candidates)[:positives]), target))
    assert np.mean(mine) > np.mean(all_) + 0.1
    assert np.mean(mine) > np.mean(random) + 0.1


@pytest.mark.parametrize(("positives", "users"), [(1, 1_000), (2, 400)])
def test_selection_probabilities_are_calibrated(
    shop: SimulatedShop, oracle: Oracle, positives: int, users: int
) -> None:
    instances = [shop.selection(u, seed=5, positives=positives) for u in range(users)]
    share, hit = [], []
    for user, instance, answer in zip(
        range(users), instances, oracle.predict(instances), strict=True
    ):
        share += answer.scores
        hit += [item.item_id in shop.items[user][-positives:] for item in instance.candidates]
    p, y = np.array(share), np.array(hit)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
        cell = (p >= low) & (p < high)
        spread = np.sqrt((p[cell] * (1 - p[cell])).sum())
        assert abs(y[cell].sum() - p[cell].sum()) < 4 * spread


def test_saved_and_loaded_it_answers_the_same(
    shop: SimulatedShop, oracle: Oracle, tmp_path: Path
) -> None:
    oracle.save(tmp_path)
    again = Oracle()
    again.load(tmp_path)
    for instances in (
        [shop.recommendation(u) for u in range(20)],
        [shop.search(u) for u in range(20)],
        [shop.selection(u, seed=1) for u in range(20)],
    ):
        assert list(again.predict(instances)) == list(oracle.predict(instances))


def test_refuses_other_datasets_and_short_histories(shop: SimulatedShop) -> None:
    def missing(name: str) -> Path:
        raise BenchError(f"no attachment {name!r}")

    with pytest.raises(BenchError, match=r"simulated datasets only, and 'hm' is not one"):
        Oracle().fit(shop.view(name="hm", attachment=missing), seed=0)  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="history_window"):
        Oracle().fit(shop.view(history_window=2), seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "command"), [("sim-m", "sim --set size=m"), ("mine", "sim --name mine")]
)
def test_without_examples_of_selection_it_says_how_that_dataset_is_prepared(
    shop: SimulatedShop, name: str, command: str
) -> None:
    bare = shop.view(name=name, examples=lambda task, part: [])
    with pytest.raises(BenchError, match="no training example") as error:
        Oracle().fit(bare, seed=0)  # type: ignore[arg-type]
    assert f": unimp-bench data prepare {command} --force" in str(error.value.fix)


def test_refuses_users_it_was_not_fitted_on(shop: SimulatedShop, oracle: Oracle) -> None:
    stranger = RecommendationInstance("r", "u9999999", shop.history(0, 3))
    with pytest.raises(BenchError, match="knows no user 'u9999999'"):
        list(oracle.predict([stranger]))


def test_names_carry_the_truths_numbers(shop: SimulatedShop) -> None:
    assert shop.catalogue.ids[42] == item_name(42)
