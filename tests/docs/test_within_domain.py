"""Items of other domains than the targets' are excluded, beside what was excluded before."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from benchmark.instances import History, Item, RecommendationInstance


class Asked(list):
    """Instances with their targets, as a dataset has them."""

    targets = (("harp",), ("lute",))


def test_what_is_left_are_the_items_of_the_targets_domains(example):
    items = [Item("harp", domain="music"), Item("lute", domain="music"), Item("mug", domain="home")]
    dataset = SimpleNamespace(catalogue=lambda: items)
    first = RecommendationInstance("a", "u", History(), exclude=frozenset({"lute"}))
    second = RecommendationInstance("b", "v", History())
    one, other = example.among_themselves(Asked([first, second]), dataset)
    assert (one.exclude, other.exclude) == ({"lute", "mug"}, {"mug"})
    assert (one.instance_id, other.instance_id) == ("a", "b")


def test_hits_and_gains_are_of_the_first_five(example):
    ranked = ["a", "b", "c", "d", "e", "f"]
    hits, gains = example.scores([ranked] * 4, ["a", "c", "f", "z"])
    assert hits == 0.5
    assert gains == pytest.approx((1 + 1 / math.log2(4)) / 4)
