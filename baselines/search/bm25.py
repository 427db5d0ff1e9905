"""BM25 over item texts: the query against category, title, brand and description."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from baselines.search.backends import BACKENDS, BackendName, Index
from baselines.search.corpus import Corpus
from baselines.search.text import TextField, document, words
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.instances import SearchInstance
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import KeyedRanker, queries
from benchmark.registry import resolve

_IDS = "items.json"


def _split_names(value: object) -> object:
    """``--set fields=category,title`` arrives as one string."""
    return tuple(value.split(",")) if isinstance(value, str) else value


class BM25Config(BaseModel):
    """Sets which backend scores which text with which constants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: BackendName = Field("bm25s", description="the library that scores")
    k1: float = Field(1.2, ge=0, le=10, description="saturation of repeated words")
    b: float = Field(0.75, ge=0, le=1, description="how much long texts are discounted")
    fields: Annotated[tuple[TextField, ...], BeforeValidator(_split_names)] = Field(
        ("category", "title", "brand", "description"),
        min_length=1,
        description="item texts that make the document, comma-separated",
    )


class BM25:
    """Ranks by Okapi BM25 in one of three libraries; :mod:`.backends` states their formulas.

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009);
    the variants as in Kamphuis et al., "Which BM25 Do You Mean?" (ECIR 2020). The user is
    ignored, save that items barred by ``exclude`` are skipped. Equal scores, of which there
    are many since all items of a category path share its words, keep catalogue order; a query
    without a known word scores every item 0 and so answers in catalogue order.
    """

    tasks = frozenset({"search"})
    Config = BM25Config

    def __init__(self, config: BM25Config | None = None) -> None:
        self.config = config or BM25Config()
        self.item_ids: tuple[str, ...] = ()
        self._index: Index | None = None
        self._ranker = KeyedRanker[str]((), self._scores)
        missing = BACKENDS[self.config.backend].needs.missing()
        if missing is not None:
            raise BenchError(
                f"Backend {self.config.backend!r} of bm25 cannot run here.", fix=f"{missing}."
            )

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Index the text of every catalogue item.

        Raises :class:`BenchError` when no item has a word in the chosen fields.
        """
        corpus = Corpus.of(words(document(item, self.config.fields)) for item in data.catalogue)
        if not corpus.vocabulary:
            raise BenchError(
                f"Dataset {data.name!r} has no words in {', '.join(self.config.fields)}.",
                fix="Choose other item texts with --set fields=...",
            )
        self._index = self._index_class()(corpus, **self._constants())
        self._know(data.catalogue.ids)

    def predict(self, instances: Sequence[SearchInstance]) -> Iterable[Ranking]:
        """Rank the catalogue for each query by BM25 score; the same query is scored once."""
        return self._ranker.rank(instances, [query or "" for query in queries(instances)])

    def save(self, folder: Path) -> None:
        """Write the item ids and the index."""
        write_json(folder / _IDS, self.item_ids)
        self._fitted().save(folder)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self._know(read_json(folder / _IDS))
        self._index = self._index_class().load(folder, **self._constants())

    def _know(self, item_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._ranker = KeyedRanker(self.item_ids, self._scores)

    def _index_class(self) -> Any:
        return cast(Any, resolve(BACKENDS[self.config.backend].target))

    def _constants(self) -> dict[str, float]:
        return {"k1": self.config.k1, "b": self.config.b}

    def _fitted(self) -> Index:
        if self._index is None:
            raise BenchError("bm25 has no index yet.", fix="Call fit or load first.")
        return self._index

    def _scores(self, query: str, most: int) -> NDArray[np.float64]:
        """Scores (items,) of a query, right for the ``most`` best."""
        # In float64 as they are: texts of the same words have the same sum.
        return np.asarray(self._fitted().scores(words(query), most=most), np.float64)
