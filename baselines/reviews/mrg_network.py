"""The network of MRG: a rating, and a review that is written word by word while it looks at parts
of a photo."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

#: Word numbers that are no words.
PAD, START, END, UNKNOWN = range(4)
#: Of the batch norms.
_EPSILON, _DECAY = 1e-3, 0.95
#: Standard deviation of initial user and item vectors.
_INITIAL = 0.1


class Norm(nn.Module):
    """Normalises a batch over all axes but the last, by the biased variance, of a single row too.

    In training the moments are those of the rows that are real, and averaged with a decay of 0.95
    for evaluation. A row that is not real is read as the mean row.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """Normalise x (B, ..., d), of which ``real`` (B,) tells the rows that count."""
        mean, variance = self.mean, self.variance
        counted = x if real is None else x[real]
        if self.training and len(counted):
            rows = counted.flatten(0, -2)
            mean, variance = rows.mean(0), rows.var(0, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, 1 - _DECAY)
                self.variance.lerp_(variance, 1 - _DECAY)
        apart = x - mean
        if real is not None:
            apart = apart * real.view(-1, *[1] * (x.ndim - 1))
        return apart * (variance + _EPSILON).rsqrt() * self.gamma + self.beta


class Asked(NamedTuple):
    """Holds users with items and what their photos show."""

    user: Tensor
    """(B, k)"""
    item: Tensor
    """(B, k)"""
    regions: Tensor
    """(B, R, f)"""
    shown: Tensor
    """(B,), whether there is a photo."""


class Seen(NamedTuple):
    """Holds what a review is written from."""

    sentiment: Tensor
    """(B, 2k), s behind its norm."""
    regions: Tensor
    """(B, R, 2k), v behind its norm."""
    projected: Tensor
    """(B, R, 2k), v W_p."""
    state: tuple[Tensor, Tensor]
    """h and c (B, l) before the first word."""


class Written(NamedTuple):
    """Holds what a step of writing gives: the next word's logits, and how they came about."""

    logits: Tensor
    """(B, words)"""
    attention: Tensor
    """(B, R), shares of the regions."""
    gate: Tensor
    """(B,), how much of s is mixed in where photos are the rest."""
    state: tuple[Tensor, Tensor]


