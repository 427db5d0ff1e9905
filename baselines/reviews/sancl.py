"""SANCL: Han et al., "SANCL: Multimodal Review Helpfulness Prediction with Selective Attention and
Natural Contrastive Learning" (COLING 2022), adapted to the rating of an item."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.blocks import ROWS, filled
from baselines.learning.heads import heads_divide
from baselines.reviews.sancl_network import Read, SANCLNetwork
from baselines.reviews.system import ReviewSettings, ReviewSystem, in_batches
from baselines.reviews.told import Told, probed
from baselines.search.texts import Vocabulary, WordLists
from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Example, Item, PreferenceInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating
from benchmark.training.reproducible import compute_device
from benchmark.training.validation import spread

#: Ratings are learned on the authors' scale of helpfulness, from 0 to 4 stars; from 3 on a review
#: counts as helpful there, and a product as liked here.
_STARS, _LIKED = 4.0, 3.0


class SANCLSettings(ReviewSettings):
    """Sets the authors' values (declare-lab/SANCL dadd6b0) where they have one.

    Those are ``hidden_size``, ``common_size``, ``n_layers``, ``n_heads`` and ``contrast``. They
    read 768 numbers a word from a BERT and train at 1e-4 for at most 10 epochs; here word vectors
    start from nothing, and width, rate, epochs, dropout and lengths are ours.
    """

    epochs: int = Field(100, ge=1, le=100_000, description="most passes over the training data")
    learning_rate: float = Field(5e-4, gt=0, le=10, description="of Adam")
    word_size: int = Field(64, ge=1, le=8192, description="width of word vectors")
    n_heads: int = Field(4, ge=1, le=64, description="attention heads over regions")
    hidden_size: int = Field(128, ge=1, le=8192, description="width of texts and photos")
    inner_size: int = Field(256, ge=1, le=32768, description="width inside the feed-forward part")
    n_layers: int = Field(3, ge=1, le=64, description="blocks over regions")
    common_size: int = Field(64, ge=1, le=8192, description="width of the two common spaces")
    contrast: float = Field(0.1, ge=0, le=1e3, description="of the contrasts in the loss")
    hidden_dropout_prob: float = Field(0.2, ge=0, lt=1, description="dropout of states")
    attn_dropout_prob: float = Field(0.1, ge=0, lt=1, description="dropout of attention")
    grid: int = Field(
        2, ge=1, le=4, description="regions of a photo a side, or as many as the encoder has"
    )
    reviews: int = Field(5, ge=1, le=1000, description="latest earlier reviews that are read")
    review_words: int = Field(40, ge=1, le=10_000, description="first words read of each")
    product_words: int = Field(40, ge=1, le=10_000, description="first words of the product's text")

    _heads_divide = heads_divide()


class Source(NamedTuple):
    """Holds what is read for one instance."""

    review: list[int]
    probe: list[float]
    product: list[int]
    photos: list[int]
    """Rows of the photos of what was reviewed."""
    photo: int
    """Row of the product's photo."""


@dataclass(frozen=True)
class Material:
    """Lists the training rows that have a rating."""

    rows: NDArray[np.int64]
    stars: NDArray[np.float32]
    """(rows,), from 0 to 4."""
    starts: NDArray[np.int64]
    """(rows,), of each the first row of its user."""


class Batch(NamedTuple):
    """Pairs what is read with the stars given (B,)."""

    read: Read
    stars: Tensor


