"""RTM: a transformer reads what a user wrote beside what was written about an item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.heads import heads_divide
from baselines.learning.negatives import NegativeSampler
from baselines.learning.ranker import Asked
from baselines.search.adapter import SearchModel, SearchSettings
from baselines.search.candidates import BM25Order
from baselines.search.documents import Documents, narrow
from baselines.search.pre_norm import PreNormTransformer
from baselines.search.review_transformer import ReviewTransformer
from baselines.search.texts import SearchTexts, WordLists
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.instances import SearchInstance
from benchmark.model import TrainingView
from benchmark.rounding import rounded
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device
from benchmark.training.stored import reading

#: Items scored in one forward pass.
_PASS = 256
#: Documents encoded at once.
_ENCODED = 4096


class RTMSettings(SearchSettings):
    """Sets sizes that a processor trains in minutes; the paper's are the variant ``rtm:paper``."""

    epochs: int = Field(30, ge=1, le=100_000, description="most passes over the training data")
    patience: int = Field(
        3, ge=1, le=100_000, description="epochs without a better validation value, then stop"
    )
    batch_size: int = Field(64, ge=1, le=1_000_000, description="training purchases a step")
    validation_users: int = Field(
        200, ge=1, description="most validation users asked after an epoch, evenly spaced"
    )
    network: Literal["post-norm", "pre-norm"] = Field(
        "post-norm", description="the transformer: ours, or the one of the authors' code"
    )
    embedding_size: int = Field(64, ge=1, le=8192, description="width of words and reviews")
    layers: int = Field(2, ge=1, le=64, description="of the transformer")
    heads: int = Field(4, ge=1, le=64, description="of attention; they divide the width")
    inner_size: int = Field(256, ge=1, le=65_536, description="of its feed-forward layers")
    dropout: float = Field(0.1, ge=0, lt=1, description="in the transformer")
    corruption: float = Field(0.5, ge=0, lt=1, description="share of words dropped in training")
    user_reviews: int = Field(10, ge=1, le=1000, description="latest reviews read of a user")
    item_reviews: int = Field(10, ge=1, le=1000, description="latest reviews read of an item")
    review_words: int = Field(100, ge=1, le=10_000, description="first words read of a review")
    candidates: int = Field(
        100, ge=1, description="items of BM25 that are ranked anew; the others follow in its order"
    )
    negatives_from: Literal["catalogue", "candidates"] = Field(
        "candidates", description="where items not taken are drawn from in training"
    )

    _heads_divide = heads_divide(width="embedding_size", heads="heads")


