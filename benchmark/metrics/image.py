"""Image metrics: likeness to the target, to the query, of distributions, and personalization.

All are measured in the space of one encoder, the judge (:mod:`benchmark.metrics.image_judge`),
whose name every metric carries: numbers of different judges must never share a column. Photos are
brought to the size that was asked for before the judge sees them, as drawings have no more pixels.
An answer that is no PNG of that size, or cannot be decoded, has failed and scores each metric's
worst value.

The paper prints no numbers for this task and names no metric; these follow common practice for
generated images, with one of our own (:class:`PersonalizationMargin`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError, unknown_name
from benchmark.host.console import note
from benchmark.metrics import families
from benchmark.metrics.base import Metric, Statistics
from benchmark.metrics.kept_vectors import kept_vectors
from benchmark.vision.photos import load_photo
from benchmark.vision.png import decode

if TYPE_CHECKING:
    from benchmark.data.catalogue import Catalogue
    from benchmark.metrics.image_judge import Judge

Floats = NDArray[np.float64]
T = TypeVar("T", bound=Hashable)

#: Random frequencies that stand for the Gaussian kernel, and their seed.
FREQUENCIES, _SEED = 256, 0
#: Catalogue photos whose distances set the kernel's width, evenly spaced over the catalogue.
_WIDTH_PHOTOS = 500
#: Photos of a query's items that its mean is taken of, at most.
_QUERY_PHOTOS = 100


class TargetSimilarity(Metric):
    """Averages the cosine of the image and the photo of the item the user took, from -1 to 1.

    ("CLIP-I": Ruiz et al., "DreamBooth", CVPR 2023.) A failed answer scores -1.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(name=f"target similarity-{encoder}", family=families.TARGET_SIMILARITY)


class QuerySimilarity(Metric):
    """Averages the cosine of the image and the query, from -1 to 1.

    What a query looks like is the direction of the mean of the photos of the catalogue's items
    that it asks for; under a judge that reads texts it is the query's words (CLIPScore without its
    factor and its cut at 0: Hessel et al., EMNLP 2021). A failed answer scores -1. It says nothing
    where photos do not show what queries ask for, as in ``sim``.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(name=f"query similarity-{encoder}", family=families.QUERY_SIMILARITY)


class KMMD(Metric):
    """Computes the squared maximum mean discrepancy between the images and the target photos.

    MMD^2 = E k(g, g') + E k(t, t') - 2 E k(g, t), pairs of an element with itself included,
    k(x, y) = exp(-|x - y|^2 / 2 s^2), s the median distance of catalogue photos (Gretton et
    al., JMLR 2012). To be a function of a mean, k is replaced by an average over fixed random
    frequencies, k(x, y) ~ phi(x) phi(y) (Rahimi and Recht, NIPS 2007): the statistic is
    phi(g) - phi(t), the value its mean's squared length. A failed answer is one and the same
    point infinitely far from everything (a column of its own), which no image can exceed.

    Below its noise of about 1/n the value says nothing, and there the bootstrap interval,
    whose resamples add noise of the same size, lies above the value.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(
            name=f"KMMD-{encoder}",
            family=families.KMMD,
            columns=2 * FREQUENCIES + 1,
        )

    def value(self, mean: Floats) -> Floats:
        """Return the squared length of the mean feature difference, at most the kernel's bound."""
        squared: Floats = np.minimum((mean**2).sum(axis=-1), self.high)
        return squared


class PersonalizationMargin(Metric):
    """Averages the cosine with one's own target minus the mean with others' for the same query.

    From -2 to 2. Others' targets are the distinct items, the own one apart, that users asked the
    same query took; an instance without any is left out. Where each of these users took another
    item, one image for all of them has 0 on average. Where several took the same, their item counts
    once among others' and several times as the own one: the photo of the query's most popular item,
    drawn for everybody, is above 0, and is what a gain is to be compared with. A failed answer
    scores -2. Statistic: the margin and 1, or 0 and 0.
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(
            name=f"personalization margin-{encoder}",
            family=families.PERSONALIZATION_MARGIN,
            columns=2,
        )

    def value(self, mean: Floats) -> Floats:
        """Divide the sum by the count; 0 where a resample holds no instance that counts."""
        total, count = mean[..., 0], mean[..., 1]
        return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


_KINDS: tuple[
    tuple[
        families.MetricFamily,
        type[TargetSimilarity | QuerySimilarity | KMMD | PersonalizationMargin],
    ],
    ...,
] = (
    (families.TARGET_SIMILARITY, TargetSimilarity),
    (families.QUERY_SIMILARITY, QuerySimilarity),
    (families.KMMD, KMMD),
    (families.PERSONALIZATION_MARGIN, PersonalizationMargin),
)
NAMES = tuple(family.name for family, _ in _KINDS)


def metric(name: str) -> Metric:
    """Return the metric printed as ``name``; :class:`~benchmark.errors.UsageError` on a miss."""
    for family, kind in _KINDS:
        encoder = family.suffix(name)
        if encoder is not None:
            return kind(encoder)
    raise unknown_name("image metric", name, NAMES)


@dataclass(frozen=True)
class Judged:
    """Holds the unit vectors of n predictions, their targets and queries in the judge's space."""

    images: Floats
    """(n, e), zeros where ``failed``."""
    failed: NDArray[np.bool_]
    """(n,)"""
    queries: Floats
    """(n, e)"""
    photos: Floats
    """(m, e), of the distinct target items."""
    target: NDArray[np.int64]
    """(n,) row of ``photos``."""


