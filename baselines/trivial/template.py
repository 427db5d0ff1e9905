"""One fixed sentence, filled from the item."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.host.files import read_json, write_json
from benchmark.instances import ExplanationInstance, Item
from benchmark.model import TrainingView
from benchmark.predictions import Text

_STATE = "template.json"

#: Words of praise looked for in training explanations; equally frequent ones in this order.
OPINION_WORDS = (
    *("good", "great", "nice", "lovely", "perfect", "beautiful", "pretty", "soft", "comfortable"),
    *("excellent", "wonderful", "fine", "solid", "sturdy", "easy", "cute", "fun", "useful"),
    *("amazing", "awesome", "fantastic", "favourite", "favorite", "best", "happy", "pleased"),
)
_WORD = re.compile(r"[a-z]+")


class Template:
    """Fills "The TITLE by BRAND is a GREAT and GOOD CATEGORY, with VALUE and VALUE."

    The two opinion words are the most frequent of :data:`OPINION_WORDS` in the training
    explanations; everything else comes from the item, and what the item lacks is left out.
    The user is ignored: this is what fluent boilerplate scores.
    """

    tasks = frozenset({"explanation"})

    def __init__(self) -> None:
        self.opinions: tuple[str, ...] = OPINION_WORDS[:2]

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Find the two opinion words that most training explanations hold."""
        sentences = data.interactions("train")["explanation"].drop_nulls().to_list()
        counts = Counter(
            word for sentence in sentences for word in set(_WORD.findall(sentence.lower()))
        )
        self.opinions = tuple(sorted(OPINION_WORDS, key=lambda word: -counts[word])[:2])

    def predict(self, instances: Sequence[ExplanationInstance]) -> Iterator[Text]:
        """Fill the template for each instance's item."""
        for instance in instances:
            yield Text(instance.instance_id, sentence(instance.item, self.opinions))

    def save(self, folder: Path) -> None:
        """Write the two opinion words as JSON."""
        write_json(folder / _STATE, {"opinions": self.opinions})

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.opinions = tuple(read_json(folder / _STATE)["opinions"])


def sentence(item: Item, opinions: Sequence[str]) -> str:
    """Fill the template; at most two attribute values, in the item's own order."""
    kind = _short(item.category[-1]).lower() if item.category else "product"
    subject = _short(item.title) if item.title else kind
    maker = f" by {_short(item.brand)}" if item.brand else ""
    praise = " and ".join(opinions)
    values = [_short(value).lower() for value in list(item.attributes.values())[:2]]
    extra = f", with {' and '.join(values)}" if values else ""
    return f"The {subject}{maker} is a {praise} {kind}{extra}."


def _short(text: str) -> str:
    """The first twelve words, so that a long title does not become the whole answer."""
    return " ".join(text.split()[:12])
