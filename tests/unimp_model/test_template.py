"""What the model reads, token by token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.instances import History, RecommendationInstance, SearchInstance
from benchmark.tasks import TASKS
from unimp_model.examples import question_row
from unimp_model.sequence import Template
from unimp_model.tokens import common_ending


@pytest.fixture
def template(vocabulary):
    return Template(vocabulary, words=20, vision=True, attend_last_image=False)


def _shown(template, row):
    return " ".join(filter(None, (template.vocabulary.show(int(token)) for token in row.tokens)))


def test_recommendation_sequence_snapshot(template, items):
    instance = RecommendationInstance("q", "u", History((items[0], items[3])))
    row = question_row(template, "recommendation", instance, window=5)
    assert _shown(template, row) == (
        "[CLS] [IMG] category kitchen mugs title red mug price 1 0 id <a1> brand orvik [EOC] "
        "[IMG] category kitchen mugs price 0 . 4 6 id <d4> [EOC] "
        "can you recommend the next item to the user?"
    )
    assert row.reads.tolist() == [len(row.tokens) - 1]
    assert row.targets.tolist() == [-1]


def test_search_sequence_ends_with_the_query_and_the_instruction(template, items):
    instance = SearchInstance("q", "u", History((items[1],)), "kitchen mugs")
    row = question_row(template, "search", instance, window=5)
    (prompt,) = TASKS.get("search").prompt(instance)
    instruction = template.vocabulary.encode(prompt)
    assert row.tokens.tolist()[-len(instruction) :] == instruction
    text = template.vocabulary.tokenizer.decode(instruction)
    assert "".join(text.split()) == "".join(prompt.lower().split())


def test_only_the_latest_items_are_read(template, items):
    long = RecommendationInstance("q", "u", History(tuple(items)))
    short = RecommendationInstance("q", "u", History(tuple(items[-2:])))
    rows = [question_row(template, "recommendation", i, window=2) for i in (long, short)]
    assert rows[0].tokens.tolist() == rows[1].tokens.tolist()


def test_an_empty_history_leaves_the_opening_token(template):
    row = question_row(
        template, "recommendation", RecommendationInstance("q", "u", History()), window=5
    )
    assert row.tokens[0] == template.vocabulary.cls
    assert row.positions.tolist() == list(range(len(row.tokens)))


def test_a_missing_attribute_is_left_out(template, items):
    keys = [key for key, _ in template.attributes(replace(items[0], title=None, brand=None))]
    assert keys == ["category", "price", "id"]


def test_values_are_cut_to_the_given_number_of_words(vocabulary, items):
    template = Template(vocabulary, words=2, vision=True, attend_last_image=False)
    (pair,) = [
        p for p in template.attributes(replace(items[0], title="red mug chair")) if p[0] == "title"
    ]
    assert pair[1] == vocabulary.encode("red mug")


def test_an_item_outside_the_catalogue_has_no_id_token(template, items):
    assert "id" not in dict(template.attributes(replace(items[0], item_id="new")))


def test_tokens_of_an_item_point_to_its_own_photo_and_no_other_token_to_any(template, items):
    flat = template.history([items[0], items[3], items[1]])
    first, second, third = (
        range(start, end + 1)
        for start, end in zip([1, flat.ends[0] + 1, flat.ends[1] + 1], flat.ends, strict=True)
    )
    assert flat.slots[0] == -1
    assert {flat.slots[i] for i in first} == {0}
    assert {flat.slots[i] for i in second} == {-1}  # it has no photo
    assert {flat.slots[i] for i in third} == {1}
    assert flat.images == ["a1.png", "b2.png"]


def test_instructions_see_no_image_unless_asked_to_see_the_last(vocabulary, items):
    instance = RecommendationInstance("q", "u", History((items[0], items[1])))
    for last, expected in ((False, -1), (True, 1)):
        template = Template(vocabulary, words=20, vision=True, attend_last_image=last)
        row = question_row(template, "recommendation", instance, window=5)
        assert set(row.slots[row.segments == 1].tolist()) == {expected}


def test_context_targets_are_the_values_of_attributes(template, items):
    row = template.row(template.history([items[0]]), [], context=True)
    shown = [word for t in row.targets if (word := template.vocabulary.show(int(t)))]
    assert shown == ["kitchen", "mugs", "red", "mug", "1", "0", "<a1>", "orvik"]
    assert (row.tokens[row.reads + 1] == row.targets).all()


def test_common_ending():
    assert common_ending(["red mug Can you?", "mug Can you?"]) == "mug Can you?"
    assert common_ending(["a x y", "b x y"]) == "x y"
    assert common_ending(["a", "b"]) == ""