def score(
    images: Sequence[bytes | None],
    *,
    sizes: Sequence[int],
    queries: Sequence[str],
    targets: Sequence[str],
    catalogue: Catalogue,
    features: Path,
    simulated: bool,
) -> tuple[tuple[Metric, ...], Statistics]:
    """Compute the statistics of all four metrics; ``None`` marks a failed prediction.

    ``sizes``, ``queries`` and target item ids run parallel to ``images``. Photos and the kernel's
    width come from ``catalogue``, of photos ``simulated`` or real, which decides who judges;
    ``features`` is the folder where the judge's vectors of them are kept. The
    personalization margin is left out, with a line on standard error, where no query has two
    targets. Raises :class:`BenchError` for lists of different lengths and unreadable photos.
    """
    if not len(images) == len(sizes) == len(queries) == len(targets):
        raise BenchError(
            f"{len(images)} images were given for {len(targets)} targets.",
            fix="Give one image, or None, per target.",
        )
    from benchmark.metrics.image_judge import find_judge

    judge = find_judge(simulated=simulated)
    seen = JudgedPhotos(judge, catalogue, features, size=max(sizes, default=0))
    judged = _judged(seen, images, sizes, queries, targets, catalogue)
    frequencies = kernel_frequencies(seen.kernel_width(), judged.photos.shape[1])
    cosine = np.einsum("ne,ne->n", judged.images, judged.photos[judged.target])
    worded = np.einsum("ne,ne->n", judged.images, judged.queries)
    metrics: list[Metric] = [kind(judge.name) for _, kind in _KINDS]
    columns = [
        np.where(judged.failed, -1.0, cosine)[:, None],
        np.where(judged.failed, -1.0, worded)[:, None],
        discrepancies(judged, frequencies),
        margins(judged, queries),
    ]
    if not columns[-1][:, 1].any():
        note(f"note: {metrics[-1].name} is left out: no query asked has two targets")
        metrics.pop()
    return tuple(metrics), {m.name: c for m, c in zip(metrics, columns, strict=False)}


def margins(judged: Judged, queries: Sequence[str]) -> Floats:
    """Return (own cosine - mean cosine with the query's other targets, 1), (n, 2); else zeros."""
    by_query: defaultdict[str, set[int]] = defaultdict(set)
    for query, target in zip(queries, judged.target.tolist(), strict=True):
        by_query[query].add(target)
    sums = {query: judged.photos[sorted(own)].sum(axis=0) for query, own in by_query.items()}
    rows = np.zeros((len(queries), 2))
    for row, (query, target) in enumerate(zip(queries, judged.target.tolist(), strict=True)):
        others = len(by_query[query]) - 1
        if others:
            own = judged.photos[target]
            other = (sums[query] - own) / others  # (e,)
            margin = -2.0 if judged.failed[row] else float(judged.images[row] @ (own - other))
            rows[row] = margin, 1.0
    return rows


def discrepancies(judged: Judged, frequencies: Floats) -> Floats:
    """Return phi(image) - phi(target) and the far point's column, (n, 2 * FREQUENCIES + 1)."""
    targets = random_features(judged.photos, frequencies)[judged.target]
    images = random_features(judged.images, frequencies) * ~judged.failed[:, None]
    return np.hstack([images - targets, judged.failed[:, None].astype(np.float64)])


def kernel_frequencies(width: float, dimensions: int) -> Floats:
    """Draw (FREQUENCIES, dimensions) from the spectrum of the Gaussian kernel of ``width``."""
    return np.random.default_rng(_SEED).standard_normal((FREQUENCIES, dimensions)) / width


