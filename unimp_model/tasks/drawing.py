"""Image generation (Eq. 9): retrieve two items by the search instruction, then draw from them.

The drawing is a sequence of image tokens, sampled, that the image tokenizer's decoder paints.
Validated by the probability of the true photos' tokens, which needs no sampling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.instances import Example, History, ImageGenerationInstance, Item, SearchInstance
from benchmark.predictions import Image, Prediction, Ranking
from benchmark.tasks.image_generation import RETRIEVED, prompt
from benchmark.vision.photos import resized
from benchmark.vision.png import encode
from unimp_model.config import UniMPConfig
from unimp_model.sequence.pointing import Pointer
from unimp_model.sequence.template import Branch, Row, Template
from unimp_model.tasks.answerer import Answerer
from unimp_model.tasks.base import (
    ALL_TASKS,
    Interactions,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    likelihood,
    target_items,
)
from unimp_model.tasks.ranking import SearchTask

_NAME = "image-generation"


class DrawingExamples(TaskExamples):
    """Makes every target with a query and image codes an example, in a row of its own.

    Its history is what was retrieved. In training the target is what was retrieved first, as if
    the search had been right (teacher forcing); behind it stand others the query fits, drawn. So
    what is learned is to paint what is shown: from items that need not be the target, the best
    painting is the average photo, which is blank.
    """

    stands_alone = True

    def __init__(self, data: TaskData, interactions: Interactions) -> None:
        super().__init__(interactions)
        self._data, self._catalogue = data, data.view.catalogue
        self._fitting = items_by_query(self._catalogue)

    def has(self, row: int) -> bool:
        """Return whether the target's item has a query and its photo image codes."""
        item = self.interactions.items[row]
        return (
            self._catalogue.queries[item] is not None
            and self._catalogue[item].photo_name in self._data.codes
        )

    def rows(self, generator: np.random.Generator, *, share: float, most: int | None) -> list[Row]:
        """Draw the targets to be asked, then what else each one's search retrieved."""
        targets = [row for row in self.interactions.targets if self.has(row)]
        items = [self.interactions.items[row] for row in targets if generator.random() < share]
        if most is not None and most < len(items):
            drawn = generator.choice(len(items), most, replace=False)
            items = [items[int(i)] for i in sorted(drawn)]
        return [self._row(item, generator) for item in items]

    def _row(self, item: int, generator: np.random.Generator) -> Row:
        """Build the row of one target, with the other retrieved items drawn."""
        query = self._catalogue.queries[item]
        assert query is not None, "only items with a query are drawn"
        others = [i for i in self._fitting[query] if i != item]
        some = generator.choice(others, min(RETRIEVED - 1, len(others)), replace=False)
        template = self._data.template
        answer = code_tokens(template, self._data.codes, self._catalogue[item])
        assert answer is not None, "only items with image codes are drawn"
        return drawing_row(
            template,
            ImageGenerationInstance("", "", History(), query),
            [self._catalogue[int(i)] for i in (item, *some)],
            answer=answer,
        )