class MRGNetwork(nn.Module):
    """Rates by s = tanh(W [u; i] + b), and writes the review from s and the photo's regions v.

    A step with word x and state h: a = softmax of w . tanh(v W_p + h W + b), V = sum a v,
    B = sigma(w_x . x + w_h . h + b), ctx = B s + (1 - B) V; the LSTM reads [x; ctx], and the next
    word is W_o tanh(W_h h' + b + W_c ctx + x) + b_o. Attention and gate see the old state.

    Regions must be 2 k wide, as s; others are projected to that width first.
    """

    def __init__(
        self, *, users: int, items: int, words: int, region_size: int, factors: int,
        word_size: int, state_size: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        both = 2 * factors
        self.user = nn.Embedding(users, factors)
        self.item = nn.Embedding(items, factors)
        self.words = nn.Embedding(words, word_size)
        self.features = nn.Linear(both, both)
        self.rating = nn.Linear(both, 1)
        self.widen = None if region_size == both else nn.Linear(region_size, both, bias=False)
        self.sentiment_norm, self.visual_norm = Norm(both), Norm(both)
        self.start_h, self.start_c = nn.Linear(both, state_size), nn.Linear(both, state_size)
        self.visual = nn.Linear(both, both, bias=False)
        self.attend = nn.Linear(state_size, both)
        self.attention = nn.Linear(both, 1)
        self.gate_word = nn.Linear(word_size, 1, bias=False)
        self.gate_state = nn.Linear(state_size, 1)
        self.cell = nn.Linear(word_size + both + state_size, 4 * state_size)
        self.hidden = nn.Linear(state_size, word_size)
        self.context = nn.Linear(both, word_size, bias=False)
        self.out = nn.Linear(word_size, words)
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=_INITIAL)

    def sentiment(self, both: Tensor) -> Tensor:
        """Return s (B, 2k) of [u; i] (B, 2k)."""
        return torch.tanh(self.features(both))

    def offset(self, user: Tensor, item: Tensor) -> Tensor:
        """Return how far ratings (B,) by users of items, (B, k) each, are above the mean of all."""
        above: Tensor = self.rating(self.sentiment(torch.cat([user, item], 1)))[:, 0]
        return above

    def see(self, asked: Asked) -> Seen:
        """Return what the reviews are written from."""
        both = torch.cat([asked.user, asked.item], 1)
        regions = asked.regions if self.widen is None else self.widen(asked.regions)
        regions = self.visual_norm(regions, asked.shown)
        state = torch.tanh(self.start_h(both)), torch.tanh(self.start_c(both))
        sentiment = self.sentiment_norm(self.sentiment(both))
        return Seen(sentiment, regions, self.visual(regions), state)

    def step(self, word: Tensor, seen: Seen, state: tuple[Tensor, Tensor]) -> Written:
        """Write what follows ``word`` (B,) in ``state``."""
        h, c = state
        x = self.words(word)
        looked = torch.tanh(seen.projected + self.attend(h)[:, None])
        attention = self.attention(looked)[:, :, 0].softmax(1)
        gate = torch.sigmoid(self.gate_word(x) + self.gate_state(h))  # (B, 1)
        image = (attention[:, :, None] * seen.regions).sum(1)
        context = gate * seen.sentiment + (1 - gate) * image
        read, new, kept, shown = self.cell(torch.cat([x, context, h], 1)).chunk(4, 1)
        c = c * torch.sigmoid(kept + 1) + torch.sigmoid(read) * torch.tanh(new)
        h = torch.sigmoid(shown) * torch.tanh(c)
        hidden = torch.tanh(self.hidden(self.dropout(h)) + self.context(context) + x)
        logits = self.out(self.dropout(hidden))
        return Written(logits, attention, gate[:, 0], (h, c))

    def losses(self, asked: Asked, reviews: Tensor) -> Tensor:
        """Return the cross-entropy (B, T - 1) of each word of ``reviews`` (B, T) behind the first.

        Zero at padding.
        """
        seen, logits = self.see(asked), []
        state = seen.state
        for place in range(reviews.shape[1] - 1):
            written = self.step(reviews[:, place], seen, state)
            state = written.state
            logits.append(written.logits)
        following = reviews[:, 1:]
        by_word: Tensor = cross_entropy(
            torch.stack(logits, 1).flatten(0, 1), following.flatten(), ignore_index=PAD,
            reduction="none",
        ).view(following.shape)  # fmt: skip
        return by_word

    def review_loss(self, asked: Asked, reviews: Tensor) -> Tensor:
        """Return the mean cross-entropy of the real words of a batch."""
        return self.losses(asked, reviews).sum() / (reviews[:, 1:] != PAD).sum().clamp(min=1)

    def rating_loss(self, user: Tensor, item: Tensor, above: Tensor) -> Tensor:
        """Return the mean squared error of ratings that are ``above`` (B,) the mean of all."""
        return (self.offset(user, item) - above).square().mean()

    def write(
        self, asked: Asked, most: int, *, never: Tensor | None = None, first: Tensor | None = None
    ) -> list[Written]:
        """Return ``most`` steps, each behind the likeliest word of the one before.

        Words that ``never`` (words,) marks are not written, nor first of all those of ``first``.
        """
        seen = self.see(asked)
        word = torch.full((len(asked.user),), START, device=asked.user.device)
        state, steps = seen.state, list[Written]()
        for place in range(most):
            written = self.step(word, seen, state)
            barred = first if place == 0 and first is not None else never
            if barred is not None:
                logits = written.logits.masked_fill(barred, -torch.inf)
                written = written._replace(logits=logits)
            word, state = written.logits.argmax(1), written.state
            steps.append(written)
        return steps

    def shrunk(self, *, review: bool) -> Tensor:
        """Return half the squares of what the loss of ratings, or of reviews, keeps small.

        Word vectors, the bias of the rating and that of the LSTM are left out, as with the authors.
        """
        both = [self.user.weight, self.item.weight, *self.features.parameters()]
        if not review:
            own = [self.rating.weight]
        else:
            left_out = {id(self.cell.bias), id(self.words.weight)}
            shared = {id(weight) for weight in [*both, *self.rating.parameters()]}
            own = [w for w in self.parameters() if id(w) not in left_out | shared]
        squares = sum((w.square().sum() for w in [*both, *own]), start=torch.zeros(()))
        return squares / 2
