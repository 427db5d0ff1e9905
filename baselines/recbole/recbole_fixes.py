"""RecBole 1.2.1's networks made to work here: every departure from the library, and why.

What is taken is each system's ``torch`` module: its layers, initialisation, loss and scores. The
machinery around it is not, and with it goes most of what breaks or leaks:

* ``Config`` puts removed names back into numpy, reads ``sys.argv``, evaluates strings as Python
  and overwrites ``CUDA_VISIBLE_DEVICES``. A module only looks settings up by name, so it gets a
  plain mapping.
* ``Dataset`` reads files and needs pandas < 3; a module asks it for sizes.
* ``Trainer`` writes ``log/``, ``log_tensorboard/`` and ``saved/`` into the working directory, adds
  handlers to the root logger, loads pickles, and validates by RecBole's protocol instead of ours.
* ``quick_start`` imports ray. It is never imported, so RecBole is of use without ray, whose pinned
  version has no build for Python 3.12.

What remains is mended below, each fault where it stands.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.errors import BenchError

#: Names of a batch's columns.
USER, ITEM, NEGATIVE, ITEMS, LENGTH = "user_id", "item_id", "neg_item_id", "item_id_list", "length"
MASKED, MASKED_PLACES, MASKED_ITEMS, MASKED_NEGATIVES = "masked", "places", "hidden", "neg_hidden"
ATTRIBUTE = "attribute"

_FIELDS = {
    "USER_ID_FIELD": USER,
    "ITEM_ID_FIELD": ITEM,
    "NEG_PREFIX": NEGATIVE.removesuffix(ITEM),
    "LIST_SUFFIX": ITEMS.removeprefix(ITEM),
    "ITEM_LIST_LENGTH_FIELD": LENGTH,
    "MASK_ITEM_SEQ": MASKED,
    "MASK_INDEX": MASKED_PLACES,
    "POS_ITEMS": MASKED_ITEMS,
    "NEG_ITEMS": MASKED_NEGATIVES,
    "item_attribute": ATTRIBUTE,
}

_FOLDERS = {
    "BPR": "general_recommender.bpr",
    "LightGCN": "general_recommender.lightgcn",
    "HGN": "sequential_recommender.hgn",
    "GRU4Rec": "sequential_recommender.gru4rec",
    "SASRec": "sequential_recommender.sasrec",
    "BERT4Rec": "sequential_recommender.bert4rec",
    "S3Rec": "sequential_recommender.s3rec",
}


@dataclass(frozen=True)
class Sizes:
    """Tells a network what it must know of the data. Tokens are numbers plus one; 0 is padding."""

    users: int
    items: int
    attributes: int = 0
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    """User and item numbers of the training interactions; for LightGCN's graph."""


def new_network(
    name: str, settings: Mapping[str, Any], sizes: Sizes, *, window: int, device: torch.device
) -> nn.Module:
    """Build RecBole's network ``name``, initialised from torch's generator, on ``device``.

    ``settings`` go by RecBole's names; ``window`` is the longest sequence. Raises
    :class:`BenchError` when recbole is not installed.
    """
    known = {**_FIELDS, **settings, "MAX_ITEM_LIST_LENGTH": window, "device": device}
    network: nn.Module = network_class(name)(_Settings(known), _Dataset(sizes))
    with torch.no_grad():
        # RecBole declares token 0 as padding and then initialises its row like all others. Looking
        # it up gives it no gradient, so it stays noise, which HGN adds for every missing item.
        for table in network.modules():
            if isinstance(table, nn.Embedding) and table.padding_idx is not None:
                table.weight[table.padding_idx].zero_()
    return network.to(device)


