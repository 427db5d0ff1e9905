"""The script that counts what explanations name of their item."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from benchmark.data.simulator.truth import ATTACHMENT, read_truth
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS

_FILE = Path(__file__).parents[2] / "docs" / "examples" / "named_attributes.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("named_attributes", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_named_attribute_counts_as_right_only_where_it_is_the_items_own(script, sim_xs):
    truth = read_truth(sim_xs.training_view().attachment(ATTACHMENT))
    colour, brand = int(truth.items.colour[0]), int(truth.items.brand[0])
    right, wrong = (list(COLOURS)[(colour + step) % len(COLOURS)] for step in (0, 1))
    sentences = [
        f"The {right} colour of {BRANDS[brand]}.",
        f"The {wrong} COLOUR is lovely.",
        f"The {right} colour and the {wrong} colour.",
        "Nothing to say.",
    ]
    found = script.counts(sentences, [0] * 4, truth)
    assert found["colour"] == (3, 1)
    assert found["brand"] == (1, 1)
    assert found["shape"] == (0, 0)
