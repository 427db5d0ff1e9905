"""Sums over the edges between users and items, forwards and backwards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Bipartite:
    """Stores distinct edges in the order of users, then items; ``turned`` is that of items."""

    users: int
    items: int
    user: Tensor
    """(edges,)"""
    item: Tensor
    """(edges,)"""
    turned: Tensor
    """(edges,): the numbers of the edges in the order of items, then users."""

    @classmethod
    def of(
        cls, user: NDArray[np.int64], item: NDArray[np.int64], *, users: int, items: int
    ) -> Bipartite:
        """Build from pairs (n,) of numbers from 0, in any order, repeated or not."""
        keys = np.unique(user * items + item)
        by_user, by_item = np.divmod(keys, items)
        turned = np.lexsort((by_user, by_item))
        return cls(users, items, *map(torch.from_numpy, (by_user, by_item, turned)))

    def __len__(self) -> int:
        return len(self.user)

    def to(self, device: torch.device) -> Bipartite:
        """Return it with its tensors on ``device``."""
        parts = (self.user, self.item, self.turned)
        return Bipartite(self.users, self.items, *(part.to(device) for part in parts))

    def kept(self, which: Tensor) -> Bipartite:
        """Return the edges that ``which`` (edges,) marks."""
        number = which.cumsum(0) - 1  # of an edge among those kept
        turned = number[self.turned[which[self.turned]]]
        return Bipartite(self.users, self.items, self.user[which], self.item[which], turned)

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Return the numbers of edges of users (users,) and of items (items,), as floats."""
        return (
            torch.bincount(self.user, minlength=self.users).float(),
            torch.bincount(self.item, minlength=self.items).float(),
        )

    def to_users(self, weights: Tensor, of_items: Tensor) -> Tensor:
        """Return sums (users, d) of ``weights`` (edges,) times ``of_items`` (items, d)."""
        summed: Tensor = _Sum.apply(self, weights, of_items, True)  # type: ignore[no-untyped-call]
        return summed

    def to_items(self, weights: Tensor, of_users: Tensor) -> Tensor:
        """Return sums (items, d) of ``weights`` (edges,) times ``of_users`` (users, d)."""
        summed: Tensor = _Sum.apply(self, weights, of_users, False)  # type: ignore[no-untyped-call]
        return summed

    def matrix(self, weights: Tensor, *, by_user: bool) -> Tensor:
        """Return ``weights`` as a sparse matrix: (users, items), or with items for rows."""
        order = slice(None) if by_user else self.turned
        row, column = (self.user, self.item) if by_user else (self.item, self.user)
        shape = (self.users, self.items) if by_user else (self.items, self.users)
        counts = torch.bincount(row, minlength=shape[0])
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        _take_the_warning()
        return torch.sparse_csr_tensor(
            starts, column[order], weights[order], shape, check_invariants=False
        )


class _Sum(torch.autograd.Function):
    """A product of a sparse matrix; its gradient is one of the transposed, which needs no search.

    Weights are constants.
    """

    @staticmethod
    def forward(ctx: Any, edges: Bipartite, weights: Tensor, x: Tensor, by_user: bool) -> Tensor:
        ctx.edges, ctx.weights, ctx.by_user = edges, weights, by_user
        return edges.matrix(weights, by_user=by_user) @ x

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[None, None, Tensor, None]:
        (by,) = outer
        transposed = ctx.edges.matrix(ctx.weights, by_user=not ctx.by_user)
        return None, None, transposed @ by.contiguous(), None


@cache
def _take_the_warning() -> None:
    """Torch warns once a process that matrices by rows are new to it; nobody here can help it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)
