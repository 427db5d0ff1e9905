"""What our adapter adds to calling the three BM25 libraries directly, in one run.

    python speed/bm25_backends.py --data hm

"direct" cuts the same words, has the library index them, and asks it for each question's best items
by the library's own means: ``retrieve`` of bm25s, ``get_scores`` and a sort for rank-bm25,
``search`` of a Lucene ``IndexSearcher`` (pyserini's own wants a Java of the system). "ours" is
``fit`` and ``predict``, which also skips barred items, breaks ties by catalogue order and makes
predictions; a query that several users ask is scored once. Both take turns, ``--repeat`` times;
printed are medians of this process' processor time and how much more (or less) "ours" takes. Java's
start is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from rank_bm25 import BM25Okapi

from baselines.search.corpus import Corpus
from baselines.search.lucene_index import _query, _searcher
from baselines.search.text import document, words
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.instances import SearchInstance
from benchmark.model import TrainingView
from benchmark.models.building import configure

K1, B = 1.2, 0.75
FIELDS = ("category", "title", "brand", "description")


def by_bm25s(view: TrainingView, instances: Sequence[SearchInstance]) -> None:
    """Index the catalogue and answer every query with bm25s called directly."""
    index = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy")
    index.index([words(document(item, FIELDS)) for item in view.catalogue], show_progress=False)
    asked = [words(q.query) for q in instances]
    index.retrieve(asked, k=instances[0].k, show_progress=False)


def by_rank_bm25(view: TrainingView, instances: Sequence[SearchInstance]) -> None:
    """Index the catalogue and answer every query with rank-bm25 called directly."""
    index = BM25Okapi([words(document(item, FIELDS)) for item in view.catalogue], k1=K1, b=B)
    for question in instances:
        np.argsort(index.get_scores(words(question.query)))[::-1][: question.k]


def by_lucene(view: TrainingView, instances: Sequence[SearchInstance]) -> None:
    """Index the catalogue and answer every query with Lucene called directly."""
    corpus = Corpus.of(words(document(item, FIELDS)) for item in view.catalogue)
    searcher = _searcher(corpus, k1=K1, b=B)
    for question in instances:
        counts = Counter(corpus.known(words(question.query)))
        [(hit.doc, hit.score) for hit in searcher.search(_query(counts), question.k).scoreDocs]


def seconds(action: Callable[[], object]) -> float:
    """Return the processor seconds that ``action`` takes."""
    started = time.process_time()
    action()
    return time.process_time() - started


def main() -> None:
    """Time each library alone and behind our adapter, in turns, and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="hm")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    arguments = parser.parse_args()
    dataset = ensure_dataset(arguments.data, find_home(arguments.home))
    view = dataset.training_view()
    instances = [q for q in dataset.instances("search") if isinstance(q, SearchInstance)]
    distinct = len({q.query for q in instances})
    print(f"{dataset.name}: {len(view.catalogue):,} items, {len(instances):,} instances, "
          f"{distinct:,} different queries")  # fmt: skip
    print(f"{'model':16} {'direct, s':>10} {'ours, s':>10} {'added':>8}")
    ways = {"bm25": by_bm25s, "bm25:rank-bm25": by_rank_bm25, "bm25:lucene": by_lucene}
    for name, way in ways.items():
        configured = configure(name, {})

        def ours(build: Callable[[], Any] = configured.build) -> None:
            model = build()
            model.fit(view, seed=0)
            list(model.predict(instances))

        times: dict[str, list[float]] = {"direct": [], "ours": []}
        for _ in range(arguments.repeat + 1):
            times["direct"].append(seconds(lambda way=way: way(view, instances)))
            times["ours"].append(seconds(ours))
        direct, own = (statistics.median(turns[1:]) for turns in times.values())
        print(f"{name:16} {direct:10.3f} {own:10.3f} {own / direct - 1:+8.1%}", flush=True)


if __name__ == "__main__":
    main()
