"""The example that counts what explanations name of their item."""

from __future__ import annotations

from benchmark.data.simulator.truth import ATTACHMENT, read_truth
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS


def test_a_named_attribute_counts_as_right_only_where_it_is_the_items_own(example, sim_xs):
    truth = read_truth(sim_xs.training_view().attachment(ATTACHMENT))
    colour, brand = int(truth.items.colour[0]), int(truth.items.brand[0])
    right, wrong = (list(COLOURS)[(colour + step) % len(COLOURS)] for step in (0, 1))
    sentences = [
        f"The {right} colour of {BRANDS[brand]}.",
        f"The {wrong} COLOUR is lovely.",
        f"The {right} colour and the {wrong} colour.",
        "Nothing to say.",
    ]
    found = example.counts(sentences, [0] * 4, truth)
    assert found["colour"] == (3, 1)
    assert found["brand"] == (1, 1)
    assert found["shape"] == (0, 0)
