"""The network of SANCL: reviews and products in words and photos, read beside each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from baselines.multimodal.text_sequences import Block

#: Widths of the convolutions over words.
WIDTHS = (1, 3, 5)
#: Added to the logits of places that may not be seen.
_UNSEEN = -1e9
#: Rows of what is added where something is lacking.
_NO_WORDS, _NO_PHOTO = 0, 1


class TextConvolutions(nn.Module):
    """Averages three convolutions over words, of widths 1, 3 and 5, each followed by a ReLU."""

    def __init__(self, word_size: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(word_size, hidden, width, padding=width // 2) for width in WIDTHS
        )

    def forward(self, words: Tensor, real: Tensor) -> Tensor:
        """Return (B, L, h) of words (B, L, w), zero where none is ``real`` (B, L)."""
        each = [torch.relu(layer(words.transpose(1, 2))) for layer in self.layers]
        return torch.stack(each).mean(0).transpose(1, 2) * real[:, :, None]


class ReviewAttention(nn.Module):
    """Attends by softmax(Q K^T) * (p p^T) X + X, most to words of sentences that name the product.

    p is 1 for those, 0.5 for other words, 0 at padding. The authors' code masks padding on the
    wrong axis and works for a batch of one alone; here each text is masked by its own length.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)

    def forward(self, x: Tensor, probe: Tensor) -> Tensor:
        """Return (B, L, h) of x (B, L, h) under ``probe`` (B, L)."""
        logits = self.query(x) @ self.key(x).transpose(1, 2)
        shares = logits.masked_fill((probe == 0)[:, None], _UNSEEN).softmax(2)
        probed: Tensor = (shares * (probe[:, :, None] * probe[:, None])) @ x + x
        return probed * (probe > 0)[:, :, None]


