"""BM25 by Lucene, out of the jar that pyserini bundles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baselines.search.corpus import Corpus
from baselines.search.java import java_class

_FIELD = "text"
_READER = "(Lorg/apache/lucene/index/IndexReader;)V"
_BUFFER_MIB = 256.0
_INT_MAX = 2**31 - 1


class LuceneIndex:
    """Scores by Lucene's ``BM25Similarity``: lengths are kept in one byte, exact up to 40 words.

    What Lucene indexes are word numbers: words are cut as for the other backends, and no query
    is ever parsed. The index lives in memory. Saved are the documents, and loading indexes them
    again: Lucene writes random ids and the time of day into its files.
    """

    def __init__(self, corpus: Corpus, *, k1: float, b: float, at_once: bool = True) -> None:
        self._corpus = corpus
        self._searcher = cache(partial(_searcher, corpus, k1=k1, b=b))
        if at_once:
            self._searcher()

    def scores(self, words: Sequence[str], *, most: int) -> NDArray[np.floating]:
        """Score Lucene's ``most`` best hits, equal ones by document number; others are 0."""
        scores = np.zeros(len(self._corpus.documents))
        counts = Counter(self._corpus.known(words))
        if counts:
            for hit in self._searcher().search(_query(counts), most).scoreDocs:
                scores[hit.doc] = hit.score
        return scores

    def save(self, folder: Path) -> None:
        """Write the documents; Lucene indexes them again when they are read."""
        self._corpus.save(folder)

    @classmethod
    def load(cls, folder: Path, *, k1: float, b: float) -> Self:
        """Read what :meth:`save` wrote, to be indexed with the first query."""
        # Indexed with the first query: what Java has to say then is no fault of the folder's.
        return cls(Corpus.load(folder), k1=k1, b=b, at_once=False)


def _query(counts: Counter[int]) -> Any:
    """Any of the words, each as heavy as often it was asked."""
    should = java_class("org.apache.lucene.search.BooleanClause$Occur").SHOULD
    term, term_query = (
        java_class("org.apache.lucene.index.Term"),
        java_class("org.apache.lucene.search.TermQuery"),
    )
    boosted = java_class("org.apache.lucene.search.BoostQuery")
    builder = java_class("org.apache.lucene.search.BooleanQuery$Builder")()
    for number, count in counts.items():
        builder.add(boosted(term_query(term(_FIELD, str(number))), float(count)), should)
    return builder.build()


def _searcher(corpus: Corpus, *, k1: float, b: float) -> Any:
    """An ``IndexSearcher`` whose document numbers are those of ``corpus``."""
    index = "org.apache.lucene.index."
    similarity = java_class("org.apache.lucene.search.similarities.BM25Similarity")(k1, b)
    config = java_class(index + "IndexWriterConfig")(
        java_class("org.apache.lucene.analysis.core.WhitespaceAnalyzer")()
    )
    config.setSimilarity(similarity)
    config.setRAMBufferSizeMB(_BUFFER_MIB)
    # Merges neighbours only, so that documents keep the order in which they were added.
    config.setMergePolicy(java_class(index + "LogDocMergePolicy")())
    directory = java_class("org.apache.lucene.store.ByteBuffersDirectory")()
    writer = java_class(index + "IndexWriter")(directory, config)

    document = java_class("org.apache.lucene.document.Document")()
    not_stored = java_class("org.apache.lucene.document.Field$Store").NO
    field = java_class("org.apache.lucene.document.TextField")(_FIELD, "", not_stored)
    document.add(field)
    for numbers in corpus.documents:
        field.setStringValue(" ".join(map(str, numbers)))
        writer.addDocument(document)
    writer.forceMerge(1)
    writer.close()

    searchers = java_class("org.apache.lucene.search.IndexSearcher")
    searchers.setMaxClauseCount(_INT_MAX)  # 1,024 words a query otherwise
    reader = java_class(index + "DirectoryReader").open(directory)
    searcher = searchers(reader, signature=_READER)
    searcher.setSimilarity(similarity)
    return searcher
