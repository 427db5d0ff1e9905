"""What the model reads, token by token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.instances import (
    ExplanationInstance,
    History,
    ImageGenerationInstance,
    Item,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.tasks import TASKS
from unimp_model.sequence.template import Branch, Template
from unimp_model.sequence.tokens import Vocabulary, common_ending
from unimp_model.tasks import ALL_TASKS, task_of
from unimp_model.tasks.base import question_row
from unimp_model.tasks.drawing import drawing_row
from unimp_model.tasks.explaining import sentence_tokens
from unimp_model.tasks.selecting import candidate_tokens


@pytest.fixture
def template(vocabulary):
    known = Vocabulary(
        vocabulary.tokenizer,
        vocabulary.text_size,
        vocabulary.item_ids,
        levels=(1.0, 2.0, 3.0, 4.0, 5.0),
        codes=8,
    )
    return Template(known, words=20, vision=True, attend_last_image=False)


def _shown(template, tokens):
    """Tokens as text: words decoded together, each new token in brackets."""
    vocabulary, words, parts = template.vocabulary, [], []
    for token in [int(t) for t in tokens] + [vocabulary.cls]:
        if token < vocabulary.text_size:
            words.append(token)
            continue
        parts += [vocabulary.tokenizer.decode(words).strip(), vocabulary.show(token)]
        words = []
    return " ".join(part for part in parts[:-1] if part)


#: How a history of a1 (rated 4), d4 (3, without photo, title and brand) and e5 (no rating) reads.
HISTORY = (
    "[CLS] [IMG] category kitchen mugs title red mug price 10 id <a1> brand orvik <4> [EOC] "
    "[IMG] category kitchen mugs price 0.46 id <d4> <3> [EOC] "
    "[IMG] category kitchen mugs title plain mug id <e5> [EOC]"
)
CHAIR = "[IMG] category home chairs title oak chair price 120 id <b2> [EOC]"
SCARF = "[IMG] category clothing scarves title wool scarf id <c3> brand maddox [EOC]"


def _about(items, kind, *rest):
    history = History((items[0], items[3], items[4]), (4.0, 3.0, None), (1, 2, 3))
    return kind("q", "u", history, *rest)


def _asked(items):
    """A question of each task that follows the history, and how it reads."""
    chair, scarf = items[1], items[2]
    return [
        (_about(items, RecommendationInstance), "can you recommend the next item to the user?"),
        (
            _about(items, SearchInstance, "Home > Chairs"),
            "home > chairs can you retrieve the items that aligns with both the user's history "
            "and the given query?",
        ),
        (
            _about(items, PreferenceInstance, chair),
            f"given {CHAIR} , can you predict the preference level of the user to the product?",
        ),
        (
            _about(items, SelectionInstance, (scarf, chair)),
            f"given {SCARF} {CHAIR} , can you select all the appropriate items for the user?",
        ),
        (
            _about(items, ExplanationInstance, chair),
            f"given {CHAIR} , can you explain to the user why the product might be suitable "
            "or unsuitable?",
        ),
    ]


@pytest.mark.parametrize("number", range(5), ids=ALL_TASKS[:5])
def test_question_snapshot(template, items, number):
    instance, words = _asked(items)[number]
    row = question_row(template, task_of(instance).name, instance, window=5)
    assert _shown(template, row.tokens) == f"{HISTORY} {words}"
    assert row.reads.tolist() == [len(row.tokens) - 1]
    assert row.targets.tolist() == [-1]
    assert row.choices.tolist() == [-1]
    assert row.kinds.tolist() == [number] == [ALL_TASKS.index(task_of(instance).name)]
    assert row.positions.tolist() == list(range(len(row.tokens)))


def test_drawing_snapshot(template, items):
    instance = _about(items, ImageGenerationInstance, "Home > Chairs")
    row = drawing_row(template, instance, [items[1], items[2]])
    assert _shown(template, row.tokens) == (
        f"[CLS] {CHAIR} {SCARF} home > chairs can you generate the product figure that the user "
        "may be interested in?"
    )
    assert row.images == ("b2.png", "c3.png")
    assert row.reads.tolist() == [len(row.tokens) - 1]
    assert row.kinds.tolist() == [5]


@pytest.mark.parametrize(
    ("number", "make", "words"),
    [
        (0, lambda v: (v.item("b2"),), "<b2>"),
        (1, lambda v: (v.item("b2"),), "<b2>"),
        (2, lambda v: (v.rating(4.0),), "<4>"),
        (4, lambda v: (*v.encode("Oak suits me."), v.eos), "oak suits me. [EOS]"),
    ],
)
def test_an_answer_is_predicted_token_by_token_behind_the_question(
    template, items, number, make, words
):
    instance, _ = _asked(items)[number]
    task, answer = task_of(instance).name, make(template.vocabulary)
    question = question_row(template, task, instance, window=5)
    row = question_row(template, task, instance, window=5, answer=answer)
    n = len(question.tokens)
    assert row.tokens[:n].tolist() == question.tokens.tolist()
    assert row.tokens[n:].tolist() == list(answer[:-1])  # the last token is never read
    assert row.reads.tolist() == list(range(n - 1, n - 1 + len(answer)))
    assert row.targets.tolist() == list(answer)
    assert set(row.kinds.tolist()) == {number}
    assert _shown(template, row.targets) == words


def test_image_codes_are_predicted_one_after_another(template, items):
    first = template.vocabulary.first_code
    answer = (first + 7, first, first + 3)
    instance = ImageGenerationInstance("q", "u", History(), "Mugs")
    row = drawing_row(template, instance, [], answer=answer)
    assert _shown(template, row.targets) == "<code 7> <code 0> <code 3>"
    assert row.tokens[-2:].tolist() == list(answer[:-1])


def test_a_selection_asks_for_each_candidate_at_the_questions_end(template, items):
    instance, _ = _asked(items)[3]
    choices = candidate_tokens(template, instance)
    assert _shown(template, choices) == "<c3> <b2>"
    question = question_row(template, "selection", instance, window=5)
    instruction = template.instruction(TASKS.get("selection").prompt(instance))
    trunk = template.history(instance.history.items, instance.history.ratings)
    branch = Branch(3, instruction, 3, answer=choices[1:], choices=choices)
    row = template.row(trunk, [branch], context=False)
    assert row.tokens.tolist() == question.tokens.tolist()
    assert row.reads.tolist() == [len(row.tokens) - 1] * 2
    assert row.choices.tolist() == list(choices)
    assert row.targets.tolist() == [-1, choices[1]]


def test_a_long_sentence_is_cut_and_still_ends(template):
    tokens = sentence_tokens(template, "oak mug chair scarf wool", 3)
    assert len(tokens) == 4
    assert _shown(template, tokens).endswith("[EOS]")


def test_without_levels_ratings_are_left_out(vocabulary, items):
    template = Template(vocabulary, words=20, vision=True, attend_last_image=False)
    bare = template.history(items[:1], (4.0,))
    assert bare.tokens == template.history(items[:1]).tokens


def test_a_rating_is_no_attribute_to_be_reconstructed(template, items):
    row = template.row(template.history(items[:1], (4.0,)), [], context=True)
    assert "<4>" not in _shown(template, row.targets)
    assert "<4>" in _shown(template, row.tokens)


def test_the_window_cuts_ratings_with_their_items(template, items):
    history = History(tuple(items), (1.0, 2.0, 3.0, 4.0, 5.0, 5.0), tuple(range(6)))
    row = question_row(
        template, "recommendation", RecommendationInstance("q", "u", history), window=2
    )
    text = _shown(template, row.tokens)
    assert "<e5> <5> [EOC]" in text
    assert "<f6> <5> [EOC]" in text
    assert "<4>" not in text


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


def test_words_about_one_asked_item_see_its_photo_and_words_about_several_none(vocabulary, items):
    template = Template(vocabulary, words=20, vision=True, attend_last_image=True)
    history = History((items[0], items[1]))
    about = question_row(
        template, "preference", PreferenceInstance("q", "u", history, items[2]), window=5
    )
    behind = about.positions > about.positions[about.tokens == vocabulary.eoc][-1]
    assert behind.any()
    assert set(about.slots[behind].tolist()) == {2}  # also where others see the last photo
    assert about.images[2] == "c3.png"
    several = SelectionInstance("q", "u", history, (items[2], items[4]))
    template = Template(vocabulary, words=20, vision=True, attend_last_image=False)
    row = question_row(template, "selection", several, window=5)
    assert row.slots[-1] == -1


def test_further_attributes_stand_behind_the_papers_up_to_a_number(vocabulary, items):
    item = replace(items[0], attributes={"material": "oak", "note": " ", "fit": "wide", "cut": "b"})
    for others, keys in ((0, []), (2, ["material", "fit"]), (9, ["material", "fit", "cut"])):
        template = Template(
            vocabulary, words=20, vision=True, attend_last_image=False, others=others
        )
        found = [key for key, _ in template.attributes(item)]
        assert found == ["category", "title", "price", "id", "brand", *keys]


def test_an_item_shown_otherwise_has_a_token_of_its_own(vocabulary, items):
    template = Template(vocabulary, words=20, vision=True, attend_last_image=False)
    template.remember(items)
    own = vocabulary.item("a1")
    assert template.token(items[0]) == own
    assert template.token(replace(items[0], description="not written")) == own
    other = [replace(items[0], title=None), replace(items[0], image="/photos/b2.png")]
    assert [template.token(i) for i in other] == [vocabulary.size, vocabulary.size + 1]
    assert [template.token(i) for i in other] == [vocabulary.size, vocabulary.size + 1]
    assert [(v.item, v.photo) for v in template.variants] == [(0, "a1.png"), (0, "b2.png")]
    assert len(template.variants[0].words) < len(template.variants[1].words)
    assert template.token(Item("new")) is None


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
