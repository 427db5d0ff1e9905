"""No path from what a model sees to a test interaction or to a user held back."""

from __future__ import annotations

import polars as pl
import pytest

from benchmark.data.dataset import Dataset
from benchmark.errors import BenchError, UsageError


def shown(dataset: Dataset) -> dict[str, object]:
    """All content of the training view that does not name a folder."""
    view = dataset.training_view()
    content: dict[str, object] = {"sha256": view.sha256, "tasks": view.tasks}
    for part in ("train", "valid"):
        content[part] = view.interactions(part).rows()
        for task in view.tasks:
            examples = [_named(example) for example in view.examples(task, part)]
            content[f"{task} {part}"] = examples
    return content


def _named(example: object) -> str:
    return repr(example).replace("/a/", "/").replace("/b/", "/")


def corrupt(shop, dataset: Dataset) -> None:
    """Replace every test interaction of seen users and every one of the users held back."""
    hidden = dataset.interactions().filter(
        (pl.col("part") == "test") | (pl.col("cohort") != "seen")
    )
    rows = set(hidden.select("user_id", "item_id").iter_rows())
    assert len(rows) > 20
    changed = []
    for row in shop.interactions.iter_rows(named=True):
        if (row["user_id"], row["item_id"]) in rows:
            # Sixteen further on: an item the user never had (see shop_interactions).
            other = (int(row["item_id"][1:]) + 16) % len(shop.items)
            row = {
                **row,
                "item_id": f"i{other:02d}",
                "rating": 6.0 - row["rating"],
                "review": "Broken steel plate by nobody.",
                "summary": "bad",
                "timestamp": row["timestamp"] + 1,
            }
        changed.append(row)
    shop.interactions = pl.DataFrame(changed)


def test_corrupting_every_hidden_interaction_changes_nothing_a_model_sees(shop, build) -> None:
    before = build("a")
    corrupt(shop, before)
    after = build("b")
    assert after.sha256 != before.sha256
    assert after.instances("search").targets != before.instances("search").targets
    # Test candidates are other users' test rows; those of training and validation are not.
    offered = [
        [[item.item_id for item in i.candidates] for i in dataset.instances("selection")]
        for dataset in (before, after)
    ]
    assert offered[0] != offered[1]
    assert shown(after) == shown(before)


def test_a_training_interaction_does_change_the_view(shop, build) -> None:
    before = build("a").training_view().sha256
    seen = build("a").training_view().interactions()["user_id"][0]
    shop.interactions = shop.interactions.with_columns(
        pl.when((pl.col("user_id") == seen) & (pl.col("timestamp") == 0))
        .then(pl.lit("another opinion"))
        .otherwise("summary")
        .alias("summary")
    )
    assert build("b").training_view().sha256 != before


def test_the_view_keeps_neither_dataset_nor_test_rows(build) -> None:
    dataset = build()
    view = dataset.training_view()
    hidden = dataset.interactions().filter(
        (pl.col("part") == "test") | (pl.col("cohort") != "seen")
    )
    pairs = set(hidden.select("user_id", "item_id").iter_rows())
    assert not any(isinstance(value, Dataset) for value in vars(view).values())
    for part in ("train", "valid"):
        given = view.interactions(part, columns=["user_id", "item_id"])
        assert given.rows() == view.interactions(part).select("user_id", "item_id").rows()
        assert not given.is_empty()
        assert pairs.isdisjoint(given.iter_rows())


def test_a_column_that_models_do_not_see_is_refused(build) -> None:
    with pytest.raises(UsageError, match="cohort"):
        build().training_view().interactions(columns=["cohort"])


def test_only_the_validation_instances_asked_for_are_read(build) -> None:
    dataset = build()
    view = dataset.training_view()
    (dataset.folder / "tasks" / "search" / "valid-seen.parquet").unlink()
    assert view.examples("recommendation", "valid")
    with pytest.raises(BenchError, match="valid-seen"):
        view.examples("search", "valid")
