"""MRG: Truong and Lauw, "Multimodal Review Generation for Recommender Systems" (WWW 2019)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import ROWS, filled
from baselines.reviews.mrg_network import (
    END,
    PAD,
    START,
    UNKNOWN,
    Asked,
    MRGNetwork,
)
from baselines.reviews.sentences import Words, spoken
from baselines.reviews.system import ReviewSettings, ReviewSystem, in_batches
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Example, ExplanationInstance, PreferenceInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating, Text
from benchmark.tasks.explanation import MAX_CHARACTERS
from benchmark.training.reproducible import compute_device
from benchmark.training.validation import spread

#: Of a user, or an item, that nothing was learned about.
_NOBODY = -1


class MRGSettings(ReviewSettings):
    """Sets sizes that a processor trains in minutes; the authors' are the variant ``mrg:paper``.

    ``batch_size``, ``dropout``, ``l2`` and ``words`` are the authors' (PreferredAI/mrg d5a462a).
    They train for 20 epochs without a validation set; ``epochs``, ``patience`` and ``vocabulary``
    are ours. Their words start from GloVe vectors; ours are drawn.
    """

    epochs: int = Field(200, ge=1, le=100_000, description="most passes over the training data")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="of Adam")
    factors: int = Field(64, ge=1, le=8192, description="width of user and item vectors")
    word_size: int = Field(64, ge=1, le=8192, description="width of word vectors")
    state_size: int = Field(64, ge=1, le=8192, description="width of the LSTM")
    dropout: float = Field(0.2, ge=0, lt=1, description="of the LSTM's output, in training")
    l2: float = Field(1e-4, ge=0, le=10, description="of half the squares of weights and vectors")
    words: int = Field(20, ge=1, le=1000, description="most words of an explanation")
    vocabulary: int = Field(
        10_000, ge=1, le=1_000_000, description="words that can be written, the most frequent"
    )


@dataclass(frozen=True)
class Written:
    """Holds what users wrote in training: one row a purchase."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    """Numbers among the items that somebody took."""
    photo: NDArray[np.int64]
    """Rows of the items' photos."""
    above: NDArray[np.float32]
    """Ratings less the mean of all; NaN where none was given."""
    words: Mapping[int, list[int]]
    """Of the rows that have an explanation, its word numbers."""


class Batch(NamedTuple):
    """Holds B rows to learn ratings from, or what was written."""

    user: Tensor
    item: Tensor
    photo: NDArray[np.int64]
    above: Tensor | None = None
    """(B,), of ratings."""
    reviews: Tensor | None = None
    """(B, T), of explanations."""


