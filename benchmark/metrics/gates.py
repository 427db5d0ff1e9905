"""Feasibility gates: scores that no predictions can have, whatever the data.

A gate is an inequality that holds for *every* set of predictions, so a violation is proof of an
error: in the scoring code, in a submission's numbers, in a printed table. Only what follows from
the metrics' definitions is checked; plausibility is nobody's business here.

**Rankings.** Let m(r) be the share of instances whose best positive stands at rank r, and call
the sum of m over the ranks j < r <= k the block (j, k]. With one positive an instance

    HR@k = sum m(r),    NDCG@k = sum m(r) / log2(r + 1),    MRR@k = sum m(r) / r,    r <= k,

for the ideal DCG is 1. From one cut-off j to the next one, k (j = 0 for the first), each gain is
m(r) summed over the block with weights between those of its ends, hence

    HR gain / log2(k + 1) <= NDCG gain <= HR gain / log2(j + 2),
    HR gain / k           <= MRR gain  <= HR gain / (j + 1),
    MRR gain              <= NDCG gain,

the last because log2(r + 1) <= r for r >= 1: the concave left side meets r at 0 and at 1. No gain
is negative. With j = 0 this is HR@k >= NDCG@k >= MRR@k and the lower bounds of the latter two.

With several positives HR and MRR still follow from the best rank alone, so all their bounds
stay. NDCG counts every positive and divides by an ideal that grows with k, so that it may fall
from one k to the next (of two positives one at rank 1: NDCG@1 = 1, NDCG@2 = 0.61) and stands on
either side of MRR (the same example, and two positives at ranks 2 and 3: 0.69 against 0.5). What
stays is 0 < NDCG@k <= 1 where there is a hit and 0 where there is none: NDCG@k <= HR@k; and, as
the ideal is at most I(k) = sum of 1 / log2(r + 1) over r <= k, NDCG@k >= HR@k / log2(k+1) / I(k).
Precision and recall of the first k are likewise 0 without a hit and at most 1: their means are at
most HR@k, and so is F1@k, the harmonic mean of the two, which is also less than twice either.
Recall never falls with k; F1 may. With one positive there is no freedom left: an instance's recall
is its hit and its precision a k-th of that, so Recall@k = HR@k and F1@k = 2 HR@k / (k + 1).

These bounds look at two numbers at a time. Whether *all* numbers of a row fit one m >= 0 with
sum m <= 1 is a linear programme, and it is asked last: it finds rows such as a triple HR@5,
NDCG@5, MRR@5 whose pairs are all possible.

**Ratings.** MAE <= RMSE (Jensen's inequality); an error e <= w, the width of the scale, has
e^2 <= w e, so RMSE^2 <= w MAE.

**Selections.** F1 is the harmonic mean h(p, r) of one instance's precision and recall, averaged.
h is concave on [0, 1]^2, so mean F1 <= h(mean p, mean r) (Jensen), and h lies above the plane
through its values 0, 0, 1 at the corners (1, 0), (0, 1), (1, 1) wherever p + r >= 1:
mean F1 >= mean p + mean r - 1. That mean F1 lies *between* mean precision and mean recall is not
true: p = 1, r ~ 0 on one half of the instances and the reverse on the other has means of 0.5 and
F1 ~ 0. With one positive, recall is 0 or 1 and p = 1 / |chosen| <= 1 where it is 1, so p <= r and
F1 = 2p / (1 + p) >= p: mean precision <= mean F1 and mean precision <= mean recall. The same
bounds hold for an F1 computed from the two means, so they suit printed tables of either kind.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.errors import BenchError, UsageError
from benchmark.metrics import metric_named
from benchmark.metrics.families import BERTSCORE, RANKING

Positives = Literal["one", "several"]

#: Cosine similarities come from single precision and may exceed 1 by its rounding.
_SINGLE_PRECISION = 1e-5
#: The solver's own feasibility tolerance, with room to spare.
_SOLVER_TOLERANCE = 1e-6
#: Sums of floating-point numbers are off by less; a thousand blocks so far off are feasible still.
_ROUNDING = 1e-10
#: The linear programme has a variable for every rank; beyond this depth it is left out.
_DEEPEST = 1_000


@dataclass(frozen=True, slots=True)
class Violation:
    """Names one inequality that does not hold: ``code`` is stable, ``message`` one sentence."""

    code: str
    message: str


def problems(
    scores: Mapping[str, float],
    tolerance: float = 1e-9,
    *,
    positives_per_instance: Positives = "one",
    scale: tuple[float, float] | None = None,
    decimals: int | None = None,
) -> list[Violation]:
    """Return every gate that ``scores`` (metric name as in scores.json -> value) violate.

    ``scale`` = (lowest, highest) rating bounds MAE and RMSE. ``decimals`` says that the numbers
    were rounded to so many places: each may then be off by half a unit of the last one.
    ``tolerance`` is for floating point. Metrics that are absent are not asked for.
    """
    slack = 0.0 if decimals is None else 0.5 * 10.0**-decimals
    finite = {name: float(value) for name, value in scores.items() if _is_finite(value)}
    found = [
        Violation("not-finite", f"{_short(name)} is {_kind(scores[name])}, no finite number.")
        for name in scores
        if name not in finite
    ]
    found += _out_of_range(finite, scale, slack + tolerance)
    ranked = _Ranked(finite, slack, tolerance, positives_per_instance)
    about_rankings = list(ranked.violations())
    found += about_rankings
    if not about_rankings and ranked.fits_no_ranking():
        names = ", ".join(ranked.determined)
        found.append(
            Violation("no-ranking", f"No distribution of ranks has these {names} together.")
        )
    found += _about_ratings(finite, scale, slack, tolerance)
    found += _about_selections(finite, slack, tolerance, positives_per_instance)
    return found


def require_possible(
    scores: Mapping[str, float],
    *,
    positives_per_instance: Positives = "one",
    scale: tuple[float, float] | None = None,
) -> None:
    """Raise :class:`BenchError` naming the first violation: the scoring itself is wrong."""
    found = problems(scores, positives_per_instance=positives_per_instance, scale=scale)
    if found:
        raise BenchError(
            f"Internal error: the scores are impossible together ({found[0].code}: "
            f"{found[0].message.rstrip('.')}).",
            fix="The predictions are kept. Please report this with the run's folder.",
        )


def _out_of_range(
    scores: Mapping[str, float], scale: tuple[float, float] | None, margin: float
) -> Iterator[Violation]:
    for name, value in scores.items():
        bounds = _range(name, scale)
        if bounds is None:
            continue
        low, high = bounds
        if not low - margin <= value <= high + margin:
            yield Violation(
                "out-of-range", f"{_short(name)} is {value:g}, outside {low:g} to {high:g}."
            )


def _range(name: str, scale: tuple[float, float] | None) -> tuple[float, float] | None:
    """A metric's (lowest, highest) value; ``None`` for a name of no family."""
    try:
        metric = metric_named(name, scale=scale)
    except UsageError:  # the paper's "BLEU": nobody says which
        return None
    if metric.family.by_encoder:
        # The stated worst value of BERTScore is 0, but it is made of cosines as well.
        low = -1.0 if metric.family is BERTSCORE else metric.low
        return low - _SINGLE_PRECISION, metric.high + _SINGLE_PRECISION
    return metric.low, metric.high


