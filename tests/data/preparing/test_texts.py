"""Search queries and explanation targets: fixed rules on words."""

from __future__ import annotations

import pytest

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
