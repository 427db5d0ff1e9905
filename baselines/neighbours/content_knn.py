"""Items whose description is like those of the user's latest items: TF-IDF and cosine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from baselines.learning.arrays import load_arrays, save_arrays
from baselines.learning.past import training_counts
from baselines.neighbours.ranker import Recency, then_popular
from benchmark.data.catalogue import own_words
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.predictions import Ranking
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.words import underscored_words

_RECORD, _ARRAYS = "items.json", "vectors.safetensors"


class ContentKNNConfig(BaseModel):
    """Sets what is read of an item, and how the history counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: Literal["text"] = Field(
        "text", description="what makes an item's vector: title, category, brand and attributes"
    )
    recency: Recency = 0.8


class ContentKNN:
    """Ranks items by nearness to the mean of the history's TF-IDF vectors.

    An item's vector holds, for each word of its title, category, brand and attribute values,
    the count times ln((1 + items) / (1 + items with the word)) + 1, scaled to length 1
    (scikit-learn's TfidfVectorizer as it comes; Lops et al., "Content-based Recommender
    Systems", 2011). The score of j is the cosine between its vector and the sum of w_i v_i over
    the history shown, w = ``recency`` to the number of later items; history items are read as
    the instance shows them. No interaction is learnt from, so that an item nobody took is ranked
    like any other. Items that share no word follow by training counts.
    """

    tasks = frozenset({"recommendation"})
    Config = ContentKNNConfig

    def __init__(self, config: ContentKNNConfig | None = None) -> None:
        self.config = config or ContentKNNConfig()
        self.item_ids: tuple[str, ...] = ()
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self.vectors = sparse.csr_array((0, 0))  # (items, words)
        self._vectorizer = _vectorizer()

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Weigh the words of the catalogue; :class:`BenchError` where no item has one."""
        texts = [own_words(item) for item in data.catalogue]
        if not any(map(underscored_words, texts)):
            raise BenchError(
                f"Dataset {data.name!r} has no words in titles, categories, brands or attributes.",
                fix="Use a model that reads ids alone, such as item-knn.",
            )
        self.item_ids, self.counts = data.catalogue.ids, training_counts(data)
        self._vectorizer = _vectorizer()
        self.vectors = sparse.csr_array(self._vectorizer.fit_transform(texts))

    def predict(self, instances: Sequence[RankingInstance]) -> Iterable[Ranking]:
        """Rank the catalogue by :meth:`scores`."""
        return rank_in_blocks(instances, self.scores, self.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Return scores (n, items): cosine in (0, 1], or training counts below zero."""
        profiles = sparse.csr_array(sparse.vstack([self._profile(each) for each in instances]))
        return then_popular((profiles @ self.vectors.T).toarray(), self.counts)

    def save(self, folder: Path) -> None:
        """Write item ids and words as JSON, weights and vectors as safetensors."""
        words = self._vectorizer.get_feature_names_out().tolist()
        write_json(folder / _RECORD, {"items": self.item_ids, "words": words})
        kept = self.vectors
        arrays = {"weight": kept.data, "word": kept.indices, "starts": kept.indptr}
        save_arrays(
            {"counts": self.counts, "rarity": self._vectorizer.idf_, **arrays}, folder / _ARRAYS
        )

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        record, arrays = read_json(folder / _RECORD), load_arrays(folder / _ARRAYS)
        self.item_ids, self.counts = tuple(record["items"]), arrays["counts"]
        self._vectorizer = _vectorizer(record["words"])
        self._vectorizer.idf_ = arrays["rarity"]
        shape = (len(self.item_ids), len(record["words"]))
        parts = (arrays["weight"], arrays["word"], arrays["starts"])
        self.vectors = sparse.csr_array(parts, shape)

    def _profile(self, instance: RankingInstance) -> sparse.csr_array:
        """The direction (1, words) of the history, of length 1, or zero."""
        items: Sequence[Item] = instance.history.items[::-1]
        if not items:
            return sparse.csr_array((1, self.vectors.shape[1]))
        ages = np.arange(len(items))
        weights = sparse.csr_array((self.config.recency**ages)[None])
        shown = self._vectorizer.transform([own_words(item) for item in items])
        mixed = sparse.csr_array(weights @ shown)
        length = np.sqrt((mixed.data**2).sum())
        return mixed / length if length else mixed


def _vectorizer(words: Sequence[str] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        tokenizer=underscored_words, token_pattern=None, lowercase=False, vocabulary=words
    )