class MRG(ReviewSystem[Written, Batch]):
    """Rates and explains by who asks, what is asked about and its photo (Truong and Lauw, 2019).

    The loss of ratings and that of words are lowered in turn, by one Adam. Held to the authors'
    code (``tests/golden/data/mrg.json``). There the photo is the one the user took for the review;
    our data has the item's alone, so for an item what is seen does not depend on the user.

    A new user has the mean of all users' vectors, and an item that nobody took the mean of the
    taken items'; an item without a photo is looked at as the mean region. Unknown words are never
    written, nor an empty sentence; the authors' sampler would write both.
    """

    Config = MRGSettings
    name = "MRG"
    tasks = frozenset({"explanation", "preference"})
    answers: ClassVar = {"explanation": ExplanationInstance, "preference": PreferenceInstance}
    learns_from = "explanations and ratings"

    def __init__(self, config: MRGSettings | None = None) -> None:
        super().__init__(config)
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._words = Words(())
        self._mean = 0.0
        self._scores: dict[str, float] = {}  # of the last validation, by task

    def _learnable(self, data: TrainingView) -> tuple[str, ...]:
        rows = data.interactions("train")
        explained = any(map(spoken, rows["explanation"].drop_nulls()))
        rated = rows["rating"].drop_nulls().len() > 0
        return tuple(
            task for task, there in {"explanation": explained, "preference": rated}.items() if there
        )

    def _read(self, data: TrainingView) -> Written:
        timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
        taken, item = np.unique(timeline.item, return_inverse=True)
        self._users = {user: number for number, user in enumerate(timeline.users)}
        self._items = {data.catalogue.ids[i]: number for number, i in enumerate(taken.tolist())}
        rated = ~np.isnan(timeline.rating)
        self._mean = float(timeline.rating[rated].mean()) if rated.any() else 0.0
        texts = {
            row: text
            for row, text in enumerate(timeline.explanation.to_list())
            if text is not None and spoken(text)
        }
        self._words = Words.of(texts.values(), most=self.config.vocabulary)
        photos = np.array([self.regions.row(data.catalogue[i], self.name) for i in taken.tolist()])
        return Written(
            timeline.user,
            item,
            photos[item],
            (timeline.rating - self._mean).astype(np.float32),
            {row: self._words.numbers(text, most=self.config.words)
             for row, text in texts.items()},
        )  # fmt: skip

    def _new_network(self) -> nn.Module:
        c = self.config
        return MRGNetwork(
            users=len(self._users),
            items=len(self._items),
            words=len(self._words),
            region_size=self.regions.shape[1],
            factors=c.factors,
            word_size=c.word_size,
            state_size=c.state_size,
            dropout=c.dropout,
        )

    # trained

    def _batches(self, material: Written, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield a step of ratings, then one of words, and so on."""
        size = self.config.batch_size
        rated, explained = (rng.permutation(rows) for rows in _rows(material))
        for some, others in zip_longest(in_batches(rated, size), in_batches(explained, size)):
            if some is not None:
                yield _batch(material, some, above=True)
            if others is not None:
                yield _batch(material, others, above=False)

    def _steps(self, material: Written) -> int:
        return sum(-(-len(rows) // self.config.batch_size) for rows in _rows(material))

    def _loss(self, batch: Batch) -> Tensor:
        network: MRGNetwork = self.network
        pairs = network.user(batch.user), network.item(batch.item)
        if batch.above is not None:
            loss = network.rating_loss(*pairs, batch.above)
        else:
            assert batch.reviews is not None
            loss = network.review_loss(Asked(*pairs, *self._photos(batch.photo)), batch.reviews)
        whole: Tensor = loss + self.config.l2 * network.shrunk(review=batch.reviews is not None)
        return whole

    def _photos(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Regions (B, R, f), and which rows have a photo (B,)."""
        device = compute_device()
        return self.regions.of(rows).to(device), torch.from_numpy(rows > 0).to(device)

    def _validation(self, data: TrainingView) -> Callable[[], float] | None:
        examples = {
            task: spread(data.examples(task, "valid"), self.config.validation_users)
            for task in self.learned
            if task in data.tasks
        }
        scores = {"explanation": self._likelihood, "preference": self._closeness}
        asked = {task: some for task, some in examples.items() if some}
        if not asked:
            return None

        def validate() -> float:
            self._scores = {task: scores[task](some) for task, some in asked.items()}
            return sum(self._scores.values()) / len(self._scores)

        return validate

    def _measure(self) -> str:
        return "all-tasks score"

    def _further_scores(self) -> Mapping[str, float]:
        names = {"explanation": "likelihood", "preference": "1 - MAE/width"}
        return {f"valid {task} {names[task]}": value for task, value in self._scores.items()}

    @torch.inference_mode()
    def _likelihood(self, examples: Sequence[Example]) -> float:
        """The geometric mean probability of a known word of what users wrote."""
        total, count = 0.0, 0
        for start in range(0, len(examples), ROWS):
            some = examples[start : start + ROWS]
            numbers = [
                self._words.numbers(str(example.target), most=self.config.words) for example in some
            ]
            reviews = _padded(numbers).to(compute_device())
            losses = self.network.losses(self._asked([each.instance for each in some]), reviews)
            known = (reviews[:, 1:] != PAD) & (reviews[:, 1:] != UNKNOWN)
            total += float(losses[known].sum())
            count += int(known.sum())
        return float(np.exp(-total / max(count, 1)))

    @torch.inference_mode()
    def _closeness(self, examples: Sequence[Example]) -> float:
        """One less the mean absolute error by the width of the scale."""
        error = 0.0
        for start in range(0, len(examples), ROWS):
            some = examples[start : start + ROWS]
            instances: list[Any] = [each.instance for each in some]
            for example, value in zip(some, self._ratings(instances), strict=True):
                low, high = example.instance.scale  # type: ignore[union-attr]
                error += abs(value - float(example.target)) / ((high - low) or 1.0)  # type: ignore[arg-type]
        return 1 - error / len(examples)

    # asked

    def _answer(self, task: str, some: Sequence[Any]) -> Iterable[Prediction]:
        if task == "preference":
            for instance, value in zip(some, self._ratings(some), strict=True):
                yield Rating(instance.instance_id, value)
            return
        never = torch.zeros(len(self._words), dtype=torch.bool, device=compute_device())
        never[[PAD, START, UNKNOWN]] = True
        first = never.clone()
        first[END] = True
        asked = self._asked(filled(some))
        steps = self.network.write(asked, self.config.words, never=never, first=first)
        rows = torch.stack([step.logits.argmax(1) for step in steps], 1).tolist()
        for instance, row in zip(some, rows, strict=False):
            yield Text(instance.instance_id, self._words.text(row)[:MAX_CHARACTERS])

    def _ratings(self, some: Sequence[PreferenceInstance]) -> list[float]:
        """Ratings of at most :data:`ROWS` instances, within their scales."""
        above = self.network.offset(*self._pairs(filled(some)))[: len(some)].tolist()
        scales = [instance.scale for instance in some]
        return [
            min(max(self._mean + value, low), high)
            for value, (low, high) in zip(above, scales, strict=True)
        ]

    def _pairs(self, some: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Vectors (n, k) of the users and items of instances."""
        network: MRGNetwork = self.network
        users = [self._users.get(instance.user_id, _NOBODY) for instance in some]
        items = [self._items.get(instance.item.item_id, _NOBODY) for instance in some]
        return _vectors(network.user, users), _vectors(network.item, items)

    def _asked(self, some: Sequence[Any]) -> Asked:
        photos = np.array([self.regions.row(instance.item, self.name) for instance in some])
        return Asked(*self._pairs(some), *self._photos(photos))

    # stored

    def _to_json(self) -> Mapping[str, Any]:
        return {
            "users": list(self._users),
            "items": list(self._items),
            "words": self._words.known,
            "mean": self._mean,
        }

    def _from_json(self, known: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        self._users = {user: number for number, user in enumerate(known["users"])}
        self._items = {item: number for number, item in enumerate(known["items"])}
        self._words, self._mean = Words(known["words"]), float(known["mean"])


def _rows(material: Written) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows with a rating, and those with an explanation."""
    explained = np.array(sorted(material.words), np.int64)
    return np.flatnonzero(~np.isnan(material.above)), explained


def _batch(material: Written, rows: NDArray[np.int64], *, above: bool) -> Batch:
    device = compute_device()
    user, item = (
        torch.from_numpy(column[rows]).to(device) for column in (material.user, material.item)
    )
    if above:
        values = torch.from_numpy(material.above[rows]).to(device)
        return Batch(user, item, material.photo[rows], above=values)
    reviews = _padded([material.words[row] for row in rows.tolist()]).to(device)
    return Batch(user, item, material.photo[rows], reviews=reviews)


def _padded(numbers: Sequence[Sequence[int]]) -> Tensor:
    rows = torch.full((len(numbers), max(map(len, numbers))), PAD)
    for row, each in zip(rows, numbers, strict=True):
        row[: len(each)] = torch.tensor(each)
    return rows


def _vectors(table: nn.Embedding, numbers: Sequence[int]) -> Tensor:
    """Vectors (n, d) of ``numbers``, of :data:`_NOBODY` the mean of all."""
    chosen = torch.tensor(numbers, device=table.weight.device)
    vectors = table.weight[chosen.clamp(min=0)]
    strange = chosen == _NOBODY
    if strange.any():  # a mean over everybody is worth saving where nobody needs it
        vectors = torch.where(strange[:, None], table.weight.mean(0), vectors)
    return vectors
