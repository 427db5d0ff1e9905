"""UniSRec: Hou et al., "Towards Universal Sequence Representation Learning for Recommender
Systems" (KDD 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import normalize

from baselines.learning.blocks import ROWS, filled
from baselines.learning.catalogue_loss import catalogue_cross_entropy
from baselines.learning.heads import heads_divide
from baselines.learning.loop import train
from baselines.learning.negatives import NegativeSampler
from baselines.learning.padding import without_padding
from baselines.learning.ranker import Asked, Batch, on_device
from baselines.multimodal.features import Features, text_features, word_dropped_features
from baselines.multimodal.shown_texts import ShownTexts
from baselines.multimodal.text_sequences import TextSequences, in_batch_contrast
from baselines.recbole import recbole_fixes
from baselines.recbole.causal import CausalModel, CausalSettings
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Instance, Item
from benchmark.model import TrainingView
from benchmark.training.checkpoint import Checkpoints
from benchmark.training.journal import Journal
from benchmark.training.reproducible import compute_device
from benchmark.vision.encoder_names import OWN

#: Rows of texts adapted at once.
_BLOCK = 8192
#: Further columns of a batch of pre-training: the same sequences, changed.
_CHANGED, _TEXTS_CHANGED = "changed_items", "texts_changed"


class UniSRecSettings(CausalSettings):
    """Sets the authors' defaults, but for how training rows are cut and for pre-training.

    Their batches of 2048 are prefixes with one target each; here a row has a target at every
    place, and 128 rows have about as many. They pre-train for 300 epochs, on five other domains,
    and freeze the encoder then; here pre-training is on the data that is fine-tuned on.
    """

    batch_size: int = Field(128, ge=1, le=1_000_000, description="training rows a step")
    epochs: int = Field(300, ge=1, le=100_000, description="most passes over the training data")
    loss_type: Literal["CE"] = Field(
        "CE", description="cross-entropy, over the items of contrasted"
    )
    n_layers: int = Field(2, ge=1, le=64, description="blocks")
    n_heads: int = Field(2, ge=1, le=64, description="attention heads")
    hidden_size: int = Field(300, ge=1, le=8192, description="width of items and states")
    inner_size: int = Field(256, ge=1, le=32768, description="width inside the feed-forward part")
    hidden_dropout_prob: float = Field(0.5, ge=0, lt=1, description="dropout of states")
    attn_dropout_prob: float = Field(0.5, ge=0, lt=1, description="dropout of attention")
    experts: int = Field(8, ge=1, le=1024, description="adaptors in the mixture")
    adaptor_dropout: float = Field(0.2, ge=0, lt=1, description="dropout of text vectors")
    temperature: float = Field(0.07, gt=0, le=100, description="that cosines are divided by")
    transductive: bool = Field(False, description="whether items have vectors of their own too")
    contrasted: Literal["taken", "all"] = Field(
        "taken", description="items in the cross-entropy: those taken in training, so that no "
        "other one is learned to be bad; or all",
    )  # fmt: skip
    pretrain_epochs: int = Field(50, ge=0, le=100_000, description="epochs of the first stage")
    pretrain_batch_size: int = Field(256, ge=1, le=1_000_000, description="rows a step there")
    sequence_weight: float = Field(
        1e-3, ge=0, le=1e3, description="of the contrast between a sequence and a changed one"
    )
    drop_items: float = Field(
        0.9, ge=0, le=1, description="how often a sequence is changed by losing items, else words"
    )
    dropped: float = Field(0.2, gt=0, lt=1, description="share of items, or words, that it loses")
    freeze: bool = Field(
        False, description="whether a pre-trained encoder stays as it is in fine-tuning"
    )
    scaling: Literal["centred", "unit"] = Field(
        "centred", description="text vectors relative to the mean one, or as encoded"
    )
    text_encoder: str = Field(
        OWN, description="own, words, sentences:NAME, ARCHITECTURE/WEIGHTS, or hf-hub:REPOSITORY"
    )
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")

    _heads_divide = heads_divide()

    @model_validator(mode="after")
    def _freezes_what_was_trained(self) -> UniSRecSettings:
        if self.freeze and not self.pretrain_epochs:
            raise ValueError("freeze keeps a pre-trained encoder, and pretrain_epochs is 0")
        return self


class UniSRec(CausalModel):
    """Ranks by the texts of a history, so that users and items may be new (Hou et al., 2022).

    Pre-trained in the domain itself: on all categories of the dataset together, by contrasts
    within a batch, then fine-tuned by cross-entropy over cosines with all items; the authors'
    five further domains are not there, and reports shall say "not pre-trained across domains".
    Items of a history are read as the instance shows them, also those outside the catalogue.

    The authors adapt an item once as input and once as output, with other dropout and noise in
    between; here an item is adapted once a step. Selection takes candidates by a threshold on
    their share of the scores, chosen on validation.
    """

    Config = UniSRecSettings
    name = "UniSRec"
    tasks = frozenset({"recommendation", "selection"})

    def __init__(self, config: UniSRecSettings | None = None) -> None:
        super().__init__(config)
        self._texts: ShownTexts | None = None
        self._features: Features | None = None
        self._changed: Features | None = None
        self._rows = np.zeros(0, np.int64)  # (items,) of the text in the catalogue
        self._adapted = torch.zeros(0)  # (rows + 1, d) of distinct texts; row 0 is of no text
        self._items = torch.zeros(0)  # (items, d) at length 1, what rankings are cosines with
        self._centre: tuple[NDArray[np.float32], float] = np.zeros(0, np.float32), 1.0

    def _read(self, data: TrainingView, timeline: Timeline) -> Timeline:
        c = self.config
        self._features, encoder = text_features(data, c.text_encoder, steps=c.encoder_steps)
        self._texts = ShownTexts.of(c.text_encoder, encoder, self._features)
        if c.pretrain_epochs and c.drop_items < 1:
            self._changed = word_dropped_features(data, encoder, share=c.dropped)
        self._rows, self._centre = self._features.of_items, self._features.centre
        return super()._read(data, timeline)

    def _size(self, data: TrainingView, timeline: Timeline) -> None:
        super()._size(data, timeline)
        assert self._features is not None
        self._sizes["text"] = self._features.width

    def _new_network(self) -> nn.Module:
        texts = torch.zeros(self._sizes["items"] + 1, self._sizes["text"])
        if self._features is not None:
            texts = self._of_items(self._features)
        network = TextSequences(
            self.config, texts, self._sizes["window"], with_ids=self.config.transductive
        )
        return network.to(compute_device())

    def _of_items(self, features: Features) -> Tensor:
        """Text vectors (items + 1, e) by token, those of padding zero."""
        return self._scaled(features, np.concatenate([[0], features.of_items]))

    def _scaled(self, features: Features, rows: NDArray[np.int64]) -> Tensor:
        """Vectors (n, e) with entries of a mean square about 1, as those of a BERT."""
        vectors = features.vectors(rows, self.config.scaling)
        return vectors * float(self._sizes["text"] ** 0.5)

    def before_training(
        self,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
        checkpoints: Checkpoints,
    ) -> Journal:
        """Pre-train by both contrasts, and freeze the encoder where that is asked."""
        c, network = self.config, self.network
        if not c.pretrain_epochs:
            return Journal()
        rows, size = self.training_rows(timeline, minimum=1), c.pretrain_batch_size
        negatives = NegativeSampler(timeline.user, timeline.item, items=len(self.item_ids))
        changed = None if self._changed is None else self._of_items(self._changed)
        if changed is not None:
            changed = changed.to(compute_device())

        def batches() -> Iterator[Batch]:
            order = rng.permutation(rows)
            for start in range(0, len(order), size):
                yield self.pretraining_batch(timeline, order[start : start + size], negatives, rng)

        journal = train(
            network,
            batches=batches,
            steps=-(-len(rows) // size),
            loss=lambda batch: self.pretraining_loss(batch, changed),
            settings=c,
            label=f"pre-training {self.name} on {data.name}",
            stage="pre-training",
            epochs=c.pretrain_epochs,
            checkpoint=checkpoints.stage("pre-training"),
        )
        if c.freeze:
            for weight in network.encoder_weights():
                weight.requires_grad_(False)
        return journal

    def pretraining_batch(
        self,
        timeline: Timeline,
        last: NDArray[np.int64],
        negatives: NegativeSampler,
        rng: np.random.Generator,
    ) -> Batch:
        """Return the rows that end before ``last`` (B,), and each one changed.

        With probability ``drop_items`` a row loses items (never all of them), else words.
        """
        c = self.config
        columns = self.training_columns(timeline, timeline.item + 1, last, negatives, rng)
        items = columns[recbole_fixes.ITEMS]
        words = rng.random(len(items)) >= c.drop_items
        stays = (items > 0) & ((rng.random(items.shape) >= c.dropped) | words[:, None])
        emptied = ~stays.any(1)
        stays[emptied] = items[emptied] > 0
        order = np.argsort(~stays, axis=1, kind="stable")  # what stays moves to the front
        columns[_CHANGED] = np.take_along_axis(np.where(stays, items, 0), order, axis=1)
        columns[_TEXTS_CHANGED] = words.astype(np.int64)
        return on_device(columns)

    def pretraining_loss(self, batch: Batch, changed: Tensor | None) -> Tensor:
        """Return the contrast of states with the next items, plus that of changed sequences.

        ``changed`` (items + 1, e) are the items' texts with words left out.
        """
        c, network = self.config, self.network
        table = network.table(only=_tokens_in(batch, recbole_fixes.ITEMS, recbole_fixes.ITEM))
        states, target = self._with_targets(batch, table)
        loss = in_batch_contrast(states, table[target], target, c.temperature)
        if c.sequence_weight:
            one, last = self._last_states(batch, recbole_fixes.ITEMS, table)
            left = _tokens_in(batch, _CHANGED)
            fewer = table if changed is None else network.table(changed, only=left)
            other, _ = self._last_states(batch, _CHANGED, table, fewer)
            contrast = in_batch_contrast(one, other, last, c.temperature)
            loss = loss + c.sequence_weight * contrast
        return loss

    def _last_states(
        self, batch: Batch, column: str, table: Tensor, changed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """States (B, d) at the end of each row of ``column``, and the item (B,) that is next."""
        items = batch[column]
        vectors = table[items]
        if changed is not None:
            of_words = (batch[_TEXTS_CHANGED] > 0)[:, None, None]
            vectors = torch.where(of_words, changed[items], vectors)
        length = (items > 0).sum(1)
        row = torch.arange(len(items), device=items.device)
        states = self.network(vectors, items > 0)[row, length - 1]
        following = batch[recbole_fixes.ITEM]
        if following.ndim == 2:
            following = following[row, (batch[recbole_fixes.ITEMS] > 0).sum(1) - 1]
        return states, following

    def _with_targets(self, batch: Batch, table: Tensor) -> tuple[Tensor, Tensor]:
        """States (T, d) of a batch that have a next item, and these items' tokens (T,)."""
        network, states, right = self.network, [], []
        for part in without_padding(batch, by=recbole_fixes.ITEMS):
            items, following = part[recbole_fixes.ITEMS], part[recbole_fixes.ITEM]
            read = network(table[items], items > 0)  # (B, width, d)
            if following.ndim == 1:
                row = torch.arange(len(items), device=items.device)
                states.append(read[row, (items > 0).sum(1) - 1])
                right.append(following)
            else:
                real = following > 0
                states.append(read[real])
                right.append(following[real])
        return torch.cat(states), torch.cat(right)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the next items, a scalar.

        It is over padding, as with the authors, and the items of ``contrasted``.
        """
        tokens = None
        if self.config.contrasted == "taken":
            taken = torch.from_numpy(np.flatnonzero(self._popularity) + 1).to(compute_device())
            tokens = torch.cat([taken.new_zeros(1), taken])
        table = self.network.table(only=tokens)
        states, right = self._with_targets(batch, table)
        scaled = normalize(states) / self.config.temperature
        if tokens is not None:
            table, right = table[tokens], torch.searchsorted(tokens, right)
        return catalogue_cross_entropy(scaled, normalize(table), right)

    @torch.no_grad()
    def _weights_changed(self) -> None:
        assert self._features is not None
        network, rows = self.network, np.arange(len(self._features.table))
        network.eval()
        device = compute_device()
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        parts = [network.adaptor(self._scaled(self._features, b).to(device)) for b in blocks]
        self._adapted = torch.cat(parts)
        self._know_catalogue()

    @torch.no_grad()
    def _know_catalogue(self) -> None:
        items, ids = self._adapted[torch.from_numpy(self._rows)], self.network.ids
        self._items = normalize(items if ids is None else items + ids.weight[1:])

    def _block_scores(self, block: Asked) -> NDArray[np.float32]:
        network, texts = self.network, self._texts
        assert texts is not None
        texts.read(item for each in block for item in each.history.items)
        window = self._sizes["window"]
        vectors = torch.zeros(ROWS, window, self.config.hidden_size, device=self._adapted.device)
        real = torch.zeros(ROWS, window, dtype=torch.bool, device=vectors.device)
        for row, instance in enumerate(filled(block)):
            shown = self._readable(instance)[-window:]
            for place, item in enumerate(shown):
                vectors[row, place] = self._vector(item)
            real[row, : max(len(shown), 1)] = True  # an empty row is read as one padding item
        states = network(vectors, real)[torch.arange(ROWS), real.sum(1) - 1]
        scores: Tensor = normalize(states) @ self._items.T / self.config.temperature
        return scores.cpu().numpy()

    def _readable(self, instance: Instance) -> list[Item]:
        """The items of the history with a text, or known from the catalogue."""
        texts = self._texts
        assert texts is not None
        return [i for i in instance.history.items if i.item_id in self._index or texts.row(i) != 0]

    def _vector(self, item: Item) -> Tensor:
        """What an item is as the instance shows it (d,)."""
        texts, network = self._texts, self.network
        assert texts is not None
        row, number = texts.row(item), self._index.get(item.item_id)
        if row is None:
            mean, spread = self._centre
            x = texts.vector(item)
            x = (x - mean) / np.float32(spread) if self.config.scaling == "centred" else x
            scaled = torch.from_numpy(x)[None] * self._sizes["text"] ** 0.5
            vector: Tensor = network.adaptor(scaled.to(self._adapted.device))[0]
        else:
            vector = self._adapted[row]
        if network.ids is not None and number is not None:
            vector = vector + network.ids.weight[number + 1]
        return vector

    def _can_score(self, instance: Instance) -> bool:
        return bool(self._readable(instance))

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the network's weights, the adapted texts and what further ones are read with."""
        assert self._texts is not None
        mean, spread = self._centre
        return {
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **self._texts.tensors(),
            "adapted": self._adapted,
            "rows": torch.from_numpy(self._rows),
            "mean": torch.from_numpy(mean),
            "spread": torch.tensor(spread, dtype=torch.float32),
        }

    def _shape(self) -> dict[str, Any]:
        assert self._texts is not None
        return {"sizes": super()._shape(), "texts": self._texts.shape()}

    def _restore(self, tensors: dict[str, Tensor], shape: Mapping[str, Any]) -> None:
        self._texts = ShownTexts.restored(tensors, shape["texts"])
        self._adapted = tensors.pop("adapted").to(compute_device())
        self._rows = tensors.pop("rows").numpy()
        self._centre = tensors.pop("mean").numpy(), float(tensors.pop("spread"))
        if len(self._rows) != len(self.item_ids) or not (self._rows < len(self._adapted)).all():
            raise ValueError("items and texts do not fit together")
        network = {name.removeprefix("network."): value for name, value in tensors.items()}
        super()._restore(network, shape["sizes"])
        self._know_catalogue()


def _tokens_in(batch: Batch, *columns: str) -> Tensor:
    """The distinct tokens (r,) in columns of a batch, that of padding among them."""
    found = [batch[column].flatten() for column in columns]
    distinct: Tensor = torch.unique(torch.cat([found[0].new_zeros(1), *found]))
    return distinct
