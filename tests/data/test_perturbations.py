"""Missing attributes and wrong images: seeded, stored, applied to what instances show."""

from __future__ import annotations

import polars as pl
import pytest

from benchmark.data.perturbations import draw_missing_attributes, draw_wrong_images
from benchmark.errors import UsageError


def test_missing_attributes_leave_text_out_and_nothing_else(build) -> None:
    dataset = build()
    plain, perturbed = dataset.catalogue(), dataset.catalogue("nt")
    table = pl.read_parquet(dataset.folder / "perturbations" / "nt.parquet")
    dropped = dict(table.iter_rows())
    assert dropped
    for before, after in zip(plain, perturbed, strict=True):
        gone = dropped.get(before.item_id, [])
        for name in ("title", "category", "brand", "price", "description"):
            expected = (() if name == "category" else None) if name in gone else None
            if name not in gone:
                expected = getattr(before, name)
            assert getattr(after, name) == expected
        assert ("material" in after.attributes) == ("attributes.material" not in gone)
        assert (after.image, after.item_id) == (before.image, before.item_id)
    assert perturbed.queries == plain.queries


def test_wrong_images_swap_exactly_a_fifth_of_the_photos(build) -> None:
    dataset = build()
    plain, perturbed = dataset.catalogue(), dataset.catalogue("nv")
    changed = [
        before.item_id
        for before, after in zip(plain, perturbed, strict=True)
        if before.image != after.image
    ]
    assert len(changed) == 4  # of 20 items with a photo
    assert all(perturbed.by_id(item_id).image is not None for item_id in changed)


def test_a_fifth_of_the_values_is_dropped_in_the_long_run(shop) -> None:
    items = pl.concat(
        shop.items.with_columns(pl.col("item_id") + f"-{copy}", image=pl.lit("x.png"))
        for copy in range(100)
    )
    table = draw_missing_attributes(items, seed=0)
    present = 2400 * 5 + 1200  # category, title, price, description, material; half have a brand
    assert table["dropped"].list.len().sum() / present == pytest.approx(0.2, abs=0.02)
    assert len(draw_wrong_images(items, seed=0)) == 480


def test_instances_show_perturbed_items_but_ask_the_same(build) -> None:
    dataset = build()
    plain = dataset.instances("selection")
    for name in ("nt", "nv"):
        changed = dataset.instances("selection", perturb=name)
        assert changed.ids == plain.ids
        assert changed.targets == plain.targets
        assert list(changed) != list(plain)


def test_an_unknown_perturbation_gets_a_suggestion(build) -> None:
    with pytest.raises(UsageError, match=r"Unknown perturbation 'nw'[\s\S]*'n[tv]'"):
        build().instances("search", perturb="nw")