def every_state(network: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Return SASRec's or GRU4Rec's states (B, window, d) at every place of ``batch``.

    Their forward pass computes them and returns the one at the last place alone.
    """
    network.gather_indexes = lambda states, places: states
    try:
        states: Tensor = network.forward(batch[ITEMS], batch[LENGTH])
    finally:
        del network.gather_indexes  # the class's own is seen again
    return states


def bpr_loss() -> nn.Module:
    """Return RecBole's BPR loss, for a network whose stages differ in their loss."""
    from recbole.model.loss import BPRLoss

    loss: nn.Module = BPRLoss()
    return loss


class _Settings(dict[str, Any]):
    """A setting nobody gave is ``None``, as in RecBole's own Config."""

    def __missing__(self, key: str) -> None:
        return None


class _Dataset:
    """The questions networks ask of RecBole's Dataset."""

    def __init__(self, sizes: Sizes) -> None:
        self.pairs = sizes.pairs
        self.item_num = sizes.items + 1
        # S3Rec drops one entry for padding and then takes the first real attribute for padding
        # as well: its vector would never learn. An entry nobody has stands there instead.
        counts = {USER: sizes.users + 1, ITEM: self.item_num, ATTRIBUTE: sizes.attributes + 2}
        self.num = counts.__getitem__

    def inter_matrix(self, form: str) -> NDArray[np.float32]:
        """Return nothing of use: LightGCN keeps it and builds its graph otherwise here."""
        return np.zeros(0, np.float32)

    def get_item_feature(self) -> None:
        """Return nothing: S3Rec keeps it for the rows that :mod:`.s3rec` builds itself."""


_INSTALL = (
    "pip install 'unimp-bench[recbole]', and on Python 3.12 or later also "
    "pip install --no-deps recbole==1.2.1"
)


@cache
def network_class(name: str) -> type[nn.Module]:
    """Import RecBole's class ``name``, corrected where it is known to be wrong.

    Raises :class:`BenchError` when recbole cannot be imported.
    """
    with _nothing_leaks():
        try:
            module = import_module(f"recbole.model.{_FOLDERS[name]}")
        except ImportError as error:
            raise BenchError(
                f"recbole cannot be imported: {error}.",
                fix=_INSTALL,
            ) from error
    found: type[nn.Module] = getattr(module, name)
    fix = {"LightGCN": _light_gcn, "HGN": _hgn}.get(name)
    return found if fix is None else fix(found)


@contextmanager
def _nothing_leaks() -> Iterator[None]:
    """What importing recbole changes for everyone is put back.

    One of its modules (``sine``, imported with every sequential one) switches autograd's anomaly
    detection on, which makes all training in the process several times slower. scikit-learn, which
    comes along, sets environment variables. Old syntax warns.
    """
    before = dict(os.environ)
    drawn = random.getstate()
    anomalies = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            torch.autograd.set_detect_anomaly(*anomalies)
            random.setstate(drawn)
            os.environ.clear()
            os.environ.update(before)


def _light_gcn(original: type[nn.Module]) -> type[nn.Module]:
    """Its graph is filled through ``dok_matrix._update``, which scipy >= 1.13 does not have."""

    class LightGCN(original):  # type: ignore[misc, valid-type]
        """Builds its graph from the training pairs, a sparse tensor from the start."""

        def __init__(self, config: Mapping[str, Any], dataset: _Dataset) -> None:
            assert dataset.pairs is not None
            self._pairs = dataset.pairs
            super().__init__(config, dataset)

        def get_norm_adj_mat(self) -> Tensor:
            """Return D^-1/2 A D^-1/2 over users, then items; pairs count once (equation 3)."""
            tokens = np.unique(np.stack(self._pairs) + 1, axis=1)  # (2, pairs)
            users, items = torch.from_numpy(tokens)
            items = items + self.n_users
            rows, columns = torch.cat([users, items]), torch.cat([items, users])
            nodes = self.n_users + self.n_items
            degree = torch.bincount(rows, minlength=nodes).float()
            values = (degree[rows] * degree[columns]).rsqrt()
            return torch.sparse_coo_tensor(
                torch.stack([rows, columns]), values, (nodes, nodes), check_invariants=False
            ).coalesce()

    return LightGCN


def _hgn(original: type[nn.Module]) -> type[nn.Module]:
    """Its BPR loss looks negatives up in the table of inputs and positives in that of outputs."""

    class HGN(original):  # type: ignore[misc, valid-type]
        """Looks both items of the BPR loss up in one table, that of outputs."""

        def calculate_loss(self, batch: Mapping[str, Tensor]) -> Tensor:
            """Return the scalar loss of a batch: RecBole's own where it is cross-entropy."""
            if self.loss_type == "CE":
                loss: Tensor = super().calculate_loss(batch)
                return loss
            outputs = self.item_embedding_for_prediction
            state = self.forward(batch[ITEMS], batch[USER])  # (B, d)
            positive, negative = outputs(batch[ITEM]), outputs(batch[NEGATIVE])  # (B, d)
            ranked = self.loss_fct((state * positive).sum(-1), (state * negative).sum(-1))
            user, items = self.user_embedding(batch[USER]), self.item_embedding(batch[ITEMS])
            total: Tensor = ranked + self.reg_loss(user, positive, items)
            return total

    return HGN
