"""Tell what forms explanations have, and how well each form scores.

    python docs/examples/opening_words.py RUN [RUN ...]

RUN is the id of an explanation run (``unimp-bench runs list`` shows them). Sentences are told apart
by their first word: where people write in a few forms by chance, as on simulated data, two systems
that know the same may score apart because they write in other forms.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

import benchmark as ub

METRIC = "ROUGE-L"


class Form(NamedTuple):
    """Sums up the sentences that open with one word."""

    word: str
    share: float
    """Of all sentences, 0 to 1."""
    score: float
    """Mean :data:`METRIC`, 0 to 1."""


def forms(sentences: Sequence[str], scores: Sequence[float]) -> list[Form]:
    """Return the forms of ``sentences`` (n,) that have ``scores`` (n,), the commonest first."""
    by_word: dict[str, list[float]] = {}
    for sentence, score in zip(sentences, scores, strict=True):
        by_word.setdefault(sentence.partition(" ")[0], []).append(score)
    found = [
        Form(word, len(some) / len(sentences), sum(some) / len(some))
        for word, some in by_word.items()
    ]
    return sorted(found, key=lambda form: (-form.share, form.word))


def main(names: Sequence[str]) -> None:
    """Print the forms of each run, at most five."""
    for name in names:
        run = ub.open_run(name)
        told = run.predictions().join(run.per_instance(), on="instance_id")
        print(f"{name}: {METRIC} {told[METRIC].mean():.3f}")
        for form in forms(told["text"].to_list(), told[METRIC].to_list())[:5]:
            print(f"  {form.word:8}  {form.share:.3f} of the sentences  {METRIC} {form.score:.3f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit((__doc__ or "").strip())
    main(sys.argv[1:])
