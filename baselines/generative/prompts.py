"""The sentences that ask P5's questions, and the sentences that answer them.

Four of P5's families (Geng et al., "Recommendation as Language Processing (RLP)", RecSys 2022,
section 3.2), in wordings of our own: sequential recommendation, rating, explanation, and direct
recommendation out of candidates, which asks selection. Training draws a wording each time; the
first is asked in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from baselines.generative.sources import Part, Past
from benchmark.instances import ExplanationInstance, Item, PreferenceInstance, SelectionInstance

#: Slots: ``{who}``, ``{item}`` (its number), ``{title}``, ``{candidates}``.
WORDINGS: dict[str, tuple[str, ...]] = {
    "recommendation": (
        "Which item will {who} take next ?",
        "Predict the next item of {who} .",
        "We know {who} . What should be recommended now ?",
    ),
    "preference": (
        "How many stars will {who} give to {item} , called {title} ?",
        "Rate {item} , called {title} , for {who} .",
        "{who} rates {item} , called {title} . With how many stars ?",
    ),
    "explanation": (
        "Explain what {who} will find in {item} , called {title} .",
        "Write a sentence of {who} about {item} , called {title} .",
        "What does {who} say of {item} , called {title} ?",
    ),
    "selection": (
        "Which of {candidates} will {who} choose ?",
        "Choose for {who} out of {candidates} .",
        "There are {candidates} . What suits {who} ?",
    ),
}
#: Words of a title that are read at most.
_TITLE_WORDS = 24


def who(user: int | None, items: Sequence[Item] | None) -> list[Part]:
    """Return how a user is told of: by number, by history, by both, or by neither."""
    told: list[Part] = ["someone" if user is None else f"user_{user}"]
    return [*told, "who took", Past(items)] if items else told


def question(wording: str, instance: Any, teller: Sequence[Part]) -> list[Part]:
    """Return a wording with its slots filled for ``instance``, the user told of by ``teller``."""
    parts: list[Part] = []
    for word in wording.split():
        if word.startswith("{"):
            parts += _SLOTS[word](instance, teller)
        elif parts and isinstance(parts[-1], str):
            parts[-1] = f"{parts[-1]} {word}"
        else:
            parts.append(word)
    return parts


def title(item: Item) -> str:
    """Return an item's title, or else its category, in its first words."""
    told = item.title or " ".join(item.category[-1:]) or "unnamed"
    return " ".join(told.split()[:_TITLE_WORDS])


def _candidates(instance: SelectionInstance, teller: Sequence[Part]) -> list[Part]:
    parts: list[Part] = []
    for item in instance.candidates:
        parts += [item, ","]
    return parts[:-1]


def _item(instance: PreferenceInstance | ExplanationInstance, teller: Sequence[Part]) -> list[Part]:
    return [instance.item]


def _title(
    instance: PreferenceInstance | ExplanationInstance, teller: Sequence[Part]
) -> list[Part]:
    return [title(instance.item)]


_SLOTS: dict[str, Callable[[Any, Sequence[Part]], list[Part]]] = {
    "{who}": lambda instance, teller: list(teller),
    "{item}": _item,
    "{title}": _title,
    "{candidates}": _candidates,
}
