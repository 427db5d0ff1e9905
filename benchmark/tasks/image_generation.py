"""Define personalized user-guided image generation: draw what the user means by a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmark.errors import shown
from benchmark.instances import ImageGenerationInstance, Item
from benchmark.predictions import Image
from benchmark.tasks.base import PromptPart, Task
from benchmark.vision import png

#: Number of items retrieved before drawing (paper, Appendix A.2).
RETRIEVED = 2


def prompt(instance: ImageGenerationInstance, retrieved: Sequence[Item] = ()) -> list[PromptPart]:
    """Return the instruction of Appendix A.2, "Personalized user-guided image generation".

    It is that of the second stage; the first is a search with the same query.
    """
    return [
        *retrieved,
        f"{instance.query} Can you generate the product figure that the user may be interested in?",
    ]


def check(
    instance: ImageGenerationInstance, prediction: Image, known: Callable[[str], bool]
) -> str | None:
    """Require a PNG of the size asked that can be decoded, drawn from known items."""
    try:
        png.decode(prediction.png, instance.size)
    except ValueError as error:
        return str(error)
    for item_id in prediction.retrieved:
        if not known(item_id):
            return f"retrieved item {shown(item_id)} is not in the catalogue"
    return None


TASK = Task(
    name="image-generation",
    version=1,
    summary="history and a category query -> a picture of the product",
    metrics=("target similarity", "query similarity", "KMMD", "personalization margin"),
    primary="target similarity",
    prediction=Image,
    scorer="benchmark.metrics.image:score",
    needs="photos, and items with a category path of at least two levels",
    prompt=prompt,
    check=check,
)
