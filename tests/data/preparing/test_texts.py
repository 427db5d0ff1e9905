"""Search queries and explanation targets: fixed rules on words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.preparing.explanation_columns import Explanations
from benchmark.data.preparing.explanations import best_sentence, item_words
from benchmark.data.queries import category_query

ITEM = {
    "title": "Summit Backpack 2",
    "brand": "Norby",
    "category": ["Sports", "Hiking Bags"],
    "attributes": [{"key": "material", "value": "waxed cotton"}],
}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (["Ladieswear", "Trousers", "Trousers"], "ladieswear trousers"),
        (["Baby & Toddler", "Toys for the Baby"], "baby toddler toys"),
        (["Menswear", "Leggings/Tights"], "menswear leggings tights"),
        (["Kids", "T-shirt"], "kids t-shirt"),
        (["सौंदर्य", "त्वचा की क्रीम"], "सौंदर्य त्वचा की क्रीम"),
        (["母婴用品", "面膜"], "母婴用品 面膜"),
        (["Books"], None),
        (["Books", ""], None),
        (["&", "the"], None),
        ([], None),
    ],
)
def test_query_of_a_category_path(path, query) -> None:
    assert category_query(path) == query


@pytest.mark.parametrize(
    ("review", "sentence"),
    [
        ("I like it. The cotton of this backpack is thick. So is Norby.",
         "The cotton of this backpack is thick."),
        ("The cotton feels good here. The cotton feels bad here.", "The cotton feels good here."),
        ("Cotton backpack. Arrived on time as promised.", None),
        ("Nothing about it in here at all.", None),
        ("Two bags for\nmy sports trips to the sea", "my sports trips to the sea"),
        ("Backpacks by Norby are just great!", "Backpacks by Norby are just great!"),
        ("cotton " * 31, None),
        ("", None),
    ],
)  # fmt: skip
def test_explanation_of_a_review(review, sentence) -> None:
    assert best_sentence(review, item_words(ITEM)) == sentence


@pytest.mark.parametrize(
    ("title", "review", "sentence"),
    [
        ("मुलायम क्रीम", "मुझे यह पसंद है। यह क्रीम बहुत मुलायम है। और क्या", "यह क्रीम बहुत मुलायम है।"),
        ("柔软面霜", "昨天收到的包裹。这个面霜很柔软！明天再买", "这个面霜很柔软！"),
        ("Мягкий крем", "Пришло вчера утром. Очень мягкий этот крем.", "Очень мягкий этот крем."),
    ],
)
def test_explanation_of_a_review_in_another_script(title, review, sentence) -> None:
    assert best_sentence(review, item_words({"title": title})) == sentence


#: What a sentence may hold: words that are mentions or not, in several scripts, and what stands
#: between words and sentences, odd spaces and the zero byte among it.
PIECES = [
    *("Cotton", "cotton's", "bags", "glass", "t-shirt", "it", "ΟΔΟΣ", "οδος", "cafe\u0301", "9"),
    *("क्रीम", "面霜", "很柔软", "ภาษาไทย", "a\u200db", "\u0301"),
    *(" ", " ", " ", " ", "  ", "\n", "\r\n", "\t", "\x1c", "\x85", "\xa0", "\u2028", "\0"),
    *(". ", "! ", '." ', ".’) ", ".", "…", "?", "。", "！」", "।", "-", "'", "/", "’", ",", "_"),
]
KNOWN = [
    item_words({"title": "Cotton bag, cafés of glass", "category": ["T-Shirts", "οδός οδος"]}),
    item_words({"title": "柔软面霜 ภาษาไทย", "brand": "मुलायम क्रीम"}),
    frozenset(),
]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.none(),
            st.integers(0, len(KNOWN) - 1),
        ),
        max_size=8,
    )
)
def test_explanations_chosen_in_columns_are_those_chosen_one_by_one(asked) -> None:
    reviews = pl.Series("review", [text for text, _ in asked], dtype=pl.String)
    items = np.array([item for _, item in asked], dtype=np.int64)
    found = Explanations(KNOWN).of(reviews, items)
    expected = [None if text is None else best_sentence(text, KNOWN[i]) for text, i in asked]
    assert found.to_list() == expected


def test_explanations_are_the_same_whatever_is_held_at_a_time(monkeypatch) -> None:
    texts = [f"This {word} is a soft bag {n} of mine." for n in range(9) for word in "ab"] + [None]
    reviews, items = pl.Series(texts), np.zeros(19, dtype=np.int64)
    chosen = Explanations(KNOWN)
    at_once = chosen.of(reviews, items)
    monkeypatch.setattr("benchmark.data.preparing.explanation_columns.REVIEWS", 3)
    in_batches = chosen.of(reviews, items)
    monkeypatch.setattr("benchmark.data.preparing.explanation_columns.PIECES", 5)
    forgetting = chosen.of(reviews, items)
    assert at_once.to_list() == texts
    assert at_once.equals(in_batches)
    assert at_once.equals(forgetting)
