"""Define personalized explanation generation: one sentence on why an item suits, or not."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.instances import ExplanationInstance
from benchmark.predictions import Text
from benchmark.tasks.base import PromptPart, Task
from benchmark.visible import control_character, is_blank

#: Longer predictions are malformed: an explanation is a sentence.
MAX_CHARACTERS = 2_000


def prompt(instance: ExplanationInstance) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized explanation generation"."""
    return [
        "Given",
        instance.item,
        ", can you explain to the user why the product might be suitable or unsuitable?",
    ]


def check(
    instance: ExplanationInstance, prediction: Text, known: Callable[[str], bool]
) -> str | None:
    """Require a visible text without control characters, of at most :data:`MAX_CHARACTERS`."""
    if is_blank(prediction.text):
        return "the text is empty"
    if (unseen := control_character(prediction.text)) is not None:
        return f"the text holds the control character U+{ord(unseen):04X}"
    if len(prediction.text) > MAX_CHARACTERS:
        return f"the text has {len(prediction.text)} characters, {MAX_CHARACTERS} are allowed"
    return None


TASK = Task(
    name="explanation",
    version=1,
    summary="history and an item -> a sentence that explains the user's opinion of it",
    metrics=("BLEU-1", "BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L", "METEOR", "BERTScore"),
    primary="ROUGE-L",
    prediction=Text,
    scorer="benchmark.metrics.text:score",
    needs="reviews with a sentence on the item's attributes",
    prompt=prompt,
    check=check,
)
