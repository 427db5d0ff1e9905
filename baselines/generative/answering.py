"""A fitted network's predictions: how each task is asked, and what is made of what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from baselines.generative import decoding, stars
from baselines.generative.known import Known
from baselines.generative.network import P5Network
from baselines.generative.settings import P5Settings
from baselines.generative.sources import Batch, Source, same_shape
from baselines.generative.trie import Gate, Trie
from baselines.learning.blocks import filled
from baselines.learning.selecting import among_themselves, select
from benchmark.errors import BenchError
from benchmark.instances import (
    ExplanationInstance,
    PreferenceInstance,
    RecommendationInstance,
    SelectionInstance,
)
from benchmark.predictions import Prediction, Ranking, Rating, Text
from benchmark.rounding import rounded
from benchmark.tasks.explanation import MAX_CHARACTERS

#: Rows x beams x pieces of sources that are decoded at once, and rows at most.
_ROOM, _ROWS = 40_000, 32

Found = tuple[NDArray[np.int64], NDArray[np.float64]]


class Answerer:
    """Answers instances with a network; ``batch`` puts sources where the network reads them."""

    def __init__(
        self,
        network: P5Network,
        known: Known,
        settings: P5Settings,
        batch: Callable[[Sequence[Source]], Batch],
    ) -> None:
        self._network = network.eval()
        self._known, self._settings, self._batch = known, settings, batch

    def answer(
        self, task: str, instances: Sequence[Any], *, threshold: float | None
    ) -> Iterable[Prediction]:
        """Return one prediction per instance; selection takes shares of at least ``threshold``."""
        answers: dict[str, Callable[[Sequence[Any]], Iterable[Prediction]]] = {
            "recommendation": self.rankings,
            "preference": self.ratings,
            "explanation": self.texts,
            "selection": lambda asked: select(asked, self.shares(asked), threshold),
        }
        return answers[task](instances)

    def rankings(self, instances: Sequence[RecommendationInstance]) -> Iterator[Ranking]:
        """Yield the likeliest items; :class:`BenchError` where fewer than k may be answered."""
        known = self._known
        gates = [
            Gate(known.item_trie, (known.index[i] for i in instance.exclude if i in known.index))
            for instance in instances
        ]
        for instance, gate in zip(instances, gates, strict=True):
            if gate.available < instance.k:
                raise BenchError(
                    f"A ranking of {instance.k} items was asked where only {gate.available} items "
                    "may be answered.",
                    fix="Use a dataset with a larger catalogue.",
                )
        beams = [max(self._settings.beams, instance.k) for instance in instances]
        found = self._search("recommendation", instances, known.item_trie, gates, beams)
        for instance, (places, scores) in zip(instances, found, strict=True):
            values = rounded(scores, computed_in=np.float32)
            best = np.lexsort((places, -values))[: instance.k]
            items = tuple(known.item_ids[place] for place in places[best])
            yield Ranking(instance.instance_id, items, tuple(values[best].tolist()))

    def ratings(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        """Yield the likeliest number of stars, or the mean, on each instance's scale."""
        trie = self._known.star_trie
        several = len(instances)
        found = self._search(
            "preference", instances, trie, [Gate(trie)] * several, [len(stars.TEXTS)] * several
        )
        for instance, (places, scores) in zip(instances, found, strict=True):
            values = stars.VALUES[places]
            if self._settings.rating == "mean":
                p = np.exp(scores - scores.max())
                value = float(values @ p / p.sum())
            else:
                value = float(values[np.argmax(rounded(scores, computed_in=np.float32))])
            yield Rating(instance.instance_id, stars.rating(value, instance.scale))

    def texts(self, instances: Sequence[ExplanationInstance]) -> Iterator[Text]:
        """Yield what is written piece by piece, the likeliest each time."""
        known = self._known
        sources = [known.asker.source("explanation", instance) for instance in instances]
        texts = [""] * len(sources)
        for places, _, rows in same_shape(sources, [1] * len(sources), room=_ROOM, most=_ROWS):
            batch = self._batch([sources[place] for place in filled(places, rows)])
            written = decoding.write(
                self._network,
                batch,
                unspeakable=known.pieces.unspeakable,
                no_beginning=known.pieces.no_beginning,
                most=self._settings.answer_pieces,
            )
            for place, tokens in zip(places, written, strict=False):
                texts[place] = known.pieces.decode(tokens)[:MAX_CHARACTERS]
        for instance, text in zip(instances, texts, strict=True):
            yield Text(instance.instance_id, text)

    def shares(self, instances: Sequence[SelectionInstance]) -> Iterator[NDArray[np.float64]]:
        """Yield each candidate's share of the probability of being named, of every instance."""
        known = self._known
        candidates = [
            list(dict.fromkeys(known.index[item.item_id] for item in instance.candidates
                               if item.item_id in known.index))
            for instance in instances
        ]  # fmt: skip
        asked = [place for place, some in enumerate(candidates) if some]
        gates = [Gate(known.item_trie, candidates[place], only=True) for place in asked]
        beams = [len(candidates[place]) for place in asked]
        some = [instances[place] for place in asked]
        found = dict(
            zip(asked, self._search("selection", some, known.item_trie, gates, beams), strict=True)
        )
        for place, instance in enumerate(instances):
            places, scores = found.get(place, (np.zeros(0, np.int64), np.zeros(1)))
            of_item = dict(zip(places.tolist(), scores.tolist(), strict=False))
            lowest = float(scores.min())  # of a candidate outside the catalogue
            values = [
                of_item.get(known.index.get(item.item_id, -1), lowest)
                for item in instance.candidates
            ]
            yield among_themselves(values, computed_in=np.float32)

    def _search(
        self,
        task: str,
        instances: Sequence[Any],
        trie: Trie,
        gates: Sequence[Gate],
        beams: Sequence[int],
    ) -> list[Found]:
        """What may be written for each instance, the best of it, with log-probabilities."""
        sources = [self._known.asker.source(task, instance) for instance in instances]
        found: list[Found | None] = [None] * len(sources)
        for places, many, rows in same_shape(sources, beams, room=_ROOM, most=_ROWS):
            chosen = filled(places, rows)
            results = decoding.search(
                self._network,
                self._batch([sources[place] for place in chosen]),
                trie,
                [gates[place] for place in chosen],
                beams=many,
            )
            for place, result in zip(places, results, strict=False):
                found[place] = result
        return cast("list[Found]", found)
