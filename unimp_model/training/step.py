"""One step's loss (Eq. 7): what is asked of each read, and what competes with its answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.model import TrainingView
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.network.model import Asked, Tables, UniMPNetwork
from unimp_model.sequence.batches import Batch
from unimp_model.sequence.template import CONTEXT
from unimp_model.tasks import ALL_TASKS, TASKS
from unimp_model.training.losses import focal_loss, objective, token_weights

#: Numbers of the tasks that are answered by one item out of all.
_RANKING = tuple(task.number for task in TASKS.values() if task.ranks_items)


class Step(nn.Module):
    """Computes :func:`training_loss` as one forward pass: Accelerate wraps nothing but modules."""

    def __init__(
        self,
        network: UniMPNetwork,
        photos: PhotoFeatures | None,
        config: UniMPConfig,
        absent: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self._photos, self._config, self._absent = photos, config, absent
        # Where FSDP may cut, under the name by which transformers' models tell.
        self._no_split_modules = sorted({type(x).__name__ for x in network.language.layers})

    def forward(self, batch: Batch, among: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what :func:`training_loss` does."""
        return training_loss(
            self.network, batch, self._photos, self._config, among=among, absent=self._absent
        )


def never_asked(data: TrainingView) -> Tensor:
    """Return which items never occur in the training part, bool (n,).

    A softmax would teach of each of them only that it is wrong.
    """
    absent = torch.ones(len(data.catalogue), dtype=torch.bool)
    index = data.catalogue.index
    occurs = data.interactions("train")["item_id"].unique().to_list()
    absent[[index[item_id] for item_id in occurs]] = False
    return absent


def training_loss(
    network: UniMPNetwork,
    batch: Batch,
    photos: PhotoFeatures | None,
    config: UniMPConfig,
    *,
    among: Tensor | None = None,
    absent: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the loss (Eq. 7) of one batch, and the re-weighted loss (R,) of each of its reads.

    ``among`` (R',) are the kinds of a larger batch's reads where ``batch`` is a share of that:
    the losses of all shares then sum to the larger batch's. Items that are ``absent`` (n,) from
    the training part compete with no answer.
    """
    tables = network.tables()
    visual = None
    if photos is not None and len(batch.photos):  # the resampler runs once per distinct photo
        features = photos.rows(batch.photos.cpu()).to(batch.tokens.device)
        visual = network.visual_tokens(features)
    states = network.read(network(batch, tables, visual), batch)  # (R, d)
    losses = _losses(network, tables, states, batch, config, absent)
    is_context = batch.kinds == CONTEXT
    weights = [config.weight(task) for task in ALL_TASKS]
    answers = None if among is None else among[among != CONTEXT]
    loss = objective(
        losses[~is_context],
        losses[is_context],
        weights=token_weights(batch.kinds[~is_context], weights, answers),
        context_weight=config.context_weight,
        context_tokens=None if among is None else int((among == CONTEXT).sum()),
    )
    return loss, losses.detach()


def _losses(
    network: UniMPNetwork,
    tables: Tables,
    states: Tensor,
    batch: Batch,
    config: UniMPConfig,
    absent: Tensor | None,
) -> Tensor:
    """Eq. 8 of each read (R,): an item's among items, a choice's among its like, else all.

    Beside a match head, which learns faster, UniMP's own logits of items have a loss of their own:
    else the head soon answers alone, and its weight on them goes to zero.
    """
    gamma = config.gamma
    losses = states.new_zeros(len(states))
    chooses = batch.choices >= 0
    first_item = len(network.language.output_rows) + network.specials
    ranks = torch.isin(batch.kinds, torch.tensor(_RANKING, device=states.device))
    ranks &= ~chooses & (batch.targets >= first_item)
    # Also where there is none: in a share without reads every weight still has its gradient, zero.
    reads = (~chooses & ~ranks).nonzero().flatten()
    logits = network.logits(states[reads], tables, Asked(batch, reads))  # (R', V)
    targets = batch.targets[reads]
    if absent is not None:
        logits[:, first_item:].masked_fill_(absent.to(logits.device), -torch.inf)
    losses[reads] = focal_loss(logits, targets, gamma=gamma)
    if (reads := ranks.nonzero().flatten()).numel():
        logits = network.item_logits(states[reads], tables, Asked(batch, reads))  # (R', n)
        barred = torch.zeros(len(states), logits.shape[1], dtype=torch.bool, device=logits.device)
        barred[batch.barred[:, 0], batch.barred[:, 1]] = True
        if absent is not None:
            barred |= absent.to(barred.device)
        logits = logits.masked_fill(barred[reads], -torch.inf)
        targets = batch.targets[reads] - first_item
        losses[reads] = focal_loss(logits, targets, gamma=gamma)
        if network.matching is not None and config.own_loss:
            own = network.item_logits(states[reads], tables, None).masked_fill(
                barred[reads], -torch.inf
            )
            losses[reads] += config.own_loss * focal_loss(own, targets, gamma=gamma)
    if (reads := chooses.nonzero().flatten()).numel():
        choices = batch.choices[reads]
        logits = network.item_logits(states[reads], tables, Asked(batch, reads), choices)
        taken = batch.targets[reads] == choices
        losses[reads] = choice_losses(logits, batch.reads[reads], taken, gamma=gamma)
    return losses


def choice_losses(logits: Tensor, places: Tensor, taken: Tensor, *, gamma: float) -> Tensor:
    """Return Eq. 8 of choices (R,) under a softmax over those with the same of ``places`` (R,).

    Choices of one place stand behind each other. What is ``taken`` (R,) counts, evened out so
    that an instance counts by its number of choices however many of them are taken; what is not
    taken is zero, having counted in the softmax.
    """
    begins = torch.ones_like(places, dtype=torch.bool)
    begins[1:] = places[1:] != places[:-1]
    group = begins.cumsum(0) - 1  # which of the places, in order, each belongs to
    size = torch.bincount(group)
    number = torch.arange(len(places), device=places.device) - (size.cumsum(0) - size)[group]
    table = logits.new_full((len(size), int(size.max())), -torch.inf)
    table = table.index_put((group, number), logits)  # (instances, most choices)
    losses = focal_loss(table[group], number, gamma=gamma)
    # Not bincount's weights, which no GPU adds up in a fixed order.
    takes = torch.zeros_like(size).index_add(0, group, taken.long()).clamp_min(1)
    weights = (size / takes)[group].to(losses.dtype)
    return torch.where(taken, losses * weights, torch.zeros_like(losses))
