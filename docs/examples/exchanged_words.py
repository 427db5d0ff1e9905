"""Ask a fitted UniMP which colour, shape, pattern, material or brand a true sentence speaks of.

    python docs/examples/exchanged_words.py DATA [MODEL] [--set NAME=VALUE ...]

DATA is simulated data, MODEL ``unimp`` (the default) or one of its variants; a stored fit is used
where there is one. In the first 100 true explanations that name an attribute, the value is
exchanged for each other value of its kind, and the model is asked for the likelihood of all those
sentences. It prints how often the true one is the likeliest: what the model knows of an item,
whether or not it would say so unasked. Values that the item's own words do not tell are seen in its
photo alone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import numpy as np
from named_attributes import KINDS

import benchmark as ub
from benchmark.commands.options import parse_settings
from benchmark.instances import ExplanationInstance
from unimp_model.adapter import UniMP
from unimp_model.tasks.explaining import ExplanationTask, sentence_tokens

MOST = 100


def exchanged(sentence: str, values: Sequence[str]) -> tuple[list[str], int] | None:
    """Return ``sentence`` with each of ``values`` in the place of the one it names, and which it
    names; ``None`` where it names none or several."""
    places = [
        (match.span(), n)
        for n, value in enumerate(values)
        for match in re.finditer(rf"\b{re.escape(value)}\b", sentence)
    ]
    if len(places) != 1:
        return None
    (start, stop), named = places[0]
    return [sentence[:start] + value + sentence[stop:] for value in values], named


def likeliest(
    model: UniMP, asked: Sequence[tuple[ExplanationInstance, Sequence[str]]]
) -> list[int]:
    """Return for each instance which of its sentences has the highest likelihood."""
    task, answerer = ExplanationTask(), model.answerer
    answerer.turn_to(task.name)
    template, window = answerer.parts.template, answerer.config.history_items
    answers = [
        [sentence_tokens(template, text, answerer.config.answer_tokens) for text in sentences]
        for _, sentences in asked
    ]
    rows = [
        task.row(template, instance, window=window, answer=tokens)
        for (instance, _), some in zip(asked, answers, strict=True)
        for tokens in some
    ]
    lengths = np.array([len(tokens) for some in answers for tokens in some])
    values = answerer.reader.log_likelihoods(rows) * lengths
    ends = np.cumsum([len(some) for some in answers])[:-1]
    return [int(part.argmax()) for part in np.split(values, ends)]


def main() -> None:
    """Print the share of true values that are the likeliest, by kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", help="a simulated dataset")
    parser.add_argument("model", nargs="?", default="unimp", help="unimp or one of its variants")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    model = ub.fit(given.model, given.data, settings=parse_settings(given.set)).model
    assert isinstance(model, UniMP)
    instances = ub.open_dataset(given.data).instances("explanation")
    pairs = list(zip(instances, map(str, instances.targets), strict=True))
    print(f"{given.model} on {given.data}")
    print("          sentences   true value likeliest   by chance")
    for kind, values in KINDS.items():
        found = [(i, *e) for i, text in pairs if (e := exchanged(text, values)) is not None]
        if not (found := found[:MOST]):
            continue
        chosen = likeliest(model, [(instance, sentences) for instance, sentences, _ in found])
        right = sum(a == b for a, (*_, b) in zip(chosen, found, strict=True)) / len(found)
        print(f"{kind:9} {len(found):9}   {right:20.3f}   {1 / len(values):9.3f}")


if __name__ == "__main__":
    main()
