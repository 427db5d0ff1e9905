"""Turn rows into tensors: padding, the attention mask of shared trunks, batches of like length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unimp_model.sequence.seen import SeenBatch, stacked
from unimp_model.sequence.template import Row

#: Lengths are padded to a multiple, so that like rows meet in few shapes.
LENGTH_STEP = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Stacks B rows padded to N tokens and H images; R reads over all rows, in row order."""

    tokens: Tensor  # (B, N) int64
    positions: Tensor  # (B, N)
    slots: Tensor  # (B, N): which of the row's H images, -1 for none
    carried: Tensor  # (B, N): token of the item whose row a token carries, -1 for none
    mask: Tensor  # (B, N, N) bool: row may attend column
    images: Tensor  # (B, H): index into `photos`
    photos: Tensor  # (U,): distinct photo numbers of the batch
    reads: Tensor  # (R,): index into the flattened (B * N)
    targets: Tensor  # (R,)
    kinds: Tensor  # (R,)
    choices: Tensor  # (R,)
    barred: Tensor  # (E, 2): number of a read, number of an item that may not be its answer
    pointed: Tensor  # (E', 3): number of a read, a token it may repeat, the way of pointing
    seen: SeenBatch | None = None  # what branches see as numbers, where items are matched

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on ``device``."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {n: x if x is None else x.to(device) for n, x in parts.items()}
        return Batch(**moved)


def attention_mask(segments: Tensor, reach: Tensor, since: Tensor | None = None) -> Tensor:
    """Return the mask of self-attention, bool (B, N, N).

    It is causal, and a branch sees itself and the trunk from where its window begins up to where
    it hangs; position 0, [CLS], is in every window. ``segments``, ``reach`` and ``since`` are
    (B, N) as in :class:`~unimp_model.sequence.template.Row`; padding has segment -1 and sees only
    padding.
    """
    n = segments.shape[1]
    index = torch.arange(n, device=segments.device)
    causal = index[None, :] <= index[:, None]  # (N, N)
    trunk = segments[:, None, :] == 0  # (B, 1, N)
    own = (segments[:, :, None] == segments[:, None, :]) & ~trunk  # (B, N, N)
    inside = index <= reach[:, :, None]  # (B, N, N)
    if since is not None:
        inside = inside & ((index >= since[:, :, None]) | (index == 0))
    return causal & (own | ((segments >= 0).unsqueeze(-1) & trunk & inside))


def padded_length(row: Row) -> int:
    """Return the row's length rounded up to :data:`LENGTH_STEP`."""
    return -(-len(row.tokens) // LENGTH_STEP) * LENGTH_STEP


def collate(
    rows: Sequence[Row], photo_index: Mapping[str, int], *, all_photos: bool, slots: int
) -> Batch:
    """Stack rows to a batch. ``photo_index`` maps a photo's file name to its number.

    With ``all_photos`` the batch's images index the whole photo table (inference, where every
    photo's visual tokens are at hand), else only the distinct photos of this batch. ``slots``
    is the least H; rows with more images raise it.
    """
    n = max(padded_length(row) for row in rows)
    s = max(slots, *(len(row.images) for row in rows), 1)
    tokens = _stack([row.tokens for row in rows], n, 0)
    positions = _stack([row.positions for row in rows], n, 0)
    row_slots = _stack([row.slots for row in rows], n, -1)
    segments = _stack([row.segments for row in rows], n, -1)
    since = _stack([row.since for row in rows], n, 0)
    reach = _stack([row.reach for row in rows], n, -1)
    starts = _starts([len(row.reads) for row in rows])
    numbers = [[photo_index[name] for name in row.images] for row in rows]
    if all_photos:
        photos: NDArray[np.int64] = np.arange(len(photo_index))
        images = _stack([np.array(row, np.int64) for row in numbers], s, 0)
    else:
        photos = np.unique(np.array([x for row in numbers for x in row], np.int64))
        images = _stack([np.searchsorted(photos, row).astype(np.int64) for row in numbers], s, 0)
    return Batch(
        tokens=tokens,
        positions=positions,
        slots=row_slots,
        carried=_stack([row.carried for row in rows], n, -1),
        mask=attention_mask(segments, reach, since),
        images=images,
        photos=torch.from_numpy(photos),
        reads=torch.cat(
            [torch.from_numpy(row.reads.astype(np.int64)) + i * n for i, row in enumerate(rows)]
        ),
        targets=torch.cat([torch.from_numpy(row.targets.astype(np.int64)) for row in rows]),
        kinds=torch.cat([torch.from_numpy(row.kinds.astype(np.int64)) for row in rows]),
        choices=torch.cat([torch.from_numpy(row.choices.astype(np.int64)) for row in rows]),
        barred=_joined([row.barred for row in rows], starts),
        pointed=_joined([row.pointed for row in rows], starts),
        seen=_seen(rows),
    )


def bucketed(
    lengths: Sequence[int], size: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Draw batches of ``size`` row numbers with like lengths: less padding, same randomness.

    Rows are shuffled, sorted by length within pools of 32 batches, cut, and the batches
    shuffled again.
    """
    order = generator.permutation(len(lengths))
    by_length = np.asarray(lengths)
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), 32 * size):
        pool = order[start : start + 32 * size]
        pool = pool[np.argsort(by_length[pool], kind="stable")]
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def _seen(rows: Sequence[Row]) -> SeenBatch | None:
    seen = [row.seen for row in rows if row.seen is not None]
    if len(seen) < len(rows):
        return None
    return stacked(seen, [row.segments[row.reads].astype(np.int64) for row in rows])


def _starts(lengths: Sequence[int]) -> list[int]:
    """Where each of some parts begins when they stand behind each other."""
    return [0, *np.cumsum(lengths)[:-1].tolist()]


def _joined(tables: Sequence[NDArray[np.int32]], starts: Sequence[int]) -> Tensor:
    """Tables with the number of a read in column 0 behind each other, int64."""
    parts = [table.astype(np.int64) for table in tables]
    for part, start in zip(parts, starts, strict=True):
        part[:, 0] += start
    return torch.from_numpy(np.concatenate(parts))


def _stack(arrays: Sequence[NDArray[np.integer]], width: int, fill: int) -> Tensor:
    """Arrays of at most ``width`` -> int64 (len(arrays), width), padded with ``fill``."""
    out = np.full((len(arrays), width), fill, np.int64)
    for row, values in zip(out, arrays, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(out)
