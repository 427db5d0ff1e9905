"""From a trained network to the benchmark's predictions, task by task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.instances import (
    ImageGenerationInstance,
    Instance,
    Item,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.predictions import Image, Prediction, Ranking, Rating, Selection, Text
from benchmark.ranking import rankings
from benchmark.tasks.image_generation import RETRIEVED
from benchmark.vision.photos import resized
from benchmark.vision.png import encode
from unimp_model.assembly import Parts
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader, expected_ratings
from unimp_model.sequence.casing import apply_casing
from unimp_model.sequence.template import Row
from unimp_model.training.rows import candidate_tokens, drawing_row, question_row


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is chosen on validation after training."""

    threshold: float = 0.5
    """Least probability of a candidate that is selected."""
    temperature: float = 1.0
    """Of rating probabilities."""


class Answerer:
    """Answers instances with the shared weights, or a task's own where it has some.

    ``own`` holds, by task, weights by parameter name that replace the network's.
    """

    def __init__(
        self,
        parts: Parts,
        own: Mapping[str, Mapping[str, Tensor]],
        config: UniMPConfig,
        *,
        chosen: Chosen,
        casing: Mapping[str, str],
    ) -> None:
        self.parts = parts
        self.config = config
        self.chosen = chosen
        self.casing = casing
        self._own = own
        replaced = {name for part in own.values() for name in part}
        self._parameters = {
            name: p for name, p in parts.network.named_parameters() if name in replaced
        }
        self._shared = {name: p.detach().clone() for name, p in self._parameters.items()}
        self._task: str | None = None
        self._reader: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Item rows and visual tokens under the weights in use."""
        if self._reader is None:
            self._reader = Reader(
                self.parts.network,
                self.parts.photos,
                slots=self.config.history_items,
                at_once=self.config.answer_rows,
            )
        return self._reader

    def turn_to(self, task: str | None) -> None:
        """Use a task's own weights; ``None``: the shared ones."""
        if task == self._task:
            return
        weights = {**self._shared, **self._own.get(task or "", {})}
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(weights[name])
        self._task = task
        self._reader = None

    def answer(self, task: str, instances: Sequence[Instance]) -> list[Prediction]:
        """One prediction per instance, all of one task, in order."""
        self.turn_to(task)
        if task in ("recommendation", "search"):
            return self._rank(task, instances)  # type: ignore[arg-type]
        if task == "preference":
            return self._rate(instances)  # type: ignore[arg-type]
        if task == "selection":
            return self._select(instances)  # type: ignore[arg-type]
        if task == "explanation":
            return self._explain(instances)
        return self._draw(instances)  # type: ignore[arg-type]

    def meet_photos(self, instances: Sequence[Instance]) -> None:
        """Encode photos that are not in the catalogue the model was trained on."""
        parts = self.parts
        if parts.photos is None or parts.encoder is None:
            return
        met = parts.photos.index
        # Texts first: a photo occurs in many histories, and a path takes longer than the set.
        shown = (item.image for instance in instances for item in _shown(instance))
        files = {file for file in shown if file is not None}
        images = {Path(file).name: Path(file) for file in sorted(files)}
        new = sorted(name for name in images if name not in met)
        if new:
            table = parts.encoder.features([images[n] for n in new], self.config.image_grid)
            parts.photos = parts.photos.extended(new, table)
            self._reader = None

    def _rank(
        self, task: str, instances: Sequence[RecommendationInstance | SearchInstance]
    ) -> list[Prediction]:
        scores = self.reader.item_scores(self._rows(task, instances))
        return list(rankings(instances, scores, self.parts.vocabulary.item_ids))

    def _rate(self, instances: Sequence[PreferenceInstance]) -> list[Prediction]:
        rows = self._rows("preference", instances)
        vocabulary = self.parts.vocabulary
        p = self.reader.rating_probabilities(rows, vocabulary)
        values = expected_ratings(p, vocabulary.levels, self.chosen.temperature)
        return [Rating(i.instance_id, float(v)) for i, v in zip(instances, values, strict=True)]

    def _select(self, instances: Sequence[SelectionInstance]) -> list[Prediction]:
        rows = self._rows("selection", instances)
        choices = [candidate_tokens(self.parts.template, instance) for instance in instances]
        found: list[Prediction] = []
        for instance, p in zip(instances, self.reader.choices(rows, choices), strict=True):
            chosen = [
                c.item_id for c, x in zip(instance.candidates, p, strict=True)
                if x >= self.chosen.threshold
            ]  # fmt: skip
            found.append(Selection(instance.instance_id, tuple(chosen), tuple(float(x) for x in p)))
        return found

    def _explain(self, instances: Sequence[Instance]) -> list[Prediction]:
        vocabulary = self.parts.vocabulary
        allowed = torch.zeros(vocabulary.size, dtype=torch.bool)
        allowed[: vocabulary.tokenizer.get_vocab_size()] = True
        allowed[vocabulary.eos] = True
        written = self.reader.generate(
            self._rows("explanation", instances),
            allowed,
            stop=vocabulary.eos,
            longest=self.config.answer_tokens,
        )
        texts = [vocabulary.tokenizer.decode(tokens).strip() for tokens in written]
        if not self.config.freezes_language_model:
            texts = [apply_casing(text, self.casing) for text in texts]
        return [Text(i.instance_id, text) for i, text in zip(instances, texts, strict=True)]

    def _draw(self, instances: Sequence[ImageGenerationInstance]) -> list[Prediction]:
        """Eq. 9: retrieve two items by the search instruction, then paint from them."""
        vocabulary, drawer = self.parts.vocabulary, self.parts.drawer
        assert drawer is not None, "a model that was fitted to draw has what it draws with"
        searches = [
            SearchInstance(i.instance_id, i.user_id, i.history, i.query, k=RETRIEVED)
            for i in instances
        ]
        self.turn_to("search")
        found = [p.items for p in self._rank("search", searches) if isinstance(p, Ranking)]
        self.turn_to("image-generation")
        catalogue = self.parts.items
        rows = [
            drawing_row(self.parts.template, i, [catalogue[item_id] for item_id in retrieved])
            for i, retrieved in zip(instances, found, strict=True)
        ]
        allowed = torch.zeros(vocabulary.size, dtype=torch.bool)
        allowed[vocabulary.first_code : vocabulary.first_item] = True
        # The most probable photo is a blank one, as the most probable sentence is an empty one.
        tokens = self.reader.generate(
            rows, allowed, stop=None, longest=drawer.length,
            draws=np.stack([_draws(i.instance_id, drawer.length) for i in instances]),
            temperature=self.config.drawing_temperature,
        )  # fmt: skip
        codes = np.array(tokens, np.int64) - vocabulary.first_code  # (n, L)
        return [
            Image(i.instance_id, encode(resized(photo, i.size)), retrieved)
            for i, photo, retrieved in zip(instances, drawer.decode(codes), found, strict=True)
        ]

    def _rows(self, task: str, instances: Sequence[Instance]) -> list[Row]:
        window = self.config.history_items
        return [question_row(self.parts.template, task, i, window=window) for i in instances]


def _draws(instance_id: str, count: int) -> NDArray[np.float64]:
    """Uniform draws that belong to an instance, whenever and in whatever company it is asked."""
    digest = hashlib.sha256(instance_id.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32)).random(count)


def _shown(instance: Instance) -> Iterator[Item]:
    """Every item a question shows."""
    yield from instance.history.items
    if isinstance(instance, SelectionInstance):
        yield from instance.candidates
    elif not isinstance(instance, RecommendationInstance | SearchInstance):
        item = getattr(instance, "item", None)
        if item is not None:
            yield item