class ProductAttention(nn.Module):
    """Attends from a review's words (B, L, h) to the product's (B, P, h).

    r_j + sum_k softmax_k(relu(P W + b) R^T)_kj p_k, for words r of the review, p of the product.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.project = nn.Linear(hidden, hidden)

    def forward(self, review: Tensor, product: Tensor, said: Tensor, told: Tensor) -> Tensor:
        """Return (B, L, h) of words (B, L, h) and (B, P, h), real at ``said`` and ``told``."""
        logits = torch.relu(self.project(product)) @ review.transpose(1, 2)  # (B, P, L)
        shares = logits.masked_fill(~told[:, :, None], _UNSEEN).softmax(1)
        return (review + shares.transpose(1, 2) @ product) * said[:, :, None]


class Predictors(nn.Module):
    """Predicts one vector by another, for contrasts: f of a product's, g of a review's."""

    def __init__(self, common: int) -> None:
        super().__init__()
        self.product, self.review = (
            nn.Sequential(nn.Linear(common, common), nn.Tanh(), nn.Linear(common, common))
            for _ in range(2)
        )

    def of_photos(
        self, product: tuple[Tensor, Tensor], review: tuple[Tensor, Tensor], likes: Tensor
    ) -> Tensor:
        """Return how well texts predict photos, pairs (B, c) each: a scalar, higher is better.

        mean cos(f(p), p') + mean of cos(g(r), r') where ``likes`` (B,) - logsumexp cos(g(r), r').
        The authors' code hands the photos over as texts too.
        """
        own = cosine_similarity(self.product(product[0]), product[1])
        said = cosine_similarity(self.review(review[0]), review[1])
        return own.mean() + (said * likes).mean() - said.logsumexp(0)

    def of_reviews(self, product: Tensor, review: Tensor, likes: Tensor) -> Tensor:
        """Return how well products predict the reviews of who ``likes`` (B,) them, and no others.

        logsumexp of cos(g(p), r) - logsumexp of cos(f(p), r), the others' cosines being 0 in both.
        """
        liked = cosine_similarity(self.review(product), review) * likes
        other = cosine_similarity(self.product(product), review) * ~likes
        return liked.logsumexp(0) - other.logsumexp(0)


class Read(NamedTuple):
    """Holds B rows of a user's earlier reviews beside a product."""

    review: Tensor
    """(B, L), word numbers, 0 at padding."""
    probe: Tensor
    """(B, L), how much each word counts, 0 at padding."""
    product: Tensor
    """(B, P), word numbers."""
    review_photos: Tensor
    """(B, n, f), regions of photos."""
    review_shown: Tensor
    """(B, n), whether there is a photo."""
    product_photos: Tensor
    """(B, R, f)"""
    product_shown: Tensor
    """(B, R)"""


class Vectors(NamedTuple):
    """Holds what became of texts and photos, in two common spaces (B, 2, c) each."""

    review_text: Tensor
    review_photo: Tensor
    product_text: Tensor
    product_photo: Tensor


class SANCLNetwork(nn.Module):
    """Reads texts by convolutions and selective attention, photos by a transformer.

    Review and product, text and photo go into two common spaces, whose eight vectors the score is
    linear in; the authors' head reads the product's text twice and its photo never. ``sizes`` are
    the settings of :class:`~baselines.reviews.sancl.SANCL`.
    """

    def __init__(self, sizes: Any, *, words: int, region_size: int) -> None:
        super().__init__()
        hidden, common = sizes.hidden_size, sizes.common_size
        self.words = nn.Embedding(words, sizes.word_size, padding_idx=0)
        self.convolutions = TextConvolutions(sizes.word_size, hidden)
        self.attention, self.product_aware = ReviewAttention(hidden), ProductAttention(hidden)
        self.regions = nn.Linear(region_size, hidden)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.n_layers))
        self.absent = nn.Parameter(torch.zeros(2, hidden))
        self.text_spaces = nn.Linear(hidden, 2 * common)
        self.photo_spaces = nn.Linear(hidden, 2 * common)
        self.predict_photo, self.predict_review = Predictors(common), Predictors(common)
        self.score = nn.Linear(8 * common, 1)
        self.dropout = nn.Dropout(sizes.hidden_dropout_prob)

    def text_vectors(self, read: Read) -> tuple[Tensor, Tensor]:
        """Return the vectors (B, h) of reviews and of products."""
        said, told = read.review > 0, read.product > 0
        review = self.convolutions(self.dropout(self.words(read.review)), said)
        product = self.convolutions(self.dropout(self.words(read.product)), told)
        review = self.product_aware(self.attention(review, read.probe), product, said, told)
        product = self.mean_of(product, told.to(product), _NO_WORDS)
        return self.mean_of(review, read.probe, _NO_WORDS), product

    def photo_vectors(self, regions: Tensor, shown: Tensor) -> Tensor:
        """Return (B, h) of regions (B, n, f), of which there are those ``shown`` (B, n)."""
        x = self.regions(regions)
        mask = torch.zeros_like(shown, dtype=x.dtype).masked_fill(~shown, _UNSEEN)
        for block in self.blocks:
            x = block(x, mask[:, None, None])
        return self.mean_of(x, shown.to(x), _NO_PHOTO)

    def mean_of(self, x: Tensor, weights: Tensor, lacking: int) -> Tensor:
        """Return the mean (B, d) of places by weight (B, L); of none zero and a learned flag."""
        total = weights.sum(1, keepdim=True)
        mean = (x * weights[:, :, None]).sum(1) / total.clamp(min=1e-9)
        return mean + (total == 0) * self.absent[lacking]

    def read(self, read: Read) -> Vectors:
        """Return the vectors of reviews and products in both common spaces."""
        texts = self.text_vectors(read)
        photos = (
            self.photo_vectors(read.review_photos, read.review_shown),
            self.photo_vectors(read.product_photos, read.product_shown),
        )
        review_text, product_text = (
            self.text_spaces(x).unflatten(1, (2, -1)) for x in map(self.dropout, texts)
        )
        review_photo, product_photo = (
            self.photo_spaces(x).unflatten(1, (2, -1)) for x in map(self.dropout, photos)
        )
        return Vectors(review_text, review_photo, product_text, product_photo)

    def stars(self, vectors: Vectors) -> Tensor:
        """Return what is predicted (B,)."""
        predicted: Tensor = self.score(torch.cat([x.flatten(1) for x in vectors], 1))[:, 0]
        return predicted

    def loss(self, read: Read, stars: Tensor, likes: Tensor, *, contrast: float) -> Tensor:
        """Return the mean squared error of ``stars`` (B,) less ``contrast`` times both contrasts.

        Photos are contrasted where both sides have some; a text of no words counts as it is read.
        """
        vectors = self.read(read)
        loss = (self.stars(vectors) - stars).square().mean()
        if not contrast:
            return loss
        (in_one, in_other), both = (
            [[x[:, space] for x in vectors] for space in (0, 1)],
            read.review_shown.any(1) & read.product_shown.any(1),
        )
        agreement = self.predict_review.of_reviews(in_other[2], in_other[0], likes)
        if both.any():
            review_text, review_photo, product_text, product_photo = (x[both] for x in in_one)
            agreement = agreement + self.predict_photo.of_photos(
                (product_text, product_photo), (review_text, review_photo), likes[both]
            )
        return loss - contrast * agreement
