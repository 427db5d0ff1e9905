"""What training asks is what evaluation asks, with the answer behind it, as often as set."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.data.instances.timeline import Timeline
from unimp_model.tasks import ALL_TASKS
from unimp_model.tasks.base import question_row
from unimp_model.tasks.drawing import drawing_row
from unimp_model.tasks.explaining import sentence_tokens
from unimp_model.tasks.selecting import candidate_tokens
from unimp_model.training.rows import Chunk, RowBuilder, chunks

WINDOW, LONGEST = 5, 12


@pytest.fixture(scope="module")
def view(sim_xs):
    return sim_xs.training_view()


@pytest.fixture(scope="module")
def template(fitted):
    return fitted.parts.template


@pytest.fixture(scope="module")
def codes(view, template):
    """Made-up image codes of every photo, no two alike."""
    names = [item.photo_name for item in view.catalogue]
    digits = [np.unravel_index(i, (8, 8, 8, 8)) for i in range(len(names))]
    return {name: d for name, d in zip(names, digits, strict=True) if name is not None}


@pytest.fixture(scope="module")
def builder(view, template, codes):
    def build(**rates):
        named = {task.replace("_", "-"): rate for task, rate in rates.items()}
        return RowBuilder(view, template, named, window=WINDOW, longest_answer=LONGEST, codes=codes)

    return build


def _answer(template, task, example):
    """The answer tokens of a training example."""
    vocabulary = template.vocabulary
    if task == "preference":
        return (vocabulary.rating(example.target),)
    if task == "explanation":
        return sentence_tokens(template, example.target, LONGEST)
    return (vocabulary.item(example.target[0]),)


def _place(builder, view, example):
    """User number and position of a training example, from its id."""
    _, user, position = example.instance.instance_id.split("/")
    users = view.interactions("train")["user_id"].unique(maintain_order=True).to_list()
    return users.index(user), int(position)


def _row(builder, user, position, seed=0):
    generator = np.random.default_rng(seed)
    sequences = builder.reordered(0.0, generator)
    chunk = Chunk(user, max(0, position - WINDOW), position, position)
    return builder.row(chunk, sequences, generator, context=False)


@pytest.mark.parametrize("task", ["recommendation", "search", "preference", "explanation"])
def test_a_training_row_is_the_evaluation_sequence_with_its_answer(view, template, builder, task):
    asked = builder(**{task: 1.0})
    examples = view.examples(task)
    for example in [examples[i] for i in range(0, len(examples), 37)]:
        row = _row(asked, *_place(asked, view, example))
        expected = question_row(
            template, task, example.instance, window=WINDOW,
            answer=_answer(template, task, example),
        )  # fmt: skip
        for field in ("tokens", "positions", "slots", "reads", "targets", "kinds", "choices"):
            assert getattr(row, field).tolist() == getattr(expected, field).tolist(), field
        assert row.images == expected.images


def test_a_training_selection_asks_for_every_candidate(view, template, builder):
    asked = builder(selection=1.0)
    examples = view.examples("selection")
    for example in [examples[i] for i in range(0, len(examples), 37)]:
        row = _row(asked, *_place(asked, view, example))
        question = question_row(template, "selection", example.instance, window=WINDOW)
        choices = candidate_tokens(template, example.instance)
        assert row.tokens.tolist() == question.tokens.tolist()
        assert set(row.reads.tolist()) == {len(row.tokens) - 1}
        assert row.choices.tolist() == list(choices)
        taken = [c.item_id in example.target for c in example.instance.candidates]
        assert any(taken)
        assert row.targets.tolist() == [t if x else -1 for t, x in zip(choices, taken)]  # noqa: B905


def test_a_drawing_is_made_from_its_target_and_others_of_its_query(view, template, builder, codes):
    asked = builder(image_generation=1.0)
    rows = asked.lone_rows(np.random.default_rng(0), most=None)
    assert len(rows) == asked.counts()["image-generation"] == len(view.examples("image-generation"))
    shown = {name: item for item in view.catalogue if (name := item.photo_name) is not None}
    targets = {
        tuple(template.vocabulary.first_code + c for c in codes[item.photo_name]): item
        for item in view.catalogue
        if item.photo_name is not None
    }
    queries = dict(zip(view.catalogue.ids, view.catalogue.queries, strict=True))
    for row, example in zip(rows, view.examples("image-generation"), strict=True):
        target = targets[tuple(row.targets.tolist())]
        assert target.item_id == example.target[0]
        retrieved = [shown[name] for name in row.images]
        assert {queries[item.item_id] for item in retrieved} == {example.instance.query}
        assert len({item.item_id for item in retrieved}) == len(retrieved)
        again = drawing_row(
            template, example.instance, retrieved, answer=tuple(row.targets.tolist())
        )
        assert again.tokens.tolist() == row.tokens.tolist()
        assert retrieved[0] == target
        assert set(row.slots[row.reads].tolist()) == {0}  # the drawing sees its target's photo


def test_no_more_drawings_than_asked_for(builder):
    asked = builder(image_generation=1.0)
    assert len(asked.lone_rows(np.random.default_rng(0), most=7)) == 7
    assert builder(image_generation=0.0).lone_rows(np.random.default_rng(0), most=7) == []
    assert builder(search=1.0).lone_rows(np.random.default_rng(0), most=7) == []


def _asked(builder, seed=0, share=0.0):
    """Numbers of branches asked in one pass over all targets, by task."""
    generator = np.random.default_rng(seed)
    sequences = builder.reordered(share, generator)
    plan = chunks([len(s) for s in builder.sequences], window=5, targets=5, generator=generator)
    counts = dict.fromkeys(ALL_TASKS, 0)
    for chunk in plan:
        row = builder.row(chunk, sequences, generator, context=False)
        for segment in range(1, row.segments.max(initial=0) + 1):
            last = np.flatnonzero(row.segments == segment)[-1]
            kind = row.kinds[np.flatnonzero(row.reads <= last)[-1]]
            counts[ALL_TASKS[kind]] += 1
    return counts


def test_counts_are_what_a_full_pass_asks(builder):
    rates = dict.fromkeys(ALL_TASKS[:5], 1.0)
    asked = builder(**rates)
    found = _asked(asked)
    assert {task: found[task] for task in rates} == asked.counts()


def test_a_share_thins_its_task_alone(builder):
    found = _asked(builder(recommendation=1.0, search=0.5, preference=0.0, explanation=0.1))
    full = builder(recommendation=1.0, search=1.0, explanation=1.0).counts()
    assert found["recommendation"] == full["recommendation"]
    for task, share in (("search", 0.5), ("explanation", 0.1)):
        spread = 4 * np.sqrt(share * (1 - share) * full[task])
        assert abs(found[task] - share * full[task]) < spread
    assert found["preference"] == found["selection"] == 0


def test_selection_is_asked_of_histories_in_true_order_only(builder):
    asked = builder(selection=1.0, recommendation=1.0)
    mixed = _asked(asked, share=1.0)
    assert mixed["selection"] == 0
    assert mixed["recommendation"] == asked.counts()["recommendation"]


def test_a_reordered_history_keeps_each_items_own_rating(view, builder):
    asked = builder(recommendation=1.0)
    sequences = asked.reordered(1.0, np.random.default_rng(3))
    moved = 0
    for before, after in zip(asked.sequences, sequences.rows, strict=True):
        assert sorted(before) == sorted(after)
        moved += before != after
    assert moved > len(asked.sequences) / 2
    vocabulary = asked.template.vocabulary
    user = next(i for i, rows in enumerate(sequences.rows) if len(rows) > 5)
    chunk = Chunk(user, 0, 5, 5)
    row = asked.row(chunk, sequences, np.random.default_rng(0), context=False)
    trunk = row.tokens[row.segments == 0]
    ratings = [
        vocabulary.levels[t - vocabulary.first_rating]
        for t in trunk
        if vocabulary.first_rating <= t < vocabulary.first_code
    ]
    items = [t - vocabulary.first_item for t in trunk if t >= vocabulary.first_item]
    assert items == [asked.interactions.items[r] for r in sequences.rows[user][:5]]
    assert ratings == [asked.interactions.ratings[r] for r in sequences.rows[user][:5]]


def test_a_recommendation_is_barred_from_all_the_user_had_before_and_a_rating_from_nothing(builder):
    asked = builder(recommendation=1.0, preference=1.0)
    user = next(i for i, rows in enumerate(asked.sequences) if len(rows) > WINDOW + 2)
    sequence = asked.sequences[user]
    row = _row(asked, user, WINDOW + 2)
    past = [asked.interactions.items[r] for r in sequence[: WINDOW + 2]]  # more than the window
    number = row.kinds.tolist().index(ALL_TASKS.index("recommendation"))
    assert row.barred.tolist() == [[number, item] for item in past]


def test_every_target_is_asked_behind_a_full_window(builder):
    asked = builder(recommendation=1.0)
    generator = np.random.default_rng(0)
    sequences = asked.reordered(0.0, generator)
    lengths = [len(s) for s in asked.sequences]
    vocabulary = asked.template.vocabulary
    for chunk in chunks(lengths, window=WINDOW, targets=4, generator=generator):
        row = asked.row(chunk, sequences, generator, context=False)
        for number, position in enumerate(range(chunk.first, chunk.last + 1), start=1):
            at = np.flatnonzero(row.segments == number)[0]
            seen = (row.segments == 0) & (np.arange(len(row.tokens)) >= row.since[at])
            seen &= np.arange(len(row.tokens)) <= row.reach[at]
            items = [t for t in row.tokens[seen] if t >= vocabulary.first_item]
            window = asked.sequences[chunk.user][max(0, position - WINDOW) : position]
            assert items == [vocabulary.first_item + asked.interactions.items[r] for r in window]


def test_a_row_is_described_by_the_counts_of_the_other_half_of_the_users(
    view, template, builder, monkeypatch
):
    folds = {}

    class Coder:
        def seen(self, trunk, branches, *, fold):
            folds[user] = fold

    monkeypatch.setattr(template, "coder", Coder())
    asks = builder(recommendation=1.0)
    timeline = Timeline.of_frame(view.interactions("train"), view.catalogue)
    generator = np.random.default_rng(0)
    sequences = asks.reordered(0.0, generator)
    for user, rows in enumerate(sequences.rows):
        asks.row(Chunk(user, 0, 1, len(rows) - 1), sequences, generator, context=0.0)
        items = [asks.interactions.items[row] for row in rows]
        assert items == timeline.item[timeline.user == user].tolist()
    assert folds == {user: 1 + user % 2 for user in range(len(timeline.users))}
    assert len(folds) > 2
