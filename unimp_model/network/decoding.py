"""Read answers off the network (Eq. 5): items by one pass, sentences and drawings by tokens.

Where an item is one token, the best ten items of a softmax over item tokens *are* the best
ten of a beam search of size ten (the paper's), so one forward pass ranks the catalogue; that
search itself, :mod:`unimp_model.network.beam`, is the yardstick this is tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.rounding import SPARE_BITS, rounded
from benchmark.vision.photo_table import PhotoTable
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.network.language import new_cache
from unimp_model.network.model import Asked, Tables, UniMPNetwork
from unimp_model.sequence.batches import Batch, collate, padded_length
from unimp_model.sequence.pointing import Pointer
from unimp_model.sequence.template import Row, Shown
from unimp_model.sequence.tokens import Vocabulary

#: Photos the resampler reads at once: always so many, as with rows.
_PHOTOS = 32
_ALL = slice(None)


def expected_ratings(
    p: NDArray[np.float64], levels: Sequence[float], temperature: float
) -> NDArray[np.float64]:
    """Return the mean of ``levels`` (L,) under probabilities ``p`` (n, L), sharpened.

    Focal re-weighting trains probabilities that are too even; a ``temperature`` below one (chosen
    on validation, Guo et al. 2017) undoes that.
    """
    sharp = np.maximum(p, 1e-300) ** (1 / temperature)
    # Summed row by row: a matrix product's last bit depends on how many rows there are.
    values: NDArray[np.float64] = (sharp / sharp.sum(1, keepdims=True) * np.asarray(levels)).sum(1)
    return values.clip(levels[0], levels[-1])


def _most_probable(logits: Tensor, number: int) -> Tensor:
    """Pick the most probable token (B,), of ties after rounding the first (benchmark.rounding)."""
    place = 1 << SPARE_BITS  # in the bits of a float32, whose significand ends them
    raw = logits.float().view(torch.int32)
    return ((raw + place // 2) & -place).view(torch.float32).argmax(-1)


def _sampler(draws: Tensor, temperature: float) -> Callable[[Tensor, int], Tensor]:
    """Inverse transform sampling: token ``number`` of row b by ``draws[b, number]``."""

    def choose(logits: Tensor, number: int) -> Tensor:
        p = (logits.double() / temperature).softmax(-1).cpu()  # (B, V)
        reached = p.cumsum(-1)
        below = reached <= draws[:, number, None] * reached[:, -1:]
        return below.sum(-1).to(logits.device)

    return choose


class Reader:
    """Reads answers to rows, with item rows and visual tokens ``x_v`` made once.

    ``slots`` is the number of images a sequence is padded to: the longest history. A forward pass
    has always ``at_once`` rows, of one padded length: then no row's arithmetic depends on its
    company, and the same question gets the same bits. ``variants`` are items shown otherwise than
    in the catalogue: a list that may grow until rows are read that hold them.
    """

    def __init__(
        self,
        network: UniMPNetwork,
        photos: PhotoFeatures | None,
        *,
        slots: int,
        at_once: int = 32,
        variants: Sequence[Shown] = (),
    ) -> None:
        self.network = network
        self.at_once = at_once
        self.photo_index: Mapping[str, int] = {} if photos is None else photos.index
        self.slots = slots
        self._photos, self._variants = photos, variants
        network.eval()
        with torch.inference_mode():
            self.tables: Tables = network.tables()
            self.x_v = self._visual_tokens(photos)

    @torch.inference_mode()
    def item_scores(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Return log-probabilities (len(rows), items) at each row's one answer position."""
        items = len(self.network.items.output_delta)
        out = np.empty((len(rows), items), np.float32)
        for numbers, states, asked in self.states(rows):
            scores = self.network.item_scores(states, self.tables, asked)
            out[numbers] = scores[: len(numbers)].float().cpu().numpy()
        return out

    @torch.inference_mode()
    def rating_probabilities(
        self,
        rows: Sequence[Row],
        vocabulary: Vocabulary,
        advance: Callable[[int], None] | None = None,
    ) -> NDArray[np.float64]:
        """Return the probabilities (len(rows), levels) of the rating tokens among themselves.

        ``advance`` is told of rows done.
        """
        levels = len(vocabulary.levels)
        out = np.empty((len(rows), levels), np.float64)
        first = vocabulary.first_rating - vocabulary.text_size
        for numbers, states, asked in self.states(rows, advance):
            scores = self.network.rating_logits(
                states, self.tables, asked, first=first, levels=levels
            )
            p = scores.double().softmax(-1).cpu()  # (at_once, levels)
            out[numbers] = p[: len(numbers)].numpy()
        return out

    @torch.inference_mode()
    def item_vectors(
        self, tokens: Sequence[int], first_item: int, dims: slice = _ALL
    ) -> NDArray[np.float64]:
        """Return directions (len(tokens), d) in which like items are alike, of length 1.

        They are the rows by which items are read, as shown, less the catalogue's mean row, in
        these ``dims``; ``first_item`` is the catalogue's first item token.
        """
        self._add_variants()
        first = len(self.tables.input) - len(self.network.items.output_delta)
        first -= len(self.tables.shown)
        items = self.tables.input[first:, dims]
        mean = items[: len(items) - len(self.tables.shown)].mean(0, dtype=torch.float64)
        number = torch.tensor(tokens, dtype=torch.int64, device=items.device) - first_item
        rows = (items[number].double() - mean).cpu().numpy()
        lengths = np.sqrt(np.square(rows).sum(1, keepdims=True))
        found: NDArray[np.float64] = rows / np.maximum(lengths, 1e-12)
        return found

    @torch.inference_mode()
    def choices(
        self,
        rows: Sequence[Row],
        choices: Sequence[Sequence[int]],
        advance: Callable[[int], None] | None = None,
    ) -> list[NDArray[np.float64]]:
        """Return for each row the probability of each of its choice tokens among them.

        That is a softmax over the row's choices, rounded (:mod:`benchmark.rounding`). ``advance``
        is told of rows done.
        """
        out: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
        for numbers, states, asked in self.states(rows, advance):
            for place, number in enumerate(numbers):
                tokens = torch.tensor(choices[number], device=states.device)
                logits = self.network.item_logits(
                    states[place].expand(len(tokens), -1), self.tables,
                    Asked(asked.batch, asked.reads[place].expand(len(tokens))), tokens,
                )  # fmt: skip
                p = logits.double().softmax(-1).cpu().numpy()
                out[number] = rounded(p, computed_in=np.float32)
        return out

    @torch.inference_mode()
    def generate(
        self,
        rows: Sequence[Row],
        allowed: Tensor,
        *,
        stop: int | None,
        longest: int,
        draws: NDArray[np.float64] | None = None,
        temperature: float = 1.0,
    ) -> list[list[int]]:
        """Generate for each row token by token, out of ``allowed`` (V,) bool: the most probable.

        With ``draws`` (len(rows), longest), uniform in [0, 1), tokens are sampled: each is the one
        whose share of the probabilities, sharpened by ``temperature``, a draw falls into. A row
        ends before ``stop`` or after ``longest`` tokens.
        """
        out: list[list[int]] = [[]] * len(rows)
        for numbers in self._groups(rows):
            batch = self._batch([rows[i] for i in numbers])
            choose: Callable[[Tensor, int], Tensor] = _most_probable
            if draws is not None:
                fixed = np.zeros((len(batch.tokens), longest))
                fixed[: len(numbers)] = draws[numbers]
                choose = _sampler(torch.from_numpy(fixed), temperature)
            pointers = [rows[i].pointer for i in numbers]
            grown = self._grow(
                batch, pointers, allowed.to(batch.tokens.device), stop, longest, choose
            )
            for number, tokens in zip(numbers, grown, strict=False):
                kept = tokens.index(stop) if stop in tokens else len(tokens)
                out[number] = tokens[:kept]
        return out

    @torch.inference_mode()
    def log_likelihoods(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Return each row's mean log-probability (len(rows),) of its target tokens in turn."""
        out = np.empty(len(rows), np.float64)
        for numbers in self._groups(rows):
            some = [rows[i] for i in numbers]
            batch = self._batch(some)
            states = self.network.read(self.network(batch, self.tables, self.x_v), batch)
            asked = Asked(batch, torch.arange(len(states), device=states.device))
            logits = self.network.logits(states, self.tables, asked).float().log_softmax(-1)
            values = logits.gather(1, batch.targets[:, None])[:, 0].double().cpu().numpy()
            ends = np.cumsum([len(row.reads) for row in some])
            out[numbers] = [part.mean() for part in np.split(values, ends)[: len(some)]]
        return out

    def _grow(
        self,
        batch: Batch,
        pointers: Sequence[Pointer | None],
        allowed: Tensor,
        stop: int | None,
        longest: int,
        choose: Callable[[Tensor, int], Tensor],
    ) -> list[list[int]]:
        """Continuations of each row behind its one read."""
        network, tables = self.network, self.tables
        cache = new_cache()
        hidden = network(batch, tables, self.x_v, cache)
        conditions = network.conditions(batch, self.x_v)
        rows, length = batch.tokens.shape
        last = batch.reads % length
        each = torch.arange(rows, device=last.device)
        mask = batch.mask[each, last].unsqueeze(1)  # (B, 1, N): what the last token attends to
        position = batch.positions[each, last]
        states = network.read(hidden, batch)  # (B, d)
        found: list[Tensor] = []
        ended = torch.zeros(rows, dtype=torch.bool, device=last.device)
        for number in range(longest):
            logits = network.logits(states, tables)
            logits = self._pointed(logits, pointers, found).masked_fill(~allowed, -torch.inf)
            token = choose(logits, number)  # (B,)
            found.append(token)
            if stop is not None:
                ended |= token == stop
                if ended.all():
                    break
            position = position + 1
            mask = torch.cat([mask, torch.ones_like(mask[:, :, :1])], dim=-1)
            embeddings = network.embed(token[:, None], tables)
            states = network.step(embeddings, mask, position[:, None], cache, conditions)[:, 0]
        return torch.stack(found, dim=1).tolist()

    def _pointed(
        self, logits: Tensor, pointers: Sequence[Pointer | None], found: Sequence[Tensor]
    ) -> Tensor:
        """Add what pointing adds to the logits (B, V) of the token behind those ``found``."""
        head = self.network.matching
        if head is None or not any(pointers):
            return logits
        previous = found[-1].tolist() if found else [None] * len(logits)
        table = [
            (row, *at)
            for row, pointer in enumerate(pointers) if pointer is not None
            for at in pointer.at(len(found), previous[row])
        ]  # fmt: skip
        return head.point(logits, torch.tensor(table, device=logits.device).view(-1, 3).long())

    def states(
        self, rows: Sequence[Row], advance: Callable[[int], None] | None = None
    ) -> Iterator[tuple[list[int], Tensor, Asked]]:
        """Yield groups of row numbers with the states at their answer positions, and what was read.

        States are (at_once, d): of the group's rows, then of what fills it up.
        """
        for numbers in self._groups(rows):
            batch = self._batch([rows[i] for i in numbers])
            states = self.network.read(self.network(batch, self.tables, self.x_v), batch)
            yield numbers, states, Asked(batch, torch.arange(len(states), device=states.device))
            if advance is not None:
                advance(len(numbers))

    def _batch(self, rows: Sequence[Row]) -> Batch:
        """Exactly ``at_once`` rows: the last is repeated."""
        self._add_variants()
        filled = [*rows, *[rows[-1]] * (self.at_once - len(rows))]
        batch = collate(filled, self.photo_index, all_photos=True, slots=self.slots)
        return batch.to(self.tables.output.device)

    def _add_variants(self) -> None:
        """Make the rows of items shown otherwise that are new."""
        space = self.network.items.space
        with torch.inference_mode():
            for shown in self._variants[len(self.tables.shown) :]:
                vector = None
                if space is not None and self._photos is not None and shown.photo is not None:
                    row = self._photos.index[shown.photo]
                    one = PhotoTable(*(part[row : row + 1] for part in self._photos.table))
                    vector = space(one)[0].to(self.tables.output.device)
                self.tables = self.network.extended(self.tables, shown.item, shown.words, vector)

    def _groups(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """Row numbers in groups of at most ``at_once`` that share a padded shape."""
        by_shape: dict[tuple[int, int], list[int]] = {}
        for i, row in enumerate(rows):
            shape = (padded_length(row), max(self.slots, len(row.images)))
            by_shape.setdefault(shape, []).append(i)
        for _, numbers in sorted(by_shape.items()):
            for start in range(0, len(numbers), self.at_once):
                yield numbers[start : start + self.at_once]

    def _visual_tokens(self, photos: PhotoFeatures | None) -> Tensor | None:
        """Resampler output of every photo (n, C, d), in groups of fixed size."""
        if photos is None:
            return None
        device = self.tables.output.device
        parts = []
        for start in range(0, len(self.photo_index), _PHOTOS):
            numbers = torch.arange(start, start + _PHOTOS).clamp(max=len(self.photo_index) - 1)
            parts.append(self.network.visual_tokens(photos.rows(numbers).to(device)))
        return torch.cat(parts)[: len(self.photo_index)]