class _Ranked:
    """The ranking metrics among some scores: family -> cut-off -> value."""

    def __init__(
        self,
        scores: Mapping[str, float],
        slack: float,
        tolerance: float,
        positives: Positives,
    ) -> None:
        self._values: dict[str, dict[int, float]] = {family.name: {} for family in RANKING}
        for name, value in scores.items():
            for family in RANKING:
                if (cutoff := family.suffix(name)) is not None:
                    self._values[family.name][int(cutoff)] = value
        self._slack, self._tolerance, self._one = slack, tolerance, positives == "one"
        #: Names of the metrics that follow from the best positive's rank.
        self.determined = [
            f"{family}@{k}"
            for family, values in self._values.items()
            for k in sorted(values)
            if family in ("HR", "MRR") or (family == "NDCG" and self._one)
        ]

    def violations(self) -> Iterator[Violation]:
        """Yield the violated inequalities that two numbers are enough to see."""
        yield from self._falling()
        if self._one:
            yield from self._gains("NDCG", lambda r: 1 / math.log2(r + 1))
            for j, k in self._blocks("NDCG", "MRR"):
                ndcg, mrr, slack = self._gain("NDCG", j, k), self._gain("MRR", j, k), self._off(j)
                if mrr - slack > ndcg + slack + self._tolerance:
                    code = "mrr-gain-above-ndcg-gain" if j else "mrr-above-ndcg"
                    yield _exceeds(code, _words("MRR", j, k), mrr, _words("NDCG", j, k), ndcg)
            yield from self._recall_of_one()
        else:
            yield from self._ndcg_of_several()
            yield from self._recall_of_several()
        yield from self._gains("MRR", lambda r: 1 / r)

    def fits_no_ranking(self) -> bool:
        """Return whether no distribution of the best positive's rank gives all values at once.

        The programme minimises the largest error t >= 0 over m >= 0 with sum m <= 1, which has
        a solution for any values, so that the answer is a number rather than a solver's status.
        """
        depth = max((int(name.partition("@")[2]) for name in self.determined), default=0)
        if len(self.determined) < 2 or depth > _DEEPEST or self._mixes_ranks():
            return False
        from scipy.optimize import linprog

        rank = np.arange(1, depth + 1)
        weights = {"HR": np.ones(depth), "NDCG": 1 / np.log2(rank + 1), "MRR": 1 / rank}
        rows, values = [], []
        for name in self.determined:
            family, _, cutoff = name.partition("@")
            rows.append(np.where(rank <= int(cutoff), weights[family], 0.0))
            values.append(self._values[family][int(cutoff)])
        matrix, right = np.stack(rows), np.array(values)
        error = np.ones((len(rows), 1))
        solution = linprog(
            np.append(np.zeros(depth), 1.0),  # minimise t
            A_ub=np.block(
                [[matrix, -error], [-matrix, -error], [np.ones((1, depth)), np.zeros((1, 1))]]
            ),
            b_ub=np.concatenate([right, -right, [1.0]]),
        )
        allowed = self._slack + max(self._tolerance, _SOLVER_TOLERANCE)
        return bool(solution.status == 0 and solution.fun > allowed)

    def _mixes_ranks(self) -> bool:
        """Whether some mixture of its ranks has each block's gains; ``False`` where it is not seen.

        That spares loading the solver. A block of ranks j + 1 to k with HR gain h can have any
        (NDCG, MRR) gain between the chord from h times (1 / log2(rank + 1), 1 / rank) of its first
        rank to that of its last and the chain through those of all its ranks.
        """
        hr, ndcg, mrr = (self._values[family] for family in ("HR", "NDCG", "MRR"))
        if not self._one or not hr or not hr.keys() == ndcg.keys() == mrr.keys():
            return False
        for j, k in itertools.pairwise([0, *sorted(hr)]):
            hits, gain, mean = (values[k] - values.get(j, 0.0) for values in (hr, ndcg, mrr))
            if hits < 0 or hr[k] > 1:
                return False
            rank = np.arange(k, j, -1)  # backwards, so that gains rise
            x, y = hits / np.log2(rank + 1), hits / rank
            low, high = np.interp(gain, x, y), np.interp(gain, x[[0, -1]], y[[0, -1]])
            if not (x[0] - _ROUNDING <= gain <= x[-1] + _ROUNDING):
                return False
            if not (low - _ROUNDING <= mean <= high + _ROUNDING):
                return False
        return True

    def _falling(self) -> Iterator[Violation]:
        for family, values in self._values.items():
            if family == "F1" or (family == "NDCG" and not self._one):
                continue
            for j, k in itertools.pairwise(sorted(values)):
                if values[k] + self._off(j) < values[j] - self._tolerance:
                    name = f"{family}@{k}"
                    yield _exceeds("not-monotone", f"{family}@{j}", values[j], name, values[k])

    def _gains(self, family: str, weight: Callable[[int], float]) -> Iterator[Violation]:
        """Both bounds of the gain of ``family`` in every block, by the gain of HR."""
        short = family.lower()
        for j, k in self._blocks("HR", family):
            hits, gain, slack = self._gain("HR", j, k), self._gain(family, j, k), self._off(j)
            most, least = (hits + slack) * weight(j + 1), (hits - slack) * weight(k)
            words, of_hits = _words(family, j, k), _words("HR", j, k)
            if gain - slack > most + self._tolerance:
                code = f"{short}-gain-too-large" if j else f"{short}-above-hr"
                yield _exceeds(code, words, gain, f"what {of_hits} allows", most)
            if gain + slack < least - self._tolerance:
                code = f"{short}-gain-too-small" if j else f"{short}-too-low"
                yield _exceeds(code, f"what {of_hits} demands", least, words, gain)

    def _ndcg_of_several(self) -> Iterator[Violation]:
        for _, k in self._blocks("HR", "NDCG"):
            hits, ndcg = self._values["HR"][k], self._values["NDCG"][k]
            ideal = float((1 / np.log2(np.arange(2, k + 2))).sum())
            least = (hits - self._slack) / math.log2(k + 1) / ideal
            if ndcg - self._slack > hits + self._slack + self._tolerance:
                yield _exceeds("ndcg-above-hr", f"NDCG@{k}", ndcg, f"HR@{k}", hits)
            if ndcg + self._slack < least - self._tolerance:
                demand = f"what HR@{k} demands"
                yield _exceeds("ndcg-too-low", demand, least, f"NDCG@{k}", ndcg)

    def _recall_of_one(self) -> Iterator[Violation]:
        """Recall and F1 that are not what the hits make them: by HR, by Recall where it is not."""
        hits = {**self._values["Recall"], **self._values["HR"]}
        for small in ("Recall", "F1"):
            for k, value in sorted(self._values[small].items()):
                family = "HR" if k in self._values["HR"] else "Recall"
                if k not in hits or small == family:
                    continue
                factor = 1.0 if small == "Recall" else 2 / (k + 1)
                right = factor * hits[k]
                if abs(value - right) <= (1 + factor) * self._slack + self._tolerance:
                    continue
                code = f"{small.lower()}-{'above' if value > right else 'below'}-{family.lower()}"
                if value > right:
                    words = f"what {family}@{k} allows with one positive"
                    yield _exceeds(code, f"{small}@{k}", value, words, right)
                else:
                    words = f"what {family}@{k} demands with one positive"
                    yield _exceeds(code, words, right, f"{small}@{k}", value)

    def _recall_of_several(self) -> Iterator[Violation]:
        for small, family, factor in (("Recall", "HR", 1), ("F1", "HR", 1), ("F1", "Recall", 2)):
            for _, k in self._blocks(small, family):
                value, most = self._values[small][k], factor * self._values[family][k]
                if value - self._slack > most + factor * self._slack + self._tolerance:
                    words = f"{family}@{k}" if factor == 1 else f"{factor} {family}@{k}"
                    code = f"{small.lower()}-above-{family.lower()}"
                    yield _exceeds(code, f"{small}@{k}", value, words, most)

    def _blocks(self, *families: str) -> Iterator[tuple[int, int]]:
        """(0, first), (first, second), ... of the cut-offs that all ``families`` have."""
        shared = set.intersection(*(set(self._values[family]) for family in families))
        return itertools.pairwise([0, *sorted(shared)])

    def _gain(self, family: str, j: int, k: int) -> float:
        return self._values[family][k] - (self._values[family][j] if j else 0.0)

    def _off(self, j: int) -> float:
        """How far rounding may put a gain off: a gain from 0 is one number, others are two."""
        return 2 * self._slack if j else self._slack