class RTM(SearchModel):
    """Ranks by the review-based transformer model.

    Bi et al., "Learning a Fine-Grained Review-based Transformer Model for Personalized Product
    Search" (SIGIR 2021). The sequence is the query, the user's latest reviews and the item's
    latest reviews, each plus a segment and a position embedding; the score is linear in the last
    layer at the query. Trained by binary cross-entropy against 5 items not taken. The review of a
    training purchase is never part of its own sequence, and the user's side ends before it.

    Departures: the item's own text stands before its reviews, because without the target's review
    an item may have none left, and a sequence without item would give the target away. Where a
    purchase has no review (or none that a model may see: new users, the validation part), the
    item's text takes its place on the user's side. Reviews are ordered newest first.

    The network is another than the authors': norms behind each part, ReLU, learned positions, the
    item's at a fixed place. Theirs is ``rtm:pre-norm`` (:mod:`baselines.search.pre_norm`), which
    reads the oldest review first.

    The transformer runs once an item and instance, so it ranks the first ``candidates`` items of
    BM25 that the instance does not bar, and all others follow in BM25's order. With
    ``candidates`` as large as the catalogue it ranks everything. Items not taken are drawn from the
    same candidates, which is what it has to tell apart; the paper draws from the catalogue.

    The paper's sizes (128 dimensions, 8 heads, 20 and 30 reviews, corruption 0.9) are the variant
    ``rtm:paper``; it costs several times as much.
    """

    Config = RTMSettings
    name = "rtm"
    scored_in = np.float64  # BM25's order behind the candidates takes more digits than float32 has

    def __init__(self, config: RTMSettings | None = None) -> None:
        super().__init__(config)
        self._documents: Documents | None = None
        self._order = BM25Order()
        self._sampler: NegativeSampler | None = None
        self._pools: NDArray[np.int64] | None = None

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train as every search model; :class:`BenchError` on data without reviews."""
        if data.interactions("train")["review"].is_null().all():
            raise BenchError(
                f"rtm reads reviews, and dataset {data.name!r} has none in its training part.",
                fix="Use hem or zam there, or a dataset with reviews: --data sim-s.",
            )
        super().fit(data, seed=seed)

    def _read(self, data: TrainingView, timeline: Timeline) -> SearchTexts:
        texts = super()._read(data, timeline)
        self._documents = Documents.of_texts(
            texts, most_words=self.config.review_words, most_reviews=self.config.item_reviews
        )
        self._order.fit(data, self._popularity, seed=0)
        return texts

    def _new_network(self) -> nn.Module:
        networks = {"post-norm": ReviewTransformer, "pre-norm": PreNormTransformer}
        return networks[self.config.network](
            words=len(self.vocabulary),
            width=self.config.embedding_size,
            layers=self.config.layers,
            heads=self.config.heads,
            inner=self.config.inner_size,
            dropout=self.config.dropout,
            corruption=self.config.corruption,
            user_reviews=self.config.user_reviews,
            item_documents=1 + self.config.item_reviews,
        )

    def _learn(
        self,
        data: TrainingView,
        material: SearchTexts,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        timeline = material.timeline
        self._sampler = NegativeSampler(timeline.user, timeline.item, items=len(self.item_ids))
        if self.config.negatives_from == "candidates":
            most = self.config.candidates
            self._pools = np.stack([self._order.of(q)[:most] for q in material.distinct_queries])
        journal = super()._learn(data, material, rng, checkpoints)
        self._sampler = self._pools = None
        return journal

    def training_columns(
        self, texts: SearchTexts, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.integer]]:
        """Pair each purchase with ``negatives`` items not taken, and all with their reviews."""
        assert self._documents
        assert self._sampler
        timeline, documents = texts.timeline, self._documents
        right, query = timeline.item[rows], texts.query_of_item[timeline.item[rows]]
        each = np.repeat(np.arange(len(rows)), self.config.negatives)
        among = None if self._pools is None else self._pools[query][each]
        wrong = self._sampler.draw(timeline.user[rows][each], rng, among=among)
        items = np.concatenate([right[:, None], wrong.reshape(len(rows), -1)], axis=1)  # (B, C)
        # A user's purchase of a negative item is not in training: only the target has an own one.
        own = np.repeat(rows + 1, items.shape[1])
        about = documents.about(items.ravel(), self.config.item_reviews, without=own)
        about = narrow(about).reshape(*items.shape, -1)  # (B, C, I)
        begin = timeline.start_of(rows)
        user = narrow(documents.before(begin, rows, self.config.user_reviews))
        used, place = np.unique(
            np.concatenate([[0], user.ravel(), about.ravel()]), return_inverse=True
        )
        return {
            "query": texts.queries[query],
            "documents": documents.words_of(used),
            "user": place[1 : 1 + user.size].reshape(user.shape),
            "items": place[1 + user.size :].reshape(about.shape),
        }

    def _block_scores(self, block: Asked) -> NDArray[np.float64]:
        return np.stack([self._of_instance(instance) for instance in block])

    def _can_score(self, instance: SearchInstance) -> bool:
        return True  # BM25's order holds where nothing was learnt

    def _of_instance(self, instance: SearchInstance) -> NDArray[np.float64]:
        """Scores (items,); its own forward pass, so that no instance depends on another."""
        order = self._order.of(instance.query)
        barred = np.zeros(len(order), bool)
        barred[[self._index[i] for i in instance.exclude if i in self._index]] = True
        allowed = order[~barred[order]]
        pool = allowed[: self.config.candidates]
        scores = np.empty(len(order))
        scores[pool] = self._of_candidates(instance, pool)
        others = np.concatenate([allowed[self.config.candidates :], order[barred[order]]])
        lowest = scores[pool].min(initial=np.inf) if len(pool) else 0.0
        scores[others] = lowest - np.arange(1, len(others) + 1)
        return scores

    def _of_candidates(
        self, instance: SearchInstance, pool: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        assert self._documents
        network, documents, device = self.network, self._documents, compute_device()
        vectors = self._document_vectors()
        wrote = documents.of_history(
            self._users.get(instance.user_id, -1),
            instance.history,
            self._index,
            min(self.config.user_reviews, self._window),
        )
        user = torch.tensor([wrote], dtype=torch.int64, device=device)  # (1, U)
        words = torch.from_numpy(self.vocabulary.padded([instance.query])).to(device)
        query = network.encode_query(words, network.words.weight)  # (1, d)
        parts = []
        for start in range(0, len(pool), _PASS):
            about = narrow(documents.about(pool[start : start + _PASS], self.config.item_reviews))
            items = torch.from_numpy(about).to(device)[None]  # (1, C, I)
            parts.append(network(query, vectors[user], user > 0, vectors[items], items > 0)[0])
        scores = torch.cat(parts).cpu().numpy() if parts else np.zeros(0, np.float32)
        return rounded(scores, computed_in=scores.dtype)  # here: the row is of float64

    def _document_vectors(self) -> Tensor:
        """(documents, d) by the present weights."""
        if "documents" not in self._from_weights:
            assert self._documents
            documents, device = self._documents, compute_device()
            every = np.arange(len(documents.words))
            parts = [every[i : i + _ENCODED] for i in range(0, len(every), _ENCODED)]
            words = (torch.from_numpy(documents.words_of(part)).to(device) for part in parts)
            self._from_weights["documents"] = torch.cat([*map(self.network.reviews, words)])
        return self._from_weights["documents"]

    def save(self, folder: Path) -> None:
        """Write BM25's index beside the files of every search model."""
        super().save(folder)
        self._order.save(folder / "bm25")

    def load(self, folder: Path) -> None:
        """Read the network and the BM25 index that :meth:`save` wrote."""
        super().load(folder)
        with reading(folder, self.name):
            self._order.load(folder / "bm25", self.item_ids, self._popularity)

    def _arrays(self) -> Mapping[str, NDArray[np.int64]]:
        assert self._documents
        kept = self._documents
        return {
            "numbers": kept.words.numbers,
            "offsets": kept.words.offsets,
            "of_item": kept.of_item,
            "user": kept.user,
            "item": kept.item,
        }

    def _restore_arrays(self, arrays: Mapping[str, Tensor]) -> None:
        kept = {name: array.numpy() for name, array in arrays.items()}
        words = WordLists(kept.pop("numbers"), kept.pop("offsets"))
        self._documents = Documents(words, **kept)