class ImageGenerationTask(UniMPTask[ImageGenerationInstance]):
    """Draws the product a user has in mind for a query (Eq. 9), over two retrieved items."""

    name = _NAME
    instance = ImageGenerationInstance
    draws_images = True

    def possible(self, config: UniMPConfig) -> bool:
        """Return whether the settings name an image tokenizer."""
        return config.image_tokens != "none"

    def blank(self, query: str | None) -> ImageGenerationInstance:
        """Return an instance of the query alone."""
        return ImageGenerationInstance("", "", History(), query or "")

    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the training examples; see :class:`DrawingExamples`."""
        return DrawingExamples(data, interactions)

    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Score by the geometric mean probability of an image token of the true photos.

        They are asked for behind other items that the query fits, as no search has been made, so
        the score says little of a drawing: it stands in.
        """
        catalogue = data.view.catalogue
        fitting = items_by_query(catalogue)
        rows = []
        for number, example in enumerate(examples):
            target, instance = catalogue.by_id(target_items(example)[0]), example.instance
            assert isinstance(instance, ImageGenerationInstance)
            answer = code_tokens(data.template, data.codes, target)
            if answer is None:
                continue
            alike = fitting[instance.query]  # stand-ins for what a search retrieves
            retrieved = [
                catalogue[alike[(number + step) % len(alike)]] for step in range(RETRIEVED)
            ]
            rows.append(drawing_row(data.template, instance, retrieved, answer=answer))
        return likelihood(rows, stands_in=True) if rows else None

    def predict(
        self, answerer: Answerer, instances: Sequence[ImageGenerationInstance]
    ) -> list[Prediction]:
        """Retrieve under the search's own weights, then draw under the task's."""
        parts = answerer.parts
        vocabulary, tokenizer = parts.vocabulary, parts.image_tokenizer
        assert tokenizer is not None, "a model that was fitted to draw has an image tokenizer"
        found = self._retrieve(answerer, instances)
        answerer.turn_to(self.name)
        rows = [
            drawing_row(parts.template, i, [parts.items[item_id] for item_id in retrieved])
            for i, retrieved in zip(instances, found, strict=True)
        ]
        allowed = torch.zeros(vocabulary.size, dtype=torch.bool)
        allowed[vocabulary.first_code : vocabulary.first_item] = True
        # The most probable photo is a blank one, as the most probable sentence is an empty one.
        tokens = answerer.reader.generate(
            rows, allowed, stop=None, longest=tokenizer.length,
            draws=np.stack([_draws(i.instance_id, tokenizer.length) for i in instances]),
            temperature=answerer.config.drawing_temperature,
        )  # fmt: skip
        codes = np.array(tokens, np.int64) - vocabulary.first_code  # (n, L)
        return [
            Image(i.instance_id, encode(resized(photo, i.size)), retrieved)
            for i, photo, retrieved in zip(instances, tokenizer.decode(codes), found, strict=True)
        ]

    def _retrieve(
        self, answerer: Answerer, instances: Sequence[ImageGenerationInstance]
    ) -> list[tuple[str, ...]]:
        """Return the ids of the items that a search with each instance's query ranks first."""
        search = SearchTask()
        searches = [
            SearchInstance(i.instance_id, i.user_id, i.history, i.query, k=RETRIEVED)
            for i in instances
        ]
        answerer.turn_to(search.name)
        return [p.items for p in search.predict(answerer, searches) if isinstance(p, Ranking)]


def drawing_row(
    template: Template,
    instance: ImageGenerationInstance,
    retrieved: Sequence[Item],
    *,
    answer: tuple[int, ...] = (),
) -> Row:
    """Return the sequence of Eq. 9's second half: the retrieved items, the drawing instruction.

    The instruction's words and the drawing belong to the first photo, as that item's own tokens
    do: they cross-attend to what they are to be painted from. Where the extension points, the
    drawing may repeat the image codes of the retrieved photos, which is how it sees them.
    """
    instruction = template.instruction(prompt(instance, retrieved))
    if instruction.images:
        instruction.slots = [max(slot, 0) for slot in instruction.slots]
    pointer = None
    if template.codes is not None:
        shown = [code_tokens(template, template.codes, item) or () for item in retrieved]
        pointer = Pointer(codes=tuple(shown))
    branch = Branch(0, instruction, ALL_TASKS.index(_NAME), answer, pointer=pointer)
    return template.row(template.history([]), [branch], context=False)


def code_tokens(
    template: Template, codes: Mapping[str, NDArray[np.int32]], item: Item
) -> tuple[int, ...] | None:
    """Return the L image tokens of an item's photo; ``None`` where it has no ``codes`` (L,)."""
    of_photo = codes.get(item.photo_name or "")
    if of_photo is None:
        return None
    first = template.vocabulary.first_code
    return tuple(first + int(code) for code in of_photo)


def items_by_query(catalogue: Catalogue) -> dict[str, list[int]]:
    """Return the numbers of the items that each query fits, ascending."""
    found: dict[str, list[int]] = {}
    for i, query in enumerate(catalogue.queries):
        if query is not None:
            found.setdefault(query, []).append(i)
    return found


def _draws(instance_id: str, count: int) -> NDArray[np.float64]:
    """Draw uniform numbers that belong to an instance, in whatever company it is asked."""
    digest = hashlib.sha256(instance_id.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32)).random(count)
