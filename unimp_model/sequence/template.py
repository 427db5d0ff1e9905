"""Write items, histories and instructions as token sequences (Eq. 1, 2): the one template.

Training and evaluation both come through here. A *row* is a trunk, ``[CLS] i_1 ... i_n``,
and branches; a branch is an instruction (and its answer, in training) that continues the
trunk after some item i_j, sees the trunk up to there, and no other branch. So a branch is
token for token, position for position, the sequence of a user whose history is i_1 ... i_j,
and several instances share the cost of one history. Evaluation is a row with one branch.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Item
from benchmark.tasks import PromptPart
from unimp_model.sequence.pointing import Pointer
from unimp_model.sequence.seen import Coder, Seen
from unimp_model.sequence.tokens import Vocabulary

#: Marks a target as context reconstruction rather than a task's answer.
CONTEXT = -1


@dataclass(slots=True)
class Flat:
    """Lists flattened tokens (Eq. 1, 2) in parallel lists, one entry a token.

    ``images``, ``ends`` and ``shown`` have lengths of their own.
    """

    tokens: list[int] = field(default_factory=list)
    """Token ids; :func:`visual_token` where one of an image's visual tokens stands."""
    slots: list[int] = field(default_factory=list)
    """Index into ``images`` of the photo a token belongs to, -1 for none."""
    values: list[bool] = field(default_factory=list)
    """Whether a token is part of an attribute's value: what context reconstruction predicts."""
    carried: list[int] = field(default_factory=list)
    """Token of the item whose input row a token carries beside its own, -1 for none."""
    images: list[str] = field(default_factory=list)
    """File names of photos."""
    ends: list[int] = field(default_factory=list)
    """Position of each item's [EOC]."""
    shown: list[tuple[Item, float | None]] = field(default_factory=list)
    """The items, each with its rating if that is told."""

    def add(self, tokens: Sequence[int], slot: int = -1, carried: int = -1) -> None:
        """Append tokens that are part of no attribute's value, and see the photo ``slot``.

        The last of them carries the row of the item token ``carried``.
        """
        if tokens:
            self.carried.extend([-1] * (len(tokens) - 1) + [carried])
        self.tokens.extend(tokens)
        self.slots.extend([slot] * len(tokens))
        self.values.extend([False] * len(tokens))


@dataclass(frozen=True, slots=True)
class _Flattened:
    """An item's tokens up to its rating, which are the same wherever it is shown."""

    tokens: list[int]
    values: list[bool]
    image: str | None
    """File name of its photo, where photos are read."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Describes what an item token's row is made from, as an instance shows it: words and photo."""

    item: int
    """Catalogue number."""
    words: tuple[int, ...]
    """Text tokens of the attributes."""
    photo: str | None
    """File name, where photos are read."""


@dataclass(slots=True)
class Branch:
    """Asks an instruction behind item number ``after`` (0: behind [CLS]), with its answer.

    The answer is a run of tokens, each predicted from the one before it; or, with ``choices``,
    those that are taken out of them, all read at the instruction's end.
    """

    after: int
    instruction: Flat
    task: int = 0
    answer: tuple[int, ...] = ()
    choices: tuple[int, ...] = ()
    """Tokens to choose from; ``answer`` then repeats those that are taken."""
    barred: tuple[int, ...] = ()
    """Numbers of items that may not be answered: no item of a training softmax."""
    pointer: Pointer | None = None
    """What the answer may repeat; where the extension points."""


