"""Count what explanations of simulated data name of their item, and how often rightly.

    python docs/examples/named_attributes.py RUN

RUN is the id of an explanation run on simulated data (``unimp-bench runs list`` shows them). For
each kind of attribute it prints the share of sentences that name one, of those the share that names
the item's own, and the share of the true sentences that name one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import benchmark as ub
from benchmark.data.simulator.truth import ATTACHMENT, Truth, index_of, read_truth
from benchmark.data.simulator.vocabulary import BRANDS, COLOURS, MATERIALS, PATTERNS, SHAPES

KINDS: dict[str, tuple[str, ...]] = {
    "colour": tuple(f"{name} colour" for name in COLOURS),
    "shape": tuple(f"{name} shape" for name in SHAPES),
    "pattern": tuple(f"{name} pattern" if name != "plain" else "plain look" for name in PATTERNS),
    "material": tuple(MATERIALS),
    "brand": tuple(BRANDS),
}


def named(sentence: str, words: Sequence[str]) -> set[int]:
    """Return the numbers of the ``words`` that stand in ``sentence``, whole, in any case."""
    text = sentence.lower()
    return {n for n, word in enumerate(words) if re.search(rf"\b{re.escape(word.lower())}\b", text)}


def counts(
    sentences: Sequence[str], items: Sequence[int], truth: Truth
) -> dict[str, tuple[int, int]]:
    """Return by kind how many ``sentences`` name one, and how many only what ``items`` have."""
    found = {}
    for kind, words in KINDS.items():
        own = getattr(truth.items, kind)
        those = [
            (spoken, int(own[item]))
            for sentence, item in zip(sentences, items, strict=True)
            if (spoken := named(sentence, words))
        ]
        found[kind] = (len(those), sum(spoken == {right} for spoken, right in those))
    return found


def main(name: str) -> None:
    """Print the counts of run ``name``."""
    run = ub.open_run(name)
    dataset = ub.open_dataset(run.manifest["data"])
    truth = read_truth(dataset.training_view().attachment(ATTACHMENT))
    predicted = run.predictions()
    texts = dict(zip(predicted["instance_id"], predicted["text"], strict=True))
    instances = dataset.instances("explanation", cohort=run.manifest["cohort"])
    asked = [instance for instance in instances if instance.instance_id in texts]
    items = [index_of(instance.item.item_id) for instance in asked]
    said = counts([texts[instance.instance_id] or "" for instance in asked], items, truth)
    targets = dict(zip(instances.ids, instances.targets, strict=True))
    true = counts([str(targets[instance.instance_id]) for instance in asked], items, truth)
    print(f"{len(asked)} sentences of {name}")
    print("          named   rightly   named in the true sentences")
    for kind, (times, right) in said.items():
        share = f"{right / times:7.3f}" if times else "      -"
        print(f"{kind:9} {times / len(asked):5.3f}   {share}   {true[kind][0] / len(asked):5.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
