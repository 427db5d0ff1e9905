"""Instances: what they show, what they bar, what they ask; frozen and made on demand alike."""

from __future__ import annotations

import polars as pl
import pytest

from benchmark.data.instances.building import InstanceBuilder
from benchmark.data.instances.timeline import Timeline


def sequences(dataset) -> dict[str, list[str]]:
    rows = dataset.interactions()
    return {
        key[0]: frame["item_id"].to_list()
        for key, frame in rows.group_by("user_id", maintain_order=True)
    }


@pytest.mark.parametrize("cohort", ["seen", "new-user"])
@pytest.mark.parametrize(("part", "position"), [("valid", -2), ("test", -1)])
def test_history_is_the_windowed_past_and_seen_the_whole_of_it(
    build, cohort, part, position
) -> None:
    dataset = build()
    past = sequences(dataset)
    instances = dataset.instances("recommendation", part=part, cohort=cohort)
    assert len(instances) == (15 if cohort == "seen" else 5)
    for question, target in zip(instances, instances.targets, strict=True):
        sequence = past[question.user_id]
        before = sequence[:position]
        assert target == (sequence[position],)
        assert [item.item_id for item in question.history.items] == before[-3:]
        assert question.exclude == set(before)
        assert len(question.history.ratings) == len(question.history.timestamps) == 3


def test_repeats_are_never_barred_where_they_may_be_answered(shop, build) -> None:
    shop.allow_repeats, shop.rating_scale = True, None
    dataset = build()
    assert all(not question.exclude for question in dataset.instances("search"))
    assert dataset.info["tasks_absent"]["preference"] == "the data has no ratings"


def test_a_target_the_user_already_had_is_left_out_and_counted(shop, build) -> None:
    first = shop.interactions.filter(pl.col("user_id") == "u00").head(1)
    again = first.with_columns(
        timestamp=pl.lit(10**6, pl.Int64), review=pl.lit("Bought this mug again.")
    )
    shop.interactions = pl.concat([shop.interactions, again])
    dataset = build(settings={"new_users": "0"})
    assert "u00" not in dataset.instances("search").users
    assert "u00" in dataset.instances("preference").users
    left = dataset.info["instances_left_out"]["search"]["test-seen"]
    assert left == {"the user already had the item": 1}


def test_frozen_validation_equals_what_the_visible_rows_alone_give(build) -> None:
    dataset = build()
    view = dataset.training_view()
    rows = dataset.interactions().filter(
        pl.col("part").is_in(["train", "valid"]) & (pl.col("cohort") == "seen")
    )
    catalogue = dataset.catalogue()
    timeline = Timeline.of_frame(rows, catalogue)
    builder = InstanceBuilder(timeline, catalogue, dataset.rules)
    users = timeline.user[timeline.starts[:-1]]
    for task in dataset.tasks:
        targets, _ = builder.answerable(task, builder.last_of_users(users, "valid", behind=0))
        table = builder.table(task, targets)
        frozen = [(e.instance, e.target) for e in view.examples(task, "valid")]
        made = [
            (table.instance(i, catalogue), table.target(i, catalogue)) for i in range(len(table))
        ]
        assert made == frozen


def test_copies_that_are_known_are_not_looked_for_in_the_texts_again(build) -> None:
    dataset = build()
    rows = dataset.interactions().with_columns(review=pl.lit("Said by all."))
    found = Timeline.of_frame(rows, dataset.catalogue()).copied
    assert found.any()
    told = Timeline.of_frame(rows, dataset.catalogue(), copied=~found).copied
    assert (told == ~found).all()


def test_training_examples_are_all_training_rows_with_a_history(build) -> None:
    view = build().training_view()
    by_user = {
        key[0]: frame["item_id"].to_list() for key, frame in view.interactions().group_by("user_id")
    }
    examples = view.examples("recommendation")
    assert len(examples) == sum(len(sequence) - 1 for sequence in by_user.values())
    for example in examples:
        *_, user, position = example.instance.instance_id.split("/")
        before, target = by_user[user][: int(position)], by_user[user][int(position)]
        assert example.target == (target,)
        assert example.instance.exclude == set(before)
        assert [item.item_id for item in example.instance.history.items] == before[-3:]


