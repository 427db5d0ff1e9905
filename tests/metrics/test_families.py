"""Every metric belongs to a family that says its direction; any other name is refused."""

from __future__ import annotations

import math

import pytest

from benchmark.errors import UsageError
from benchmark.metrics import FAMILIES, family_of, metric_named
from benchmark.metrics.families import is_variant
from benchmark.tasks import TASKS


@pytest.mark.parametrize("name", sorted({m for t in map(TASKS.get, TASKS) for m in t.metrics}))
def test_every_metric_of_every_task_has_a_family(name: str) -> None:
    family = family_of(name)
    assert family.direction == ("lower" if name in ("MAE", "RMSE", "KMMD") else "higher")
    assert family.worst == (family.low if family.higher_is_better else family.high)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_members_take_direction_and_range_from_their_family(family) -> None:
    names = family.members or (f"{family.name}@7" if family.by_cutoff else f"{family.name}-own",)
    for name in names:
        metric = metric_named(name)
        assert family_of(name) is metric.family is family
        assert (metric.low, metric.high) == (family.low, family.high)
        assert metric.higher_is_better == family.higher_is_better
        assert not math.isnan(family.worst)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("MAE-x", "'MAE'"),
        ("HR@0", "'HR@5'"),
        ("HR@", "'HR@5'"),
        ("HR@5-x", "'HR@5'"),
        ("HR@1234567", "'HR@5'"),
        ("ROUGE-Lx", "'ROUGE-L'"),
        ("F1-", "'F1'"),
        ("BERTScore-", "'BERTScore'"),
        ("Bertscore", "'BERTScore'"),
        ("BLEU", "'BLEU-"),
    ],
)
def test_a_name_with_an_unknown_ending_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UsageError) as refused:
        family_of(name)
    assert f"Unknown metric {name!r}" in str(refused.value)
    assert nearest in str(refused.value)


@pytest.mark.parametrize(
    ("measured", "name", "same"),
    [
        ("HR@5", "HR@5", True),
        ("BERTScore-tiny", "BERTScore", True),
        ("METEOR-exact+stem", "METEOR", True),
        ("KMMD-ViT-B-32/openai", "KMMD", True),
        ("MAE-x", "MAE", False),
        ("F1-micro", "F1", False),
        ("METEOR-x", "METEOR", False),
        ("ROUGE-L", "ROUGE", False),
        ("NDCG@5-x", "NDCG@5", False),
        ("BERTScore-", "BERTScore", False),
    ],
)
def test_only_a_familys_own_variants_stand_in_its_place(
    measured: str, name: str, same: bool
) -> None:
    assert is_variant(measured, name) == same