@dataclass(slots=True)
class Row:
    """Lays out what the model reads: int32 arrays of length N, and where losses or answers are."""

    tokens: NDArray[np.int32]
    positions: NDArray[np.int32]
    slots: NDArray[np.int32]
    carried: NDArray[np.int32]
    """Token of the item whose input row a token carries beside its own, -1 for none."""
    segments: NDArray[np.int32]
    """0 for the trunk, b for the b-th branch."""
    since: NDArray[np.int32]
    """First trunk position, [CLS] apart, a token may attend to: where its window begins."""
    reach: NDArray[np.int32]
    """Last trunk position a token may attend to."""
    images: tuple[str, ...]
    reads: NDArray[np.int32]
    """Positions whose hidden state is projected to the vocabulary."""
    targets: NDArray[np.int32]
    """Token to be predicted at each of ``reads``; -1 where the answer is asked for."""
    kinds: NDArray[np.int32]
    """Task number of each of ``reads``, or :data:`CONTEXT`."""
    choices: NDArray[np.int32]
    """Token each of ``reads`` decides on, among those of the same position: ``targets`` holds it
    where it is taken. -1 where the whole vocabulary competes."""
    barred: NDArray[np.int32]
    """(E, 2): number of a read, and number of an item that may not be its answer."""
    pointed: NDArray[np.int32]
    """(E', 3): number of a read, a token it may repeat, and the way of pointing at it."""
    pointer: Pointer | None = None
    """What the last branch's answer may repeat."""
    seen: Seen | None = None
    """What each branch sees as numbers; where items are matched (the extension)."""


def price_words(price: float) -> str:
    """Return a price as the template writes it: to the unit, or to the hundredth below one unit."""
    return f"{price:.0f}" if price >= 1 else f"{price:.2f}"


def visual_token(which: int) -> int:
    """Return the mark of the ``which``-th visual token of an image: no token id, so negative."""
    return -1 - which


