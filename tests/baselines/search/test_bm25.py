from __future__ import annotations

import math
import unicodedata

import pydantic
import pytest

from baselines.search.bm25 import BM25, BM25Config
from baselines.search.text import document, words
from benchmark.errors import BenchError
from benchmark.instances import History, Item, SearchInstance

ITEMS = [
    {"item_id": "a", "title": "Red shoes", "category": ["Women", "Shoes"]},
    {"item_id": "b", "title": "Running shorts", "category": ["Men", "Sport"], "brand": "Swift"},
    {"item_id": "c", "title": "Walking boots", "category": ["Men", "Shoes"]},
    {"item_id": "d"},
    {"item_id": "e", "title": "Walking boots", "category": ["Men", "Shoes"]},
]


def fitted(view, **settings):
    model = BM25(BM25Config(**settings))
    model.fit(view, seed=0)
    return model


def search(model, query, *, exclude="", k=4):
    instance = SearchInstance("q", "u", History(), query, exclude=frozenset(exclude), k=k)
    (prediction,) = model.predict([instance])
    return prediction


def test_scores_follow_the_formula(make_view):
    k1, b = 1.7, 0.4
    model = fitted(make_view(ITEMS), k1=k1, b=b)
    texts = [words(document(item, model.config.fields)) for item in make_view(ITEMS).catalogue]
    mean = sum(map(len, texts)) / len(texts)
    expected = {}
    for item, text in zip(ITEMS, texts, strict=True):
        score = 0.0
        for word in ("men", "shoes"):
            n = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            tf = text.count(word)
            score += idf * tf / (tf + k1 * (1 - b + b * len(text) / mean))
        expected[item["item_id"]] = score
    answer = search(model, "men shoes", k=5)
    assert dict(zip(answer.items, answer.scores, strict=True)) == pytest.approx(expected)


def test_equal_documents_keep_catalogue_order(make_view):
    answer = search(fitted(make_view(ITEMS)), "walking boots", k=2)
    assert answer.items == ("c", "e")
    assert answer.scores[0] == answer.scores[1] > 0


def test_a_query_without_known_words_answers_in_catalogue_order(make_view):
    answer = search(fitted(make_view(ITEMS)), "zebra the")
    assert answer.items == ("a", "b", "c", "d")
    assert set(answer.scores) == {0.0}


def test_excluded_items_are_skipped(make_view):
    answer = search(fitted(make_view(ITEMS)), "walking boots", exclude="c", k=1)
    assert answer.items == ("e",)


def test_only_the_named_fields_are_searched(make_view):
    everything = fitted(make_view(ITEMS))
    category = fitted(make_view(ITEMS), fields="category")
    assert search(everything, "swift").scores[0] > 0
    assert search(category, "swift").scores[0] == 0


def test_case_and_stop_words_do_not_matter():
    assert words("The Boots, for MEN!") == ["boots", "men"]


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("त्वचा की क्रीम", "क्रीम"),
        ("увлажняющий Крем", "крем"),
        ("滋润面霜", "面霜"),
        ("ครีมบำรุงผิว", "ครีม"),
        ("Wärmende Bürste", unicodedata.normalize("NFD", "bürste")),
    ],
)
def test_queries_of_any_script_find_their_words(make_view, title, query):
    # Its consonants, or its letters without their marks, stand in the other title.
    other = {"item_id": "z", "title": "कर मा 霰 กน burst e"}
    answer = search(fitted(make_view([*ITEMS, other, {"item_id": "t", "title": title}])), query)
    assert answer.items[0] == "t"
    assert answer.scores[0] > 0 == answer.scores[1]


def test_missing_texts_are_left_out():
    assert document(Item("x", title="Hat"), ("category", "title", "brand")) == "Hat"


def test_save_and_load_keep_every_score(make_view, tmp_path):
    model = fitted(make_view(ITEMS))
    model.save(tmp_path)
    loaded = BM25()
    loaded.load(tmp_path)
    assert search(loaded, "men shoes red") == search(model, "men shoes red")


def test_a_catalogue_without_words_is_refused(make_view):
    with pytest.raises(BenchError, match="no words in category"):
        fitted(make_view([{"item_id": "a"}, {"item_id": "b"}]))


@pytest.mark.parametrize("settings", [{"fields": "colour"}, {"b": 2}, {"backend": "elastic"}])
def test_settings_are_validated(settings):
    with pytest.raises(pydantic.ValidationError):
        BM25Config(**settings)
