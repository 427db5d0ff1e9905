"""BM25 over item texts: the query against category, title, brand and description."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import bm25s
import numpy as np
from bm25s.stopwords import STOPWORDS_EN
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from baselines.ranked import RankingInstance, rank_in_blocks
from benchmark.errors import BenchError
from benchmark.files import read_json, write_json
from benchmark.instances import Item, Ranking, SearchInstance
from benchmark.model import TrainingView

_IDS = "items.json"
_INDEX = "index"
_WORD = re.compile(r"\w+")

TextField = Literal["category", "title", "brand", "description"]


def _split_names(value: object) -> object:
    """``--set fields=category,title`` arrives as one string."""
    return tuple(value.split(",")) if isinstance(value, str) else value


class BM25Config(BaseModel):
    """Which backend scores which text with which constants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Literal["bm25s"] = Field("bm25s", description="the library that scores")
    k1: float = Field(1.2, ge=0, le=10, description="saturation of repeated words")
    b: float = Field(0.75, ge=0, le=1, description="how much long texts are discounted")
    fields: Annotated[tuple[TextField, ...], BeforeValidator(_split_names)] = Field(
        ("category", "title", "brand", "description"),
        min_length=1,
        description="item texts that make the document, comma-separated",
    )


class BM25:
    """Okapi BM25 with Lucene's idf, log(1 + (N - n + 0.5) / (n + 0.5)).

    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009);
    the variant as in Kamphuis et al., "Which BM25 Do You Mean?" (ECIR 2020). The user is
    ignored, save that items barred by ``exclude`` are skipped. Equal scores, of which there
    are many since all items of a category path share its words, keep catalogue order; a query
    without a known word scores every item 0 and so answers in catalogue order.
    """

    tasks = frozenset({"search"})
    Config = BM25Config

    def __init__(self, config: BM25Config | None = None) -> None:
        self.config = config or BM25Config()
        self.item_ids: tuple[str, ...] = ()
        self._index: bm25s.BM25 | None = None

    def fit(self, data: TrainingView, *, seed: int) -> None:
        documents = [words(document(item, self.config.fields)) for item in data.catalogue]
        # Numbered by first appearance: the library's own numbering follows string hashing,
        # which differs between processes.
        vocabulary: dict[str, int] = {}
        numbers = [
            [vocabulary.setdefault(word, len(vocabulary)) for word in document_words]
            for document_words in documents
        ]
        if not vocabulary:
            raise BenchError(
                f"Dataset {data.name!r} has no words in {', '.join(self.config.fields)}.",
                fix="Choose other item texts with --set fields=...",
            )
        index = bm25s.BM25(k1=self.config.k1, b=self.config.b, method="lucene", backend="numpy")
        index.index((numbers, vocabulary), create_empty_token=False, show_progress=False)
        self._index = index
        self.item_ids = data.catalogue.ids

    def predict(self, instances: Sequence[SearchInstance]) -> Iterator[Ranking]:
        return rank_in_blocks(instances, self._scores, self.item_ids)

    def save(self, folder: Path) -> None:
        write_json(folder / _IDS, self.item_ids)
        self._fitted().save(folder / _INDEX, show_progress=False, allow_pickle=False)

    def load(self, folder: Path) -> None:
        self.item_ids = tuple(read_json(folder / _IDS))
        self._index = bm25s.BM25.load(folder / _INDEX, show_progress=False, allow_pickle=False)

    def _fitted(self) -> bm25s.BM25:
        if self._index is None:
            raise BenchError("bm25 has no index yet.", fix="Call fit or load first.")
        return self._index

    def _scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.float64]:
        """Scores (n, items); instances that share a query are scored once."""
        index = self._fitted()
        of_query: dict[str, NDArray[np.floating]] = {}
        rows = []
        for instance in instances:
            assert isinstance(instance, SearchInstance)
            query = instance.query
            if query not in of_query:
                of_query[query] = index.get_scores_from_ids(index.get_tokens_ids(words(query)))
            rows.append(of_query[query])
        return np.stack(rows).astype(np.float64)


def document(item: Item, fields: Sequence[TextField]) -> str:
    """The item's text: the named fields in that order, missing ones left out."""
    texts = {
        "category": " ".join(item.category),
        "title": item.title,
        "brand": item.brand,
        "description": item.description,
    }
    return " ".join(text for field in fields if (text := texts[field]))


def words(text: str) -> list[str]:
    """Lower-cased words without Lucene's 33 English stop words; no stemming."""
    return [word for word in _WORD.findall(text.lower()) if word not in STOPWORDS_EN]
