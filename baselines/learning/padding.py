"""Training rows without most of their padding.

RecBole reads every row at the full window, however short it is; a training row of Amazon Beauty
holds 6.7 items of 20 on average. Here rows of like length are read together, at the length of the
longest. Networks do not see padding, so states are the same up to rounding, and the loss is still
taken over the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

#: Rows up to so long are one group; each further group's lengths go up to twice the last one's.
SHORT = 3


def without_padding(
    batch: Mapping[str, Tensor], *, by: str, right: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Yield ``batch`` in groups of rows of like length; within a group their order stays.

    Column ``by`` (B, window) holds a row's items, else 0: in front, or at the end with ``right``.
    Every column of two dimensions is cut to the longest row of its group. Off the processor the
    batch stays whole: there, starting more kernels costs more than padding.
    """
    if batch[by].device.type != "cpu":
        yield dict(batch)
        return
    length = (batch[by] > 0).sum(1)  # (B,)
    least, most = 0, SHORT
    while least <= batch[by].shape[1]:
        rows = torch.nonzero((length >= least) & (length <= most))[:, 0]
        if len(rows):
            width = max(int(length[rows].max()), 1)
            cut = slice(-width, None) if right else slice(width)
            yield {
                name: column[rows][:, cut].contiguous() if column.ndim == 2 else column[rows]
                for name, column in batch.items()
            }
        least, most = most + 1, 2 * most


class LastPlaces(nn.Embedding):
    """Looks up place vectors for rows that are cut in front.

    RecBole numbers the places of what it is given from 0; here the last is always the table's last.
    """

    @classmethod
    def of(cls, table: nn.Embedding) -> LastPlaces:
        """Take over the weights of ``table``, which go on learning."""
        weights = table.weight.detach()
        places: LastPlaces = cls.from_pretrained(weights, freeze=False)  # type: ignore[no-untyped-call]
        return places

    def forward(self, places: Tensor) -> Tensor:
        """Look up ``places`` (B, width), each row 0 to width - 1: (B, width, d)."""
        return super().forward(places + self.num_embeddings - places.shape[1])
