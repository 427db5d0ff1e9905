"""What ``informed`` may know, what it may not, and what that is worth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines.simulated.informed import Informed, InformedConfig, Shown
from baselines.simulated.oracle import Oracle
from benchmark.data.dataset import Dataset
from benchmark.data.simulator.truth import ATTACHMENT, read_truth
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.predictions import Ranking, Rating, Selection

TASKS = ("recommendation", "search", "preference", "selection")
BRIEF = InformedConfig(burn=10, draws=12, thin=1)


class View:
    """A training view whose truth file was replaced."""

    def __init__(self, view: object, truth: Path) -> None:
        self._view, self._truth = view, truth

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def attachment(self, name: str) -> Path:
        assert name == ATTACHMENT
        return self._truth


class Unprepared(Informed):
    """Draws for no more than one history when it is fitted."""

    def latest(self, data: TrainingView) -> list[Shown]:
        return super().latest(data)[-1:]


def _fitted(
    dataset: Dataset, truth: Path | None = None, config: InformedConfig = BRIEF
) -> Informed:
    view = dataset.training_view()
    model = Informed(config)
    model.fit(view if truth is None else View(view, truth), seed=0)  # type: ignore[arg-type]
    return model


def _some(dataset: Dataset, task: str, count: int = 8) -> list[Instance]:
    return list(dataset.instances(task)[:count])


@pytest.fixture(scope="module")
def fitted(sim_xs: Dataset) -> Informed:
    return _fitted(sim_xs)


def _files(model: Informed, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    model.save(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_truths_users_have_no_part_in_state_or_answers(
    sim_xs: Dataset, fitted: Informed, tmp_path: Path
) -> None:
    truth = read_truth(sim_xs.training_view().attachment(ATTACHMENT))
    users = truth.users
    garbled = replace(
        users,
        colour=users.colour[::-1],
        shape=-users.shape,
        leaves=users.leaves[::-1],
        price=users.price + 2,
        leniency=users.leniency * 9,
        shop=1 - users.shop,
    )
    file = tmp_path / ATTACHMENT
    file.write_bytes(replace(truth, users=garbled).to_bytes())
    misled = _fitted(sim_xs, file)
    for task in TASKS:
        asked = _some(sim_xs, task)
        assert list(misled.predict(asked)) == list(fitted.predict(asked)), task
    assert _files(misled, tmp_path / "misled") == _files(fitted, tmp_path / "fitted")
    # The same truth does mislead whoever knows the users.
    knowing, deceived = Oracle(), Oracle()
    knowing.fit(sim_xs.training_view(), seed=0)
    deceived.fit(View(sim_xs.training_view(), file), seed=0)  # type: ignore[arg-type]
    asked = _some(sim_xs, "preference")
    assert list(knowing.predict(asked)) != list(deceived.predict(asked))


def test_the_file_it_stores_holds_no_user_of_the_truth(fitted: Informed, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    stored = read_truth(tmp_path / ATTACHMENT)
    assert stored.n_users == 0
    assert stored.users.colour.shape[0] == stored.users.leniency.shape[0] == 0
    assert stored.n_items > 0


@pytest.mark.parametrize("task", TASKS)
def test_who_is_asked_about_does_not_matter_and_the_history_does(
    sim_xs: Dataset, fitted: Informed, task: str
) -> None:
    one, other = _some(sim_xs, task, 2)
    (answer,) = fitted.predict([one])
    (of_another,) = fitted.predict([replace(one, user_id=other.user_id)])
    assert of_another == answer
    (with_history,) = fitted.predict([replace(one, history=other.history)])
    assert with_history != answer


def test_order_and_ratings_of_a_history_count(sim_xs: Dataset, fitted: Informed) -> None:
    (one,) = _some(sim_xs, "recommendation", 1)
    shown = one.history
    (answer,) = fitted.predict([one])
    backwards = replace(
        shown, items=shown.items[::-1], ratings=shown.ratings[::-1], timestamps=shown.timestamps
    )
    disliked = replace(shown, ratings=tuple(6 - r for r in shown.ratings if r is not None))
    for changed in (backwards, disliked):
        (found,) = fitted.predict([replace(one, history=changed)])
        assert found != answer


@pytest.mark.parametrize("task", TASKS)
def test_what_was_drawn_when_it_was_fitted_is_what_is_drawn_when_it_is_asked(
    sim_xs: Dataset, fitted: Informed, task: str
) -> None:
    """One by one, by a model that has drawn nothing for these histories: no cache between."""
    asked = _some(sim_xs, task, 4)
    unprepared = Unprepared(BRIEF)
    unprepared.fit(sim_xs.training_view(), seed=0)
    found = [answer for instance in asked for answer in unprepared.predict([instance])]
    assert found == list(fitted.predict(asked))


def test_the_same_history_has_the_same_stream_and_another_seed_another() -> None:
    shown = Shown((3, 1), (4.0, None))
    assert shown.stream(0) == Shown((3, 1), (4.0, None)).stream(0)
    others = (Shown((1, 3), (4.0, None)), Shown((3, 1), (4.0, 4.0)))
    assert len({shown.stream(0), shown.stream(1), *(other.stream(0) for other in others)}) == 4


def test_what_is_excluded_is_not_answered_and_leaves_its_chances_to_the_rest(
    sim_xs: Dataset, fitted: Informed
) -> None:
    (one,) = _some(sim_xs, "recommendation", 1)
    (before,) = fitted.predict([one])
    assert isinstance(before, Ranking)
    best, rest = before.items[0], before.items[1:]
    (after,) = fitted.predict([replace(one, exclude=one.exclude | {best})])
    assert best not in after.items
    assert set(rest) <= set(after.items)
    assert after.scores[0] > before.scores[1]


@pytest.mark.slow
def test_two_lengths_of_chain_agree(sim_xs: Dataset) -> None:
    """Under what both believe together, neither loses .01 to the other on any task's measure."""
    short = _fitted(sim_xs, config=InformedConfig())
    long = _fitted(sim_xs, config=InformedConfig(burn=60, draws=192))
    for task in ("recommendation", "search"):
        asked = _some(sim_xs, task, 108)
        chances = {}
        for model in (short, long):
            logs = model.log_chances(asked)  # type: ignore[arg-type]
            for row, instance in zip(logs, asked, strict=True):
                row[[model.numbers([i])[0] for i in instance.exclude]] = -np.inf  # type: ignore[union-attr]
            chances[model] = np.exp(logs - logs.max(axis=1, keepdims=True))
            chances[model] /= chances[model].sum(axis=1, keepdims=True)
        believed = sum(chances.values()) / 2
        hits, gains = [], []
        for model in (short, long):
            best = np.argsort(-chances[model], axis=1)[:, :5]
            taken = np.take_along_axis(believed, best, axis=1)
            hits.append(taken.sum(axis=1).mean())
            gains.append((taken / np.log2(np.arange(2, 7))).sum(axis=1).mean())
        assert abs(hits[0] - hits[1]) < 0.01
        assert abs(gains[0] - gains[1]) < 0.01
    asked = _some(sim_xs, "preference", 108)
    ratings = [[a.value for a in m.predict(asked) if isinstance(a, Rating)] for m in (short, long)]
    assert np.mean(np.abs(np.diff(ratings, axis=0))) < 0.2
    asked = _some(sim_xs, "selection", 108)
    shares = [
        [s for a in m.predict(asked) if isinstance(a, Selection) for s in a.scores]
        for m in (short, long)
    ]
    assert np.mean(np.abs(np.diff(shares, axis=0))) < 0.05