class SANCL(ReviewSystem[Material, Batch]):
    """Rates by how a user's earlier reviews fit a product, in words and photos (Han et al., 2022).

    The authors ask how helpful a review is to readers of a product; here the user's latest
    *earlier* reviews, never the one of the rated purchase, take that review's place, and the
    squared error of the rating that of the ranking. Nothing is known by number: users are what they
    wrote, items what they say and show, so new ones are read as any others. The parts are held to
    the authors' code (``tests/golden/data/sancl.json``), where that does what the paper says.

    Where a review is not at hand (a new user, the validation part, data without reviews) the text
    of the item, as shown, takes its place.
    """

    Config = SANCLSettings
    name = "SANCL"
    tasks = frozenset({"preference"})
    answers: ClassVar = {"preference": PreferenceInstance}
    learns_from = "ratings"

    def __init__(self, config: SANCLSettings | None = None) -> None:
        super().__init__(config)
        self._users: dict[str, int] = {}
        self._index: dict[str, int] = {}
        self._told: Told | None = None
        self._mean = 0.0
        self._catalogue: Catalogue | None = None  # in training
        self._scale = (0.0, _STARS)

    def _learnable(self, data: TrainingView) -> tuple[str, ...]:
        rated = data.interactions("train")["rating"].drop_nulls().len() > 0
        return ("preference",) if rated and data.rating_scale is not None else ()

    def _read(self, data: TrainingView) -> Material:
        timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
        self._users = {user: number for number, user in enumerate(timeline.users)}
        self._index = dict(data.catalogue.index)
        self._told = Told.of_view(data, timeline, most=self.config.review_words)
        self._catalogue = data.catalogue
        assert data.rating_scale is not None
        self._scale = data.rating_scale
        rows = np.flatnonzero(~np.isnan(timeline.rating))
        stars = _stars(timeline.rating[rows], self._scale)
        self._mean = float(stars.mean())
        return Material(rows, stars.astype(np.float32), timeline.start_of(rows))

    def _new_network(self) -> nn.Module:
        return SANCLNetwork(
            self.config, words=len(self.told.vocabulary) + 1, region_size=self.regions.shape[1]
        )

    def _ready(self, material: Material) -> None:
        with torch.no_grad():
            self.network.score.bias.fill_(self._mean)

    # trained

    def _batches(self, material: Material, rng: np.random.Generator) -> Iterator[Batch]:
        device = compute_device()
        for some in in_batches(rng.permutation(len(material.rows)), self.config.batch_size):
            sources = [
                self._before(int(material.rows[place]), int(material.starts[place]))
                for place in some
            ]
            yield Batch(self._together(sources), torch.from_numpy(material.stars[some]).to(device))

    def _steps(self, material: Material) -> int:
        return math.ceil(len(material.rows) / int(self.config.batch_size))

    def _before(self, row: int, start: int) -> Source:
        """What is read for a training row: reviews of the same user's rows before it."""
        told, catalogue = self.told, self._catalogue
        assert catalogue is not None
        past = range(max(start, row - self.config.reviews), row)
        items = [catalogue[int(told.item[r])] for r in past]
        texts = [
            told.reviews[r].tolist() or told.of_item(item, most=self.config.review_words)
            for r, item in zip(past, items, strict=True)
        ]
        return self._source(texts, items, catalogue[int(told.item[row])])

    def _loss(self, batch: Batch) -> Tensor:
        likes = batch.stars >= _LIKED
        loss: Tensor = self.network.loss(
            batch.read, batch.stars, likes, contrast=self.config.contrast
        )
        return loss

    def _validation(self, data: TrainingView) -> Callable[[], float] | None:
        asked = "preference" in data.tasks
        most = self.config.validation_users
        examples = spread(data.examples("preference", "valid"), most) if asked else []
        return (lambda: self._closeness(examples)) if examples else None

    def _measure(self) -> str:
        return "preference 1 - MAE/width"

    @torch.inference_mode()
    def _closeness(self, examples: Sequence[Example]) -> float:
        error = 0.0
        for start in range(0, len(examples), ROWS):
            some = examples[start : start + ROWS]
            instances: list[Any] = [example.instance for example in some]
            for example, stars in zip(some, self._stars(instances), strict=True):
                target = np.array([float(example.target)])  # type: ignore[arg-type]
                error += abs(stars - float(_stars(target, self._scale)[0])) / _STARS
        return 1 - error / len(examples)

    # asked

    def _answer(self, task: str, some: Sequence[Any]) -> Iterable[Prediction]:
        for instance, stars in zip(some, self._stars(some), strict=True):
            low, high = instance.scale
            value = low + (high - low) * stars / _STARS
            yield Rating(instance.instance_id, min(max(value, low), high))

    def _stars(self, some: Sequence[PreferenceInstance]) -> list[float]:
        """Predictions, from 0 to 4, of at most :data:`ROWS` instances."""
        sources = filled([self._asked(instance) for instance in some])
        network: SANCLNetwork = self.network
        stars = network.stars(network.read(self._together(sources, whole=True)))
        return stars.clamp(0.0, _STARS)[: len(some)].tolist()

    def _asked(self, instance: PreferenceInstance) -> Source:
        latest = instance.history.items[-self.config.reviews :]
        user = self._users.get(instance.user_id, -1)
        items = [(self._index.get(item.item_id, -1), item) for item in latest]
        texts = self.told.of_history(user, items, most=self.config.review_words)
        return self._source(texts, latest, instance.item)

    def _source(
        self, texts: Sequence[Sequence[int]], items: Sequence[Item], product: Item
    ) -> Source:
        told, most = self.told, self.config.product_words
        review, probe = probed(texts, told.names(product))
        rows = [self.regions.row(item, self.name) for item in items]
        own, _ = probed([told.of_item(product, most=most)], frozenset())
        return Source(review, probe, own, rows, self.regions.row(product, self.name))

    def _together(self, sources: Sequence[Source], *, whole: bool = False) -> Read:
        """Put sources into rows: as long as the longest, or with ``whole`` as long as can be."""
        c, device = self.config, compute_device()
        longest = c.reviews * c.review_words if whole else 1
        review, probe = (
            _rows([getattr(source, name) for source in sources], longest, kind)
            for name, kind in (("review", np.int64), ("probe", np.float32))
        )
        product = _rows([s.product for s in sources], c.product_words if whole else 1, np.int64)
        photos = _rows([s.photos for s in sources], c.reviews if whole else 1, np.int64)
        own = np.array([[source.photo] for source in sources], np.int64)
        tensors = [
            *(torch.from_numpy(part) for part in (review, probe, product)),
            *self._photos(photos),
            *self._photos(own),
        ]
        return Read(*(tensor.to(device) for tensor in tensors))

    def _photos(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Regions (B, n R, f) of photos (B, n), and whether there is one (B, n R)."""
        regions = self.regions.of(rows.ravel()).reshape(len(rows), -1, self.regions.shape[1])
        shown = torch.from_numpy(rows > 0).repeat_interleave(self.regions.shape[0], 1)
        return regions, shown

    @property
    def told(self) -> Told:
        """Return the reviews that are known; :class:`BenchError` before ``fit`` or ``load``."""
        if self._told is None:
            raise self.not_fitted()
        return self._told

    # stored

    def _to_json(self) -> Mapping[str, Any]:
        return {
            "users": list(self._users),
            "items": list(self._index),
            "words": self.told.vocabulary.words,
        }

    def _further_tensors(self) -> Mapping[str, Tensor]:
        told = self.told
        columns = {
            "numbers": told.reviews.numbers, "offsets": told.reviews.offsets,
            "user": told.user, "item": told.item,
        }  # fmt: skip
        return {f"told.{name}": torch.tensor(column) for name, column in columns.items()}

    def _from_json(self, known: Mapping[str, Any], tensors: dict[str, Tensor]) -> None:
        self._users = {user: number for number, user in enumerate(known["users"])}
        self._index = {item: number for number, item in enumerate(known["items"])}
        numbers, offsets, user, item = (
            tensors.pop(f"told.{name}").numpy() for name in ("numbers", "offsets", "user", "item")
        )
        if not len(offsets) - 1 == len(user) == len(item):
            raise ValueError("reviews and purchases do not fit together")
        self._told = Told(Vocabulary(known["words"]), WordLists(numbers, offsets), user, item)


def _stars(ratings: NDArray[np.float64], scale: tuple[float, float]) -> NDArray[np.float64]:
    """Ratings (n,) on ``scale`` as stars from 0 to 4."""
    low, high = scale
    return _STARS * (ratings - low) / ((high - low) or 1.0)


def _rows(lists: Sequence[Sequence[Any]], least: int, kind: type) -> NDArray[Any]:
    """Lists as rows (n, width), zeros behind; ``least`` columns at least."""
    out: NDArray[Any] = np.zeros((len(lists), max(least, *map(len, lists))), kind)
    for row, each in zip(out, lists, strict=True):
        row[: len(each)] = each
    return out