def random_features(vectors: Floats, frequencies: Floats) -> Floats:
    """Return phi (n, 2 * FREQUENCIES): cosines and sines whose product is mean cos(w (x - y))."""
    angles = vectors @ frequencies.T
    phi: Floats = np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(len(frequencies))
    return phi


class JudgedPhotos:
    """Encodes the catalogue's photos, at ``size`` pixels, in the judge's space, and keeps them.

    Each photo is encoded once; its vector lies below ``features``.
    """

    def __init__(self, judge: Judge, catalogue: Catalogue, features: Path, *, size: int) -> None:
        self.judge = judge
        self._catalogue = catalogue
        self._features = features
        self._size = size
        self._shown = [i for i, item in enumerate(catalogue) if item.image is not None]

    def kernel_width(self) -> float:
        """Return the median distance between photos (the kernel's usual width); 1 if all agree.

        Of the catalogue, not of the targets: the metric stays the same on any subset of instances.
        """
        vectors = self.vectors(_spread(self._shown, _WIDTH_PHOTOS))
        squared = 2 - 2 * (vectors @ vectors.T)[np.triu_indices(len(vectors), k=1)]
        width = float(np.sqrt(np.median(squared).clip(min=0))) if squared.size else 0.0
        return width or 1.0

    def queries(self, queries: Sequence[str]) -> Floats:
        """Return the unit vectors (n, e) of distinct queries; zero where no item has a photo.

        Those of their words where the judge reads, else the direction of the mean photo of the
        items that are asked for, of :data:`_QUERY_PHOTOS` evenly spaced ones where there are more.
        """
        from benchmark.metrics.image_judge import ReadingJudge

        if isinstance(self.judge, ReadingJudge):
            return self.judge.texts(queries)
        of_query: defaultdict[str | None, list[int]] = defaultdict(list)
        for number in self._shown:
            of_query[self._catalogue.queries[number]].append(number)
        chosen = [_spread(of_query.get(query, []), _QUERY_PHOTOS) for query in queries]
        known = sorted({number for some in chosen for number in some}) or self._shown[:1]
        place = {number: row for row, number in enumerate(known)}
        vectors = self.vectors(known)
        means = np.zeros((len(queries), vectors.shape[1]))
        for row, some in enumerate(chosen):
            if some:
                mean = vectors[[place[number] for number in some]].mean(axis=0)
                means[row] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return means

    def vectors(self, items: Sequence[int]) -> Floats:
        """Return the unit vectors (n, e) of the photos of items, by number, at least one."""
        return kept_vectors(
            self._features / "image-judges" / self.judge.name / str(self._size),
            [Path(str(self._catalogue[number].image)) for number in items],
            lambda some: self.judge.images([load_photo(path, self._size) for path in some]),
        )


def _spread(numbers: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of ``numbers``, evenly spaced."""
    return list(numbers[:: -(-len(numbers) // most) or 1])


def _judged(
    seen: JudgedPhotos,
    images: Sequence[bytes | None],
    sizes: Sequence[int],
    queries: Sequence[str],
    targets: Sequence[str],
    catalogue: Catalogue,
) -> Judged:
    photos, target = _numbered(targets)
    words, query = _numbered(queries)
    answers, answer = _numbered(list(zip(images, sizes, strict=True)))
    drawn = [_decoded(png, size) for png, size in answers]
    broken = np.array([pixels is None for pixels in drawn], dtype=bool)
    shown = seen.vectors([_number(catalogue, item_id) for item_id in photos])
    vectors = np.zeros((len(drawn), shown.shape[1]))
    if not broken.all():
        vectors[~broken] = seen.judge.images([pixels for pixels in drawn if pixels is not None])
    return Judged(
        images=vectors[answer],
        failed=broken[answer],
        queries=seen.queries(words)[query],
        photos=shown,
        target=target,
    )


def _decoded(png: bytes | None, size: int) -> NDArray[np.uint8] | None:
    if png is None:
        return None
    try:
        return decode(png, size)
    except ValueError:
        return None


def _number(catalogue: Catalogue, item_id: str) -> int:
    """The number of a target, which has a photo."""
    if catalogue.by_id(item_id).image is None:
        raise BenchError(
            f"Target {item_id!r} has no photo.",
            fix="Rebuild the dataset's task instances (unimp-bench data prepare).",
        )
    return catalogue.index[item_id]


def _numbered(values: Sequence[T]) -> tuple[list[T], NDArray[np.int64]]:
    """The distinct values in order of appearance, and each value's place among them (n,)."""
    places: dict[T, int] = {}
    numbers = [places.setdefault(value, len(places)) for value in values]
    return list(places), np.array(numbers, dtype=np.int64)