def _about_ratings(
    scores: Mapping[str, float],
    scale: tuple[float, float] | None,
    slack: float,
    tolerance: float,
) -> Iterator[Violation]:
    if "MAE" not in scores or "RMSE" not in scores:
        return
    mae, rmse = scores["MAE"], scores["RMSE"]
    if mae - slack > rmse + slack + tolerance * max(1.0, rmse):
        yield _exceeds("mae-above-rmse", "MAE", mae, "RMSE", rmse)
    if scale is None:
        return
    width = scale[1] - scale[0]
    most = math.sqrt(width * max(mae + slack, 0.0))
    if rmse - slack > most + math.sqrt(tolerance) * max(1.0, width):  # sqrt is steep at 0
        yield _exceeds("rmse-above-scale", "RMSE", rmse, "what MAE and the scale allow", most)


def _about_selections(
    scores: Mapping[str, float], slack: float, tolerance: float, positives: Positives
) -> Iterator[Violation]:
    if "Precision" not in scores or "Recall" not in scores:
        return
    precision, recall = scores["Precision"], scores["Recall"]
    if positives == "one" and precision - slack > recall + slack + tolerance:
        yield _exceeds("precision-above-recall", "Precision", precision, "Recall", recall)
    if "F1" not in scores:
        return
    f1 = scores["F1"]
    p, r = max(precision + slack, 0.0), max(recall + slack, 0.0)
    most = 2 * p * r / (p + r) if p + r else 0.0
    least = precision + recall - 2 * slack - 1
    if positives == "one":
        least = max(least, precision - slack)
    if f1 - slack > most + tolerance:
        yield _exceeds("f1-too-high", "F1", f1, "what Precision and Recall allow", most)
    if f1 + slack < least - tolerance:
        yield _exceeds("f1-too-low", "what Precision and Recall demand", least, "F1", f1)


def _is_finite(value: object) -> bool:
    """Whether ``value`` is a number that can be compared; files hold anything."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # a whole number beyond the largest float
        return False


def _kind(value: object) -> str:
    """A float as it prints; of anything else, which may be huge, the type."""
    return str(value) if isinstance(value, float) else type(value).__name__


def _exceeds(code: str, what: str, value: float, bound: str, most: float) -> Violation:
    return Violation(code, f"{what} ({value:.6g}) exceeds {bound} ({most:.6g}).")


def _words(family: str, j: int, k: int) -> str:
    return f"{family}@{k} - {family}@{j}" if j else f"{family}@{k}"


def _short(name: str) -> str:
    """Names come from files that anybody may write."""
    return name if len(name) <= 60 else f"{name[:57]}..."