class Template:
    """Builds sequences over one vocabulary.

    Attributes are written in the paper's order: category, title, price, id, brand; then at most
    ``others`` more of the catalogue's, such as a material. One that
    is missing is left out, in the catalogue as under the ``nt`` perturbation: so a missing
    value never teaches the model a word for it. Values are cut to ``words`` words. Behind the
    [IMG] of an item with a photo there are ``visual_positions`` positions for its visual tokens
    (fusion by concatenation), usually none. With ``asks_of_photo`` an instruction about one item,
    and its answer, see that item's photo as the item's own tokens do. With ``carries`` what ends
    an item, its rating and [EOC], and the end of an instruction about it carry its row. With
    ``points`` sentences about an item point at its words (the extension).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        words: int,
        vision: bool,
        attend_last_image: bool,
        visual_positions: int = 0,
        others: int = 0,
        asks_of_photo: bool = True,
        carries: bool = False,
        coder: Coder | None = None,
        points: bool = False,
    ) -> None:
        self.vocabulary = vocabulary
        self.words = words
        self.vision = vision
        self.attend_last_image = attend_last_image
        self.visual_positions = visual_positions
        self.others = others
        self.asks_of_photo = asks_of_photo
        self.carries = carries
        self.coder = coder
        self.points = points
        self.codes: Mapping[str, NDArray[np.int32]] | None = None
        """Image codes (L,) of photos by file name, where drawings point at them."""
        self.variants: list[Shown] = []
        """Items met that differ from what the catalogue says of them; see :meth:`token`."""
        self._variant_tokens: dict[Shown, int] = {}
        self._catalogue: dict[int, Shown] = {}
        self._keys: dict[str, list[int]] = {}
        self._texts: dict[str, list[int]] = {}
        self._phrases: dict[str, list[int]] = {}
        self._flattened: dict[Item, _Flattened] = {}

    def attributes(self, item: Item) -> list[tuple[str, list[int]]]:
        """Return (key, value tokens) of the attributes that are present, in template order."""
        token = self.token(item)
        own = [] if token is None else [("id", [token])]
        before, behind = self._described(item)
        return [*before, *own, *behind]

    def pointer(self, item: Item) -> Pointer | None:
        """Return what a sentence about ``item`` may repeat; ``None`` where nothing points."""
        if not self.points:
            return None
        values = (value for part in self._described(item) for _, value in part)
        return Pointer(words=tuple(tuple(value) for value in values))

    def remember(self, catalogue: Sequence[Item]) -> None:
        """Take what the items of ``catalogue``, in the vocabulary's order, look like as known."""
        for item in catalogue:
            shown = self.shown(item)
            self._catalogue[shown.item] = shown

    def token(self, item: Item) -> int | None:
        """Return the token of an item as it is shown; ``None`` for one outside the catalogue.

        That is its own token where words and photo are those of the catalogue, else one behind
        the vocabulary: the place in :attr:`variants` of what is shown instead.
        """
        own = self.vocabulary.item(item.item_id)
        if own is None:
            return None
        shown = self.shown(item)
        if self._catalogue.get(shown.item, shown) == shown:
            return own
        if shown not in self._variant_tokens:
            self._variant_tokens[shown] = self.vocabulary.size + len(self.variants)
            self.variants.append(shown)
        return self._variant_tokens[shown]

    def history(self, items: Sequence[Item], ratings: Sequence[float | None] = ()) -> Flat:
        """Flatten a history (Eq. 2), ``[CLS] i_1 ... i_n``, items with ratings where known."""
        flat = Flat()
        flat.add([self.vocabulary.cls])
        for item, rating in itertools.zip_longest(items, ratings):
            self._add_item(flat, item, rating)
        return flat

    def instruction(self, parts: Sequence[PromptPart]) -> Flat:
        """Flatten a task's prompt T; items in it are flattened like those of the history."""
        flat = Flat()
        asked = [part for part in parts if isinstance(part, Item)]
        for part in parts:
            if isinstance(part, Item):
                self._add_item(flat, part)
            else:
                about = len(asked) == 1 and len(flat.shown) == 1
                slot = flat.slots[-1] if about and self.asks_of_photo else -1
                flat.add(self._phrase(part), slot, flat.carried[-1] if about else -1)
        return flat

    def row(
        self,
        trunk: Flat,
        branches: Sequence[Branch],
        *,
        context: bool,
        window: int | None = None,
        fold: int = 0,
    ) -> Row:
        """Join a trunk and its branches; ``context`` adds the targets of Eq. 7.

        With ``window`` a branch sees that many items before it, and an item of the trunk as many
        with itself: a long trunk then serves several windows. ``fold`` says whose counts the
        extension describes items by: 0 everyone's.
        """
        tokens, slots, carried = list(trunk.tokens), list(trunk.slots), list(trunk.carried)
        length = len(tokens)
        positions = list(range(length))
        segments = [0] * length
        begins = [1, *(end + 1 for end in trunk.ends)]  # of items, and of what follows the last
        since = [0] * length
        if window is not None:
            for number, end in enumerate(trunk.ends):
                first = begins[max(0, number + 1 - window)]
                since[begins[number] : end + 1] = [first] * (end + 1 - begins[number])
        reach = list(range(length))
        images = list(trunk.images)
        reads, targets, kinds, choices, barred, pointed = [], [], [], [], [], []
        if context:
            for position, is_value in enumerate(trunk.values):
                if is_value:  # predicted from the position before it
                    reads.append(position - 1)
                    targets.append(trunk.tokens[position])
                    kinds.append(CONTEXT)
                    choices.append(-1)
        for number, branch in enumerate(branches, start=1):
            attach = 0 if branch.after == 0 else trunk.ends[branch.after - 1]
            start = len(tokens)
            own = branch.instruction
            last_image = max((s for s in trunk.slots[: attach + 1]), default=-1)
            shared = last_image if self.attend_last_image else -1
            follows = () if branch.choices else branch.answer[:-1]
            tokens += [*own.tokens, *follows]
            slots += [shared if slot < 0 else len(images) + slot for slot in own.slots]
            added = len(tokens) - start
            carried += [*own.carried, *[-1] * (added - len(own.carried))]
            slots += [slots[-1]] * (added - len(own.slots))  # an answer sees what its question does
            images += own.images
            positions += range(attach + 1, attach + 1 + added)
            segments += [number] * added
            since += [0 if window is None else begins[max(0, branch.after - window)]] * added
            reach += [attach] * added
            barred += [(len(reads), item) for item in branch.barred]
            if branch.pointer is not None:
                before: list[int | None] = [None, *branch.answer[:-1]]
                pointed += [
                    (len(reads) + place, *at)
                    for place, previous in enumerate(before)
                    for at in branch.pointer.at(place, previous)
                ]
            first_read = start + len(own.tokens) - 1
            if branch.choices:
                answer = tuple(t if t in branch.answer else -1 for t in branch.choices)
                reads += [first_read] * len(answer)
                choices += branch.choices
            else:
                answer = branch.answer or (-1,)
                reads += range(first_read, first_read + len(answer))
                choices += [-1] * len(answer)
            targets += answer
            kinds += [branch.task] * len(answer)
        return Row(
            tokens=np.array(tokens, np.int32),
            positions=np.array(positions, np.int32),
            slots=np.array(slots, np.int32),
            carried=np.array(carried, np.int32),
            segments=np.array(segments, np.int32),
            since=np.array(since, np.int32),
            reach=np.array(reach, np.int32),
            images=tuple(images),
            reads=np.array(reads, np.int32),
            targets=np.array(targets, np.int32),
            kinds=np.array(kinds, np.int32),
            choices=np.array(choices, np.int32),
            barred=np.array(barred, np.int32).reshape(-1, 2),
            pointed=np.array(pointed, np.int32).reshape(-1, 3),
            pointer=branches[-1].pointer if branches else None,
            seen=None
            if self.coder is None
            else self.coder.seen(
                trunk.shown,
                [(b.after, b.instruction.shown, b.instruction.tokens) for b in branches],
                fold=fold,
            ),
        )

    def _add_item(self, flat: Flat, item: Item, rating: float | None = None) -> None:
        """Eq. 1: ``[IMG] k_1 v_1 ... k_m v_m [EOC]``.

        A rating is one token before [EOC], without a key: the token says itself what it is.
        It is no attribute of the item, so context reconstruction does not ask for it.
        """
        known = self._flattened.get(item)
        if known is None:
            known = self._flattened[item] = self._flatten(item)
        slot = -1
        if known.image is not None:
            slot = len(flat.images)
            flat.images.append(known.image)
        flat.tokens += known.tokens
        flat.values += known.values
        ending = [self.vocabulary.eoc]
        if rating is not None and self.vocabulary.levels:
            ending.insert(0, self.vocabulary.rating(rating))
        flat.tokens += ending
        flat.values += [False] * len(ending)
        own = self.token(item) if self.carries else None
        carried = -1 if own is None else own
        flat.carried += [-1] * len(known.tokens) + [carried] * len(ending)
        flat.slots += [slot] * (len(known.tokens) + len(ending))
        flat.ends.append(len(flat.tokens) - 1)
        flat.shown.append((item, rating))

    def _described(
        self, item: Item
    ) -> tuple[list[tuple[str, list[int]]], list[tuple[str, list[int]]]]:
        """Attributes before and behind the id."""
        price = None if item.price is None else price_words(item.price)
        before = [("category", " ".join(item.category)), ("title", item.title), ("price", price)]
        more = [(key, text) for key, text in item.attributes.items() if text.strip()]
        behind = [("brand", item.brand), *more[: self.others]]
        first, second = (
            [(key, self._value(text)) for key, text in part if text and text.strip()]
            for part in (before, behind)
        )
        return first, second

    def shown(self, item: Item) -> Shown:
        """Return what the row of a catalogue item's token is made from."""
        own = self.vocabulary.item(item.item_id)
        assert own is not None, "items outside the catalogue have no token"
        pairs = [pair for part in self._described(item) for pair in part]
        words = tuple(token for _, value in pairs for token in value)
        return Shown(own - self.vocabulary.first_item, words, self._photo(item))

    def _photo(self, item: Item) -> str | None:
        return item.photo_name if self.vision else None

    def _flatten(self, item: Item) -> _Flattened:
        image = self._photo(item)
        tokens, values = [self.vocabulary.img], [False]
        if image is not None:
            tokens += [visual_token(c) for c in range(self.visual_positions)]
        for key, value in self.attributes(item):
            tokens += self._key(key)
            values += [False] * (len(tokens) - len(values))
            tokens += value
            values += [True] * len(value)
        values += [False] * (len(tokens) - len(values))
        return _Flattened(tokens, values, image)

    def _key(self, key: str) -> list[int]:
        known = self._keys.get(key)
        if known is None:
            known = self._keys[key] = self.vocabulary.encode(key)
        return known

    def _phrase(self, text: str) -> list[int]:
        known = self._phrases.get(text)
        if known is None:
            known = self._phrases[text] = self.vocabulary.encode(text)
        return known

    def _value(self, text: str) -> list[int]:
        known = self._texts.get(text)
        if known is None:
            known = self.vocabulary.encode(" ".join(text.split()[: self.words]))
            self._texts[text] = known
        return known