def test_examples_are_lazy_sequences(build) -> None:
    examples = build().training_view().examples("selection")
    assert examples[-1] == examples[len(examples) - 1]
    assert examples[2:4] == [examples[2], examples[3]]
    with pytest.raises(IndexError):
        examples[len(examples)]


def test_questions_slice_without_losing_their_hash(build) -> None:
    instances = build().instances("search")
    part = instances[3:5]
    assert part.ids == instances.ids[3:5]
    assert part.targets == instances.targets[3:5]
    assert part.sha256 == instances.sha256
    assert build().instances("search", limit=2).users == instances.users[:2]


@pytest.mark.parametrize(("cohort", "most"), [("seen", 1), ("new-user", 3)])
def test_selection_offers_held_out_positives_among_items_never_taken(build, cohort, most) -> None:
    dataset = build()
    past = sequences(dataset)
    instances = dataset.instances("selection", cohort=cohort)
    sizes = set()
    for question, positives in zip(instances, instances.targets, strict=True):
        offered = [item.item_id for item in question.candidates]
        sequence = past[question.user_id]
        assert len(offered) == len(set(offered)) == 6 + len(positives)
        assert list(positives) == sequence[-len(positives) :]
        assert set(offered).difference(positives).isdisjoint(sequence)
        shown = [item.item_id for item in question.history.items]
        assert shown == sequence[: -len(positives)][-3:]
        sizes.add(len(positives))
    assert max(sizes) <= most
    assert cohort == "seen" or len(sizes) > 1


def test_training_selection_has_several_positives_from_training_rows_only(build) -> None:
    view = build().training_view()
    train = {
        key[0]: frame["item_id"].to_list() for key, frame in view.interactions().group_by("user_id")
    }
    sizes = set()
    for example in view.examples("selection"):
        position = int(example.instance.instance_id.split("/")[-1])
        sequence = train[example.instance.user_id]
        assert list(example.target) == sequence[position : position + len(example.target)]
        negatives = {c.item_id for c in example.instance.candidates} - set(example.target)
        assert negatives.isdisjoint(sequence)
        sizes.add(len(example.target))
    assert sizes == {1, 2, 3}


def test_rows_that_repeat_an_item_make_no_selection_of_several(shop, build) -> None:
    shop.allow_repeats = True
    shop.interactions = shop.interactions.with_columns(
        pl.when(pl.col("timestamp") >= 4000)  # the last four of a user are two items in turn
        .then(pl.col("user_id").str.replace("u", "i"))
        .when(pl.col("timestamp") >= 2000)
        .then(pl.lit("i23"))
        .otherwise("item_id")
        .alias("item_id")
    )
    dataset = build()
    targets = dataset.instances("selection", cohort="new-user").targets
    assert {len(target) for target in targets} == {1}
    for example in dataset.training_view().examples("selection"):
        assert len(set(example.target)) == len(example.target)


def test_selection_needs_no_category(shop, build) -> None:
    shop.items = shop.items.with_columns(
        category=pl.lit([], dtype=pl.List(pl.String)),
        attributes=pl.lit([], pl.List(pl.Struct({"key": pl.String, "value": pl.String}))),
    )
    dataset = build()
    assert "selection" in dataset.tasks
    assert "search" in dataset.info["tasks_absent"]


def test_tasks_ask_for_what_they_need(build) -> None:
    dataset = build()
    question = dataset.instances("search")[0]
    target = dataset.catalogue().by_id(dataset.instances("search").targets[0][0])
    assert question.query == f"home living kitchen {target.category[-1].lower()}"
    preference = dataset.instances("preference")
    assert preference[0].scale == preference.rating_scale == (1.0, 5.0)
    assert preference.targets[0] in {1.0, 2.0, 3.0, 4.0, 5.0}
    assert dataset.instances("explanation").targets[0].startswith("This oak mug or lamp by Norby")
    for (target,) in dataset.instances("image-generation").targets:
        assert dataset.catalogue().by_id(target).image is not None
