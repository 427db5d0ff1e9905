"""S3-Rec (Zhou et al., CIKM 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from baselines.learning.attributes import attribute_table
from baselines.learning.catalogue_loss import catalogue_cross_entropy
from baselines.learning.loop import train
from baselines.learning.negatives import NegativeSampler
from baselines.learning.padding import LastPlaces, without_padding
from baselines.learning.ranker import Batch, on_device
from baselines.learning.windows import windows
from baselines.recbole import recbole_fixes
from baselines.recbole.encoder import EncoderSettings
from baselines.recbole.sequential import SequenceModel
from benchmark.data.instances.timeline import Timeline
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal


class S3RecSettings(EncoderSettings):
    """Sets the paper's section 5.1.4: two layers, two heads, d = 64, n = 50, Adam 1e-3.

    Batches of 256 (200 in pre-training); a fifth of the items hidden; weights 0.2, 1, 1, 0.5; up to
    100 epochs of pre-training.
    """

    batch_size: int = Field(256, ge=1, le=1_000_000, description="training rows a step")
    pretrain_epochs: int = Field(100, ge=0, le=100_000, description="epochs of the first stage")
    pretrain_batch_size: int = Field(200, ge=1, le=1_000_000, description="rows a step there")
    mask_ratio: float = Field(0.2, gt=0, lt=1, description="share of items that are hidden")
    aap_weight: float = Field(0.2, ge=0, le=1000, description="attributes of items that show")
    mip_weight: float = Field(1.0, ge=0, le=1000, description="hidden items")
    map_weight: float = Field(1.0, ge=0, le=1000, description="attributes of hidden items")
    sp_weight: float = Field(0.5, ge=0, le=1000, description="hidden segments")
    most_attributes: int = Field(
        2000, ge=0, le=100_000, description="the most frequent attributes are learnt from"
    )
    loss_type: Literal["CE", "BPR"] = Field(
        "CE", description="of fine-tuning: over all items, or one negative"
    )


class S3Rec(SequenceModel):
    """Pre-trains on items, attributes and segments, then tunes a causal SASRec (Zhou et al., 2020).

    Pre-training is self-supervised. Attributes are an item's categories, brand and further
    attributes in the catalogue; without any, their two losses are nothing. RecBole pads on the left
    in pre-training and on the right in fine-tuning, so that what a place means changes in between;
    as in the paper's own setting both pad on the left here. Selection takes candidates by a
    threshold on their share of the scores, chosen on validation.
    """

    Config = S3RecSettings
    name = "S3Rec"
    tasks = frozenset({"recommendation", "selection"})
    right_aligned = True

    def __init__(self, config: S3RecSettings | None = None) -> None:
        super().__init__(config)
        self._attributes = np.zeros((1, 0), np.int64)  # (items + 1, most), by token

    def _size(self, data: TrainingView, timeline: Timeline) -> None:
        super()._size(data, timeline)
        table = attribute_table(data.catalogue, most=self.config.most_attributes)
        self._sizes["attributes"] = len(table.names)
        self._attributes = np.pad(table.of_item, ((1, 0), (0, 0)))

    def _network_settings(self) -> dict[str, Any]:
        # RecBole fine-tunes by loading a pickle into a new network; here it is the same one.
        return {**super()._network_settings(), "train_stage": "pretrain"}

    def _new_network(self) -> nn.Module:
        network = super()._new_network()
        places = network.position_embedding
        assert isinstance(places, nn.Embedding)
        network.position_embedding = LastPlaces.of(places)
        return network

    def before_training(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        """Pre-train by the four objectives of the paper."""
        network = self.network
        rows = self.training_rows(timeline, minimum=1)
        size = self.config.pretrain_batch_size
        if not self._sizes["attributes"]:
            network.aap_weight = network.map_weight = 0.0
        negatives = NegativeSampler(timeline.user, timeline.item, items=len(self.item_ids))

        def batches() -> Iterator[Batch]:
            order = rng.permutation(rows)
            for start in range(0, len(order), size):
                yield self.pretraining_batch(timeline, order[start : start + size], negatives, rng)

        journal = Journal()
        if self.config.pretrain_epochs:
            journal = train(
                network,
                batches=batches,
                steps=-(-len(rows) // size),
                loss=self.pretraining_loss,
                settings=self.config,
                label=f"pre-training {self.name} on {data.name}",
                stage="pre-training",
                epochs=self.config.pretrain_epochs,
                checkpoint=checkpoints.stage("pre-training"),
            )
        network.train_stage = "finetune"
        network.loss_fct = self._fine_tuning_loss()
        return journal

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of the next items of a batch."""
        if self.config.loss_type == "BPR":
            return super().loss(batch)
        network = self.network
        states, right = [], []
        for part in without_padding(batch, by=recbole_fixes.ITEMS, right=True):
            read = network.forward(part[recbole_fixes.ITEMS], bidirectional=False)  # (B, width, d)
            states.append(read[:, -1])
            right.append(part[recbole_fixes.ITEM])
        table = network.item_embedding.weight
        return catalogue_cross_entropy(torch.cat(states), table, torch.cat(right))

    def _fine_tuning_loss(self) -> nn.Module:
        if self.config.loss_type == "CE":
            return nn.CrossEntropyLoss()
        return recbole_fixes.bpr_loss()

    def pretraining_loss(self, batch: Batch) -> Tensor:
        """Return RecBole's sum of the four pre-training losses over the rows, by their number."""
        network = self.network
        parts = without_padding(batch, by="items", right=True)
        losses = [network.pretrain(self.attributes_of(p["items"]), *p.values()) for p in parts]
        return torch.stack(losses).sum() / len(batch["items"])

    def pretraining_batch(
        self,
        timeline: Timeline,
        last: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> Batch:
        """Return what RecBole's ``pretrain`` takes behind the attributes, in its order.

        The rows are the histories that end with ``last`` (B,). RecBole makes them in Python loops
        and may draw the mask itself as a negative.
        """
        window = self._sizes["window"]
        mask = self._sizes["items"] + 1
        items, length = windows(
            timeline.item + 1, timeline.start_of(last), last + 1, window, right=True
        )
        real = items > 0
        hidden = real & (rng.random(items.shape) < self.config.mask_ratio)
        wrong = items.copy()
        users = np.broadcast_to(timeline.user[last][:, None], items.shape)
        wrong[hidden] = negatives.draw(users[hidden], rng) + 1
        names = ("masked", "items", "wrong", "without_segment", "segment", "wrong_segment")
        hiding = segments(items, length, mask, rng)
        arrays = (np.where(hidden, mask, items), items, wrong, *hiding)
        return on_device(dict(zip(names, arrays, strict=True)))

    def attributes_of(self, items: Tensor) -> Tensor:
        """Return each place's attributes (B, width, attributes + 1); the first is nobody's."""
        numbers = torch.from_numpy(self._attributes[items.cpu()]).to(items.device)
        out = torch.zeros(*items.shape, self._sizes["attributes"] + 1, device=items.device)
        out.scatter_(2, numbers, 1.0)
        out[..., 0] = 0.0
        return out


def segments(
    items: NDArray[np.int64], length: NDArray[np.int64], mask: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return rows (B, window) without a segment, with nothing else, and with another one.

    A segment is up to half of a row; the other one comes from anywhere in the batch (section
    4.2.4). Rows of one item have no segment and stay as they are.
    """
    window = items.shape[1]
    size = 1 + (rng.random(len(items)) * np.maximum(length // 2, 1)).astype(np.int64)
    start = (rng.random(len(items)) * (length - size + 1)).astype(np.int64)
    real = items > 0
    everything = items[real]  # the batch's rows behind each other
    other = (rng.random(len(items)) * (len(everything) - size + 1)).astype(np.int64)
    column = np.arange(window)
    place = column - (window - length + start)[:, None]  # within the segment
    inside = (place >= 0) & (place < size[:, None]) & (length > 1)[:, None]
    elsewhere = everything[np.where(inside, other[:, None] + place, 0)]
    short = (length < 2)[:, None]
    background = np.where(real & ~short, mask, items)
    return (
        np.where(inside, mask, items),
        np.where(inside, items, background),
        np.where(inside, elsewhere, background),
    )
